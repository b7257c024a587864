// Answers list requests: one page per request. Source: api-data 3.
#pragma once

#include "http/edge.hpp"
#include "http/v1/list_request.hpp"

namespace ais::http::v1 {

/// Asks all targets for their parts of the page that `req` wants, of the
/// listing page.uuid; `where` gets the texts of mountpath indexes. A target
/// that does not answer is an error: a part must not be taken for the whole.
task<error> list_page(edge& e, const bucket& b, const list_request& req,
                      list_reply& page, std::vector<std::string>& where);

/// Answers a list request; `msg` is the action's value (LsoMsg).
task<> list_objects(edge& e, call& c, bucket_ptr b, const json::value& msg);

} // namespace ais::http::v1
