// Which target keeps an object, and which of its mountpaths. It is the one HRW
// picks by the digest of the object's uname, except for what belongs to another
// object: parts of an unfinished multipart upload live on the target of the
// object that they will be, so that the upload ends without moving bytes
// between nodes; former versions live on the mountpath of the present one, so
// that an object becomes a former version by a link.
#pragma once

#include "storage/base/names.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ais {

/// The namespace of what belongs to uploads: "ais://@#s3-uploads/<bucket>" is
/// for uploads to "ais://<bucket>".
const ns& uploads_ns();

/// The namespace of former versions: "ais://@#s3-versions/<bucket>" has those
/// of the objects of "ais://<bucket>".
const ns& versions_ns();

/// Whether the buckets of a namespace belong to others, and go with them.
bool of_others(const ns& x);

/// 16 lower-case hex digits.
std::string hex16(uint64_t x);

/// The id of an upload: 48 hex digits, among them where the object will be. In
/// uploads_ns() all names are "<kind>/<upload id>/...".
/// @param bid  of the bucket uploaded to
/// @param random  makes the id unique
std::string make_upload_id(uint64_t bid, uint64_t object_home, uint64_t random);

/// What the name of a former version tells. Names are
/// "<bid>/<object>\x01/<id><home>": in the order of the objects, and of the
/// ids.
struct former_name {
  uint64_t bid = 0; ///< of the object's bucket
  std::string_view object;
  std::string_view id; ///< version_id_chars; see storage/versions.hpp
  uint64_t home = 0;   ///< home_digest() of the object
};

inline constexpr size_t version_id_chars = 32;

std::string to_text(const former_name& x);

/// Inverse of to_text; none: it is no such name. The views are into `name`.
std::optional<former_name> parse_former_name(std::string_view name);

/// What all names of an object's former versions begin with.
std::string former_prefix(uint64_t bid, std::string_view object);

/// What the target of an object is picked by; see owner_of() in
/// actors/meta/smap.hpp.
uint64_t home_digest(const bck& b, std::string_view object);

/// What the mountpath of an object is picked by.
uint64_t disk_digest(const bck& b, std::string_view object);

} // namespace ais
