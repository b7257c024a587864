// The node's log for clients. Source: api-control 3.3.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// GET what=log of this node: its text from `offset`, or with `all` the whole
/// rotated set as tar.gz.
task<> log_of(edge& e, call& c, snode node);

} // namespace ais::http::v1
