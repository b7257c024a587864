// Public access block: what keeps a bucket closed to people nobody named,
// whatever lists and policies say. As XML, and as it is kept in the bucket
// property s3.public_block: the names of what is on, with commas, or "none".
// Source: Amazon S3 User Guide, "Blocking public access".
#pragma once

#include "http/s3/fault.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// The bucket property; empty: nothing was ever set.
inline constexpr std::string_view public_block_property = "s3.public_block";

struct public_block {
  bool block_acls = false;       ///< public lists cannot be set
  bool ignore_acls = false;      ///< grants to groups do not count
  bool block_policy = false;     ///< public policies cannot be set
  bool restrict_buckets = false; ///< what a public policy allows is for the
                                 ///< bucket's owner and administrators only
  bool operator==(const public_block&) const = default;
};

/// Reads a <PublicAccessBlockConfiguration>; what it does not name is off.
/// @returns malformed_xml.
outcome<public_block> parse_public_block(std::string_view body);

std::string to_xml(const public_block& x);

/// As it is kept.
std::string kept_text(const public_block& x);

/// The inverse; none: nothing was set. A text that cannot be understood closes
/// everything.
std::optional<public_block> kept_public_block(std::string_view text);

} // namespace ais::http::s3
