#include "actors/rebalance/rebalance.hpp"

#include "actors/base/ask.hpp"
#include "actors/cluster/gate.hpp"
#include "actors/target/whole_walk.hpp"
#include "actors/xact/xact_book.hpp"
#include "storage/base/crash.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace ais {

namespace {

/// Asks all others once more.
struct settle_again {
  object_key key;
};

} // namespace

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::settle_again)

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;
constexpr auto walk_pause = 1s; ///< after one that was not complete
constexpr int max_tries = 8;    ///< of an object that changes meanwhile
/// Others may see the map a moment later.
constexpr auto settle_pause = 50ms;
constexpr int max_rounds = 60;
/// A question or its answer may be lost: who has waited so long asks again.
constexpr auto surrender_timeout = 60s;

using extended = rebalance_actor::extend<caf::reacts_to<atom::next>,
                                         caf::reacts_to<settle_again>>;
using walk_type = whole_walk<std::remove_pointer_t<extended::pointer>>;
using answer_fn = std::function<void(const error&)>;

std::string uname_of(const object_key& x) {
  return ais::uname_of(x.bucket->ref.bck, x.name);
}

struct rebalance_state {
  static inline const char* name = "rebalance";

  extended::pointer self = nullptr;
  rebalance_config config;
  smap_ptr map = std::make_shared<const smap>();
  bmd_ptr wanted = std::make_shared<const bmd>(); ///< of the same state
  bool enabled = true;                            ///< by the configuration

  // Settling.
  std::unordered_set<std::string> settled; ///< unames, with their bid
  struct request {
    std::vector<answer_fn> waiting;
    int rounds = 0;
  };
  std::map<std::string, request> settling;

  // Giving away.
  std::map<std::string, std::vector<answer_fn>> giving; ///< who waits for it
  std::optional<walk_type> walk;                        ///< for a generation
  std::optional<xact_book> book;
  uint64_t walked_volume = 0; ///< the volume's version when the walk began
  uint64_t done_generation = 0;
  uint64_t done_volume = 0; ///< version of the volume that it was done under
  uint64_t objects = 0, bytes = 0; ///< sent under the generation
  std::string last_failure;

  // -- helpers

  static std::string settled_key(const object_key& x) {
    return std::to_string(x.bucket->ref.bid) + '/' + uname_of(x);
  }

  const snode* owner(const smap& by, const object_key& x) const {
    return owner_of(by, home_digest(x.bucket->ref.bck, x.name));
  }

  /// The map that the shards look at: what it says holds for their next change.
  smap_ptr current() const { return config.map->read(); }

  void see(const sync_view& x) {
    enabled = x.state->config->values.flag("rebalance.enabled");
    auto other = generation_of(*x.state->map) != generation_of(*map);
    map = x.state->map;
    wanted = x.state->buckets;
    if (other) {
      settled.clear();
      objects = bytes = 0;
      last_failure.clear();
    }
    keep_book(other);
    begin_walk();
  }

  // -- as jobs

  void keep_book(bool other) {
    if (other || !moving(*map))
      book->end(other); // then a later one does its work, too
    auto id = rebalance_id(generation_of(*map));
    if (moving(*map) && enabled && book->last_id() != id)
      book->begin(id);
    show();
  }

  void show() {
    book->update(objects, bytes, walk->looked(), walk->total(), last_failure);
  }

  // -- settling: all of an object of ours is to be here

  caf::result<ack> settle(const settle_object& req) {
    auto now = current();
    auto* who = owner(*now, req.key);
    if (!who || who->id != config.node_id)
      return fail(errc::not_ready, req.key.name
                                     + " belongs elsewhere by now:"
                                       " try again");
    auto key = settled_key(req.key);
    if (!moving(*now)
        || owned_throughout(*now, config.node_id,
                            home_digest(req.key.bucket->ref.bck, req.key.name))
        || (generation_of(*map) == generation_of(*now) && settled.count(key)))
      return settle_here(req);
    if (settling.size() >= max_settling && !settling.count(key))
      return fail(errc::too_many_requests,
                  "too many objects are being moved at once; try again");
    auto answer = self->make_response_promise<ack>();
    auto& waiting = settling[key].waiting;
    waiting.push_back([this, answer, key = req.key](const error& e) mutable {
      if (e)
        answer.deliver(e);
      else
        bring_in_place(key, [answer](const error& why) mutable {
          if (why)
            answer.deliver(why);
          else
            answer.deliver(ack{});
        });
    });
    if (waiting.size() == 1)
      ask_all(req.key, now);
    return answer;
  }

