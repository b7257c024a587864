// Cluster map (smap): the versioned list of a cluster's nodes and its primary.
// Source: AIStore core/meta/smap.go, snode.go; api-control 7.1.
#pragma once

#include "actors/meta/owner.hpp"
#include "storage/base/json.hpp"

#include <map>

namespace ais {

/// Where one of a node's three networks is reached.
struct net_info {
  std::string host; ///< name or IP address
  uint16_t port = 0;
  std::string url() const;
  bool operator==(const net_info&) const = default;
};

enum class node_role : uint8_t { proxy, target };
std::string_view to_string(node_role x);

/// Bits of snode::flags.
inline constexpr uint64_t snode_non_electable = 1;
inline constexpr uint64_t snode_ic_member = 2;
inline constexpr uint64_t snode_maintenance = 4;
inline constexpr uint64_t snode_decommission = 8;

/// One node of the cluster.
struct snode {
  std::string id;
  node_role role = node_role::proxy;
  net_info pub;     ///< for clients
  net_info control; ///< node to node
  net_info data;    ///< object bytes between nodes
  uint64_t flags = 0;
};

/// "p[id]" or "t[id]".
std::string name_of(const snode& x);

/// One version of the map: a value.
struct smap {
  uint64_t version = 0;
  std::string uuid;    ///< of the cluster
  std::string created; ///< "2026-11-21 01:43:31"
  std::string primary; ///< id of a proxy
  std::map<std::string, snode> proxies;
  std::map<std::string, snode> targets;

  const snode* find(const std::string& id) const;
};

using smap_ptr = std::shared_ptr<const smap>;

json::object to_json(const snode& x);
json::object to_json(const smap& x);
expected<smap_ptr> parse_smap(std::string_view text);

template <>
struct meta_traits<smap> {
  static constexpr const char* kind = "smap";
  static uint64_t version(const smap& x) { return x.version; }
  static std::string to_json(const smap& x);
};

/// The CLUSTER MAP owner: see owner.hpp.
using cluster_map_actor = owner_actor<smap>;

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::smap_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::replace<ais::smap>)
