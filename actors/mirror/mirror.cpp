#include "actors/mirror/mirror.hpp"

#include "actors/base/ask.hpp"
#include "actors/base/gather.hpp"
#include "actors/target/object_walk.hpp"
#include "storage/base/crash.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <optional>
#include <set>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;
constexpr auto copy_timeout = 3600s; ///< of one object's content
constexpr auto walk_pause = 60s;     ///< after a walk that left some behind
constexpr int max_tries = 8;         ///< of an object that keeps changing

using extended = mirror_actor::extend<caf::reacts_to<atom::tick>>;
using walk_type = object_walk<std::remove_pointer_t<extended::pointer>>;
using ensured_fn = std::function<void(const expected<copies_ensured>&)>;
using answer_fn = std::function<void(const error&)>;

/// An object whose copies are being made.
struct copying {
  located home;
  bool thorough = false; ///< looks for copies in wrong places, too
  int tries = max_tries;
  marked main;
  std::vector<located> wanted; ///< where copies are to be
  std::vector<located> others; ///< where none is to be
  size_t next = 0;             ///< of `wanted`
  copies_ensured made;
  std::vector<ensured_fn> waiting;
  bool again = false; ///< it was written meanwhile
};
using copying_ptr = std::shared_ptr<copying>;

/// An object that is to be brought back.
struct restoring {
  located home;
  bool damaged = false;
  lease_ptr main; ///< the damaged one, if it can be opened
  std::vector<located> places;
  error unread; ///< why a place could not be looked at
  lease_ptr copy;
  std::vector<answer_fn> waiting;
};
using restoring_ptr = std::shared_ptr<restoring>;

struct mirror_state {
  static inline const char* name = "mirror";

  extended::pointer self = nullptr;
  mirror_config config;
  std::deque<object_key> queue;
  std::set<std::string> queued; ///< the same, by id
  std::map<std::string, copying_ptr> under_way;
  std::map<std::string, restoring_ptr> back; ///< being restored
  size_t from_queue = 0;                     ///< of those under way
  std::optional<walk_type> walk;
  uint64_t walked = 0;  ///< version of the volume that a walk was for
  bool behind = false;  ///< some objects may have too few copies
  bool pausing = false; ///< until the next walk
  rare_warnings warnings;

  static std::string id_of(const object_key& x) {
    return std::to_string(x.bucket->ref.bid) + '/' + x.name;
  }

  std::shared_ptr<const target_view> view() const {
    return config.view->read();
  }

  /// The bucket as it is now; null: it is gone.
  bucket_ptr bucket_of(const object_key& x) const {
    auto now = config.buckets->read()->find(x.bucket->ref.bck);
    if (!now || (*now)->ref.bid != x.bucket->ref.bid)
      return nullptr;
    return *now;
  }

  // -- what was written

  void enqueue(const object_key& key) {
    auto id = id_of(key);
    if (auto i = under_way.find(id); i != under_way.end()) {
      i->second->again = true;
      return;
    }
    auto room = key.bucket->props
                  ? key.bucket->props->values.integer("mirror.burst_buffer")
                  : 512;
    if (queued.count(id))
      return;
    if (queue.size() >= static_cast<size_t>(room)) {
      behind = true;
      return pump();
    }
    queue.push_back(key);
    queued.insert(std::move(id));
    pump();
  }

  void pump() {
    while (from_queue < max_mirroring && !queue.empty()) {
      auto key = std::move(queue.front());
      queue.pop_front();
      queued.erase(id_of(key));
      ++from_queue;
      ensure(key, false, [this](const expected<copies_ensured>& x) {
        --from_queue;
        if (!x)
          fall_behind(x.error());
        pump();
      });
    }
    if (behind && !pausing && queue.empty() && from_queue == 0)
      look_at_all();
  }

  void fall_behind(const error& e) {
    behind = true;
    warnings.warn(config.env.steady_ns(),
                  "mirror: an object has too few copies: " + message_of(e));
  }

