// Checksums of objects that are made of parts: of the whole (full object), or
// of the parts' checksums (composite). Source: Amazon S3 User Guide, "Checking
// object integrity for data uploads", on multipart uploads.
#pragma once

#include "http/request.hpp"
#include "http/s3/digest.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

/// What an upload wants.
struct parts_checksum {
  algorithm type = algorithm::crc64nvme;
  bool full = false; ///< else composite
  bool operator==(const parts_checksum&) const = default;
};

/// Custom metadata of an upload's record that keeps it: "SHA256/COMPOSITE".
inline constexpr const char* parts_checksum_key = "s3:checksum";

std::string_view kind_of(const parts_checksum& x);
std::string to_text(const parts_checksum& x);
std::optional<parts_checksum> parse_parts_checksum(std::string_view x);

/// What the headers of CreateMultipartUpload ask for, if anything.
/// @returns invalid_request.
outcome<std::optional<parts_checksum>> wanted_checksum(const request& req);

/// A part, as far as checksums go.
struct summed_part {
  std::string value; ///< base64
  uint64_t size = 0; ///< [bytes]
};

/// The checksum of the object in base64, with "-<parts>" if composite; none if
/// a part has none.
std::optional<std::string>
join_checksums(const parts_checksum& how,
               const std::vector<summed_part>& parts);

/// The CRC of two pieces, one behind the other, of theirs.
/// @param x  crc32, crc32c or crc64nvme
uint64_t
join_crcs(algorithm x, uint64_t first, uint64_t second, uint64_t second_size);

} // namespace ais::http::s3
