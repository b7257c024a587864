// Object checksums: the seven types, streaming and one-shot.
// Source: AIStore cmn/cos/cksum.go; api-data section 0.12.
#pragma once

#include "storage/base/errc.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ais::storage {

/// `xxhash` and `xxhash2` are both XXH64 with seed 0 but differ as types.
enum class cksum_type : uint8_t {
  none,
  xxhash,
  xxhash2,
  md5,
  crc32c,
  sha256,
  sha512
};

std::string_view to_string(cksum_type x);

/// @returns errc::invalid_argument, naming the known types.
expected<cksum_type> parse_cksum_type(std::string_view x);

/// A checksum of bytes: type and lower-case hex, big-endian; empty for `none`.
struct cksum {
  cksum_type type = cksum_type::none;
  std::string value;
  bool operator==(const cksum&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cksum& x) {
  return f(x.type, x.value);
}

/// Computes one checksum over a stream of bytes. Movable, not thread-safe.
class hasher {
public:
  explicit hasher(cksum_type type);
  ~hasher();
  hasher(hasher&&) noexcept;
  hasher& operator=(hasher&&) noexcept;

  cksum_type type() const noexcept;
  void update(std::span<const std::byte> bytes);
  /// Ends the stream; call once.
  cksum finish();

  struct impl;

private:
  std::unique_ptr<impl> impl_;
};

/// The checksum of `bytes`.
cksum cksum_of(cksum_type type, std::span<const std::byte> bytes);

/// True if `value` has the length and alphabet of `type`.
bool well_formed(const cksum& x);

} // namespace ais::storage
