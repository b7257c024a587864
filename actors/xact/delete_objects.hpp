// DELETE-OBJECTS removes objects of a bucket: by list, template or prefix. Each
// target removes what belongs to it by its map; what is not there is skipped.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

/// Objects under way at once, per target.
inline constexpr size_t max_deletes_at_once = 16;

/// Spawns the job. @returns errc::invalid_argument: the template.
expected<xact_actor>
spawn_delete_objects(caf::actor_system& sys, const xact_order& order);

} // namespace ais