  /// What other targets may have comes here first.
  caf::result<found_object> find(const find_object& req) {
    auto now = current();
    auto& key = req.key;
    auto ours = !moving(*now)
                || owned_throughout(*now, config.node_id,
                                    home_digest(key.bucket->ref.bck, key.name));
    if (!ours || config.view->read()->volume->settled || !config.resilver)
      return found_object{};
    return self->delegate(config.resilver, req);
  }

  /// Between our mountpaths.
  caf::result<ack> settle_here(const settle_object& req) {
    if (config.view->read()->volume->settled || !config.resilver)
      return ack{};
    return self->delegate(config.resilver, req);
  }

  void bring_in_place(const object_key& key, const answer_fn& end) {
    if (config.view->read()->volume->settled || !config.resilver)
      return end({});
    ask<ack>(
      self, config.resilver, settle_timeout, settle_object{key},
      [end](ack) { end({}); }, end);
  }

  void ask_all(const object_key& key, const smap_ptr& by) {
    auto generation = generation_of(*by);
    auto peers = config.peers->read();
    struct round {
      size_t left = 1;
      error first;
    };
    auto it = std::make_shared<round>();
    auto one_less = [this, it, key, generation](const error& e) {
      if (e && !it->first)
        it->first = e;
      if (--it->left == 0)
        asked_all(key, generation, it->first);
    };
    for (auto& [id, node] : by->targets) {
      if (id == config.node_id || AIS_MUTANT("neighbours-unasked"))
        continue;
      auto gate = peers->gates.find(id);
      ++it->left;
      if (gate == peers->gates.end()) {
        one_less(fail(errc::not_ready, name_of(node) + ", which may have "
                                         + key.name
                                         + ", does not answer: try again"));
        continue;
      }
      surrender req{generation, key.bucket->ref.bck, key.bucket->ref.bid,
                    key.name, config.node_id};
      ask<ack>(
        self, gate->second, surrender_timeout, std::move(req),
        [one_less](ack) { one_less({}); }, one_less);
    }
    one_less({});
  }

  void asked_all(const object_key& key, uint64_t generation, error e) {
    auto id = settled_key(key);
    auto now = current();
    if (!e && generation_of(*now) != generation)
      e = fail(errc::not_ready,
               key.name + " may belong elsewhere by now: try again");
    auto& it = settling[id];
    auto* who = owner(*now, key);
    auto again = e == errc::not_ready || e == errc::timed_out;
    if (again && who && who->id == config.node_id && ++it.rounds < max_rounds) {
      self->delayed_send(self, settle_pause, settle_again{key});
      return;
    }
    if (!e && generation_of(*map) == generation) {
      if (settled.size() >= max_settled)
        settled.clear();
      settled.insert(id);
    }
    auto waiting = std::move(it.waiting);
    settling.erase(id);
    for (auto& f : waiting)
      f(e);
  }

  // -- surrender: the object is another's

