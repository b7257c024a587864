// ELECTION decides when one of this node's proxies runs for primary: when the
// primary is lost, in the order of succession, each after those before it had
// their chance. Source: storage-semantics 16.
#pragma once

#include "actors/meta/metasync.hpp"

namespace ais {

/// How long the next in line waits for the one before it.
inline constexpr std::chrono::milliseconds succession_step{300};
/// Pause after a vote that was lost, and as much again at random.
inline constexpr std::chrono::milliseconds campaign_pause{500};
/// A vote takes no longer.
inline constexpr std::chrono::seconds campaign_timeout{10};

// -- interface
// --------------------------------------------------------------------

/// The ELECTION actor interface.
using election_actor = caf::typed_actor<
  // The primary of the current epoch does not answer.
  caf::reacts_to<atom::start>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct election_config {
  environment env;
  std::string proxy; ///< our id
  metasync_actor metasync;
};

/// Spawns the ELECTION.
election_actor
spawn_election(caf::actor_system& sys, const election_config& config);

} // namespace ais
