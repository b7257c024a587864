// GET of a whole object over S3, answered at once.
#pragma once

#include "http/edge.hpp"

namespace ais::http::s3 {

/// Tries to answer a request without body: true if `plan` is filled. The
/// request's signature is verified and its right judged as ever; only what is
/// plainly allowed, and depends on nothing but bucket and object, is answered
/// here.
bool fast_get(edge& e, const request& req, bool keep_alive, reply_plan& plan);

} // namespace ais::http::s3
