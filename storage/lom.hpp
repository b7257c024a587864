// LOM: what is known of one object beside its bytes, and its form on disk: one
// versioned, checksummed extended attribute of the content file.
//
// Form of the attribute "user.ais.lom" (numbers without a width are varints,
// see packed.hpp; a str is a length and so many bytes):
//   u8 format = 2 | u8 flags | u64 XXH64 of what follows | size |
//   bid, rotated left by 1 | u8 checksum type | str checksum, not in hex |
//   str version | str long name | count, then count x (str key, str value) |
//   with flag 1: generation | with flag 2: volume | with flag 4: u8 copies
// Short, for what ext4 finds no room for in an inode (64 bytes) costs each
// object a block more. At most max_lom_bytes in all: with blocks of 4 KiB it
// keeps no more per file. Format 1 had numbers of u64, texts behind a u16, and
// the checksum in hex; it is still read.
#pragma once

#include "storage/base/names.hpp"
#include "storage/checksum.hpp"
#include "storage/disk.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace ais::storage {

inline constexpr const char* lom_attr = "user.ais.lom";
inline constexpr size_t max_lom_bytes = 3800;
inline constexpr size_t max_custom_bytes = 2048; ///< keys + values of an object

using custom_map = std::map<std::string, std::string>;

/// The attributes of one object: a value.
struct lom {
  uint64_t size_bytes = 0;
  uint64_t bid = 0;          ///< incarnation of the bucket it was written to
  ais::storage::cksum cksum; ///< of the content
  std::string version; ///< decimal, counts up from "1"; empty: not versioned
  custom_map custom;   ///< user's and backend's key=value pairs
  /// Of the placement (smap.hpp) under which it was written; 0: not known.
  uint64_t generation = 0;
  /// Version of its target's volume (actors/meta/volume.hpp) under which it was
  /// written; 0: not known. To be compared within a generation: then both were
  /// written by the same target.
  uint64_t volume = 0;
  /// Mirroring: 0: there is no copy of it; 1: there may be some, on any of its
  /// target's mountpaths; else how many there are, it included, or were.
  uint8_t copies = 0;
  int64_t atime_ns = 0; ///< last access, Unix time [ns]; not in the attribute
  int64_t mtime_ns = 0; ///< last change of content, Unix time [ns]; ditto
  bool operator==(const lom&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lom& x) {
  return f(x.size_bytes, x.bid, x.cksum, x.version, x.custom, x.generation,
           x.volume, x.copies, x.atime_ns, x.mtime_ns);
}

/// What is known of the order of two versions of one object.
enum class order : uint8_t { older, same, newer, unclear };

/// Whether `x` is older than `y`. Under one placement an object has one owner,
/// so a version of a later one is newer. Within a placement, number and time
/// must not contradict each other (an object that was deleted and written again
/// counts from "1"), else it is unclear.
order order_of(const lom& x, const lom& y);

/// Encodes `x`; `long_name` is the object's name where the path does not tell
/// it, else empty.
/// @returns errc::too_large beyond max_lom_bytes, invalid_argument for a
/// checksum that is none.
expected<bytes> encode_lom(const lom& x, std::string_view long_name);

struct decoded_lom {
  lom attrs;
  std::string long_name;
};

/// Inverse of encode_lom. Accepts any bytes.
/// @returns errc::corrupted when format, checksum or lengths do not hold.
expected<decoded_lom> decode_lom(std::span<const std::byte> raw);

/// The entity tag of the content, without quotes: that of a custom "ETag", an
/// MD5, or one made of the checksum and the time of the last change.
/// Source: api-data 6.3.
std::string etag_of(const lom& x);

/// Whether custom metadata of that name tells of the content, as "ETag" does,
/// and so ends with it.
bool of_content(std::string_view key);

/// Whether custom metadata of that name is the S3 API's own: clients of the
/// native API neither see nor set it, and it has its own limits.
bool internal(std::string_view key);

/// Checks custom metadata given by a client: total size, no control bytes in
/// keys or values, no empty key.
/// @returns errc::invalid_argument.
expected<void> check_custom(const custom_map& x);

} // namespace ais::storage
