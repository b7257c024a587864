// RESILVER takes objects to the mountpath where they are placed, on this
// target, when its mountpaths change.
//
// The volume (meta/volume.hpp) is *settled*, or an object may be on any of the
// mountpaths in use, those that are to leave included. While it is not, the
// same holds within a target as between targets (actors/rebalance):
//
// - before the first request for an object is served, it is *settled*: what
//   other mountpaths have of it is copied to its own, durably, then removed
//   there. Shards change only what is placed on their mountpath by the view of
//   now: what another one accepted before is on it when we look.
// - a walk over all buckets does the same for all others.
//
// Which of two versions is newer is told by their attributes, as between
// targets. When a walk was complete, the target is told, and the volume is
// settled; mountpaths that were to leave have left. A change of the mountpaths
// meanwhile begins a new walk, and so does a start of the node.
//
// Where a mirrored object is left on a mountpath that is not in use, a copy of
// it takes its place (actors/mirror): an object that cannot be told from a lost
// one is served from the copy, and stays.
//
// **Limits**: max_settling objects at once (errc::too_many_requests beyond);
// the walk moves up to max_resilvering at once (whole_walk).
// Sources: storage-semantics 13; architecture section 6, rule 5.
#pragma once

#include "actors/mover/mover.hpp"
#include "actors/xact/xaction.hpp"

namespace ais {

inline constexpr size_t max_resilvering = 512;
inline constexpr size_t max_kept_resilvers = 32; ///< as jobs

/// The RESILVER actor interface.
using resilver_actor = settler_actor::extend<
  // The target's view has changed.
  caf::reacts_to<atom::next>>;

struct resilver_config {
  environment env;
  target_actor target;
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> view;
  /// Where its work is shown, for XACTIONS.
  std::shared_ptr<xact_board> snaps;
};

/// Spawns RESILVER.
resilver_actor
spawn_resilver(caf::actor_system& sys, const resilver_config& config);

} // namespace ais
