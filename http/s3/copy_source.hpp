// What a copy is made of: the headers x-amz-copy-source and
// x-amz-copy-source-range. Source: Amazon S3 API Reference, CopyObject and
// UploadPartCopy.
#pragma once

#include "http/range.hpp"
#include "http/s3/fault.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// What x-amz-copy-source names: bucket, key, and perhaps a version.
struct source_name {
  std::string bucket;
  std::string key;
  std::optional<std::string> version = {};
};

/// Reads "<bucket>/<key>", URL-encoded, and "?versionId=<id>".
/// @returns invalid_argument.
outcome<source_name> parse_copy_source(std::string_view header);

/// Reads "bytes=<first>-<last>", both needed; none if the header is empty.
/// @returns invalid_argument.
outcome<std::optional<byte_range>> parse_copy_range(std::string_view header);

/// The bytes of an object of `size` bytes that are copied: all of them, unless
/// there is a range. @returns invalid_range if it goes beyond the end,
/// entity_too_large for what one part cannot hold.
outcome<byte_range>
copied_bytes(const std::optional<byte_range>& range, uint64_t size);

} // namespace ais::http::s3
