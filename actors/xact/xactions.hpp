// XACTIONS keeps a target's jobs: it starts an actor for each, and remembers
// them for a while after their end.
//
// **Limits**: max_running_xacts at once; max_kept_xacts remembered, each for
// xact_kept at most.
#pragma once

#include "actors/mover/mover.hpp"
#include "actors/target/target.hpp"
#include "actors/xact/xaction.hpp"

#include <atomic>

namespace ais {

inline constexpr size_t max_running_xacts = 64;
inline constexpr size_t max_kept_xacts = 1024;
inline constexpr std::chrono::hours xact_kept{1};

// -- interface
// --------------------------------------------------------------------

/// The XACTIONS actor interface.
using xactions_actor = caf::typed_actor<
  // Returns when it is on its way; the same id again is the same job.
  // errc::unsupported: no such kind; invalid_argument: the template;
  // bucket_not_found, too_many_requests; busy: not while objects move.
  caf::replies_to<start_xact>::with<ack>,
  // Returns at once; what has ended or is not there is no error.
  caf::replies_to<stop_xact>::with<ack>,
  caf::replies_to<query_xacts>::with<xact_snaps>>;

struct xactions_config {
  environment env;
  std::string node_id; ///< of the target
  target_actor target;
  std::shared_ptr<board<sync_view>> sync;
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> view;
  std::shared_ptr<fence> gate_fence;
  settler_actor settler;
  mover_actor mover;
  /// Jobs that others run by themselves: REBALANCE, RESILVER.
  std::vector<std::shared_ptr<xact_board>> others;
  /// A day of lifecycle rules; shorter in tests.
  std::chrono::nanoseconds lifecycle_day = std::chrono::hours{24};
};

/// Spawns XACTIONS.
xactions_actor
spawn_xactions(caf::actor_system& sys, const xactions_config& config);

// -- what a job's actor works with
// ------------------------------------------------

/// How far it is; written by the job, read by XACTIONS.
struct xact_progress {
  std::atomic<uint64_t> objects{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> looked{0};
  std::atomic<uint64_t> total{0};
};

/// What a job tells when it ends.
struct xact_end {
  std::string id;
  bool aborted = false;
  std::string error; ///< empty: none
};

/// A job's actor: stops soon when told to, and tells its end either way.
using xact_actor = caf::typed_actor<caf::reacts_to<atom::stop>>;

struct xact_order {
  xactions_config node;
  start_xact what;
  std::shared_ptr<xact_progress> progress;
  std::function<void(const xact_end&)> ended;
};

} // namespace ais