  caf::result<ack> give_up(const surrender& req) {
    auto now = current();
    if (generation_of(*now) != req.generation)
      return fail(errc::not_ready, config.node_id + " has placement "
                                     + std::to_string(generation_of(*now))
                                     + ", not " + std::to_string(req.generation)
                                     + ": try again");
    // A bucket that is not there is perhaps not there yet: after a start.
    auto bucket = config.buckets->read()->find(req.bucket);
    if (!bucket || (*bucket)->ref.bid != req.bid)
      return fail(errc::not_ready, config.node_id + " has no bucket "
                                     + cname_of(req.bucket) + " of that id at"
                                     + " the moment: try again");
    object_key key{*bucket, req.name};
    auto* who = owner(*now, key);
    if (!who || who->id != req.to)
      return fail(errc::not_ready, req.name + " is not " + req.to + "'s");
    auto answer = self->make_response_promise<ack>();
    auto id = settled_key(key) + ' ' + req.to;
    auto& waiting = giving[id];
    waiting.push_back([answer](const error& e) mutable {
      if (e && e != errc::object_not_found)
        answer.deliver(e);
      else
        answer.deliver(ack{});
    });
    if (waiting.size() == 1)
      give(key, req.to, max_tries, [this, id](const error& e) {
        auto all = std::move(giving[id]);
        giving.erase(id);
        for (auto& f : all)
          f(e);
      });
    return answer;
  }

  /// Sends an object to its owner, then removes it here. What is not here (any
  /// more) is errc::object_not_found.
  void give(const object_key& key, const std::string& to, int tries,
            const answer_fn& end) {
    if (auto* who = owner(*current(), key); !who || who->id != to)
      return end(fail(errc::not_ready, key.name + " is not " + to
                                         + "'s any"
                                           " more: try again"));
    auto version = config.view->read()->volume->version;
    bring_in_place(key, [=, this](const error& e) {
      if (e)
        end(e);
      else
        give_from_here(key, to, tries, version, end);
    });
  }

  void give_from_here(const object_key& key, const std::string& to, int tries,
                      uint64_t version, const answer_fn& end) {
    auto view = config.view->read();
    auto here = view->locate(key);
    if (!here)
      return end(started(*view) && !in_use(*view->volume)
                   ? absence(key, version)
                   : here.error());
    // An earlier version may come back with its disk, after what we give away
    // now was deleted there.
    if (view->left_behind(key))
      return end(absence(key, version));
    ask<lease_ptr>(
      self, here->shard, shard_timeout, open_object{key, false, true},
      [this, key, to, tries, shard = here->shard, end](const lease_ptr& x) {
        send(key, to, tries, shard, x, end);
      },
      [this, key, version, end](const error& e) {
        end(e == errc::object_not_found ? absence(key, version) : e);
      });
  }

  /// What can be said of an object of ours that was not found, on mountpaths as
  /// of `version`.
  error absence(const object_key& key, uint64_t version) const {
    auto view = config.view->read();
    if (view->volume->version != version)
      return fail(errc::not_ready, "the mountpaths of " + config.node_id
                                     + " have changed: try again");
    if (auto* left = view->left_behind(key))
      return fail(errc::not_ready, key.name + " may be on mountpath "
                                     + left->path + " of " + config.node_id
                                     + ", which is disabled: enable it, or"
                                       " detach it");
    return fail(errc::object_not_found, key.name);
  }

  void
  send(const object_key& key, const std::string& to, int tries,
       const shard_actor& shard, const lease_ptr& what, const answer_fn& end) {
    if (AIS_MUTANT("given-unsent"))
      return remove(key, to, tries, shard, what, end);
    auto size = what->object->attrs.size_bytes;
    ask<sent_object>(
      self, config.mover, copy_timeout, send_object{to, what, key},
      [=, this](const sent_object& x) {
        AIS_CRASH_POINT("rebalance.sent");
        if (x.stored) {
          ++objects;
          bytes += size;
          show();
        }
        remove(key, to, tries, shard, what, end);
      },
      [=, this](const error& e) {
        // It went by another way meanwhile, or has changed.
        if (what->over() && tries > 0)
          give(key, to, tries - 1, end);
        else
          end(e);
      });
  }

  void remove(const object_key& key, const std::string& to, int tries,
              const shard_actor& shard, const lease_ptr& what,
              const answer_fn& end) {
    ask<ack>(
      self, shard, shard_timeout, delete_object{key, what, given_to::target},
      [end](ack) {
        AIS_CRASH_POINT("rebalance.source_gone");
        end({});
      },
      [=, this](const error& e) {
        if (e == errc::object_not_found)
          end({});
        else if (e == errc::conflict && tries > 0)
          give(key, to, tries - 1, end);
        else
          end(e);
      });
  }

