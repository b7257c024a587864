// What a node tells of itself: to its own clients directly, to those of other
// nodes through its INFORMANT. Source: api-control 3.1.
#pragma once

#include "actors/cluster/informant.hpp"
#include "http/v1/node_info.hpp"

namespace ais::http::v1 {

/// The answer to "what=" about `node`, which must be ours.
/// @returns errc::invalid_argument, not_found.
expected<json::value>
account_of(const facts& f, const snode& node, std::string_view what);

/// Text of this node's log from the offset (digits, or empty). With a severity
/// (see lines_of_log) the offset is one into the lines of it.
expected<std::string> log_text(const edge_shared& s, std::string_view offset,
                               std::string_view severity);

/// The next page of this node's trace.
/// @returns errc::invalid_argument.
expected<json::value> traced(const edge_shared& s, const query& q);

/// Spawns an INFORMANT.
informant_actor
spawn_informant(caf::actor_system& sys, std::shared_ptr<edge_shared> shared);

} // namespace ais::http::v1
