#include "actors/cluster/keepalive.hpp"

#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace ais {

namespace {

constexpr std::chrono::milliseconds urgent_pause{100};
/// Whoever got our vote has this long to show as primary.
constexpr std::chrono::nanoseconds election_grace = std::chrono::seconds{1};

using extended = keepalive_actor::extend<caf::reacts_to<atom::tick>>;

struct keepalive_state {
  static inline const char* name = "keepalive";

  extended::pointer self = nullptr;
  keepalive_config config;
  sync_view view;
  int64_t answered_ns = 0; ///< when the last answered beat was sent
  bool beating = false;    ///< a beat is under way
  /// No verdict on the primary before a lease of it.
  int64_t watch_since_ns = 0;

  // Primary.
  std::map<std::string, int64_t> heard_ns; ///< last beat of each member
  int64_t trusted_until_ns = 0;            ///< by the majority
  std::map<std::string, stamp> back; ///< what a member must show for a lease
  std::set<std::string> marked;      ///< silent in the committed state
  std::set<std::string> away;        ///< taken for silent, or marked: no lease
  std::set<std::string> resting;     ///< in maintenance: no lease either

  int64_t now() const { return config.env.steady_ns(); }
  const smap& map() const { return *view.accepted->map; }
  keepalive_times times() const { return times_of(*view.accepted->config); }
  bool ours(const std::string& id) const {
    return std::find(config.seats.begin(), config.seats.end(), id)
           != config.seats.end();
  }

  void see(const sync_view& x) {
    auto became = x.primary && !view.primary;
    auto other = x.accepted->map->primary != map().primary
                 || x.promised != view.promised;
    view = x;
    if (became) {
      heard_ns.clear();
      away.clear();
      marked.clear();
      resting.clear();
      back.clear();
    }
    if (view.primary) // whoever is new has a lease's time to be heard
      for (auto* nodes : {&map().proxies, &map().targets})
        for (auto& [id, node] : *nodes)
          heard_ns.emplace(id, now());
    if (x.primary) {
      note_members();
      renew_own(times()); // who decides may have changed
    }
    if (became || other) {
      answered_ns = std::max(answered_ns, int64_t{1});
      watch_since_ns = now();
      act(); // a lease at once, not an interval later
    }
  }

  /// Follows who is silent, or in maintenance, in the committed state.
  void note_members() {
    for (auto* nodes : {&view.state->map->proxies, &view.state->map->targets})
      for (auto& [id, node] : *nodes) {
        if ((node.flags & snode_silent) != 0) {
          marked.insert(id);
          away.insert(id);
        } else if (marked.erase(id) > 0 || !back.count(id)) {
          away.erase(id);
          back[id] = view.state->at;
        }
        if (!active(node))
          resting.insert(id);
        else if (resting.erase(id) > 0)
          back[id] = view.state->at;
      }
  }

  void tick() {
    // Without a lease nothing is served: no time to lose.
    auto pause = times().interval;
    if (!config.gate_fence->open(now()))
      pause = std::min<std::chrono::nanoseconds>(pause, urgent_pause);
    self->delayed_send(self, pause, atom::tick_v);
    act();
  }

  void act() {
    auto t = times();
    if (view.accepted->uuid().empty())
      return; // not in a cluster yet
    if (view.primary)
      return lead(t);
    follow(t);
  }

  // -- follower

  void follow(const keepalive_times& t) {
    auto peers = config.peers->read();
    auto gate = peers->gates.find(map().primary);
    if (ours(map().primary) || gate == peers->gates.end())
      return silent_since(std::max(watch_since_ns, answered_ns), t);
    if (!beating) {
      beating = true;
      auto sent = now();
      self
        ->request(
          gate->second,
          std::chrono::duration_cast<std::chrono::milliseconds>(t.lease),
          beat{view.accepted->uuid(), config.seats, view.promised,
               view.state->at})
        .then([this, sent, t, to = map().primary](
                beat_answer& x) { answered(x, to, sent, t); },
              [this](error&) { beating = false; });
    }
    silent_since(std::max(watch_since_ns, answered_ns), t);
  }

  void answered(const beat_answer& x, const std::string& by, int64_t sent,
                const keepalive_times& t) {
    beating = false;
    if (view.primary || x.promised < view.promised || by != map().primary)
      return;
    if (x.promised > view.promised && !x.member)
      return config.events.stranger(); // primary or not, it knows better
    if (x.promised > view.promised)
      return; // an update is on the way
    if (!x.primary)
      return report_lost(); // it is not primary any more
    if (!x.member)
      return config.events.stranger();
    answered_ns = sent;
    if (x.lease_ns > 0)
      config.gate_fence->open_until(sent
                                    + std::min(x.lease_ns, t.lease.count()));
    self->send(config.metasync, primary_heard{x.promised, false});
  }

