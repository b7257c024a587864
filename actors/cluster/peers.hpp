// PEERS keeps this node connected to the gates of all others and shows them on
// a board. How to connect is the CONNECTOR's: CAF's middleman in a process, the
// simulated network in tests.
#pragma once

#include "actors/meta/metasync.hpp"

namespace ais {

inline constexpr std::chrono::milliseconds connect_timeout{3000};
inline constexpr std::chrono::milliseconds connect_retry{500};

/// The CONNECTOR actor interface: returns the gate (gate_actor) at a control
/// address; errc::not_ready when nobody answers there.
using connector_actor
  = caf::typed_actor<caf::replies_to<net_info>::with<caf::strong_actor_ptr>>;

// -- messages (in-process)
// --------------------------------------------------------

/// Connects to nodes that are not in the map yet.
struct meet {
  std::vector<snode> nodes;
};

/// Our own gate, shown among the peers'.
struct own_gate {
  caf::strong_actor_ptr gate;
};

// -- interface
// --------------------------------------------------------------------

/// The PEERS actor interface.
using peers_actor = caf::typed_actor<
  // Returns when connected; errc::not_ready.
  caf::replies_to<meet>::with<ack>, //
  caf::reacts_to<own_gate>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct peers_config {
  environment env;
  std::vector<std::string> seats; ///< ids of this process
  connector_actor connector;
  std::shared_ptr<board<peer_set>> shown;
  /// A connection broke.
  std::function<void(const std::string& id)> lost;
};

/// Spawns PEERS.
peers_actor spawn_peers(caf::actor_system& sys, const peers_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::meet)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::own_gate)
