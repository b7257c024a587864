// LOCAL CONFIG: the configuration in effect on this node, which is the
// cluster's with this node's overrides on top. Overrides are kept by the vault,
// transient ones in memory. Source: api-control 3.4, 4.4.
#pragma once

#include "actors/base/board.hpp"
#include "actors/base/environment.hpp"
#include "actors/base/type_ids.hpp"
#include "actors/meta/cluster_config.hpp"
#include "actors/meta/vault.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace ais {

/// A value; shown on a board.
struct local_config {
  cluster_config_ptr cluster = std::make_shared<const cluster_config>();
  overrides own;
  property_set values{config_schema()}; ///< in effect
};

// -- messages between nodes
// --------------------------------------------------------

struct override_config {
  config_change change;
  bool transient = false; ///< until the next restart only
  bool reset = false;     ///< drop all overrides instead
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, override_config& x) {
  return f(x.change, x.transient, x.reset);
}

// -- interface
// --------------------------------------------------------------------

/// The LOCAL CONFIG actor interface.
using local_config_actor = caf::typed_actor<
  // errc::invalid_argument, unsupported, io_error.
  caf::replies_to<override_config>::with<ack>,
  // The cluster has a new configuration.
  caf::reacts_to<cluster_config_ptr>>;

/// Reads the overrides that the vault kept.
expected<overrides> parse_overrides(std::string_view json);

/// Spawns the LOCAL CONFIG; `saved` is what the vault has.
local_config_actor
spawn_local_config(caf::actor_system& sys, const environment& env,
                   overrides saved, vault_actor vault,
                   std::shared_ptr<board<local_config>> shown);

} // namespace ais
