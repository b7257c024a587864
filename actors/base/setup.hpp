// What every actor system of ours must know.
#pragma once

#include <caf/actor_system_config.hpp>

namespace ais {

/// Makes all messages between nodes known to CAF.
void add_message_types(caf::actor_system_config& cfg);

} // namespace ais
