// Lifecycle rules as XML: what clients set and get back.
// Source: Amazon S3 API Reference, PutBucketLifecycleConfiguration.
#pragma once

#include "http/s3/fault.hpp"
#include "storage/lifecycle.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

inline constexpr size_t max_rule_id = 255; ///< [bytes]

/// Reads a <LifecycleConfiguration>. Rules without an ID have an empty one.
/// @returns malformed_xml, invalid_argument, invalid_request;
///          invalid_storage_class for transitions: there is one class.
outcome<storage::lifecycle_rules> parse_lifecycle_body(std::string_view body);

std::string to_xml(const storage::lifecycle_rules& x);

/// x-amz-expiration for an object: empty if it stays.
std::string expiration_header(const storage::lifecycle_rules& rules,
                              std::string_view key, const storage::lom& x);

} // namespace ais::http::s3
