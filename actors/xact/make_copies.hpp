// MAKE-COPIES gives each object of a bucket as many copies as its properties
// say, or takes away those that are too many: MIRROR does it, this is the job.
// Source: storage-semantics 11; api-data 1.7.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

/// Spawns the job.
expected<xact_actor>
spawn_make_copies(caf::actor_system& sys, const xact_order& order);

} // namespace ais
