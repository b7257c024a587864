// Tags of objects and buckets: as XML bodies, as the header x-amz-tagging, and
// as they are kept: "key=value&key=value", percent-encoded, in an object's
// custom metadata and in the bucket property s3.tags.
// Source: Amazon S3 User Guide, "Categorizing your storage using tags".
#pragma once

#include "http/s3/fault.hpp"
#include "storage/lifecycle.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_object_tags = 10;
inline constexpr size_t max_bucket_tags = 50;
inline constexpr size_t max_tag_key = 128;   ///< characters
inline constexpr size_t max_tag_value = 256; ///< characters

/// The custom metadata that keeps an object's tags.
inline constexpr const char* tags_key = storage::object_tags_key;
/// The bucket property that keeps a bucket's.
inline constexpr std::string_view tags_property = "s3.tags";

using tag_set = std::vector<std::pair<std::string, std::string>>;

/// Reads a <Tagging>. @returns malformed_xml, invalid_tag.
outcome<tag_set> parse_tagging(std::string_view body, size_t max);

/// Reads "key=value&...". @returns invalid_argument, invalid_tag.
outcome<tag_set> parse_tag_query(std::string_view x, size_t max);

/// The inverse; empty for no tags.
std::string to_query(const tag_set& x);

/// A <Tagging>.
std::string to_xml(const tag_set& x);

} // namespace ais::http::s3
