// The parts an object was made of: what GET and HEAD of ?partNumber and
// GetObjectAttributes tell of them. Kept as custom metadata, which has room for
// some 3 KiB in all:
//
//   s3:parts      "<count>", then runs of parts of one size: "3x5242880", with
//                 "@<number>" before one that does not follow the last one
//   s3:part-sums  "SHA256 " and the raw checksums, one behind the other, in
//                 base64
//
// Limits: sizes are kept if their text has at most max_parts_text bytes, which
// parts of one size always have; checksums within max_sums_text, some 32 parts
// with SHA256 and 260 with CRC32. What is beyond is not told: the count always
// is, and the checksum of the whole.
#pragma once

#include "http/s3/digest.hpp"
#include "storage/lom.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr const char* parts_key = "s3:parts";
inline constexpr const char* part_sums_key = "s3:part-sums";
inline constexpr size_t max_parts_text = 768; ///< [bytes]
inline constexpr size_t max_sums_text = 1400; ///< [bytes]
inline constexpr uint64_t max_parts = 10'000;

struct object_part {
  uint64_t number = 0; ///< as uploaded [1..10000]
  uint64_t offset = 0; ///< in the object [bytes]
  uint64_t size = 0;   ///< [bytes]
  std::string sum;     ///< base64; empty: none, or not kept
};

struct object_parts {
  uint64_t count = 0;
  std::vector<object_part> parts; ///< empty: too many sizes to be kept
  std::optional<algorithm> type;  ///< of the sums, if they are kept

  /// By number; null: there is none, or it is not known.
  const object_part* find(uint64_t number) const;
};

/// What an object's metadata tells of its parts; none: it has none, or what is
/// kept does not fit its size.
std::optional<object_parts> parts_of(const storage::lom& x);

/// Keeps the parts, as much of them as there is room for.
/// @param type  of their sums
/// @param key   of the object: it takes room, too
void keep_parts(storage::custom_map& out, std::string_view key,
                const std::vector<object_part>& parts,
                std::optional<algorithm> type);

} // namespace ais::http::s3
