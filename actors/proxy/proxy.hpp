// The PROXY changes cluster metadata: buckets by two-phase transactions over
// the targets (begin everywhere, new bmd version durable, commit everywhere;
// abort everywhere if a begin fails), and the configuration. One change at a
// time, in the order asked.
#pragma once

#include "actors/meta/bmd.hpp"
#include "actors/meta/local_config.hpp"
#include "actors/target/target.hpp"

namespace ais {

inline constexpr size_t max_waiting_changes = 256;

// -- messages (in-process)
// --------------------------------------------------------

struct create_bucket {
  bck name;
  std::string props; ///< BpropsToSet as JSON text; empty: cluster defaults
};

struct destroy_bucket {
  bck name;
};

struct set_bucket_props {
  bck name;
  std::string props;  ///< BpropsToSet as JSON text
  bool reset = false; ///< to the cluster's defaults instead
};

/// Changes the cluster's configuration; a transient change and a reset concern
/// the overrides of every node instead.
struct set_config {
  config_change change;
  bool transient = false;
  bool reset = false; ///< drop overrides
};

// -- interface
// --------------------------------------------------------------------

/// The PROXY actor interface. All return when the change is durable and
/// visible; errc::too_many_requests at max_waiting_changes.
using proxy_actor = caf::typed_actor<
  // errc::bucket_exists, invalid_argument (props).
  caf::replies_to<create_bucket>::with<ack>,
  // errc::bucket_not_found.
  caf::replies_to<destroy_bucket>::with<ack>,
  // errc::bucket_not_found, invalid_argument.
  caf::replies_to<set_bucket_props>::with<ack>,
  // errc::invalid_argument, unsupported.
  caf::replies_to<set_config>::with<ack>>;

struct proxy_config {
  environment env;
  bucket_map_actor buckets;
  cluster_config_actor config;
  local_config_actor local;
  std::vector<target_actor> targets;
};

/// Spawns the PROXY.
proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::create_bucket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::destroy_bucket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::set_bucket_props)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::set_config)
