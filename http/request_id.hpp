// The id of a request: names it in answers and in logs, on every node that has
// to do with it. Clients may bring their own in X-Request-Id.
#pragma once

#include "http/request.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ais::http {

inline constexpr std::string_view request_id_header = "X-Request-Id";
inline constexpr size_t max_request_id = 64; ///< [bytes] of a client's

/// The client's own: letters, digits, '.', '_', '-'. Empty: none that we take.
std::string_view given_request_id(const request& req);

/// One of ours: 16 hex digits.
std::string make_request_id(uint64_t random);

} // namespace ais::http
