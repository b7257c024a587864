#include "test/sim/scenario.hpp"

#include "storage/base/hrw.hpp"
#include "test/sim/cluster.hpp"
#include "test/sim/history.hpp"
#include "test/sim/nemesis.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace ais::sim {

namespace {

using namespace std::chrono_literals;

constexpr size_t client_count = 3;
constexpr int key_count = 4;
constexpr size_t max_key_operations = 40; ///< keeps the search for orders small
constexpr auto start_limit = 60s;
constexpr auto heal_limit = 90s;

/// Integer properties of the configuration, one per client.
constexpr std::array<const char*, client_count> knobs{
  "tcb.burst_buffer", "tco.burst_buffer", "arch.burst_buffer"};

bck named(const std::string& x) {
  return {provider::ais, {}, x};
}

/// What a client knows of a thing only it changes: the last value it was told
/// of, and values whose change got no answer, which may come to be at any time.
struct expectation {
  int64_t known = 0;
  std::set<int64_t> maybe;
  bool sure() const { return maybe.empty(); }
  bool allows(int64_t x) const { return x == known || maybe.count(x) > 0; }
};

struct client {
  std::map<std::string, expectation> buckets; ///< 1: there, 0: not
  std::map<std::string, expectation> objects; ///< the one in each bucket
  expectation knob;
  size_t next_bucket = 0;
};

class scenario {
public:
  explicit scenario(const scenario_options& how)
    : versioned_(how.seed % 4 == 3), c_(how.seed), w_(c_.w), nemesis_(c_) {
    w_.on_trace = how.on_trace;
    nemesis_.on_kill = [this](node_t id) {
      std::erase_if(leases_, [&](auto& x) { return x.first.first == id; });
    };
  }

  scenario_result run() {
    build();
    if (!breach_)
      trouble();
    if (!breach_)
      peace();
    if (!breach_)
      judge();
    scenario_result out;
    out.breach = breach_;
    out.trace_hash = w_.trace_hash;
    out.virtual_seconds = std::chrono::duration<double>(w_.now()).count();
    out.operations = operations_;
    out.copies = copies_;
    out.faults = nemesis_.counts;
    out.messages = w_.sent;
    return out;
  }

private:
  void fail_with(const std::string& what) {
    if (!breach_) {
      breach_ = what;
      w_.trace("BREACH " + what);
    }
  }

  bool run_until(nanos limit, const std::function<bool()>& done) {
    return w_.run_until(limit, [&] {
      observe();
      return breach_.has_value() || done();
    });
  }

  // -- phases

  void build() {
    // With one proxy there is nothing to elect.
    auto proxies = w_.chance(0.1) ? int64_t{1} : w_.pick(2, 3),
         targets = w_.pick(1, 4);
    while (proxies + targets < 3)
      ++targets;
    for (int64_t i = 0; i < proxies; ++i)
      c_.add({true, w_.chance(0.25), 2, i == 0 || w_.chance(0.9)});
    mirrored_ = w_.chance(0.4);
    for (int64_t i = 0; i < targets; ++i)
      c_.add({false, true,
              static_cast<size_t>(mirrored_ ? w_.pick(2, 3) : w_.pick(1, 2)),
              true});
    if (!run_until(start_limit, [&] { return c_.healthy(); }))
      return fail_with("the cluster did not start");
    json::object props;
    if (mirrored_)
      props["mirror"] = {{"enabled", true}};
    if (versioned_)
      props["s3"] = {{"versioning", "Enabled"}};
    auto made = c_.ask_now<ack>(
      0, c_.handles(0).proxy,
      create_bucket{named("data"), props.empty() ? "" : to_text(props)});
    if (!made)
      fail_with("the first bucket: " + message_of(made.error()));
  }

