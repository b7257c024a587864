// AWS Signature Version 2, the server's side: old, but what boto3 presigns with
// unless it is told otherwise. It says nothing of the body. Source: Amazon S3
// User Guide, "Signing and authenticating REST requests (AWS signature version
// 2)".
#pragma once

#include "http/s3/sigv4.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// Who says to have signed a request, and how.
struct old_claim {
  std::string access_key;
  std::string signature; ///< base64
  /// The "Date" that was signed: that header's value, empty beside x-amz-date,
  /// or when a presigned URL expires (Unix time, s).
  std::string date;
  bool presigned = false;
};

/// What the request claims; none: it is not signed by version 2.
/// @returns invalid_argument: two ways at once, or one that is incomplete.
outcome<std::optional<old_claim>> parse_old_claim(const signed_request& x);

/// Whether the request was signed with this secret, and when.
/// @param virtual_bucket  that the host names; it is signed before the path
checked check_old_claim(const old_claim& c, const signed_request& x,
                        std::string_view virtual_bucket,
                        std::string_view secret, int64_t now_seconds);

} // namespace ais::http::s3
