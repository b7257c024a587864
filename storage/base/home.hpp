// Which target keeps an object. It is the one HRW picks by the digest of the
// object's uname, except for what belongs to an unfinished multipart upload:
// that lives where the object will, so that the upload ends without moving
// bytes between nodes.
#pragma once

#include "storage/base/names.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ais {

/// The namespace of what belongs to uploads: "ais://@#s3-uploads/<bucket>" is
/// for uploads to "ais://<bucket>".
const ns& uploads_ns();

/// 16 lower-case hex digits.
std::string hex16(uint64_t x);

/// The id of an upload: 48 hex digits, among them where the object will be. In
/// uploads_ns() all names are "<kind>/<upload id>/...".
/// @param bid  of the bucket uploaded to
/// @param random  makes the id unique
std::string make_upload_id(uint64_t bid, uint64_t object_home, uint64_t random);

/// What the target of an object is picked by; see owner_of() in
/// actors/meta/smap.hpp. (Mountpaths are picked by placement_digest(uname).)
uint64_t home_digest(const bck& b, std::string_view object);

} // namespace ais
