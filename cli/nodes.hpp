// Nodes and what they say about themselves: status, flags, versions.
#pragma once

#include "cli/context.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ais::cli {

/// Bits of the state flags that mean health. Source: api-control 7.9.
inline constexpr uint64_t healthy_flags = 6;

/// The words for state flags, joined; empty if all is well.
std::string alerts_of(uint64_t flags);
/// True if one of them needs somebody now.
bool red_alert(uint64_t flags);

/// A node and its status, if it gave one.
struct node_status {
  node_info node;
  json::object said; ///< what=node_status
  std::string why;   ///< it gave none; empty if it did

  bool online() const { return why.empty() && word() == "online"; }
  /// "online", "maintenance", "decommission" or "n/a".
  std::string word() const;
  uint64_t flags() const;
  const json::object& sysinfo() const { return object_at(said, "sys_info"); }
  const json::object& capacity() const { return object_at(said, "capacity"); }
  const json::object& tracker() const { return object_at(said, "tracker"); }
};

/// The block "Cluster:" below nodes: how many, how full, how well.
void say_cluster_summary(context& x, const std::vector<node_status>& proxies,
                         const std::vector<node_status>& targets);

/// Asks nodes, all at once. Warns (once) about versions that do not fit ours.
std::vector<node_status>
ask_nodes(context& x, const std::vector<node_info>& nodes);

/// The targets, or those that the operands name.
std::vector<node_info>
chosen_targets(context& x, const arguments& a, size_t first_operand = 0);

} // namespace ais::cli
