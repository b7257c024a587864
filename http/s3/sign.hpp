// AWS Signature Version 4, the client's side: signs requests to S3, and to what
// is signed as they are.
#pragma once

#include "http/client.hpp"

#include <cstdint>
#include <string>

namespace ais::http::s3 {

/// Who signs.
struct credentials {
  std::string access_key;
  std::string secret_key;
  std::string region = "us-east-1";
};

/// Adds the headers that sign method and URL; the body is not signed.
/// @param now_seconds  Unix time
/// @returns errc::invalid_argument: the URL.
expected<void>
sign(client_request& req, const credentials& who, int64_t now_seconds);

} // namespace ais::http::s3
