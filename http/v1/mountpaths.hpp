// /v1/daemon/mountpaths, /v1/reverse/daemon/mountpaths: the mountpaths of a
// target come and go. Source: api-control 3.5.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// Carries out a change of the mountpaths of `node`, and replies.
task<> change_mountpaths(edge& e, call& c, snode node);

} // namespace ais::http::v1
