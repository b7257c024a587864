// The Range header: one range of bytes. Source: RFC 9110 section 14; api-data
// 2.2 (anything else is 416, never a silent 200).
#pragma once

#include "storage/base/errc.hpp"

#include <cstdint>
#include <string_view>

namespace ais::http {

struct byte_range {
  uint64_t offset = 0; ///< [bytes]
  uint64_t length = 0; ///< [bytes], at least 1
};

/// Parses "bytes=a-b", "bytes=a-" or "bytes=-n" for an object of `size` bytes;
/// an end beyond the object is cut.
/// @returns errc::range_not_satisfiable for several ranges, other units, bad
///          syntax, an empty object, or a start beyond the end.
expected<byte_range> parse_range(std::string_view header, uint64_t size);

} // namespace ais::http
