// The SCOUT asks a node that is in no cluster yet who it is. It may block.
#pragma once

#include "actors/meta/smap.hpp"

#include <caf/actor_system.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace ais::http {

// -- messages (in-process)
// --------------------------------------------------------

struct look_up {
  net_info at; ///< of clients
};

// -- interface
// --------------------------------------------------------------------

/// The SCOUT actor interface.
using scout_actor = caf::typed_actor<
  // errc::not_ready: nobody answers there, or something else does.
  caf::replies_to<look_up>::with<snode>>;

/// Spawns the SCOUT.
scout_actor spawn_scout(caf::actor_system& sys);

} // namespace ais::http

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::http::look_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::snode)
