// Former versions of objects (S3 versioning): what was replaced or deleted, and
// the marks that deletions leave behind.
//
// The present version of an object is the object. The others are objects of a
// bucket of their own, ais://@#s3-versions/<bucket>, placed on the mountpath of
// the present one (base/home.hpp), so that they move as all objects do. An
// object becomes a former version by a link, before it is replaced or removed;
// when the present version is removed for good, the one before it gets its name
// back the same way. A crash between the two leaves both names: a former
// version with the id of the present one does not count.
//
// The id of a version tells when it was made, so that later ones come first,
// and whether it is a mark. A version that was written while none were kept is
// "null" to clients; there is one at most.
// Source: Amazon S3 User Guide, "Retaining multiple versions of objects".
#pragma once

#include "storage/mountpath.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ais::storage {

/// What becomes of an object that is replaced or removed.
enum class keeping : uint8_t {
  off,       ///< it goes
  enabled,   ///< it is kept
  suspended, ///< it is kept, unless its version is "null", as new ones are
};

/// The property of a bucket that says so, and its words.
inline constexpr std::string_view versioning_property = "s3.versioning";
std::string_view to_string(keeping x); ///< "", "Enabled", "Suspended"
keeping parse_keeping(std::string_view x);

/// Custom metadata: the version's id; none: "null".
inline constexpr const char* version_key = "s3:version";

/// The id of a new version (or mark); its time is the order of versions.
std::string make_version_id(int64_t now_ns, uint64_t random, bool mark);
/// That of a "null" version.
std::string null_version_id(int64_t now_ns, bool mark);
/// The id of the version with these attributes; one that is no mark.
std::string version_id(const lom& x);
/// "null", or the id.
std::string_view shown_version(std::string_view id);
bool is_null_version(std::string_view id);
bool is_mark(std::string_view id);

struct kept_version {
  std::string id;
  std::string name; ///< in versions_of()
  lom attrs;
};

/// Where the former versions of a bucket's objects are, as the bucket's own:
/// with its bid.
bucket_ref versions_of(const bucket_ref& b);

/// The name there of a version of an object.
std::string
version_name(const bucket_ref& b, std::string_view object, std::string_view id);

/// The former versions and marks of an object on this mountpath, newest first.
expected<std::vector<kept_version>>
kept_versions(mountpath& mp, const bucket_ref& b, std::string_view object);

/// Makes a former version of the object, whose attributes are `now`; it stays.
expected<void>
keep_version(mountpath& mp, const bucket_ref& b, std::string_view object,
             const lom& now, durability d);

/// Adds the mark of a deletion. `like`: generation, volume and time.
expected<void>
add_mark(mountpath& mp, const bucket_ref& b, std::string_view object,
         std::string_view id, const lom& like, durability d);

/// Makes a former version the object, in place of what there is.
/// @param attrs  that it has then
expected<void>
promote_version(mountpath& mp, const bucket_ref& b, std::string_view object,
                const kept_version& x, lom attrs, durability d);

/// Removes a former version or mark for good.
expected<void> drop_version(mountpath& mp, const bucket_ref& b,
                            const kept_version& x, durability d);

} // namespace ais::storage
