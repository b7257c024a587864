// DELETE-OBJECTS removes the objects of a selection.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

/// Spawns the job. @returns errc::invalid_argument: the template.
expected<xact_actor>
spawn_delete_objects(caf::actor_system& sys, const xact_order& order);

} // namespace ais
