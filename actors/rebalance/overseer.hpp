// The OVERSEER sees, on the primary, that moves of objects come to their end:
// it asks all targets of the map whether they have given away what is not
// theirs, and when all have, commits a map without the earlier placements.
#pragma once

#include "actors/cluster/gate.hpp"

namespace ais {

inline constexpr std::chrono::milliseconds oversee_pause{100};

/// The OVERSEER actor interface.
using overseer_actor = caf::typed_actor<caf::reacts_to<sync_view>>;

struct overseer_config {
  environment env;
  metasync_actor metasync;
  std::shared_ptr<board<peer_set>> peers;
};

/// Spawns the OVERSEER.
overseer_actor
spawn_overseer(caf::actor_system& sys, const overseer_config& config);

} // namespace ais