  /// All objects of mirrored buckets, when they are where they belong.
  void look_at_all() {
    auto by = view();
    if (!by->volume->settled || by->mountpaths.empty() || walk->running())
      return;
    behind = false;
    walked = by->volume->version;
    std::deque<bucket_ptr> all;
    for (auto& [which, b] : config.buckets->read()->buckets)
      if (b->copies > 1)
        all.push_back(b);
    if (all.empty())
      return;
    walk->begin(
      "mirror-", std::move(all),
      {[this](const object_key& key, const std::function<void()>& looked_at) {
         ensure(key, true,
                [this, looked_at](const expected<copies_ensured>& x) {
                  if (!x)
                    fall_behind(x.error());
                  looked_at();
                });
       },
       [this](const bucket&, const error& e) { fall_behind(e); },
       [this] {
         if (behind && !std::exchange(pausing, true))
           self->delayed_send(self, walk_pause, atom::tick_v);
       }});
  }

  void see() {
    auto by = view();
    if (by->volume->settled && by->volume->version != walked)
      behind = true;
    if (!by->volume->settled)
      walk->stop();
    pump();
  }

  // -- one object's copies

  void ensure(const object_key& key, bool thorough, const ensured_fn& end) {
    auto bucket = bucket_of(key);
    if (!bucket)
      return end(copies_ensured{});
    auto id = id_of(key);
    auto& job = under_way[id];
    if (job) {
      job->waiting.push_back(end);
      job->again = job->again || thorough;
      job->thorough = job->thorough || thorough;
      return;
    }
    job = std::make_shared<copying>();
    job->home.key = {bucket, key.name};
    job->thorough = thorough;
    job->waiting.push_back(end);
    begin(copying_ptr{job});
  }

  void begin(const copying_ptr& job) {
    auto by = view();
    auto home = by->locate(job->home.key);
    if (!home)
      return done(job, home.error());
    job->home = std::move(*home);
    job->next = 0;
    auto& key = job->home.key;
    job->wanted = by->copies_at(key, key.bucket->copies);
    job->others.clear();
    for (auto& x : by->everywhere(key))
      if (std::none_of(job->wanted.begin(), job->wanted.end(),
                       [&](auto& y) { return y.mpath == x.mpath; }))
        job->others.push_back(x);
    if (key.bucket->copies < 2)
      return remove_all(job);
    ask<marked>(
      self, job->home.shard, shard_timeout, mark_copied{key},
      [this, job](marked& x) {
        AIS_CRASH_POINT("mirror.marked");
        job->main = std::move(x);
        copy_next(job);
      },
      [this, job](const error& e) { not_marked(job, e); });
  }

  void not_marked(const copying_ptr& job, const error& e) {
    // Who changes it tells when that is done. What is another's is looked after
    // there.
    auto others
      = e == errc::object_not_found || e == errc::busy || e == errc::not_ready;
    done(job, others ? error{} : e);
  }

  void copy_next(const copying_ptr& job) {
    if (job->next == job->wanted.size())
      return remove_others(job);
    auto& to = job->wanted[job->next];
    auto missing = [this, job](const error& e) {
      if (e != errc::object_not_found && e != errc::corrupted)
        return again(job, e);
      copy_to(job);
    };
    ask<lease_ptr>(
      self, to.shard, shard_timeout, open_copy{to.key},
      [this, job](const lease_ptr& x) {
        auto& of = job->main.object->object->attrs;
        if (storage::order_of(x->object->attrs, of) != storage::order::same)
          return copy_to(job);
        ++job->next;
        copy_next(job);
      },
      missing);
  }

  void copy_to(const copying_ptr& job) {
    auto& to = job->wanted[job->next];
    ask<put_begun>(
      self, to.shard, shard_timeout, begin_copy{to.key, job->main.object},
      [this, job](put_begun& x) { fill(job, x.writer); },
      [this, job](const error& e) { again(job, e); });
  }

