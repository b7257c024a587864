// KEEPALIVE tells the primary that this node lives, and watches the primary; on
// the primary it watches everybody. From it come the leases: a node may
// acknowledge (and serve) data only while its FENCE is open, that is for a
// lease after it sent a beat that the primary of its epoch answered. The
// primary counts the same lease from when it received the beat, which is later:
// when the primary takes a node for silent, that node's fence is shut. It gets
// no other lease before a state that has it back is committed, and it shows
// that state: it may have missed all that was done without it. No lease
// outlives the majority's word for the primary, so the next primary can count,
// too.
//
// Sources: storage-semantics 15; architecture section 6, rule 3.
#pragma once

#include "actors/meta/metasync.hpp"
#include "storage/base/mutant.hpp"

#include <atomic>

namespace ais {

struct peer_set;

/// Until when this node may acknowledge, on the clock of `environment`.
class fence {
public:
  static constexpr int64_t always = INT64_MAX;
  void open_until(int64_t steady_ns) { until_.store(steady_ns); }
  bool open(int64_t steady_ns) const {
    return steady_ns < until_.load() || AIS_MUTANT("fence-ignored");
  }
  /// errc::not_ready when it is shut: without a lease nobody may say what is
  /// the case.
  expected<void> check(int64_t steady_ns) const;

private:
  std::atomic<int64_t> until_{0};
};

// -- messages between nodes
// --------------------------------------------------------

struct beat {
  std::string cluster; ///< uuid
  std::vector<std::string> seats;
  uint64_t promised = 0; ///< the highest epoch the sender obeys
  stamp shown;
  /// beat_answer::clock_ns of the last answer of the primary of that epoch; 0:
  /// none yet.
  int64_t echo_ns = 0;
};

struct beat_answer {
  uint64_t promised = 0; ///< the answering node's
  bool primary = false;  ///< it is primary of that epoch
  bool member = false;   ///< the sender is in its map
  int64_t lease_ns = 0;  ///< from when the beat was sent; 0: none
  int64_t clock_ns = 0;  ///< the answering node's, at the answer
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, beat& x) {
  return f(x.cluster, x.seats, x.promised, x.shown, x.echo_ns);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, beat_answer& x) {
  return f(x.promised, x.primary, x.member, x.lease_ns, x.clock_ns);
}

// -- messages (in-process)
// --------------------------------------------------------

/// The connection to a peer broke.
struct peer_lost {
  std::string id;
};

// -- interface
// --------------------------------------------------------------------

/// The KEEPALIVE actor interface.
using keepalive_actor = caf::typed_actor<
  // errc::integrity: another cluster.
  caf::replies_to<beat>::with<beat_answer>, //
  caf::reacts_to<peer_lost>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

/// What keepalive reports.
struct keepalive_events {
  /// The primary does not answer; again with every beat until another is known.
  std::function<void()> primary_lost;
  /// On the primary: a member became silent, or answers again.
  std::function<void(const std::string& id, bool silent)> silent;
  /// The primary answers, but does not know us.
  std::function<void()> stranger;
};

struct keepalive_config {
  environment env;
  std::vector<std::string> seats;
  metasync_actor metasync;
  std::shared_ptr<board<peer_set>> peers;
  std::shared_ptr<fence> gate_fence;
  keepalive_events events;
};

/// How often nodes beat, and how long a lease is, under a configuration.
struct keepalive_times {
  std::chrono::nanoseconds interval;
  std::chrono::nanoseconds lease;
};
keepalive_times times_of(const cluster_config& x);

/// Spawns the KEEPALIVE.
keepalive_actor
spawn_keepalive(caf::actor_system& sys, const keepalive_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::peer_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::sync_view)
