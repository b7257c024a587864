// The NODE actor is the root of a process: it knows who the node is, loads the
// cluster metadata, spawns everything else in order and stops it in reverse.
#pragma once

#include "actors/cluster/gate.hpp"
#include "actors/meta/local_config.hpp"
#include "actors/mover/mover.hpp"
#include "actors/proxy/proxy.hpp"
#include "actors/xact/summaries.hpp"

#include <atomic>
#include <map>

namespace ais {

/// Bits of a node's state as clients see it; healthy is started_both alone.
/// Source: api-control 7.9.
inline constexpr uint64_t state_cluster_started = 2;
inline constexpr uint64_t state_node_started = 4;
inline constexpr uint64_t state_rebalancing = 8;
inline constexpr uint64_t state_resilvering = 32;
inline constexpr uint64_t state_out_of_space = 256;
inline constexpr uint64_t state_low_capacity = 2048;
inline constexpr uint64_t state_disk_fault = 8192;

/// What the node shows to whoever serves requests in its process.
struct node_boards {
  std::shared_ptr<board<smap>> map = std::make_shared<board<smap>>();
  std::shared_ptr<board<bmd>> buckets = std::make_shared<board<bmd>>();
  std::shared_ptr<board<cluster_config>> config
    = std::make_shared<board<cluster_config>>();
  std::shared_ptr<board<local_config>> local
    = std::make_shared<board<local_config>>();
  std::shared_ptr<board<sync_view>> sync = std::make_shared<board<sync_view>>();
  std::shared_ptr<board<peer_set>> peers = std::make_shared<board<peer_set>>();
  /// What this process would be in a map, known before it is in one.
  std::shared_ptr<board<std::vector<snode>>> own
    = std::make_shared<board<std::vector<snode>>>();
  std::shared_ptr<fence> gate_fence = std::make_shared<fence>();
  std::shared_ptr<board<target_view>> target
    = std::make_shared<board<target_view>>();
  std::atomic<uint64_t> state{0}; ///< bits above
  int64_t started_ns = 0;         ///< Unix time [ns]
};

// -- messages (in-process)
// --------------------------------------------------------

/// Whom to ask, once the node is active.
struct node_handles {
  std::string proxy_id;  ///< empty: no proxy here
  std::string target_id; ///< empty: no target here
  proxy_actor proxy;
  mover_actor mover;     ///< null: no target here
  settler_actor settler; ///< the same
  local_config_actor local;
  summaries_actor summaries;
};

// -- interface
// --------------------------------------------------------------------

/// The NODE actor interface.
using node_actor = caf::typed_actor<
  // Returns when the node is active; errc::integrity, io_error: it cannot
  // start.
  caf::replies_to<atom::start>::with<node_handles>,
  // Returns when everything below has stopped.
  caf::replies_to<atom::stop>::with<ack>,
  // Returns when what is to be forgotten is; errc::integrity: of another
  // cluster.
  caf::replies_to<dismiss>::with<ack>>;

struct node_config {
  environment env;
  std::string dir;                     ///< absolute; configuration and identity
  std::vector<std::string> mountpaths; ///< absolute; of a target at least one
  std::map<std::string, std::string> labels; ///< of them, where there are any
  /// Of a cluster that begins with this node; null: defaults.
  cluster_config_ptr first_config;
  bool proxy = true; ///< roles of this process: one or both
  bool target = true;
  net_info pub;     ///< where clients reach this node
  net_info control; ///< where other nodes do
  net_info data;
  /// Control addresses of a cluster to join; empty: start one, unless this node
  /// was in one before.
  std::vector<net_info> join;
  std::string join_uuid; ///< of that cluster
  /// Without a cluster, wait to be invited into one.
  bool standby = false;
  bool electable = true;
  connector_actor connector;
  /// Takes objects between targets; null: this node has no peers.
  courier_actor courier;
  informant_actor informant; ///< null: nobody asks
  /// Makes the gate reachable at `control`.
  std::function<expected<void>(const caf::strong_actor_ptr& gate)> publish;
  /// Asks for the end of the process: the node was dismissed.
  std::function<void()> leave;
  size_t shards = 4;           ///< per mountpath
  size_t cached_leases = 4096; ///< open files
  /// A day of lifecycle rules; shorter in tests.
  std::chrono::nanoseconds lifecycle_day = std::chrono::hours{24};
};

/// Spawns the NODE.
node_actor spawn_node(caf::actor_system& sys, const node_config& config,
                      std::shared_ptr<node_boards> boards);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::node_handles)
