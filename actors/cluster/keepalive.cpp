#include "actors/cluster/keepalive.hpp"

#include "actors/cluster/gate.hpp"
#include "actors/cluster/lease_book.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <utility>

namespace ais {

namespace {

constexpr std::chrono::milliseconds urgent_pause{100};
constexpr std::chrono::milliseconds soon{50};
/// Whoever got our vote has this long to show as primary.
constexpr std::chrono::nanoseconds election_grace = std::chrono::seconds{1};

using extended = keepalive_actor::extend<caf::reacts_to<atom::tick>,
                                         caf::reacts_to<atom::next>>;

struct keepalive_state {
  static inline const char* name = "keepalive";

  extended::pointer self = nullptr;
  keepalive_config config;
  sync_view view;
  int64_t answered_ns = 0; ///< when the last answered beat was sent
  bool beating = false;    ///< a beat is under way
  bool outdated = false;   ///< it was sent before things changed
  bool again = false;      ///< another is to follow soon
  /// The clock of the primary at its last answer, and its epoch.
  struct {
    uint64_t epoch = 0;
    int64_t clock_ns = 0;
  } echo;
  /// No verdict on the primary before a lease of it.
  int64_t watch_since_ns = 0;

  lease_book book; ///< of the primary

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
    auto back = resting(*view.state->map) && !resting(*x.state->map);
    view = x;
    if (became)
      book.clear(now());
    if (x.primary) {
      book.see(*view.accepted, *view.state, now());
      renew_own(times()); // who decides may have changed
    }
    if (became || other) {
      answered_ns = std::max(answered_ns, int64_t{1});
      watch_since_ns = now();
    }
    if (became || other || back) {
      outdated = beating;
      act(); // a lease at once, not an interval later
    }
  }

  /// One of ours is in maintenance, and gets no lease.
  bool resting(const smap& x) const {
    return std::any_of(config.seats.begin(), config.seats.end(), [&](auto& id) {
      auto* node = x.find(id);
      return node && !active(*node);
    });
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
               view.state->at, echo.epoch == view.promised ? echo.clock_ns : 0})
        .then(
          [this, sent, t, to = map().primary](beat_answer& x) {
            beating = false;
            answered(x, to, sent, t);
            if (std::exchange(outdated, false))
              act();
          },
          [this](error&) { beating = outdated = false; });
    }
    silent_since(std::max(watch_since_ns, answered_ns), t);
  }

  void answered(const beat_answer& x, const std::string& by, int64_t sent,
                const keepalive_times& t) {
    if (view.primary || x.promised < view.promised || by != map().primary)
      return;
    if (x.promised > view.promised && !x.member)
      return config.events.stranger(); // primary or not, it knows better
    if (x.promised > view.promised)
      return; // an update is on the way
    // It is not primary any more, or, if it is new, not yet: it commits its
    // first state before it says so.
    if (!x.primary && now() - watch_since_ns < election_grace.count())
      return beat_soon();
    if (!x.primary)
      return report_lost();
    if (!x.member)
      return config.events.stranger();
    answered_ns = sent;
    echo = {x.promised, x.clock_ns};
    if (x.lease_ns > 0)
      config.gate_fence->open_until(sent
                                    + std::min(x.lease_ns, t.lease.count()));
    self->send(config.metasync, primary_heard{x.promised, false});
    // A new primary has none to give until it knows that a majority hears it:
    // who has been answered says so by the next beat.
    if (x.lease_ns < t.lease.count() / 2 && !resting(*view.state->map))
      beat_soon();
  }

  void beat_soon() {
    if (!std::exchange(again, true))
      self->delayed_send(self, soon, atom::next_v);
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
    out.clock_ns = now();
    for (auto& id : x.seats) {
      auto known = map().find(id) != nullptr;
      out.member = out.member || known;
      if (!view.primary || !known)
        continue;
      self->send(config.metasync, member_shows{id, x.shown, x.promised});
      if (x.promised > view.promised)
        continue;
      book.heard(id, now());
      if (x.promised == view.promised)
        book.vouched(id, x.echo_ns);
    }
    if (view.primary && x.promised <= view.promised) {
      renew_own(times());
      out.lease_ns = book.lease_for(x, times(), now());
    }
    return out;
  }

  void lead(const keepalive_times& t) {
    auto at = now();
    for (auto& id : config.seats) {
      book.heard(id, at);
      book.vouched(id, at);
    }
    renew_own(t);
    if (book.patient_until_ns(t) < at) {
      self->send(config.metasync, atom::stop_v);
      return;
    }
    for (auto& x : book.judge(map(), t, at))
      config.events.silent(x.id, x.silent);
  }

  void renew_own(const keepalive_times& t) {
    config.gate_fence->open_until(book.renew_own(map(), t));
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
    [&st](atom::next) {
      st.again = false;
      st.act();
    },
  };
}

} // namespace

expected<void> fence::check(int64_t steady_ns) const {
  if (open(steady_ns))
    return caf::unit;
  return fail(errc::not_ready,
              "this node has lost contact with the primary: try again in a few"
              " seconds");
}

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
