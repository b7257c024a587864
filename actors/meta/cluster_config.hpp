// Cluster configuration: one immutable, versioned value for all nodes.
// Source: AIStore cmn/config.go; api-control 4.4, 7.4.
#pragma once

#include "actors/meta/schema.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/load_callback.hpp>

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
/// What to set: by dotted names and text, by a JSON tree (ConfigToSet), or
/// both.
struct config_change {
  std::vector<std::pair<std::string, std::string>> by_name;
  json::object tree;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, config_change& x) {
  auto text = to_text(x.tree);
  auto parse = [&]() -> caf::error {
    auto tree = parse_json(text);
    if (!tree || !tree->is_object())
      return fail(errc::invalid_argument, "the change is no JSON object");
    x.tree = std::move(tree->get_object());
    return caf::none;
  };
  return f(x.by_name, text, caf::meta::load_callback(parse));
}

/// What one node changes of the cluster's configuration for itself: sparse.
struct overrides {
  uint64_t version = 0;   ///< counts changes
  json::object saved;     ///< by dotted name
  json::object transient; ///< the same, until the next restart; wins
};

/// `x` with these properties set, as the next version.
/// @returns errc::invalid_argument (unknown, invalid, or nothing to set).
expected<cluster_config_ptr>
with_changes(const cluster_config& x, const config_change& change,
             int64_t now_ns);

/// `x` with these properties set, over `base`.
/// @returns as with_changes(), and for cluster-wide properties;
///          errc::unsupported for what cannot be set transiently.
expected<overrides>
with_override(const overrides& x, const cluster_config& base,
              const config_change& change, bool transient);

/// What is in effect on a node. Overrides that no longer fit the cluster's
/// values (a rule between two properties) are left out, all of them.
property_set effective_values(const cluster_config& base, const overrides& x);

/// The client's ClusterConfig: every section, versions quoted.
json::object to_json(const cluster_config& x);
/// The same with a node's values in effect.
json::object to_json(const cluster_config& x, const property_set& values);

/// Reads what to_json wrote. Properties that are missing get their default.
expected<cluster_config_ptr> parse_cluster_config(std::string_view text);
expected<cluster_config_ptr> parse_cluster_config(const json::value& v);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::cluster_config_ptr)
