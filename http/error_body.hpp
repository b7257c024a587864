// The only place that turns an error into what a client sees: HTTP status,
// `tcode` and the JSON envelope. Source: api-data 0.6, 7; api-control 8.
#pragma once

#include "http/request.hpp"
#include "http/response.hpp"
#include "storage/base/errc.hpp"

#include <string>
#include <string_view>

namespace ais::http {

/// The HTTP status of a code.
int status_of(errc code);

/// AIStore's name of the error's type; empty for plain errors.
std::string_view tcode_of(errc code);

/// The reply for `e`: JSON in the body, or in the header Hdr-Error for HEAD.
/// `node` is "p[id]" or "t[id]"; `status` overrides the code's own.
reply error_reply(const error& e, const request& req, std::string_view node,
                  int status = 0);

} // namespace ais::http
