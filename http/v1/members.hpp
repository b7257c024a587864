// What administrators do with members: the parts of /v1/cluster that concern
// them.
#pragma once

#include "http/edge.hpp"

#include <optional>

namespace ais::http::v1 {

/// The action on nodes that clients spell so, if it is one.
std::optional<node_action> node_action_of(std::string_view action);

/// PUT /v1/cluster with an action on nodes.
task<> change_members(edge& e, call& c, node_action what, json::value value);
/// ... with "shutdown" or "decommission": of the whole cluster.
task<> end_of_cluster(edge& e, call& c, end_cluster req);
/// PUT /v1/cluster/proxy/<id>
task<> change_primary(edge& e, call& c);
/// POST /v1/cluster/join-by-admin
task<> join_by_admin(edge& e, call& c);

} // namespace ais::http::v1
