// A small HTTP client, for questions a program asks before it has an event
// loop.
#pragma once

#include "storage/base/errc.hpp"

#include <chrono>
#include <string>

namespace ais::http {

struct fetched {
  int status = 0;
  std::string body;
};

/// GETs `url` (http://host:port/path). Blocks at most `timeout`.
/// @returns errc::invalid_argument for a bad URL, not_ready when nobody
/// answers.
expected<fetched>
fetch(const std::string& url, std::chrono::milliseconds timeout);

} // namespace ais::http