  void silent_since(int64_t since, const keepalive_times& t) {
    auto own = ours(map().primary);
    if (own || now() - since > t.lease.count())
      report_lost();
  }

  void report_lost() {
    if (view.state->at.epoch < view.promised
        && now() - watch_since_ns < election_grace.count())
      return;
    // Again and again: metasync may have trusted an update that came late.
    self->send(config.metasync, primary_heard{view.promised, true});
    config.events.primary_lost();
  }

  // -- primary

  caf::result<beat_answer> answer(const beat& x) {
    if (!map().uuid.empty() && x.cluster != map().uuid)
      return fail(errc::integrity, "cluster integrity error cie#50: cluster "
                                     + x.cluster + " is not ours, "
                                     + map().uuid);
    beat_answer out;
    out.promised = view.promised;
    out.primary = view.primary;
    out.lease_ns = lease_for(x);
    for (auto& id : x.seats) {
      auto known = map().find(id) != nullptr;
      out.member = out.member || known;
      if (!view.primary || !known || x.promised > view.promised)
        continue;
      heard_ns[id] = now();
      self->send(config.metasync, member_shows{id, x.shown});
    }
    return out;
  }

  int64_t lease_for(const beat& x) const {
    if (!view.primary || x.promised > view.promised)
      return 0;
    for (auto& id : x.seats) {
      auto least = back.find(id);
      auto fit = !away.count(id) && !resting.count(id)
                 && (least == back.end() || x.shown >= least->second);
      if (!fit && !AIS_MUTANT("lease-while-silent"))
        return 0;
    }
    return std::min(times().lease.count(),
                    std::max<int64_t>(trusted_until_ns - now(), 0));
  }

  void lead(const keepalive_times& t) {
    auto at = now();
    for (auto& id : config.seats)
      heard_ns[id] = at;
    renew_own(t);
    if (trusted_until_ns < at) {
      self->send(config.metasync, atom::stop_v);
      return;
    }
    // Their leases ran from before we heard them; an eighth for clocks that
    // run apart.
    auto patience = t.lease.count() + t.lease.count() / 8;
    for (auto* nodes : {&map().proxies, &map().targets}) {
      for (auto& [id, node] : *nodes) {
        // Once taken for silent, it must be so in the map, and come back there.
        auto silent = at - heard_ns[id] > patience
                      || (away.count(id) > 0 && !marked.count(id));
        if (silent)
          away.insert(id);
        if (silent != ((node.flags & snode_silent) != 0))
          config.events.silent(id, silent);
      }
    }
  }

  /// The primary's own lease is the majority's word.
  void renew_own(const keepalive_times& t) {
    auto alone = !electorate_of(map()).sole.empty();
    trusted_until_ns
      = alone ? fence::always : majority_since() + t.lease.count();
    config.gate_fence->open_until(trusted_until_ns);
  }

  /// The latest moment since which enough members were heard to decide.
  int64_t majority_since() const {
    std::vector<std::pair<int64_t, std::string>> order;
    for (auto& [id, at] : heard_ns)
      order.emplace_back(at, id);
    std::sort(order.rbegin(), order.rend());
    auto who = electorate_of(map());
    std::set<std::string> ids;
    for (auto& [at, id] : order) {
      ids.insert(id);
      if (who.decided_by(ids))
        return at;
    }
    return 0;
  }

  void lost_peer(const std::string& id) {
    // Its process ended, or the connection did: no need to wait for silence.
    if (!view.primary && id == map().primary)
      report_lost();
  }
};

extended::behavior_type
keepalive(extended::stateful_pointer<keepalive_state> self,
          keepalive_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.watch_since_ns = st.now();
  self->delayed_send(self, urgent_pause, atom::tick_v);
  return {
    [&st](const beat& x) { return st.answer(x); },
    [&st](const peer_lost& x) { st.lost_peer(x.id); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::tick) { st.tick(); },
  };
}

} // namespace

keepalive_times times_of(const cluster_config& x) {
  auto interval = x.values.duration("keepalivetracker.target.interval");
  return {interval,
          interval * x.values.integer("keepalivetracker.target.factor")};
}

keepalive_actor
spawn_keepalive(caf::actor_system& sys, const keepalive_config& config) {
  return spawn_plain(sys, config.env, keepalive, config);
}

} // namespace ais
