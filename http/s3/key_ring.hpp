// Access keys that an administrator manages over HTTP, for the whole cluster:
// the text the cluster's state keeps, as s3.json has it, and changes of it.
// Pure: what asks for them is keys.cpp.
#pragma once

#include "http/s3/access.hpp"
#include "storage/base/json.hpp"

#include <string>
#include <string_view>

namespace ais::http::s3 {

inline constexpr size_t max_managed_keys = 1000;

/// Reads the fields of a new key: access, buckets, user. @returns
/// errc::invalid_argument.
expected<access_key>
parse_new_key(std::string_view body, std::string id, std::string secret);

/// The text with one more key. @returns errc::exists, too_many_requests (there
/// are max_managed_keys).
expected<std::string> with_key(std::string_view text, const access_key& x);

/// The text with a key switched on or off. @returns errc::not_found.
expected<std::string>
with_disabled(std::string_view text, std::string_view id, bool disabled);

/// The text without it. @returns errc::not_found.
expected<std::string> without_key(std::string_view text, std::string_view id);

/// Whether the keys still can be managed after a change to `text`, beside those
/// of the file: none at all, or one that administrates.
/// @returns errc::invalid_argument, with what to do first.
expected<void> check_ring(std::string_view text, const access_rules* file);

/// What may be told of a key: all but the secret.
json::object shown(const access_key& x);

} // namespace ais::http::s3
