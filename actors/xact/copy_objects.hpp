// COPY-OBJECTS copies the objects of a selection to another bucket, moves them
// there ("move-bck"), or only counts them. Sources: api-data 1.6, 1.12.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

/// The name of the copy: behind the prefix, with the extension exchanged.
std::string name_of_copy(const copy_plan& how, const std::string& name);

/// Spawns the job. @returns errc::invalid_argument: the template.
expected<xact_actor>
spawn_copy_objects(caf::actor_system& sys, const xact_order& order);

} // namespace ais
