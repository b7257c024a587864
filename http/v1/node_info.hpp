// JSON about a node: what daemon and cluster queries share. Source: api-control
// 7.6-7.12.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// What a node knows at one moment; any thread.
class facts {
public:
  explicit facts(const edge_shared& s)
    : shared_(s), sync_(s.boards->sync->read()),
      buckets_(s.boards->buckets->read()), target_(s.boards->target->read()),
      handles_(s.handles.read()) {}

  const edge_shared& shared() const { return shared_; }
  const environment& env() const { return shared_.env; }
  const smap& map() const { return *sync_->state->map; }
  const bmd& buckets() const { return *buckets_; }
  const cluster_config& config() const { return *sync_->state->config; }
  const target_view* target() const { return target_.get(); }
  const node_handles& node() const { return *handles_; }

private:
  const edge_shared& shared_;
  board<sync_view>::value_ptr sync_;
  board<bmd>::value_ptr buckets_;
  board<target_view>::value_ptr target_;
  board<node_handles>::value_ptr handles_;
};

/// The node's state bits with its alerts: disk-fault from the first stored byte
/// that is found damaged, until the error counters are reset.
uint64_t state_flags(const facts& e);
json::object bck_json(const bck& x);
json::object node_state_json(const facts& e);           ///< NodeStateInfo, 7.9
json::object sysinfo_json();                            ///< MemCPUInfo, 7.10
json::object target_sysinfo_json(const facts& e);       ///< TSysInfo, 7.10
json::object capacity_json(const facts& e);             ///< Tcdf, 7.11
json::object disk_json(const facts& e);                 ///< TcdfExt
json::object mountpaths_json(const facts& e);           ///< MountpathList
json::object tracker_json(const facts& e, bool target); ///< metric values, 7.7
json::object metric_kinds_json();                       ///< metric kinds
/// Node of that id: Node fields, 7.7; with `status` also NodeStatus, 7.8.
json::object node_json(const facts& e, const snode& node, bool status);
/// Cluster configuration with the node's own part, 7.6.
json::object node_config_json(const facts& e, const snode& node);

} // namespace ais::http::v1
