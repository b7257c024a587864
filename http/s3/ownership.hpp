// Object ownership: whose the objects are that others write to a bucket, and
// whether its access control lists count at all. As XML, and as it is kept in
// the bucket property s3.ownership: S3's own words.
// Source: Amazon S3 User Guide, "Controlling ownership of objects".
#pragma once

#include "http/s3/fault.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// The bucket property; empty: not set, which means `writer`.
inline constexpr std::string_view ownership_property = "s3.ownership";
/// The custom metadata that keeps an object's owner, if he is not the bucket's.
inline constexpr const char* object_owner_key = "s3:owner";

enum class ownership : uint8_t {
  writer,    ///< of who writes them
  preferred, ///< the bucket owner's, if written with bucket-owner-full-control
  enforced   ///< the bucket owner's; there are no lists
};

std::string_view to_string(ownership x);
std::optional<ownership> parse_ownership(std::string_view x);
/// As a property says it. A text that cannot be understood is `enforced`.
ownership kept_ownership(std::string_view text);

/// Reads an <OwnershipControls>. @returns malformed_xml.
outcome<ownership> parse_ownership_body(std::string_view body);
std::string to_xml(ownership x);

} // namespace ais::http::s3
