// Cluster map (smap): the versioned list of a cluster's nodes and its primary.
// Source: AIStore core/meta/smap.go, snode.go; api-control 7.1.
#pragma once

#include "storage/base/json.hpp"
#include "storage/base/names.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ais {

/// Where one of a node's three networks is reached.
struct net_info {
  std::string host; ///< name or IP address
  uint16_t port = 0;
  /// "http://host:port", with brackets around an IPv6 address.
  std::string url() const;
  bool operator==(const net_info&) const = default;
};

/// Whether a host name or IP address means the machine it is used on.
bool is_loopback(std::string_view host);

enum class node_role : uint8_t { proxy, target };
std::string_view to_string(node_role x);

/// Bits of snode::flags.
inline constexpr uint64_t snode_non_electable = 1;
inline constexpr uint64_t snode_ic_member = 2;
inline constexpr uint64_t snode_maintenance = 4;
inline constexpr uint64_t snode_decommission = 8;
/// It does not answer. Ours, no bit of AIStore's: objects stay placed on it
/// (its data is neither gone nor moved), but it has no vote until it is back.
inline constexpr uint64_t snode_silent = 1 << 16;
/// It is to be dismissed when no objects are placed on it any more: shut down,
/// or decommissioned, and then how. Ours, too.
inline constexpr uint64_t snode_leaving = 1 << 17;
inline constexpr uint64_t snode_rm_user_data = 1 << 18;
inline constexpr uint64_t snode_keep_config = 1 << 19;
inline constexpr uint64_t snode_keep_running = 1 << 20;
/// In maintenance because none of its mountpaths is in use: until one is.
inline constexpr uint64_t snode_no_mountpaths = 1 << 21;
inline constexpr uint64_t snode_intents
  = snode_leaving | snode_rm_user_data | snode_keep_config | snode_keep_running;

/// One node of the cluster.
struct snode {
  std::string id;
  node_role role = node_role::proxy;
  net_info pub;     ///< for clients
  net_info control; ///< node to node
  net_info data;    ///< object bytes between nodes
  uint64_t flags = 0;
  bool operator==(const snode&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, net_info& x) {
  return f(x.host, x.port);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, snode& x) {
  return f(x.id, x.role, x.pub, x.control, x.data, x.flags);
}

/// Targets among which objects are placed by HRW.
struct placement_set {
  uint64_t generation = 0;          ///< counts up with every change
  std::vector<std::string> targets; ///< ids, sorted; none: might be anywhere
  bool operator==(const placement_set&) const = default;
};

/// Earlier placements that are remembered; with more, the oldest become one
/// that says nothing.
inline constexpr size_t max_placements = 8;

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
  /// Oldest first; the last one says who owns what. While there are others,
  /// objects may still be where those place them: see actors/rebalance. None:
  /// all active targets.
  std::vector<placement_set> placements;

  const snode* find(const std::string& id) const;
  bool operator==(const smap&) const = default;
};

/// Whether both can be members of one cluster: on each network, either both are
/// on the loopback of one machine or neither is. A client or node elsewhere
/// could not follow from one to the other.
/// @returns errc::conflict.
expected<void> check_company(const snode& x, const snode& member);

/// Whether objects are placed on it, clients served by it, votes asked of it.
bool active(const snode& x);
/// Whether it may become primary.
bool electable(const snode& x);
/// The order in which proxies take over: electable ones by id digest, largest
/// first. Source: storage-semantics 4.6.
std::vector<std::string> succession(const smap& x);
/// The target that owns an object; null without targets.
const snode* owner_of(const smap& x, uint64_t object_digest);
/// errc::not_ready when the object's owner is not `target`.
expected<void> check_owner(const smap& x, const std::string& target,
                           const bck& bucket, const std::string& object);
/// Whether objects may be elsewhere than at their owner.
bool moving(const smap& x);
/// Whether nobody but `target` can have an object, by all placements.
bool owned_throughout(const smap& x, const std::string& target,
                      uint64_t object_digest);
/// The generation of the placement in effect.
uint64_t generation_of(const smap& x);

// How placements change, as part of a change of the map.

/// Places objects on the targets that are active now. Without `move` they stay
/// where they are, unless others are on their way already.
void place_anew(smap& x, bool move);
/// As if nothing were known of where objects are.
void search_anew(smap& x);
/// All objects are at their owners.
void end_moves(smap& x);

using smap_ptr = std::shared_ptr<const smap>;

json::object to_json(const snode& x);
expected<snode> parse_snode(const json::value& v);
json::object to_json(const smap& x);
expected<smap_ptr> parse_smap(const json::value& v);
expected<smap_ptr> parse_smap(std::string_view text);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::smap_ptr)