  void fill(const copying_ptr& job, const storage::writer_ptr& writer) {
    auto& to = job->wanted[job->next];
    auto& io = to.mpath->copier_of(*job->main.object->object);
    auto failed = [this, job](const error& e) {
      again(job, e);
    };
    auto store = [this, job, writer, failed](ack) {
      AIS_CRASH_POINT("mirror.filled");
      auto& place = job->wanted[job->next];
      ask<ack>(
        self, place.shard, shard_timeout,
        store_copy{place.key, job->main.object, writer},
        [this, job](ack) {
          AIS_CRASH_POINT("mirror.stored");
          ++job->made.made;
          job->made.bytes += job->main.object->object->attrs.size_bytes;
          ++job->next;
          copy_next(job);
        },
        failed);
    };
    ask<ack>(self, io, copy_timeout, copy_content{job->main.object, writer},
             store, [this, job, failed](const error& e) {
               if (e == errc::corrupted)
                 self->send(job->home.shard,
                            verdict{job->home.key, job->main.object, false});
               failed(e);
             });
  }

  void remove_others(const copying_ptr& job) {
    if (!job->main.before && !job->thorough)
      return note(job);
    drop(job, [this, job] { note(job); });
  }

  void drop(const copying_ptr& job, const std::function<void()>& then) {
    std::vector<shard_actor> all;
    for (auto& x : job->others)
      all.push_back(x.shard);
    gather(self, all, shard_timeout, drop_copy{job->home.key},
           [this, job, then](const error& e) {
             if (e)
               again(job, e);
             else
               then();
           });
  }

  void note(const copying_ptr& job) {
    auto copies
      = static_cast<uint8_t>(job->wanted.empty() ? 1 : 1 + job->wanted.size());
    auto& main = job->main.object;
    if (main->object->attrs.copies == copies)
      return done(job, {});
    ask<ack>(
      self, job->home.shard, shard_timeout,
      note_copies{job->home.key, main, copies},
      [this, job](ack) { done(job, {}); },
      [this, job](const error& e) { again(job, e); });
  }

  /// The bucket is not mirrored (any more).
  void remove_all(const copying_ptr& job) {
    auto& key = job->home.key;
    ask<lease_ptr>(
      self, job->home.shard, shard_timeout, open_object{key, false},
      [this, job](const lease_ptr& x) {
        if (x->object->attrs.copies == 0)
          return done(job, {});
        drop(job, [this, job, x] {
          ask<ack>(
            self, job->home.shard, shard_timeout,
            note_copies{job->home.key, x, 0},
            [this, job](ack) { done(job, {}); },
            [this, job](const error& e) { again(job, e); });
        });
      },
      [this, job](const error& e) { not_marked(job, e); });
  }

  /// It has changed meanwhile, or its lease had to go: once more.
  void again(const copying_ptr& job, const error& e) {
    auto& main = job->main.object;
    if (main && main->over() && --job->tries > 0)
      begin(job);
    else
      done(job, e);
  }

  void done(const copying_ptr& job, const error& e) {
    auto key = job->home.key;
    if (!e && std::exchange(job->again, false) && --job->tries > 0) {
      // With the properties that the bucket has now.
      if (auto bucket = bucket_of(key)) {
        job->home.key.bucket = bucket;
        return begin(job);
      }
    }
    behind = behind || job->again;
    under_way.erase(id_of(key));
    auto result = e ? expected<copies_ensured>{e} : job->made;
    for (auto& f : std::exchange(job->waiting, {}))
      f(result);
  }

  // -- an object that is lost or damaged

  void restore(const restore_object& req, const answer_fn& end) {
    auto by = view();
    auto home = by->locate(req.key);
    if (!home)
      return end(home.error());
    auto& job = back[id_of(req.key)];
    if (job) {
      job->waiting.push_back(end);
      return;
    }
    job = std::make_shared<restoring>();
    job->home = std::move(*home);
    job->damaged = req.damaged;
    job->places = by->everywhere(req.key);
    job->waiting.push_back(end);
    auto it = job;
    ask<lease_ptr>(
      self, it->home.shard, shard_timeout, open_object{req.key, false, true},
      [this, it](const lease_ptr& x) {
        it->main = x;
        if (it->damaged)
          try_next(it);
        else
          restored(it, {});
      },
      [this, it](const error& e) {
        if (e == errc::object_not_found || e == errc::corrupted)
          try_next(it);
        else
          restored(it, e);
      });
  }

