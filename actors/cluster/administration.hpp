// ADMINISTRATION carries out, on the primary, what people ask about members:
// maintenance, shutdown, decommission, removal, admission, another primary. One
// operation at a time: a second one is refused, not queued.
// Sources: api-control 4.3, 4.5; storage-semantics 19.
#pragma once

#include "actors/cluster/change.hpp"
#include "actors/cluster/membership.hpp"

namespace ais {

/// The nodes that are told to leave have this long to answer.
inline constexpr std::chrono::seconds dismiss_timeout{10};
/// A node that is asked in has this long to become a member.
inline constexpr std::chrono::seconds admit_timeout{30};

// -- messages between nodes
// --------------------------------------------------------

enum class node_action : uint8_t {
  start_maintenance, ///< nothing is placed on it any more
  stop_maintenance,
  shutdown,     ///< maintenance, and its process ends
  decommission, ///< leaves the map, forgets the cluster, its process ends
  remove,       ///< leaves the map, and goes on running outside of it
};
/// As clients spell it.
std::string_view to_string(node_action x);

/// Does the same to several members: to all, or, if one must not, to none.
struct change_nodes {
  node_action what = node_action::start_maintenance;
  std::vector<std::string> ids;
  bool skip_rebalance = false; ///< leave objects where they are
  bool rm_user_data = false;   ///< decommission: remove buckets' content
  bool keep_config = false;    ///< decommission: keep the node's overrides
  bool keep_running = false;   ///< decommission: the process goes on
  /// Maintenance: a target asks, because it has no mountpath, or has one again.
  bool no_mountpaths = false;
  change_tag tag = {};
};

/// Asks a node that runs and is in no cluster in.
struct admit_node {
  net_info control;
  bool non_electable = false;
  change_tag tag = {};
};

/// Tells a node that it is dismissed.
struct dismiss {
  std::string cluster;
  bool stop = false;         ///< its process ends
  bool forget = false;       ///< the cluster's metadata is removed
  bool rm_user_data = false; ///< the buckets' content, too
  bool keep_config = false;  ///< but not the node's own overrides
};

struct admitted {
  std::vector<snode> nodes; ///< as they are in the map
};

struct set_primary {
  std::string id;
  change_tag tag = {};
};

/// Has every target look for objects that are not where they belong.
struct start_rebalance {
  change_tag tag = {};
};

struct rebalance_started {
  uint64_t generation = 0;
};

/// Ends all processes of the cluster.
struct end_cluster {
  bool decommission = false; ///< and the cluster: nodes forget it
  bool rm_user_data = false;
  change_tag tag = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_nodes& x) {
  return f(x.what, x.ids, x.skip_rebalance, x.rm_user_data, x.keep_config,
           x.keep_running, x.no_mountpaths, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admit_node& x) {
  return f(x.control, x.non_electable, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, dismiss& x) {
  return f(x.cluster, x.stop, x.forget, x.rm_user_data, x.keep_config);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admitted& x) {
  return f(x.nodes);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_primary& x) {
  return f(x.id, x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, start_rebalance& x) {
  return f(x.tag);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, rebalance_started& x) {
  return f(x.generation);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, end_cluster& x) {
  return f(x.decommission, x.rm_user_data, x.tag);
}

// -- messages (in-process)
// --------------------------------------------------------

/// Proposes a change, and waits until all targets that may serve know it.
struct carry_through {
  std::function<expected<void>(cluster_state&)> change;
};

// -- interface
// --------------------------------------------------------------------

/// Who does that, between changes of buckets: PROXY.
using carrier_actor
  = caf::typed_actor<caf::replies_to<carry_through>::with<ack>>;

/// The ADMINISTRATION actor interface. All: errc::not_ready when not primary,
/// busy while another operation goes on.
using administration_actor = caf::typed_actor<
  // Returns when committed, and those that leave know it; or, where objects
  // have to move first, when they begin to: the rest follows when they have.
  // Repeating it changes nothing, and goes on with what was interrupted.
  // errc::node_not_found; invalid_argument: the primary, the last target;
  // timed_out: it is done, but a node that leaves does not answer.
  caf::replies_to<change_nodes>::with<ack>,
  // errc::invalid_argument: nobody there; integrity: of another cluster;
  // conflict: id or address in use.
  caf::replies_to<admit_node>::with<admitted>,
  // Returns when it is primary. errc::node_not_found, invalid_argument: it must
  // not be; conflict: it was not elected.
  caf::replies_to<set_primary>::with<ack>,
  // Returns when all targets know it. errc::busy: one goes on;
  // invalid_argument: there is nothing to move between, or it is disabled.
  caf::replies_to<start_rebalance>::with<rebalance_started>,
  // Returns when all that answer know it; this node leaves a moment later.
  caf::replies_to<end_cluster>::with<ack>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct administration_config {
  environment env;
  metasync_actor metasync;
  carrier_actor carrier;
  connector_actor connector;
  std::shared_ptr<board<peer_set>> peers; ///< us among them
};

/// Spawns the ADMINISTRATION.
administration_actor spawn_administration(caf::actor_system& sys,
                                          const administration_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::carry_through)