  // -- the walk

  void begin_walk() {
    auto generation = generation_of(*map);
    if (!moving(*map) || !enabled || done_generation == generation
        || walk->purpose() == generation)
      return;
    if (!ready())
      return walk->later();
    walked_volume = config.view->read()->volume->version;
    log_info("rebalance " + rebalance_id(generation) + " begins");
    walk->begin(generation,
                {[this](const object_key& key, const answer_fn& looked_at) {
                   look_at(key, looked_at);
                 },
                 [this] { end_walk(); },
                 [this] {
                   show();
                 }});
  }

  /// Whether all buckets are at hand, as far as they are on our disks.
  bool ready() const {
    auto have = config.buckets->read();
    return started(*config.view->read())
           && std::all_of(wanted->buckets.begin(), wanted->buckets.end(),
                          [&](auto& x) {
                            auto i = have->buckets.find(x.first);
                            return i != have->buckets.end()
                                   && i->second->ref.bid == x.second->ref.bid;
                          });
  }

  void look_at(const object_key& key, const answer_fn& looked_at) {
    auto* who = owner(*map, key);
    if (!who)
      return looked_at(fail(errc::not_ready, "nobody owns " + key.name));
    if (who->id == config.node_id)
      return looked_at({});
    give(key, who->id, max_tries, [this, key, looked_at](const error& e) {
      if (e != errc::object_not_found)
        return looked_at(e);
      // It was removed meanwhile, or is not where it belongs on this node: the
      // next walk will tell.
      walk->miss(key.name
                 + " was listed, but is not on the mountpath where it belongs");
      looked_at({});
    });
  }

  void end_walk() {
    last_failure = walk->why_not();
    show();
    if (!last_failure.empty() && !AIS_MUTANT("walk-failures-ignored"))
      return walk->later();
    done_generation = walk->purpose();
    done_volume = walked_volume;
    walk->stop();
    log_info("rebalance " + rebalance_id(done_generation) + " is done here, "
             + std::to_string(objects) + " objects sent");
  }

  moves_state state(const query_moves& req) {
    auto by = config.view->read()->volume;
    auto& volume = *by;
    if (done_generation == generation_of(*map)
        && done_volume != volume.version) {
      done_generation = 0; // there may be objects that we have not seen
      begin_walk();
    }
    auto left = std::any_of(volume.mountpaths.begin(), volume.mountpaths.end(),
                            [](auto& m) { return m.left_behind; });
    return {done_generation == req.generation && volume.settled && !left
              && generation_of(*current()) == req.generation,
            objects, bytes,
            left ? "a mountpath is disabled with objects on it: enable it, or"
                   " detach it"
                 : last_failure};
  }
};

extended::behavior_type
rebalance(extended::stateful_pointer<rebalance_state> self,
          rebalance_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  auto& c = st.config;
  st.book.emplace("rebalance", max_kept_rebalances, c.env, c.snaps);
  st.walk.emplace(
    self, walk_type::place{c.env, c.target, c.view, c.buckets}, "rebalance",
    max_giving, [self] { self->delayed_send(self, walk_pause, atom::next_v); });
  self->send(st.config.mover,
             use_settler{caf::actor_cast<settler_actor>(self),
                         caf::actor_cast<arrivals_actor>(self)});
  return {
    [&st](const find_object& x) { return st.find(x); },
    [&st](const settle_object& x) { return st.settle(x); },
    [&st](const surrender& x) { return st.give_up(x); },
    [&st](const query_moves& x) { return st.state(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](const moved_here& x) { st.book->received(x.size_bytes); },
    [&st](atom::next) { st.begin_walk(); },
    [&st](const settle_again& x) { st.ask_all(x.key, st.current()); },
  };
}

} // namespace

std::string rebalance_id(uint64_t generation) {
  return 'g' + std::to_string(generation);
}

rebalance_actor
spawn_rebalance(caf::actor_system& sys, const rebalance_config& config) {
  return spawn_plain(sys, config.env, rebalance, config);
}

} // namespace ais
