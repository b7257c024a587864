// Cluster configuration: one immutable, versioned value for all nodes.
// Source: AIStore cmn/config.go; api-control 4.4, 7.4.
#pragma once

#include "actors/meta/owner.hpp"
#include "actors/meta/schema.hpp"

#include <memory>
#include <vector>

namespace ais {

/// All properties of the cluster's configuration; `backend` is a tree.
schema config_schema();

struct cluster_config {
  uint64_t version = 1; ///< counts changes
  std::string uuid;     ///< of the cluster
  std::string changed;  ///< time of the last change; "" initially
  property_set values{config_schema()};
};

using cluster_config_ptr = std::shared_ptr<const cluster_config>;
using config_change = std::vector<std::pair<std::string, std::string>>;

/// `x` with these properties set, as the next version.
/// @returns errc::invalid_argument (unknown, invalid, or nothing to set),
///          errc::unsupported for what cannot be set transiently.
expected<cluster_config_ptr>
with_changes(const cluster_config& x, const config_change& changes,
             bool transient, int64_t now_ns);

/// The same from a JSON tree (ConfigToSet).
expected<cluster_config_ptr>
with_tree(const cluster_config& x, const json::object& tree, bool transient,
          int64_t now_ns);

/// `x` with all defaults, as the next version.
cluster_config_ptr with_defaults(const cluster_config& x, int64_t now_ns);

/// The client's ClusterConfig: every section, versions quoted.
json::object to_json(const cluster_config& x);

/// Reads what to_json wrote. Properties that are missing get their default.
expected<cluster_config_ptr> parse_cluster_config(std::string_view text);

template <>
struct meta_traits<cluster_config> {
  static constexpr const char* kind = "conf";
  static uint64_t version(const cluster_config& x) { return x.version; }
  static std::string to_json(const cluster_config& x);
};

/// The CLUSTER CONFIG owner: see owner.hpp.
using cluster_config_actor = owner_actor<cluster_config>;

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::cluster_config_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::replace<ais::cluster_config>)
