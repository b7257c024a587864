// An OBJECT JOB does one thing with every object of a selection: of a list, a
// template or a prefix. Each target does it with what belongs to it by its map,
// after all of the object is there; names of objects that are not there are
// skipped.
#pragma once

#include "actors/xact/xactions.hpp"

#include <optional>

namespace ais {

/// Objects under way at once, per target.
inline constexpr size_t max_objects_at_once = 16;

using object_job_actor = xact_actor::extend<caf::reacts_to<atom::next>>;

/// How large the object was that something was done with [bytes]; none: it is
/// not there.
using deed_result = expected<std::optional<uint64_t>>;

/// What is done with one object; runs in the job's actor, and calls `done`,
/// once.
using deed
  = std::function<void(object_job_actor::pointer self, const located& what,
                       std::function<void(const deed_result&)> done)>;

/// Spawns the job. @param stubborn  goes on after an object that failed
/// @returns errc::invalid_argument: the template.
expected<xact_actor>
spawn_object_job(caf::actor_system& sys, const xact_order& order, deed what,
                 bool stubborn);

} // namespace ais
