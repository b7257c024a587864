#include "actors/resilver/resilver.hpp"

#include "actors/base/ask.hpp"
#include "actors/target/whole_walk.hpp"
#include "actors/xact/xact_book.hpp"
#include "storage/base/crash.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <caf/stateful_actor.hpp>

#include <unordered_set>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;
constexpr auto change_timeout = 60s;
constexpr auto walk_pause = 1s; ///< after one that was not complete
constexpr int max_tries = 8;    ///< of an object that changes meanwhile

using extended = resilver_actor::extend<caf::reacts_to<atom::tick>>;
using walk_type = whole_walk<std::remove_pointer_t<extended::pointer>>;
using view_ptr = std::shared_ptr<const target_view>;
using answer_fn = std::function<void(const error&)>;

/// An object under way to its mountpath.
struct moving_object {
  located to;
  std::vector<located> from; ///< still to be looked at
  uint64_t version = 0;      ///< of the volume
  int tries = max_tries;
  lease_ptr source;     ///< of from.back()
  bool storing = false; ///< it is newer than what is at its place
  std::vector<answer_fn> waiting;

  /// Whether that is the object as it is: nothing of it is anywhere else, and
  /// nobody may change it yet.
  bool current() const {
    return storing && from.size() == 1 && !source->over();
  }
};
using moving_ptr = std::shared_ptr<moving_object>;

/// An object that a reader looks for.
struct search {
  object_key key;
  located home;
  std::vector<located> left; ///< still to be looked at
  uint64_t version = 0;      ///< of the volume
  found_object found;
  caf::typed_response_promise<found_object> answer;
};
using search_ptr = std::shared_ptr<search>;

struct resilver_state {
  static inline const char* name = "resilver";

  extended::pointer self = nullptr;
  resilver_config config;
  /// For a version of the volume.
  std::optional<walk_type> walk;
  std::optional<xact_book> book;
  std::string last_failure;
  uint64_t objects = 0, bytes = 0;             ///< moved
  std::map<std::string, moving_ptr> under_way; ///< by uname
  std::unordered_set<std::string> settled;     ///< of that version:
  uint64_t settled_version = 0;
  size_t searches = 0; ///< for readers

  view_ptr view() const { return config.view->read(); }

  // -- one object

  caf::result<ack> settle(const settle_object& req) {
    if (view()->volume->settled)
      return ack{};
    auto answer = self->make_response_promise<ack>();
    settle(req.key, [answer](const error& e) mutable {
      if (e)
        answer.deliver(e);
      else
        answer.deliver(ack{});
    });
    return answer;
  }

  static std::string id_of(const object_key& x) {
    return std::to_string(x.bucket->ref.bid) + '/'
           + uname_of(x.bucket->ref.bck, x.name);
  }

  void settle(const object_key& key, const answer_fn& end) {
    auto by = view();
    auto version = by->volume->version;
    if (std::exchange(settled_version, version) != version)
      settled.clear();
    auto id = id_of(key);
    if (settled.count(id))
      return end({});
    if (auto i = under_way.find(id);
        i != under_way.end() && i->second->version == version) {
      i->second->waiting.push_back(end);
      return;
    }
    if (under_way.size() >= max_settling)
      return end(fail(errc::too_many_requests,
                      "too many objects are being moved at once; try again"));
    auto to = by->locate(key);
    if (!to)
      return end(to.error());
    auto job = std::make_shared<moving_object>();
    job->to = std::move(*to);
    job->from = by->elsewhere(key);
    job->version = version;
    job->waiting.push_back(end);
    under_way[id] = job;
    next(job);
  }

  void next(const moving_ptr& job) {
    job->storing = false;
    if (job->from.empty() || AIS_MUTANT("mountpaths-unasked"))
      return restore(job);
    auto& from = job->from.back();
    ask<lease_ptr>(
      self, from.shard, shard_timeout, open_object{from.key, false, true},
      [this, job](const lease_ptr& x) {
        job->source = x;
        begin(job);
      },
      [this, job](const error& e) {
        if (e != errc::object_not_found)
          return done(job, e);
        job->from.pop_back();
        next(job);
      });
  }

  /// What was left behind may have a copy.
  void restore(const moving_ptr& job) {
    auto by = view();
    if (!by->left_behind(job->to.key) || !by->mirror)
      return done(job, {});
    ask<ack>(
      self, by->mirror, std::chrono::minutes{copy_timeout},
      restore_object{job->to.key}, [this, job](ack) { done(job, {}); },
      [this, job](const error& e) { done(job, e); });
  }

