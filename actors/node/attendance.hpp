// ATTENDANCE keeps a target without any mountpath out of the cluster's
// placement: it has the primary put it into maintenance, and takes it back when
// it has a mountpath again. What is on a mountpath that was disabled with its
// objects stays known: not found there never means absent.
//
// A target that people have put into maintenance is left to them.
// Source: storage-semantics 13.1.
#pragma once

#include "actors/proxy/proxy.hpp"

namespace ais {

inline constexpr std::chrono::seconds attendance_pause{1};

/// The ATTENDANCE actor interface.
using attendance_actor = caf::typed_actor<
  // The target's view has changed.
  caf::reacts_to<atom::next>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct attendance_config {
  environment env;
  std::string target_id;
  proxy_actor proxy;
  std::shared_ptr<board<target_view>> view;
};

/// Spawns ATTENDANCE.
attendance_actor
spawn_attendance(caf::actor_system& sys, const attendance_config& config);

} // namespace ais
