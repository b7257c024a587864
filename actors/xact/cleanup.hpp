// CLEANUP-STORE removes what nobody needs from this target's disks: the trash,
// unfinished writes of earlier starts, and buckets that do not exist.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

/// Spawns the job.
xact_actor spawn_cleanup(caf::actor_system& sys, const xact_order& order);

} // namespace ais