  void begin(const moving_ptr& job) {
    AIS_CRASH_POINT("resilver.begin");
    auto& attrs = job->source->object->attrs;
    write_options options;
    options.custom = attrs.custom;
    options.when = write_if::older;
    options.moved = attrs;
    options.anywhere = true; // its owner may be another target
    options.durable = true;
    ask<put_begun>(
      self, job->to.shard, shard_timeout,
      begin_put{job->to.key, options, attrs.size_bytes},
      [this, job, options](put_begun& x) {
        job->storing = true;
        fill(job, options, x.writer);
      },
      [this, job](const error& e) { not_stored(job, e); });
  }

  void fill(const moving_ptr& job, const write_options& options,
            const storage::writer_ptr& writer) {
    auto& io = job->to.mpath->copier_of(*job->source->object);
    ask<ack>(
      self, io, std::chrono::minutes{copy_timeout},
      copy_content{job->source, writer},
      [this, job, options, writer](ack) {
        ask<lom_ptr>(
          self, job->to.shard, shard_timeout,
          commit_put{job->to.key, options, writer},
          [this, job](const lom_ptr& x) {
            AIS_CRASH_POINT("resilver.stored");
            ++objects;
            bytes += x->size_bytes;
            walk->moved(x->size_bytes);
            show();
            remove(job);
          },
          [this, job](const error& e) { not_stored(job, e); });
      },
      [this, job](const error& e) {
        auto& from = job->from.back();
        if (e == errc::corrupted)
          self->send(from.shard, verdict{from.key, job->source, false});
        done(job, e);
      });
  }

  void not_stored(const moving_ptr& job, const error& e) {
    if (e != errc::exists)
      return again(job, e);
    // What is there is not older: the same, or written while this one was out.
    ask<lom_ptr>(
      self, job->to.shard, shard_timeout, head_object{job->to.key},
      [this, job](const lom_ptr& x) {
        auto where = storage::order_of(*x, job->source->object->attrs);
        auto same = where == storage::order::same;
        remove(job, same ? given_to::mountpath : given_to::newer);
      },
      [this, job](const error& why) { again(job, why); });
  }

  /// The object has changed meanwhile, or its source has: looks once more.
  void again(const moving_ptr& job, const error& e) {
    if (!job->source->over() || --job->tries < 0)
      return done(job, e);
    next(job);
  }

  void remove(const moving_ptr& job, given_to now = given_to::mountpath) {
    auto& from = job->from.back();
    ask<ack>(
      self, from.shard, shard_timeout,
      delete_object{from.key, job->source, now},
      [this, job, now](ack) {
        AIS_CRASH_POINT("resilver.source_gone");
        auto key = job->from.back().key;
        job->from.pop_back();
        if (now != given_to::newer)
          return next(job);
        take_version(job, key);
      },
      [this, job](const error& e) {
        if (e != errc::object_not_found)
          return again(job, e);
        job->from.pop_back();
        next(job);
      });
  }

  /// Where versions are kept, what was removed is one now, on a mountpath where
  /// it need not belong: the walk may have passed.
  void take_version(const moving_ptr& job, const object_key& key) {
    auto& b = *key.bucket;
    auto former = config.buckets->read()->find(storage::versions_of(b.ref).bck);
    if (b.keeping == storage::keeping::off || !former)
      return next(job);
    auto id = storage::version_id(job->source->object->attrs);
    settle({*former, storage::version_name(b.ref, key.name, id)},
           [this, job](const error& e) {
             if (e)
               return done(job, e);
             next(job);
           });
  }

  void done(const moving_ptr& job, error e) {
    auto id = id_of(job->to.key);
    if (auto i = under_way.find(id); i != under_way.end() && i->second == job)
      under_way.erase(i);
    if (!e && view()->volume->version != job->version)
      e = fail(errc::not_ready,
               "the mountpaths of this target have changed: try again");
    if (!e && settled_version == job->version) {
      if (settled.size() >= max_settled)
        settled.clear();
      settled.insert(id);
    }
    for (auto& f : std::exchange(job->waiting, {}))
      f(e);
  }

  // -- for readers

  // Everywhere else first, at its place last: what is not there by then has not
  // been written since, for a write waits until it has been settled. In two
  // places, or where one does not say: that is for settling to sort out.
  caf::result<found_object> find(const find_object& req) {
    auto by = view();
    auto version = by->volume->version;
    auto home = by->locate(req.key);
    if (by->volume->settled || !home || searches >= max_settling
        || (settled_version == version && settled.count(id_of(req.key))))
      return found_object{};
    if (auto x = known_source(req.key, version))
      return std::move(*x);
    auto it = std::make_shared<search>();
    it->key = req.key;
    it->home = std::move(*home);
    it->left = by->elsewhere(req.key);
    it->version = version;
    it->answer = self->make_response_promise<found_object>();
    ++searches;
    look_in_next(it);
    return it->answer;
  }

