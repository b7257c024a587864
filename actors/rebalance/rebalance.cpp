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
constexpr auto seek_timeout = 5s;

using extended = rebalance_actor::extend<caf::reacts_to<atom::next>,
                                         caf::reacts_to<settle_again>>;
using walk_type = whole_walk<std::remove_pointer_t<extended::pointer>>;
using answer_fn = std::function<void(const error&)>;
using opened_fn = std::function<void(const located&, const lease_ptr&)>;

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

  // For readers.
  struct search {
    object_key key;
    located home;
    uint64_t generation = 0;     ///< of the placement,
    uint64_t volume = 0;         ///< and of the volume, that it began under
    std::vector<std::string> at; ///< targets that have it
    bool unclear = false;        ///< somebody does not say
    caf::typed_response_promise<found_object> answer;
  };
  using search_ptr = std::shared_ptr<search>;
  size_t searches = 0; ///< under way

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

  /// No other target can have anything of an object of ours.
  bool all_here(const smap& now, const object_key& key) const {
    return !moving(now)
           || owned_throughout(now, config.node_id,
                               home_digest(key.bucket->ref.bck, key.name))
           || (generation_of(*map) == generation_of(now)
               && settled.count(settled_key(key)));
  }

  /// What we have of any object is where it belongs on this node.
  bool in_place() const {
    return config.view->read()->volume->settled || !config.resilver;
  }

  caf::result<ack> settle(const settle_object& req) {
    auto now = current();
    auto* who = owner(*now, req.key);
    if (!who || who->id != config.node_id)
      return fail(errc::not_ready, req.key.name
                                     + " belongs elsewhere by now:"
                                       " try again");
    if (all_here(*now, req.key))
      return settle_here(req);
    auto key = settled_key(req.key);
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

  /// Between our mountpaths.
  caf::result<ack> settle_here(const settle_object& req) {
    if (in_place())
      return ack{};
    return self->delegate(config.resilver, req);
  }

  void bring_in_place(const object_key& key, const answer_fn& end) {
    if (in_place())
      return end({});
    ask<ack>(
      self, config.resilver, settle_timeout, settle_object{key},
      [end](ack) { end({}); }, end);
  }

  claim claim_of(const object_key& key, uint64_t generation) const {
    return {generation, key.bucket->ref.bck, key.bucket->ref.bid, key.name,
            config.node_id};
  }

  /// Asks all other targets; then calls `end`.
  template <class Request>
  void ask_others(
    const smap_ptr& by, std::chrono::seconds timeout, const Request& req,
    const std::function<void(const std::string& id, const error&)>& answered,
    const std::function<void()>& end) {
    auto peers = config.peers->read();
    auto left = std::make_shared<size_t>(1);
    auto one = [left, answered, end](const std::string& id, const error& e) {
      answered(id, e);
      if (--*left == 0)
        end();
    };
    for (auto& [id, node] : by->targets) {
      if (id == config.node_id || AIS_MUTANT("neighbours-unasked"))
        continue;
      ++*left;
      auto gate = peers->gates.find(id);
      if (gate == peers->gates.end()) {
        one(id, fail(errc::not_ready, name_of(node) + ", which may have "
                                        + req.what.name
                                        + ", does not answer: try again"));
        continue;
      }
      ask<ack>(
        self, gate->second, timeout, Request{req},
        [one, id = id](ack) { one(id, {}); },
        [one, id = id](const error& e) { one(id, e); });
    }
    if (--*left == 0)
      end();
  }

  void ask_all(const object_key& key, const smap_ptr& by) {
    auto generation = generation_of(*by);
    auto first = std::make_shared<error>();
    ask_others(
      by, surrender_timeout, surrender{claim_of(key, generation)},
      [first](const std::string&, const error& e) {
        if (e && !*first)
          *first = e;
      },
      [this, first, key, generation] { asked_all(key, generation, *first); });
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
    if (!e)
      note_settled(id, generation);
    auto waiting = std::move(it.waiting);
    settling.erase(id);
    for (auto& f : waiting)
      f(e);
  }

  void note_settled(const std::string& id, uint64_t generation) {
    if (generation_of(*map) != generation)
      return;
    if (settled.size() >= max_settled)
      settled.clear();
    settled.insert(id);
  }

  // -- for readers

  // The others first, at home last: what is not there by then has not been
  // written since, for a write waits until it has been settled. In two places,
  // or where one does not say: that is for settling to sort out.
  caf::result<found_object> find(const find_object& req) {
    if (!req.owner.empty())
      return visit(req);
    auto now = current();
    auto& key = req.key;
    if (all_here(*now, key)) {
      if (in_place())
        return found_object{};
      return self->delegate(config.resilver, req);
    }
    auto view = config.view->read();
    auto* who = owner(*now, key);
    auto home = view->locate(key);
    if (!who || who->id != config.node_id || !home || !in_place()
        || view->left_behind(key) || searches >= max_settling)
      return found_object{};
    auto it = std::make_shared<search>();
    it->key = key;
    it->home = std::move(*home);
    it->generation = generation_of(*now);
    it->volume = view->volume->version;
    it->answer = self->make_response_promise<found_object>();
    ++searches;
    ask_others(
      now, seek_timeout, seek_object{claim_of(key, it->generation)},
      [it](const std::string& id, const error& e) {
        if (!e)
          it->at.push_back(id);
        else if (e != errc::object_not_found)
          it->unclear = true;
      },
      [this, it] { sought(it); });
    return it->answer;
  }

  void sought(const search_ptr& it) {
    if (it->unclear || it->at.size() > 1)
      return found(it, false);
    if (it->at.empty()) {
      if (generation_of(*current()) == it->generation)
        note_settled(settled_key(it->key), it->generation);
      return found(it, false);
    }
    // What is just being stored there comes from where it still is.
    ask<lease_ptr>(
      self, it->home.shard, shard_timeout,
      open_object{it->home.key, false, true, true},
      [this, it](const lease_ptr&) { found(it, false); },
      [this, it](const error& e) {
        found(it, e == errc::object_not_found || e == errc::busy);
      });
  }

  void found(const search_ptr& it, bool there) {
    --searches;
    found_object out;
    if (there && config.view->read()->volume->version == it->volume) {
      out.target = it->at.front();
      out.generation = it->generation;
    }
    it->answer.deliver(std::move(out));
  }

  // -- surrender: the object is another's

  expected<void> check_claim(const object_key& key, const std::string& to,
                             uint64_t generation) const {
    auto now = current();
    if (generation_of(*now) != generation)
      return fail(errc::not_ready, config.node_id + " has placement "
                                     + std::to_string(generation_of(*now))
                                     + ", not " + std::to_string(generation)
                                     + ": try again");
    auto* who = owner(*now, key);
    if (!who || who->id != to)
      return fail(errc::not_ready, key.name + " is not " + to + "'s");
    return caf::unit;
  }

  expected<object_key> claimed(const claim& x) const {
    // A bucket that is not there is perhaps not there yet: after a start.
    auto bucket = config.buckets->read()->find(x.bucket);
    if (!bucket || (*bucket)->ref.bid != x.bid)
      return fail(errc::not_ready, config.node_id + " has no bucket "
                                     + cname_of(x.bucket) + " of that id at"
                                     + " the moment: try again");
    object_key key{*bucket, x.name};
    if (auto ok = check_claim(key, x.to, x.generation); !ok)
      return ok.error();
    return key;
  }

  caf::result<ack> give_up(const surrender& req) {
    auto claimed_key = claimed(req.what);
    if (!claimed_key)
      return claimed_key.error();
    auto& key = *claimed_key;
    auto& to = req.what.to;
    auto answer = self->make_response_promise<ack>();
    auto id = settled_key(key) + ' ' + to;
    auto& waiting = giving[id];
    waiting.push_back([answer](const error& e) mutable {
      if (e && e != errc::object_not_found)
        answer.deliver(e);
      else
        answer.deliver(ack{});
    });
    if (waiting.size() == 1)
      give(key, to, max_tries, [this, id](const error& e) {
        auto all = std::move(giving[id]);
        giving.erase(id);
        for (auto& f : all)
          f(e);
      });
    return answer;
  }

  /// Whether we have it still.
  caf::result<ack> seek(const seek_object& req) {
    auto key = claimed(req.what);
    if (!key)
      return key.error();
    auto answer = self->make_response_promise<ack>();
    open_in_place(
      *key, false,
      [answer](const located&, const lease_ptr&) mutable {
        answer.deliver(ack{});
      },
      [answer](const error& e) mutable { answer.deliver(e); });
    return answer;
  }

  /// For a reader whom its owner sent here.
  caf::result<found_object> visit(const find_object& req) {
    if (auto ok = check_claim(req.key, req.owner, req.generation); !ok)
      return ok.error();
    auto answer = self->make_response_promise<found_object>();
    open_in_place(
      req.key, true,
      [answer](const located& at, const lease_ptr& x) mutable {
        answer.deliver(found_object{at, x});
      },
      [answer](const error& e) mutable { answer.deliver(e); });
    return answer;
  }

  void open_in_place(const object_key& key, bool verify,
                     const opened_fn& opened, const answer_fn& failed) {
    if (!in_place())
      return failed(fail(errc::not_ready, "objects of " + config.node_id
                                            + " are being resilvered"));
    open_ours(key, config.view->read()->volume->version, verify, opened,
              failed);
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
    open_ours(
      key, version, false,
      [=, this](const located& at, const lease_ptr& x) {
        send(key, to, tries, at.shard, x, end);
      },
      end);
  }

  /// Opens what we have of an object. errc::object_not_found: nothing, on
  /// mountpaths as of `version`.
  void open_ours(const object_key& key, uint64_t version, bool verify,
                 const opened_fn& opened, const answer_fn& failed) {
    auto view = config.view->read();
    auto here = view->locate(key);
    if (!here)
      return failed(started(*view) && !in_use(*view->volume)
                      ? absence(key, version)
                      : here.error());
    // An earlier version may come back with its disk, after what we give away
    // now was deleted there.
    if (view->left_behind(key))
      return failed(absence(key, version));
    ask<lease_ptr>(
      self, here->shard, shard_timeout, open_object{key, verify, true},
      [opened, at = *here](const lease_ptr& x) { opened(at, x); },
      [this, key, version, failed](const error& e) {
        failed(e == errc::object_not_found ? absence(key, version) : e);
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
        if (x.busy)
          walk->clients_ask_there();
        if (x.stored) {
          ++objects;
          bytes += size;
          walk->moved(size);
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
    [&st](const seek_object& x) { return st.seek(x); },
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
