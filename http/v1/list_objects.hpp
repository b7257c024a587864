// Answers list requests: one page per request. Source: api-data 3.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// Answers a list request; `msg` is the action's value (LsoMsg).
task<> list_objects(edge& e, call& c, bucket_ptr b, const json::value& msg);

} // namespace ais::http::v1
