// The GATE is the one actor of a node that other nodes talk to: it hands their
// messages to whom they concern. Peers are the gates this node is connected to.
#pragma once

#include "actors/cluster/informant.hpp"
#include "actors/cluster/keepalive.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/meta/metasync.hpp"
#include "actors/proxy/proxy.hpp"
#include "actors/rebalance/rebalance.hpp"
#include "actors/target/remover.hpp"
#include "actors/xact/xactions.hpp"

#include <map>

namespace ais {

// -- messages between nodes
// --------------------------------------------------------

/// Asks who is there.
struct hello {
  uint32_t protocol = 1;
};

struct hello_answer {
  uint32_t protocol = 1;
  std::string cluster;            ///< uuid, or empty
  std::vector<std::string> seats; ///< ids of the process
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello& x) {
  return f(x.protocol);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello_answer& x) {
  return f(x.protocol, x.cluster, x.seats);
}

// -- interface
// --------------------------------------------------------------------

/// The GATE actor interface: see the actors that answer.
using gate_actor
  = caf::typed_actor<caf::replies_to<hello>::with<hello_answer>,
                     // METASYNC
                     caf::replies_to<vote_request>::with<vote>,
                     caf::replies_to<state_update>::with<sync_answer>,
                     caf::replies_to<commit_notice>::with<sync_answer>,
                     caf::replies_to<take_over>::with<ack>,
                     // KEEPALIVE
                     caf::replies_to<beat>::with<beat_answer>,
                     // MEMBERSHIP
                     caf::replies_to<join_request>::with<join_answer>,
                     caf::replies_to<invite>::with<invited>,
                     // PROXY
                     caf::replies_to<create_bucket>::with<ack>,
                     caf::replies_to<destroy_bucket>::with<ack>,
                     caf::replies_to<set_bucket_props>::with<ack>,
                     caf::replies_to<set_config>::with<ack>,
                     caf::replies_to<set_access_keys>::with<ack>,
                     caf::replies_to<change_nodes>::with<ack>,
                     caf::replies_to<admit_node>::with<admitted>,
                     caf::replies_to<set_primary>::with<ack>,
                     caf::replies_to<start_rebalance>::with<rebalance_started>,
                     caf::replies_to<end_cluster>::with<ack>,
                     // NODE
                     caf::replies_to<dismiss>::with<ack>,
                     // INFORMANT; errc::unsupported where nobody provides it
                     caf::replies_to<node_question>::with<node_account>,
                     // LOCAL CONFIG
                     caf::replies_to<override_config>::with<ack>,
                     // TARGET; errc::unsupported where there is none
                     caf::replies_to<begin_txn>::with<ack>, //
                     caf::replies_to<list_part>::with<listed_part>,
                     caf::replies_to<change_mountpath>::with<mountpath_changed>,
                     caf::replies_to<count_bucket>::with<bucket_totals>,
                     // REBALANCE; errc::unsupported where there is no target
                     caf::replies_to<surrender>::with<ack>,
                     caf::replies_to<seek_object>::with<ack>,
                     caf::replies_to<query_moves>::with<moves_state>,
                     // REMOVER; errc::unsupported where there is no target
                     caf::replies_to<remove_objects>::with<removed_objects>,
                     // XACTIONS; errc::unsupported where there is no target
                     caf::replies_to<start_xact>::with<ack>,
                     caf::replies_to<stop_xact>::with<ack>,
                     caf::replies_to<query_xacts>::with<xact_snaps>,
                     // ... where it is carried out at once
                     caf::replies_to<carry_out>::with<ack>>;

/// The gates of other nodes by node id; shown on a board by PEERS.
struct peer_set {
  std::map<std::string, gate_actor> gates; ///< ours under our ids
  gate_actor own;
};

/// What of the NODE the gate needs.
using dismissed_actor = caf::typed_actor<caf::replies_to<dismiss>::with<ack>>;

struct gate_routes {
  std::vector<std::string> seats;
  std::function<std::string()> cluster; ///< uuid, as far as known
  metasync_actor metasync;
  keepalive_actor keepalive;
  membership_actor membership;
  proxy_actor proxy;
  dismissed_actor node;
  local_config_actor local;
  informant_actor informant; ///< null where nobody provides it
  target_actor target;       ///< null on a node without
  xactions_actor xactions;   ///< the same
  rebalance_actor rebalance; ///< the same
  remover_actor remover;     ///< the same
};

/// Spawns the GATE.
gate_actor spawn_gate(caf::actor_system& sys, const environment& env,
                      const gate_routes& routes);

} // namespace ais
