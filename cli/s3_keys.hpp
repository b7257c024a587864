// Access keys of the S3 API, as the cluster manages them.
// Source: http/README.md ("/v1/s3-keys").
#pragma once

#include "cli/api.hpp"

#include <string>
#include <string_view>

namespace ais::cli {

/// A request about keys, signed by the user's own: AWS_ACCESS_KEY_ID and
/// AWS_SECRET_ACCESS_KEY, or where AWS_PROFILE is set, that profile of
/// ~/.aws/credentials; without either, not signed.
/// @param id    of one key; empty: about all
/// @param body  JSON, or empty
/// @returns the answer, null if it is empty.
/// @throws failure, refusal: with what to do about it
json::value ask_keys(api& cluster, std::string_view method,
                     std::string_view id = {}, std::string body = {});

} // namespace ais::cli
