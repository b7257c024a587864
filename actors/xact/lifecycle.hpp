// LIFECYCLE removes what the rules of a bucket say has had its time: objects,
// former versions of them, and uploads that were never completed. A job of
// three kinds of buckets: of one with rules, and of those beside it that keep
// versions and uploads (storage/base/home.hpp).
//
// An object is removed as by a client, and only while it is the very one the
// rules were asked about: what was written meanwhile, or got other tags, stays.
// A former version is removed only while it is a former one.
// The rules are read anew for each object: those that are taken back end it.
#pragma once

#include "actors/xact/xactions.hpp"

namespace ais {

inline constexpr std::string_view lifecycle_kind = "lifecycle";

/// Spawns the job.
expected<xact_actor>
spawn_lifecycle(caf::actor_system& sys, const xact_order& order);

// -- interface
// --------------------------------------------------------------------

/// The LIFECYCLE CLOCK actor interface: starts this target's part of the job
/// for every bucket that has rules, every hour, or every quarter of a day that
/// is shorter than usual. All targets give the parts of one hour the same id.
using lifecycle_clock_actor = caf::typed_actor<caf::reacts_to<atom::tick>>;

/// Spawns the LIFECYCLE CLOCK. @param day  of the rules
lifecycle_clock_actor
spawn_lifecycle_clock(caf::actor_system& sys, const environment& env,
                      std::shared_ptr<board<bmd>> buckets,
                      xactions_actor xactions, std::chrono::nanoseconds day);

/// The parts of the job for a bucket: for it, for its former versions, and for
/// uploads to it. None if it has no rules.
std::vector<start_xact> lifecycle_orders(const bmd& all, const bucket& b);

} // namespace ais
