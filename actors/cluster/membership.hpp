// MEMBERSHIP brings this node into a cluster and, on the primary, decides who
// is in it: nodes that join, fall silent, come back. One change at a time.
// Sources: storage-semantics 15, 18; api-control 4.3.
#pragma once

#include "actors/cluster/peers.hpp"

namespace ais {

inline constexpr std::chrono::milliseconds join_retry{500};
inline constexpr std::chrono::seconds join_timeout{10};

// -- messages between nodes
// --------------------------------------------------------

/// Asks to be a member, or to be one again.
struct join_request {
  std::string cluster;      ///< uuid, or empty: never was in one
  std::vector<snode> nodes; ///< all of the asking process
};

/// Asks a node that is in no cluster to join this one.
struct invite {
  std::string cluster;
  net_info via; ///< control address of the primary
  bool non_electable = false;
};

struct invited {
  std::vector<std::string> seats; ///< ids of the process: members now
};

struct join_answer {
  bool accepted = false;
  std::string cluster;
  net_info primary; ///< ask there instead, if not accepted
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, join_request& x) {
  return f(x.cluster, x.nodes);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, join_answer& x) {
  return f(x.accepted, x.cluster, x.primary);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, invite& x) {
  return f(x.cluster, x.via, x.non_electable);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, invited& x) {
  return f(x.seats);
}

// -- messages (in-process)
// --------------------------------------------------------

/// Joins through any of these control addresses.
struct join_cluster {
  std::vector<net_info> via;
};

/// The node was told to leave: it joins again only when invited.
struct stay_away {};

/// A member fell silent or answers again.
struct mark_silent {
  std::string id;
  bool silent = false;
};

// -- interface
// --------------------------------------------------------------------

/// The MEMBERSHIP actor interface.
using membership_actor = caf::typed_actor<
  // Answers when the map with the node is committed. errc::integrity: of
  // another cluster; conflict: id or address of a node that lives; not_ready.
  caf::replies_to<join_request>::with<join_answer>,
  // Returns when accepted; tries until the end of time on not_ready, gives up
  // with errc::integrity and conflict. Does nothing on a node that was told to
  // stay away.
  caf::replies_to<join_cluster>::with<ack>,
  // Returns when we are members, be it again; errc::integrity: this node is of
  // another cluster, busy: it is joining already.
  caf::replies_to<invite>::with<invited>, //
  caf::reacts_to<stay_away>, caf::reacts_to<mark_silent>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>>;

struct membership_config {
  environment env;
  std::vector<snode> nodes; ///< of this process
  metasync_actor metasync;
  peers_actor peers;
  connector_actor connector;
  std::shared_ptr<board<peer_set>> connected;
};

/// Spawns the MEMBERSHIP.
membership_actor
spawn_membership(caf::actor_system& sys, const membership_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::join_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::mark_silent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::stay_away)
