// How nodes reach each other: CAF's middleman (BASP over TCP). What actors/
// knows of it are the connector and the gate's address.
#pragma once

#include "actors/cluster/peers.hpp"

#include <caf/actor_system_config.hpp>

namespace ais::http {

/// Loads the middleman into a configuration and sets its time limits.
void load_middleman(caf::actor_system_config& cfg);

/// A connector over the middleman; without one loaded it never connects.
connector_actor spawn_connector(caf::actor_system& sys);

/// Makes the gate reachable at `at`. Blocks for a moment.
/// @returns errc::io_error when the port is taken.
expected<void> publish_gate(caf::actor_system& sys, const net_info& at,
                            const caf::strong_actor_ptr& gate);

} // namespace ais::http
