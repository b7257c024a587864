// Disks and mountpaths of targets, as several commands show them.
#pragma once

#include "cli/nodes.hpp"

namespace ais::cli {

/// What a target answers to "what="; an object. @throws failure
json::object query_target(context& x, const node_info& n, const char* what);

/// "nvme0n1(ext4)" of a capacity entry. Source: api-control 7.11.
std::string disks_and_fs(const json::object& cdf);

command mountpath_commands();

} // namespace ais::cli
