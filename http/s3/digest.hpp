// The checksums S3 clients send and ask for, in base64 as on the wire.
// Source: Amazon S3 User Guide, "Checking object integrity".
#pragma once

#include "http/s3/fault.hpp"
#include "storage/base/hex.hpp"
#include "storage/checksum.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ais::http::s3 {

enum class algorithm : uint8_t { crc32, crc32c, crc64nvme, sha1, sha256 };

inline constexpr std::array algorithms{algorithm::crc32, algorithm::crc32c,
                                       algorithm::crc64nvme, algorithm::sha1,
                                       algorithm::sha256};

/// "CRC32", ...: as in x-amz-checksum-algorithm.
std::string_view to_string(algorithm x);
/// "x-amz-checksum-crc32", ...
std::string_view header_of(algorithm x);
/// "X-Amz-Checksum-Crc32", ...: the key of custom metadata it is kept under.
std::string_view metadata_key(algorithm x);
/// "ChecksumCRC32", ...: the element of replies.
std::string_view element_of(algorithm x);
/// Any case.
std::optional<algorithm> parse_algorithm(std::string_view x);
/// Of a header or trailer name, in lower case.
std::optional<algorithm> algorithm_of_header(std::string_view name);
size_t digest_bytes(algorithm x);

/// Computes one checksum over a stream. Movable, not thread-safe.
class digester {
public:
  explicit digester(algorithm x);
  ~digester();
  digester(digester&&) noexcept;
  digester& operator=(digester&&) noexcept;

  algorithm type() const;
  void update(std::span<const std::byte> in);
  /// Ends the stream, call once: raw bytes, big-endian.
  std::string finish();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// CRC-64/NVME. Source: NVM Express NVM Command Set Specification, 64b CRC.
uint64_t crc64nvme(uint64_t crc, std::span<const std::byte> in);

// -- encodings
// --------------------------------------------------------------------

std::string to_base64(std::string_view raw);
/// Strict, with padding.
std::optional<std::string> from_base64(std::string_view x);

/// HMAC-SHA1, for signature version 2.
std::string hmac_sha1(std::string_view key, std::string_view text);

} // namespace ais::http::s3