  void look_in_next(const search_ptr& it) {
    if (it->left.empty())
      return it->found.lease ? look_at_home(it) : found(it, false);
    auto at = std::move(it->left.back());
    it->left.pop_back();
    ask<lease_ptr>(
      self, at.shard, shard_timeout, open_object{at.key, true, true},
      [this, it, at](const lease_ptr& x) {
        if (it->found.lease)
          return found(it, false);
        it->found = {at, x};
        look_in_next(it);
      },
      [this, it](const error& e) {
        if (e == errc::object_not_found)
          look_in_next(it);
        else
          found(it, false);
      });
  }

  /// Of an object that is being brought to its place.
  std::optional<found_object>
  known_source(const object_key& key, uint64_t version) {
    auto i = under_way.find(id_of(key));
    if (i == under_way.end() || i->second->version != version
        || !i->second->current())
      return {};
    return found_object{i->second->from.back(), i->second->source};
  }

  void look_at_home(const search_ptr& it) {
    // Its shard would have us wait until it has been stored.
    if (auto x = known_source(it->key, it->version)) {
      it->found = std::move(*x);
      return found(it, true);
    }
    ask<lease_ptr>(
      self, it->home.shard, shard_timeout,
      open_object{it->home.key, false, true},
      [this, it](const lease_ptr&) { found(it, false); },
      [this, it](const error& e) { found(it, e == errc::object_not_found); });
  }

  void found(const search_ptr& it, bool there) {
    --searches;
    if (!there || view()->volume->version != it->version)
      it->found = {};
    it->answer.deliver(std::move(it->found));
  }

  // -- all of them

  void look() {
    auto by = view();
    auto& volume = *by->volume;
    auto other = walk->purpose() != volume.version;
    if (by->mountpaths.empty() || (walk->running() && !other))
      return;
    keep_book(*by);
    if (volume.settled)
      return walk->stop();
    walk->begin(volume.version,
                {[this](const object_key& key,
                        const std::function<void(const error&)>& looked_at) {
                   settle(key, looked_at);
                 },
                 [this] { end_walk(); }, [this] { show(); },
                 [this](const object_key& key, const std::string& place) {
                   return in_place(key, place);
                 }});
  }

  /// Whether the only place that has it is its own.
  bool in_place(const object_key& key, const std::string& place) const {
    auto by = view();
    auto home = by->locate(key);
    return home && by->volume->version == walk->purpose()
           && !by->left_behind(key)
           && (AIS_MUTANT("misplaced-passed-over")
               || place_name(by->node_id, home->mpath->disk->root()) == place);
  }

  void end_walk() {
    last_failure = walk->why_not();
    show();
    if (!last_failure.empty())
      return walk->later();
    log_info("resilver: all objects are on their mountpaths, "
             + std::to_string(objects) + " were moved");
    auto version = walk->purpose();
    ask<mountpath_changed>(
      self, config.target, change_timeout, objects_settled{version},
      [](mountpath_changed) {},
      [this, version](const error& e) {
        if (version != walk->purpose())
          return;
        walk->note(e);
        walk->later();
      });
  }

  // -- as jobs

  void keep_book(const target_view& by) {
    if (by.volume->settled)
      return book->end(book->last_id() != by.resilver_id);
    if (book->last_id() == by.resilver_id)
      return;
    objects = bytes = 0;
    last_failure.clear();
    book->begin(by.resilver_id);
  }

  void show() {
    book->update(objects, bytes, walk->looked(), walk->total(), last_failure);
  }
};

extended::behavior_type
resilver(extended::stateful_pointer<resilver_state> self,
         resilver_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  auto& c = st.config;
  st.book.emplace("resilver", max_kept_resilvers, c.env, c.snaps);
  st.walk.emplace(self, walk_type::place{c.env, c.target, c.view, c.buckets},
                  "resilver", max_resilvering, [self] {
                    self->delayed_send(self, walk_pause, atom::tick_v);
                  });
  self->send(st.config.target,
             watch_mountpaths{caf::actor_cast<mountpath_watcher>(self)});
  return {
    [&st](const find_object& x) { return st.find(x); },
    [&st](const settle_object& x) { return st.settle(x); },
    [&st](atom::next) { st.look(); },
    [&st](atom::tick) { st.look(); },
  };
}

} // namespace

resilver_actor
spawn_resilver(caf::actor_system& sys, const resilver_config& config) {
  return spawn_plain(sys, config.env, resilver, config);
}

} // namespace ais
