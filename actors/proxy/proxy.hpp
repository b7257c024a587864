// The PROXY changes buckets and configuration. On the primary it does so:
// buckets by two-phase transactions over the targets (begin everywhere, the new
// state committed by metasync, commit everywhere; abort everywhere if a begin
// fails), one change at a time, in the order asked; what concerns members it
// gives to ADMINISTRATION. On other nodes it forwards to the primary.
#pragma once

#include "actors/cluster/administration.hpp"
#include "actors/meta/local_config.hpp"
#include "actors/target/target.hpp"

namespace ais {

inline constexpr size_t max_waiting_changes = 256;
/// All nodes keep them in memory, and every change of metadata carries them.
inline constexpr size_t max_access_keys_bytes = 256 << 10;
/// Forwarded changes the primary remembers.
inline constexpr size_t max_remembered_changes = 4096;

// -- messages between nodes
// --------------------------------------------------------

struct create_bucket {
  bck name;
  std::string props; ///< BpropsToSet as JSON text; empty: cluster defaults
  change_tag tag = {};
  /// With the properties of this bucket, which is then renamed to it
  /// (actors/proxy/renamer.hpp); without a name: a new one.
  bck from = {};
};

struct destroy_bucket {
  bck name;
  change_tag tag = {};
};

struct set_bucket_props {
  bck name;
  std::string props;  ///< BpropsToSet as JSON text
  bool reset = false; ///< to the cluster's defaults instead
  change_tag tag = {};
};

/// Changes the cluster's configuration; a transient change and a reset concern
/// the overrides of every node instead.
struct set_config {
  config_change change;
  bool transient = false;
  bool reset = false; ///< drop overrides
  change_tag tag = {};
};

/// Replaces the access keys of the S3 API, if they are what they were.
struct set_access_keys {
  std::string before; ///< as cluster_state has them
  std::string after;  ///< at most max_access_keys_bytes
  change_tag tag = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_access_keys& x) {
  return f(x.before, x.after, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, create_bucket& x) {
  return f(x.name, x.props, x.tag, x.from);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, destroy_bucket& x) {
  return f(x.name, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_bucket_props& x) {
  return f(x.name, x.props, x.reset, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_config& x) {
  return f(x.change, x.transient, x.reset, x.tag);
}

// -- interface
// --------------------------------------------------------------------

/// The PROXY actor interface. Changes return when they are committed and the
/// nodes that answer show them; errc::too_many_requests at max_waiting_changes,
/// not_ready without a primary, or when it ceased to be one: then the change
/// may yet come to be.
using proxy_actor = caf::typed_actor<
  // errc::bucket_exists, invalid_argument (props); of a renaming also
  // bucket_not_found, conflict: it is being renamed already.
  caf::replies_to<create_bucket>::with<ack>,
  // errc::bucket_not_found.
  caf::replies_to<destroy_bucket>::with<ack>,
  // errc::bucket_not_found, invalid_argument.
  caf::replies_to<set_bucket_props>::with<ack>,
  // errc::invalid_argument, unsupported.
  caf::replies_to<set_config>::with<ack>,
  // errc::conflict: they have changed; too_large.
  caf::replies_to<set_access_keys>::with<ack>,
  // ADMINISTRATION
  caf::replies_to<change_nodes>::with<ack>,
  caf::replies_to<admit_node>::with<admitted>,
  caf::replies_to<set_primary>::with<ack>,
  caf::replies_to<start_rebalance>::with<rebalance_started>,
  caf::replies_to<end_cluster>::with<ack>,
  // In turn with the changes of buckets; errc::not_ready.
  caf::replies_to<carry_through>::with<ack>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct proxy_config {
  environment env;
  metasync_actor metasync;
  peers_actor meet;
  connector_actor connector;
  std::shared_ptr<board<peer_set>> peers; ///< us among them
};

/// Spawns the PROXY.
proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config);

} // namespace ais