  void trouble() {
    nemesis_.begin();
    for (size_t k = 0; k < client_count; ++k)
      next_operation(k);
    auto end = w_.now() + w_.pick_ms(20'000, 60'000);
    while (w_.now() < end && !breach_) {
      nemesis_.strike();
      run_until(w_.pick_ms(100, 4'000), [] { return false; });
    }
  }

  void peace() {
    w_.trace("peace");
    peaceful_ = true;
    nemesis_.relent();
    auto well = run_until(heal_limit, [&] {
      auto all_up = true;
      for (node_t id = 0; id < c_.size(); ++id) {
        if (c_.failure(id)) { // it could not start in the trouble
          c_.kill(id);
          w_.at(1s, [this, id] { c_.start(id); });
        }
        all_up = all_up && w_.up(id);
      }
      return mend() && mend_mountpaths() && all_up && c_.healthy()
             && open_ == 0;
    });
    if (!well)
      fail_with("no health " + std::to_string(heal_limit / 1s)
                + " s after the last fault: " + state_of_all());
  }

  void judge() {
    auto& state = *c_.view(0).state;
    for (auto& x : clients_) {
      for (auto& [name, e] : x.buckets)
        if (!e.allows(state.buckets->buckets.count(named(name))))
          fail_with("bucket " + name + (e.known ? " was lost" : " came back"));
      auto k = static_cast<size_t>(&x - clients_.data());
      auto now = state.config->values.integer(knobs[k]);
      if (x.knob.known > 0 && !x.knob.allows(now))
        fail_with(std::string{knobs[k]} + " is " + std::to_string(now)
                  + ", acknowledged was " + std::to_string(x.knob.known));
    }
    for (auto* knob : knobs)
      judge_runs(knob);
    // Everything is read once more, from everywhere.
    for (node_t id = 0; id < c_.size() && !breach_; ++id)
      for (int key = 0; key < key_count; ++key)
        read(id, key, [] {});
    run_until(heal_limit, [&] { return open_ == 0; });
    if (open_ > 0)
      return fail_with("a read in peace got no answer");
    add_vague_copies();
    for (auto& [key, ops] : history_)
      if (!linearizable(ops))
        return fail_with("no order explains object " + std::to_string(key)
                         + ":\n" + to_string(ops));
    for (auto& x : clients_)
      for (auto& [to, from] : came_from_)
        if (auto e = x.buckets.find(to); e != x.buckets.end())
          judge_renamed(x, to, e->second);
    for (auto& [key, ids] : versions_)
      for (auto& [id, value] : ids)
        judge_version(key, id, value);
  }

  /// The object of a bucket that was renamed is in it, or where it came from.
  void
  judge_renamed(const client& x, const std::string& to, const expectation& e) {
    auto object = x.objects.find(to);
    if (!e.sure() || e.known == 0 || object == x.objects.end())
      return;
    auto& wanted = object->second;
    for (auto at = to;; at = came_from_[at]) {
      auto value = own_of(at);
      if (!value)
        return; // damaged, and nobody is told otherwise
      if (*value != absent || !came_from_.count(at)) {
        if (*value != wanted.known
            && (*value == absent || !wanted.maybe.count(*value)))
          fail_with("the object of bucket " + to
                    + " was lost on the way: it is " + std::to_string(*value)
                    + ", acknowledged was " + std::to_string(wanted.known));
        return;
      }
    }
  }

  /// The value of a bucket's own object; none if it cannot be told.
  std::optional<int> own_of(const std::string& bucket) {
    expected<place> at{error{}};
    run_until(heal_limit, [&] {
      at = route(0, "own", bucket);
      return at || at.error() == errc::bucket_not_found;
    });
    if (!at)
      return at.error() == errc::bucket_not_found ? std::optional{absent}
                                                  : std::nullopt;
    if (!settle_now(*at))
      return {};
    auto opened
      = c_.ask_now<lease_ptr>(at->node, at->shard, open_object{at->key, true});
    if (opened)
      return value_in(**opened);
    return opened.error() == errc::object_not_found ? std::optional{absent}
                                                    : std::nullopt;
  }

  /// Each version that was acknowledged is there, whatever came after it.
  void judge_version(int key, const std::string& id, int value) {
    // As a client: it tries again while objects move.
    expected<std::optional<int>> found{error{}};
    run_until(heal_limit, [&] {
      found = version_now(key, id);
      return found || found.error() != errc::not_ready;
    });
    auto why
      = found ? fail(errc::conflict, "it is another one") : found.error();
    // What a disk damaged is lost, and that is what clients are told, or it
    // stays where it cannot be read.
    auto damaged = why == errc::corrupted || why == errc::bad_checksum
                   || (why == caf::sec::request_timeout
                       && nemesis_.counts["bit flip"] > 0);
    if (breach_ || damaged || (found && *found == value))
      return;
    fail_with("version " + id + " of object " + std::to_string(key)
              + " was acknowledged, and is not there: " + message_of(why));
  }

  /// The value of an object's version.
  expected<std::optional<int>> version_now(int key, const std::string& id) {
    auto at = route(0, object_name(key), "data");
    if (!at)
      return fail(errc::not_ready, message_of(at.error()));
    if (auto ok = settle_now(*at); !ok)
      return ok.error();
    auto found = c_.ask_now<found_version>(at->node, at->shard,
                                           find_version{at->key, id});
    if (!found)
      return found.error();
    if (!found->present) {
      auto former = c_.boards(at->node).buckets->read()->find(
        storage::versions_of(at->key.bucket->ref).bck);
      if (!former)
        return former.error();
      at->key = {*former, found->name};
      if (auto ok = settle_now(*at); !ok)
        return ok.error();
    }
    auto opened
      = c_.ask_now<lease_ptr>(at->node, at->shard, open_object{at->key, true});
    if (!opened)
      return opened.error();
    return value_in(**opened);
  }

  /// Each value of a knob is set once: one that was replaced stays away.
  void judge_runs(const char* knob) {
    std::set<int64_t> seen;
    int64_t now = 0;
    for (auto& [at, x] : states_) {
      auto value = x.knobs.at(knob);
      if (value == now)
        continue;
      if (!seen.insert(now = value).second)
        fail_with(std::string{knob} + " went back to " + std::to_string(now)
                  + " at " + to_string(at));
    }
  }

  std::string state_of_all() {
    std::string out;
    for (node_t id = 0; id < c_.size(); ++id) {
      auto& v = c_.view(id);
      out += "\n  " + std::to_string(id) + (w_.up(id) ? " up" : " down")
             + (c_.active(id) ? " active" : "") + (v.primary ? " primary" : "")
             + " epoch " + std::to_string(v.promised) + " shows "
             + to_string(v.state->at) + " primary " + v.state->map->primary
             + " fence " + (may_answer(id) ? "open" : "shut") + " bmd "
             + std::to_string(v.state->buckets->version) + '/'
             + std::to_string(c_.boards(id).buckets->read()->version);
      for (auto* nodes : {&v.state->map->proxies, &v.state->map->targets})
        for (auto& [name, node] : *nodes)
          if (node.flags & snode_silent)
            out += ", silent " + name;
      if (auto why = c_.failure(id))
        out += " failed: " + message_of(*why);
    }
    return out + "\n  open " + std::to_string(open_);
  }

  // -- invariants

  void observe() {
    for (node_t id = 0; id < c_.size(); ++id) {
      if (!w_.up(id))
        continue;
      auto view = c_.boards(id).sync->read();
      auto& last = seen_[id];
      if (view == last)
        continue;
      last = view;
      auto& state = *view->state;
      if (view->primary) {
        auto [i, fresh] = primaries_.emplace(view->promised, id);
        if (!fresh && i->second != id)
          fail_with("two primaries of epoch " + std::to_string(view->promised));
      }
      if (state.at == stamp{})
        continue; // nothing yet, after a start
      if (state.at < shown_[id])
        fail_with("node " + std::to_string(id) + " went back from "
                  + to_string(shown_[id]) + " to " + to_string(state.at));
      shown_[id] = std::max(shown_[id], state.at);
      compare(state);
    }
  }

  struct known_state {
    std::string text;
    uint64_t map, buckets, config; ///< versions
    std::map<std::string, int64_t> knobs;
  };

  void compare(const cluster_state& x) {
    // Each stamp names one content; `before` is not part of what is shown.
    auto copy = x;
    copy.before.clear();
    auto text = to_json(copy);
    auto [i, fresh] = states_.try_emplace(x.at);
    if (fresh) {
      i->second
        = {text, x.map->version, x.buckets->version, x.config->version, {}};
      for (auto* knob : knobs)
        i->second.knobs[knob] = x.config->values.integer(knob);
    } else {
      if (i->second.text != text)
        fail_with("two contents of state " + to_string(x.at));
      return;
    }
    auto older = [&](const known_state& a, const known_state& b) {
      return a.map <= b.map && a.buckets <= b.buckets && a.config <= b.config;
    };
    if (i != states_.begin() && !older(std::prev(i)->second, i->second))
      fail_with("a version went back at " + to_string(x.at));
    if (std::next(i) != states_.end()
        && !older(i->second, std::next(i)->second))
      fail_with("a version went back after " + to_string(x.at));
    for (auto& [which, b] : x.buckets->buckets) {
      auto [known, first] = bids_.emplace(b->ref.bid, cname_of(which));
      if (!first && known->second != cname_of(which))
        fail_with("bid " + std::to_string(b->ref.bid) + " names "
                  + known->second + " and " + cname_of(which));
    }
  }

  node_t any_node() {
    return static_cast<node_t>(w_.pick(0, static_cast<int64_t>(c_.size()) - 1));
  }

  // -- clients

  void next_operation(size_t k) {
    if (peaceful_ || breach_)
      return;
    w_.at(w_.pick_ms(1, 400), [this, k] {
      if (!peaceful_ && !breach_)
        operate(k);
    });
  }

  void operate(size_t k) {
    auto id = any_node();
    if (!c_.active(id) || w_.paused(id))
      return next_operation(k);
    auto again = [this, k] {
      next_operation(k);
    };
    switch (w_.pick(0, 19)) {
      case 0:
        return make_bucket(k, id);
      case 1:
        return drop_bucket(k, id);
      case 2:
        return turn_knob(k, id);
      case 3:
        return write(id, pick_key(), absent, again);
      case 4:
      case 5:
      case 6:
        return write(id, pick_key(), ++last_value_, again);
      case 7:
      case 8:
        return write_own(k, id);
      case 9:
      case 10:
        return read_own(k, id);
      case 11:
        return administer(k, id);
      case 12:
      case 13:
        return copy(id, pick_key(), pick_key(), false, again);
      case 14:
      case 15:
        return copy(id, pick_key(), pick_key(), true, again);
      case 16:
        return rename_bucket(k, id);
      default:
        return read(id, pick_key(), again);
    }
  }

  static std::string object_name(int key) { return "o" + std::to_string(key); }
  int pick_key() { return static_cast<int>(w_.pick(0, key_count - 1)); }

  /// Sends a change through node `id`.
  template <class Request>
  void change(node_t id, Request req, std::function<void(expected<ack>)> f) {
    ++open_;
    c_.ask<ack>(id, c_.handles(id).proxy, std::move(req),
                [this, f](expected<ack> x) {
                  --open_;
                  operations_ += bool(x);
                  f(std::move(x));
                });
  }

  /// A bucket that exists, or does not, for sure; creates new names otherwise.
  std::string some_bucket(client& me, size_t k, bool there) {
    std::vector<std::string> fit;
    for (auto& [name, e] : me.buckets)
      if (e.sure() && (e.known == 1) == there)
        fit.push_back(name);
    if (!fit.empty())
      return fit[static_cast<size_t>(
        w_.pick(0, static_cast<int64_t>(fit.size()) - 1))];
    if (there)
      return {};
    return "c" + std::to_string(k) + "-" + std::to_string(me.next_bucket++);
  }

  void make_bucket(size_t k, node_t id) {
    auto name = some_bucket(clients_[k], k, false);
    clients_[k].buckets[name];
    change(id, create_bucket{named(name), ""},
           [this, k, name](const expected<ack>& x) {
             settle(clients_[k].buckets[name], 1, x);
             if (!x && x.error() == errc::bucket_exists)
               fail_with("bucket " + name + " exists, but nobody made it");
             next_operation(k);
           });
  }

  void drop_bucket(size_t k, node_t id) {
    auto name = some_bucket(clients_[k], k, true);
    if (name.empty())
      return next_operation(k);
    change(id, destroy_bucket{named(name)},
           [this, k, name](const expected<ack>& x) {
             settle(clients_[k].buckets[name], 0, x);
             if (x) {
               clients_[k].objects.erase(name);
               came_from_.erase(name);
             } else if (x.error() == errc::bucket_not_found)
               fail_with("bucket " + name + " was lost");
             next_operation(k);
           });
  }

  /// Its object comes along, some time: until then it is under the old name. (A
  /// renaming that is given up leaves both buckets with what they have.)
  void rename_bucket(size_t k, node_t id) {
    auto& me = clients_[k];
    auto from = some_bucket(me, k, true);
    if (from.empty() || !me.objects[from].sure())
      return next_operation(k);
    auto to = "c" + std::to_string(k) + "-" + std::to_string(me.next_bucket++);
    me.buckets[to];
    create_bucket req{named(to), ""};
    req.from = named(from);
    change(id, std::move(req), [this, k, from, to](const expected<ack>& x) {
      auto& it = clients_[k];
      settle(it.buckets[to], 1, x);
      it.buckets[from].maybe.insert(0);
      it.objects[to] = it.objects[from];
      it.objects[to].maybe.insert(absent);
      it.objects[from].maybe.insert(absent);
      came_from_[to] = from;
      nemesis_.counts["a bucket gets another name"] += bool(x);
      if (!x && x.error() == errc::bucket_not_found)
        fail_with("bucket " + from + " was lost");
      next_operation(k);
    });
  }

  // -- members

  /// What administrators do, as far as no object has to move.
  void administer(size_t k, node_t id) {
    auto next = [this, k](const char* what) {
      return [this, k, what](const expected<ack>& x) {
        nemesis_.counts[what] += bool(x);
        next_operation(k);
      };
    };
    auto other = any_node();
    auto proxy = proxy_of(other);
    if (proxy.empty() || (c_.options(other).target && w_.chance(0.5)))
      return administer_target(k, id, other);
    change_nodes req;
    req.ids = {proxy};
    // The first node remains electable: the others may restart as not.
    switch (w_.pick(other == 0 ? 3 : 0, 6)) {
      case 0:
        req.what = node_action::start_maintenance;
        return change(id, req, next("maintenance begins"));
      case 1:
        req.what = node_action::stop_maintenance;
        return change(id, req, next("maintenance ends"));
      case 2:
        req.what = w_.chance(0.5) ? node_action::remove : node_action::shutdown;
        return change(id, req, next("removal or shutdown"));
      case 3:
        ++open_;
        return c_.ask<admitted>(id, c_.handles(id).proxy,
                                admit_node{c_.address(other)},
                                [this, k](const expected<admitted>& x) {
                                  --open_;
                                  nemesis_.counts["admission"] += bool(x);
                                  next_operation(k);
                                });
      default:
        return make_primary(k, id, other);
    }
  }

  /// Who is told that it was done shows that primary, or a later one.
  void make_primary(size_t k, node_t id, node_t next) {
    auto proxy = proxy_of(next);
    auto asked_in = primaries_.empty() ? 0 : primaries_.rbegin()->first;
    change(id, set_primary{proxy}, [=, this](const expected<ack>& x) {
      nemesis_.counts["set-primary"] += bool(x);
      auto& view = c_.view(id);
      auto shown = view.state->at.epoch;
      auto was_primary
        = std::any_of(primaries_.begin(), primaries_.end(), [&](auto& y) {
            auto [epoch, node] = y;
            return node == next && epoch >= asked_in && epoch <= shown;
          });
      if (x && c_.active(id) && view.state->map->primary != proxy
          && view.promised == shown && !was_primary)
        fail_with("node " + std::to_string(id)
                  + " does not show the primary that it was told of");
      next_operation(k);
    });
  }

  /// Mountpaths come and go; now and then one leaves its objects behind.
  void administer_mountpath(size_t k, node_t n) {
    using op = change_mountpath::op;
    change_mountpath req;
    req.what = static_cast<op>(w_.pick(0, 4));
    req.path = "/root/mp" + std::to_string(w_.pick(1, 3));
    req.move = req.what != op::disable || w_.chance(0.7);
    ++open_;
    c_.ask<mountpath_changed>(n, c_.boards(n).peers->read()->own, req,
                              [this, k](const expected<mountpath_changed>& x) {
                                --open_;
                                nemesis_.counts["a mountpath comes or goes"]
                                  += x && x->changed;
                                next_operation(k);
                              });
    for (int key = 0; key < key_count; ++key)
      look(n, key, 40, 4);
  }

  /// Reads an object while objects are brought to their mountpaths, for which
  /// they take no time: asks again and again whether they are.
  void look(node_t n, int key, int times, int reads) {
    if (times == 0 || reads == 0 || !c_.active(n))
      return;
    auto again = [=, this](int less) {
      look(n, key, times - 1, reads - less);
    };
    if (!c_.boards(n).target->read()->volume->settled)
      return read(n, key, [again] { again(1); });
    auto b = c_.boards(n).buckets->read()->find(named("data"));
    if (!b)
      return;
    ++open_;
    c_.ask<ack>(n, c_.handles(n).settler, settle_object{{*b, object_name(key)}},
                [this, again](const expected<ack>&) {
                  --open_;
                  again(0);
                });
  }

  /// Enables what is disabled. @returns whether nothing is. (A damaged object
  /// may keep objects from being all in place.)
  bool mend_mountpaths() {
    auto well = true;
    for (node_t n = 0; n < c_.size(); ++n) {
      if (!c_.active(n) || !c_.options(n).target)
        continue;
      auto& volume = *c_.boards(n).target->read()->volume;
      for (auto& m : volume.mountpaths) {
        if (m.state != mpath_state::disabled)
          continue;
        well = false;
        if (!mended_.emplace(n, volume.version).second)
          continue;
        change_mountpath req;
        req.what = change_mountpath::op::enable;
        req.path = m.path;
        c_.ask<mountpath_changed>(
          n, c_.boards(n).peers->read()->own, req,
          [this, n, v = volume.version](const expected<mountpath_changed>& x) {
            if (!x)
              w_.at(500ms, [this, n, v] { mended_.erase({n, v}); });
          });
      }
    }
    return well;
  }

  /// The same for targets: objects move.
  void administer_target(size_t k, node_t id, node_t other) {
    if (!c_.active(other) || !c_.options(other).target)
      return next_operation(k);
    if (w_.chance(0.5))
      return administer_mountpath(k, other);
    change_nodes req;
    req.ids = {c_.handles(other).target_id};
    req.what = w_.chance(0.5) ? node_action::start_maintenance
                              : node_action::stop_maintenance;
    if (w_.chance(0.2) && !c_.options(other).proxy)
      req.what
        = w_.chance(0.5) ? node_action::shutdown : node_action::decommission;
    change(id, req, [this, k, id, req](const expected<ack>& x) mutable {
      nemesis_.counts["a target comes or goes"] += bool(x);
      next_operation(k);
      // Back at once: objects meet those that go where they come from.
      if (!x || req.what != node_action::start_maintenance || w_.chance(0.4))
        return;
      req.what = node_action::stop_maintenance;
      w_.at(w_.pick_ms(1, 300), [this, id, req] {
        if (c_.active(id) && !w_.paused(id))
          change(id, req, [](const expected<ack>&) {});
      });
    });
  }

  std::string proxy_of(node_t id) const {
    return c_.active(id) && c_.options(id).proxy ? c_.handles(id).proxy_id
                                                 : std::string{};
  }

  /// Ends maintenance, and asks in who was removed. @returns whether all is
  /// well.
  bool mend() {
    auto first = c_.primary();
    if (!first || mending_)
      return false;
    auto& map = *c_.view(*first).state->map;
    change_nodes req;
    req.what = node_action::stop_maintenance;
    for (auto* nodes : {&map.proxies, &map.targets})
      for (auto& [id, node] : *nodes)
        if (!ais::active(node))
          req.ids.push_back(id);
    std::optional<node_t> absent;
    for (node_t n = 0; n < c_.size(); ++n)
      if (w_.up(n) && !c_.failure(n) && absent_from(map, n))
        absent = n;
    if (req.ids.empty() && !absent)
      return true;
    mending_ = true;
    auto again = [this] {
      w_.at(500ms, [this] { mending_ = false; });
    };
    if (!req.ids.empty())
      c_.ask<ack>(*first, c_.handles(*first).proxy, req,
                  [again](const expected<ack>&) { again(); });
    else
      c_.ask<admitted>(*first, c_.handles(*first).proxy,
                       admit_node{c_.address(*absent)},
                       [again](const expected<admitted>&) { again(); });
    return false;
  }

  /// Whether the process runs outside of the map.
  bool absent_from(const smap& map, node_t n) const {
    for (auto& x : *c_.boards(n).own->read())
      if (!map.find(x.id))
        return true;
    return false;
  }

  static void settle(expectation& e, int64_t value, const expected<ack>& x) {
    if (x)
      e.known = value;
    else
      e.maybe.insert(value);
  }

  void turn_knob(size_t k, node_t id) {
    auto value = 100 + static_cast<int64_t>(++knob_turns_);
    set_config req;
    req.change.by_name = {{knobs[k], std::to_string(value)}};
    change(id, std::move(req), [this, k, value](const expected<ack>& x) {
      settle(clients_[k].knob, value, x);
      next_operation(k);
    });
  }

  // -- objects, as an edge serves them

  struct place {
    node_t node;
    object_key key;
    shard_actor shard;
  };

  /// Where node `id` sends a request for the object, and whether that node
  /// takes it.
  expected<place>
  route(node_t id, const std::string& name, const std::string& bucket) {
    auto digest = placement_digest(uname_of(named(bucket), name));
    auto* owner = owner_of(*c_.view(id).state->map, digest);
    if (!owner)
      return fail(errc::not_ready, "no target");
    auto n = target_node(owner->id);
    if (!n)
      return fail(errc::not_ready, "connection refused");
    return take(*n, digest, name, bucket);
  }

  /// Whoever serves as that target.
  std::optional<node_t> target_node(const std::string& id) {
    for (node_t n = 0; n < c_.size(); ++n)
      if (c_.active(n) && !w_.paused(n) && c_.handles(n).target_id == id)
        return n;
    return std::nullopt;
  }

  bool may_answer(node_t n) {
    return c_.boards(n).gate_fence->open(w_.now().count() + 1);
  }

  expected<place> take(node_t n, uint64_t digest, const std::string& name,
                       const std::string& which) {
    auto& boards = c_.boards(n);
    auto* owner = owner_of(*boards.sync->read()->state->map, digest);
    if (!owner || owner->id != c_.handles(n).target_id)
      return fail(errc::not_ready, "not mine");
    if (!may_answer(n))
      return fail(errc::not_ready, "no lease");
    auto bucket = boards.buckets->read()->find(named(which));
    if (!bucket)
      return bucket.error();
    auto at = boards.target->read()->locate({*bucket, name});
    if (!at)
      return at.error();
    return place{n, at->key, at->shard};
  }

  /// Has the object brought there, if it may be elsewhere; `then` is told
  /// whether it is there.
  void settle(const place& at, std::function<void(bool)> then) {
    auto& boards = c_.boards(at.node);
    if (!may_be_elsewhere(*boards.map->read(), *boards.target->read(), at.key))
      return then(true);
    ++open_;
    c_.ask<ack>(at.node, c_.handles(at.node).settler, settle_object{at.key},
                [this, then](const expected<ack>& x) {
                  --open_;
                  then(bool(x));
                });
  }

  expected<ack> settle_now(const place& at) {
    auto& boards = c_.boards(at.node);
    if (!may_be_elsewhere(*boards.map->read(), *boards.target->read(), at.key))
      return ack{};
    return c_.ask_now<ack>(at.node, c_.handles(at.node).settler,
                           settle_object{at.key});
  }

  void write(node_t id, int key, int value, std::function<void()> then) {
    auto at = route(id, object_name(key), "data");
    if (!at || history_[key].size() >= max_key_operations)
      return then();
    settle(*at, [this, at = *at, key, value, then](bool here) {
      if (here)
        write_at(at, key, value, then);
      else
        then();
    });
  }

  void
  write_at(const place& where, int key, int value, std::function<void()> then) {
    auto* at = &where;
    auto index = history_[key].size();
    history_[key].push_back(
      {operation::kind::write, value, w_.now().count(), operation::never});
    ++open_;
    auto done = [this, key, index, then, n = at->node](bool ok) {
      --open_;
      ok = ok && may_answer(n);
      operations_ += ok;
      if (ok)
        history_[key][index].to = w_.now().count();
      then();
    };
    if (value == absent) {
      c_.ask<ack>(at->node, at->shard, delete_object{at->key},
                  [done](const expected<ack>& x) {
                    done(x || x.error() == errc::object_not_found);
                  });
      return;
    }
    put_object req;
    req.key = at->key;
    req.content = std::make_shared<storage::bytes>(content_of(value));
    c_.ask<lom_ptr>(at->node, at->shard, std::move(req),
                    [=, this, n = at->node](const expected<lom_ptr>& x) {
                      if (x && versioned_ && may_answer(n))
                        versions_[key][storage::version_id(**x)] = value;
                      done(bool(x));
                    });
  }

  storage::bytes content_of(int value) {
    auto text = std::to_string(value);
    storage::bytes out(text.size());
    std::memcpy(out.data(), text.data(), text.size());
    sums_[storage::cksum_of(storage::cksum_type::xxhash2, out).value] = value;
    return out;
  }

  // -- copy and rename: the source's target does it, perhaps with another one

  /// One whose outcome, and thus value, the client does not know.
  struct vague_copy {
    int from, to;
    bool rename;
    int64_t at; ///< when it began
  };

  void
  copy(node_t id, int from, int to, bool rename, std::function<void()> then) {
    auto at = route(id, object_name(from), "data");
    if (!at || from == to || history_[from].size() >= max_key_operations
        || history_[to].size() >= max_key_operations)
      return then();
    copy_at(*at, from, to, rename, then);
  }

  void copy_at(const place& where, int from, int to, bool rename,
               std::function<void()> then) {
    auto* at = &where;
    auto began = w_.now().count();
    copy_object req{at->key, {at->key.bucket, object_name(to)}, rename};
    ++open_;
    c_.ask<lom_ptr>(at->node, c_.handles(at->node).mover, std::move(req),
                    [=, this, n = at->node](const expected<lom_ptr>& x) {
                      --open_;
                      copied({from, to, rename, began}, n, x);
                      then();
                    });
  }

  void copied(vague_copy what, node_t n, const expected<lom_ptr>& x) {
    if (x && may_answer(n)) {
      ++operations_;
      ++copies_;
      auto value = sums_[(*x)->cksum.value];
      auto now = w_.now().count();
      auto source = what.rename ? operation::kind::take : operation::kind::read;
      history_[what.from].push_back({source, value, what.at, now});
      history_[what.to].push_back(
        {operation::kind::write, value, what.at, now});
      return;
    }
    if (!x && x.error() == errc::object_not_found) {
      if (may_answer(n))
        note_read(what.from, absent, what.at);
      return;
    }
    // Whether the destination was written is open, and the same for the source,
    // unless it has changed.
    what.rename = what.rename && (x || x.error() != errc::conflict);
    vague_.push_back(what);
  }

  /// What copies of unknown outcome may have written: any value that their
  /// source may ever have had. Only those that were seen matter.
  void add_vague_copies() {
    std::map<int, std::set<int>> had, seen;
    for (auto& [key, ops] : history_)
      for (auto& x : ops)
        (x.what == operation::kind::write ? had : seen)[key].insert(x.value);
    for (auto more = true; more;) {
      more = false;
      for (auto& x : vague_)
        for (auto value : had[x.from])
          more |= had[x.to].insert(value).second;
    }
    for (auto& x : vague_) {
      for (auto value : had[x.from])
        if (value != absent && seen[x.to].count(value))
          history_[x.to].push_back(
            {operation::kind::write, value, x.at, operation::never});
      if (x.rename)
        history_[x.from].push_back(
          {operation::kind::write, absent, x.at, operation::never});
    }
  }

  void read(node_t id, int key, std::function<void()> then) {
    auto at = route(id, object_name(key), "data");
    if (!at)
      return then();
    // A lease of the same map that is still good serves without asking anybody.
    auto& held = leases_[{at->node, key}];
    if (held.it && !held.it->over() && held.it->verified
        && held.map == c_.boards(at->node).map->read()) {
      finish_read(*at, key, w_.now().count(), *held.it);
      return then();
    }
    find(*at, key, then, [this, at = *at, key, then] {
      settle(at, [this, at, key, then](bool here) {
        if (here)
          read_at(at, key, then);
        else
          then();
      });
    });
  }

  /// Reads the object where it is, or else goes on with `ask`.
  void find(const place& at, int key, std::function<void()> then,
            std::function<void()> ask) {
    auto& boards = c_.boards(at.node);
    auto seen = boards.target->read()->volume->version;
    if (!may_be_elsewhere(*boards.map->read(), *boards.target->read(), at.key))
      return ask();
    auto from = w_.now().count();
    auto map = boards.map->read();
    ++open_;
    c_.ask<found_object>(
      at.node, c_.handles(at.node).settler, find_object{at.key},
      [=, this](const expected<found_object>& x) {
        --open_;
        if (!x || !w_.up(at.node))
          return ask();
        if (!x->target.empty())
          return read_at_source(at, *x, key, from, then, ask);
        if (!x->lease)
          return ask();
        auto& now = c_.boards(at.node);
        if (now.map->read() != map
            || now.target->read()->volume->version != seen
            || !intact(*x->lease->object))
          return ask();
        ++nemesis_.counts["(an object is read before it is moved)"];
        finish_read(at, key, from, *x->lease);
        leases_[{at.node, key}] = {x->lease, map};
        then();
      });
  }

  /// Reads the object at the target that still has it, as an edge does: a
  /// little later, when it may have gone.
  void read_at_source(const place& at, const found_object& found, int key,
                      int64_t from, std::function<void()> then,
                      std::function<void()> ask) {
    ++open_;
    w_.at(w_.pick_ms(0, 20), [=, this] {
      --open_;
      auto source = target_node(found.target);
      if (!source || w_.blocked(at.node, *source) || !w_.up(at.node)
          || w_.blocked(*source, at.node))
        return ask();
      auto bucket
        = c_.boards(*source).buckets->read()->find(at.key.bucket->ref.bck);
      if (!bucket)
        return ask();
      find_object look{{*bucket, at.key.name},
                       c_.handles(at.node).target_id,
                       found.generation};
      ++open_;
      c_.ask<found_object>(
        *source, c_.handles(*source).settler, std::move(look),
        [=, this](const expected<found_object>& x) {
          --open_;
          if (!x || !w_.up(*source) || !intact(*x->lease->object))
            return ask();
          ++nemesis_.counts["(an object is read at its former owner)"];
          finish_read(at, key, from, *x->lease); // the owner's answer
          then();
        });
    });
  }

  void read_at(const place& where, int key, std::function<void()> then) {
    auto* at = &where;
    auto from = w_.now().count();
    ++open_;
    c_.ask<lease_ptr>(
      at->node, at->shard, open_object{at->key, true},
      [this, at = *at, key, from, then](const expected<lease_ptr>& x) {
        --open_;
        if (x) {
          leases_[{at.node, key}] = {*x, c_.boards(at.node).map->read()};
          finish_read(at, key, from, **x);
        } else if (x.error() == errc::object_not_found) {
          note_read(key, absent, from);
        }
        then();
      });
  }

  void finish_read(const place& at, int key, int64_t from, const lease& x) {
    if (!may_answer(at.node))
      return;
    if (auto value = value_in(x))
      note_read(key, *value, from);
  }

  /// Whoever sends an unverified object sees by its checksum what it is.
  static bool intact(const storage::object_reader& x) {
    storage::bytes content(x.attrs.size_bytes);
    storage::hasher hash{x.attrs.cksum.type};
    auto n = x.content->read_at(content, 0);
    hash.update(content);
    return n && *n == content.size() && hash.finish() == x.attrs.cksum;
  }

  static std::optional<int> value_in(const lease& x) {
    storage::bytes content(16);
    auto n = x.object->content->read_at(content, 0);
    if (!n)
      return std::nullopt;
    std::string text(reinterpret_cast<const char*>(content.data()), *n);
    return std::atoi(text.c_str());
  }

  // -- one object in each bucket of a client, which goes with the bucket

  /// A bucket of client `k` that is there (or perhaps gone) for sure.
  std::string sure_bucket(size_t k, bool or_gone) {
    std::vector<std::string> fit;
    for (auto& [name, e] : clients_[k].buckets)
      if (e.sure() && (e.known == 1 || or_gone))
        fit.push_back(name);
    return fit.empty() ? std::string{} : fit[w_.random() % fit.size()];
  }

  void write_own(size_t k, node_t id) {
    auto bucket = sure_bucket(k, false);
    if (bucket.empty())
      return next_operation(k);
    auto at = route(id, "own", bucket);
    if (!at)
      return refused(k, bucket, at.error());
    settle(*at, [this, at = *at, k, bucket](bool here) {
      if (here)
        write_own_at(at, k, bucket);
      else
        next_operation(k);
    });
  }

  void write_own_at(const place& where, size_t k, const std::string& bucket) {
    auto* at = &where;
    auto value = ++last_value_;
    put_object req;
    req.key = at->key;
    req.content = std::make_shared<storage::bytes>(content_of(value));
    ++open_;
    c_.ask<lom_ptr>(
      at->node, at->shard, std::move(req),
      [this, k, bucket, value, n = at->node](const expected<lom_ptr>& x) {
        --open_;
        auto& e = clients_[k].objects[bucket];
        if (x && may_answer(n)) {
          ++operations_;
          e = {value, {}};
        } else {
          e.maybe.insert(value);
        }
        next_operation(k);
      });
  }

  void read_own(size_t k, node_t id) {
    auto bucket = sure_bucket(k, true);
    if (bucket.empty())
      return next_operation(k);
    auto at = route(id, "own", bucket);
    if (!at)
      return refused(k, bucket, at.error());
    settle(*at, [this, at = *at, k, bucket](bool here) {
      if (here)
        read_own_at(at, k, bucket);
      else
        next_operation(k);
    });
  }

  void read_own_at(const place& where, size_t k, const std::string& bucket) {
    auto* at = &where;
    ++open_;
    c_.ask<lease_ptr>(
      at->node, at->shard, open_object{at->key, true},
      [this, k, bucket, n = at->node](const expected<lease_ptr>& x) {
        --open_;
        std::optional<int> value;
        if (x)
          value = value_in(**x);
        else if (x.error() == errc::object_not_found)
          value = absent;
        if (value && may_answer(n))
          check_own(k, bucket, n, *value);
        next_operation(k);
      });
  }

  void check_own(size_t k, const std::string& bucket, node_t n, int value) {
    ++operations_;
    auto& e = clients_[k].objects[bucket];
    if (!e.allows(value))
      fail_with("node " + std::to_string(n) + " has " + std::to_string(value)
                + " in bucket " + bucket + ", acknowledged was "
                + std::to_string(e.known));
  }

  /// A node that may answer must know each bucket that is there.
  void refused(size_t k, const std::string& bucket, const error& e) {
    if (e == errc::bucket_not_found && clients_[k].buckets[bucket].known == 1)
      fail_with("bucket " + bucket
                + " was acknowledged, but is not known"
                  " where its object belongs:"
                + state_of_all());
    next_operation(k);
  }

  void note_read(int key, int value, int64_t from) {
    ++operations_;
    if (history_[key].size() < max_key_operations + c_.size())
      history_[key].push_back(
        {operation::kind::read, value, from, w_.now().count()});
  }

  std::optional<std::string> breach_;
  std::array<client, client_count> clients_;
  std::map<int, std::vector<operation>> history_;
  std::vector<vague_copy> vague_;
  std::map<std::string, int> sums_; ///< value by checksum of its content
  struct held_lease {
    lease_ptr it;
    smap_ptr map;
  };
  std::map<std::pair<node_t, int>, held_lease> leases_;
  std::map<node_t, std::shared_ptr<const sync_view>> seen_;
  std::map<node_t, stamp> shown_;
  std::map<uint64_t, node_t> primaries_; ///< by epoch
  std::map<stamp, known_state> states_;
  std::map<uint64_t, std::string> bids_;
  size_t operations_ = 0;
  size_t copies_ = 0; ///< of these, copies and renames
  size_t open_ = 0;
  int last_value_ = 0;
  size_t knob_turns_ = 0;
  std::map<std::string, std::string> came_from_;       ///< of renamed buckets
  std::map<int, std::map<std::string, int>> versions_; ///< value by id, of keys
  bool mirrored_ = false;                              ///< the bucket "data"
  bool versioned_; ///< the same: it keeps former versions
  bool peaceful_ = false;
  bool mending_ = false;
  std::set<std::pair<node_t, uint64_t>> mended_; ///< by version of the volume
  cluster c_; // last: its end calls back into the rest
  world& w_;
  nemesis nemesis_;
};

} // namespace

scenario_result run_scenario(const scenario_options& how) {
  return scenario{how}.run();
}

} // namespace ais::sim
