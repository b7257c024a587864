// JSON about a node: what daemon and cluster queries share. Source: api-control
// 7.6-7.12.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// The node's state bits with its alerts: disk-fault from the first stored byte
/// that is found damaged, until the error counters are reset.
uint64_t state_flags(edge& e);
json::object node_state_json(edge& e);           ///< NodeStateInfo, 7.9
json::object sysinfo_json();                     ///< MemCPUInfo, 7.10
json::object capacity_json(edge& e);             ///< Tcdf, 7.11
json::object disk_json(edge& e);                 ///< TcdfExt
json::object mountpaths_json(edge& e);           ///< MountpathList
json::object tracker_json(edge& e, bool target); ///< metric values, 7.7
json::object metric_kinds_json();                ///< metric kinds
/// Node of that id: Node fields, 7.7; with `status` also NodeStatus, 7.8.
json::object node_json(edge& e, const snode& node, bool status);
/// Cluster configuration with the node's own part, 7.6.
json::object node_config_json(edge& e, const snode& node);

} // namespace ais::http::v1