  void try_next(const restoring_ptr& job) {
    if (job->places.empty()) {
      auto none = job->damaged ? fail(errc::corrupted, "no copy of it is good")
                               : error{};
      return restored(job, job->unread ? job->unread : none);
    }
    auto from = std::move(job->places.back());
    job->places.pop_back();
    ask<lease_ptr>(
      self, from.shard, shard_timeout, open_copy{from.key},
      [this, job](const lease_ptr& x) {
        auto& main = job->main;
        if (main
            && storage::order_of(main->object->attrs, x->object->attrs)
                 != storage::order::same)
          return try_next(job);
        job->copy = x;
        put_back(job);
      },
      [this, job](const error& e) {
        if (e != errc::object_not_found && e != errc::corrupted)
          job->unread = fail(errc::not_ready,
                             "a mountpath that may have a copy cannot be read: "
                               + message_of(e));
        try_next(job);
      });
  }

  void put_back(const restoring_ptr& job) {
    auto& attrs = job->copy->object->attrs;
    write_options options;
    options.custom = attrs.custom;
    options.when = write_if::older;
    options.moved = attrs;
    options.anywhere = true;
    options.durable = true;
    options.restores = true;
    auto stays = [this, job](const error& e) {
      restored(job, e == errc::exists ? error{} : e);
    };
    auto filled = [this, job, options, stays](const storage::writer_ptr& x) {
      AIS_CRASH_POINT("mirror.restoring");
      ask<lom_ptr>(
        self, job->home.shard, shard_timeout,
        commit_put{job->home.key, options, x},
        [this, job](const lom_ptr&) {
          AIS_CRASH_POINT("mirror.restored");
          log_info("mirror: "
                   + cname_of(job->home.key.bucket->ref.bck, job->home.key.name)
                   + " is back, from a copy");
          restored(job, {});
          enqueue(job->home.key);
        },
        stays);
    };
    ask<put_begun>(
      self, job->home.shard, shard_timeout,
      begin_put{job->home.key, options, attrs.size_bytes},
      [this, job, filled](put_begun& x) {
        auto& io = job->home.mpath->io_of(*job->copy->object);
        ask<ack>(
          self, io, copy_timeout, copy_content{job->copy, x.writer},
          [filled, writer = x.writer](ack) { filled(writer); },
          [this, job](const error& e) {
            if (e == errc::corrupted)
              try_next(job);
            else
              restored(job, e);
          });
      },
      stays);
  }

  void restored(const restoring_ptr& job, const error& e) {
    back.erase(id_of(job->home.key));
    for (auto& f : std::exchange(job->waiting, {}))
      f(e);
  }
};

extended::behavior_type
mirror(extended::stateful_pointer<mirror_state> self, mirror_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  auto target = st.config.target.lock();
  st.walk.emplace(self, caf::actor_cast<target_actor>(target), max_mirroring);
  return {
    [&st](const mirror_object& x) { st.enqueue(x.key); },
    [&st, self](const ensure_copies& x) -> caf::result<copies_ensured> {
      auto answer = self->make_response_promise<copies_ensured>();
      st.ensure(x.key, true,
                [answer](const expected<copies_ensured>& y) mutable {
                  if (y)
                    answer.deliver(*y);
                  else
                    answer.deliver(y.error());
                });
      return answer;
    },
    [&st, self](const restore_object& x) -> caf::result<ack> {
      auto answer = self->make_response_promise<ack>();
      st.restore(x, [answer](const error& e) mutable {
        if (e)
          answer.deliver(e);
        else
          answer.deliver(ack{});
      });
      return answer;
    },
    [&st](atom::next) { st.see(); },
    [&st](atom::tick) {
      st.pausing = false;
      st.pump();
    },
  };
}

} // namespace

mirror_actor spawn_mirror(caf::actor_system& sys, const mirror_config& config) {
  return spawn_plain(sys, config.env, mirror, config);
}

} // namespace ais
