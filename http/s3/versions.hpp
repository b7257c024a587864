// Versions of objects over S3: which one a request means, what a deletion
// leaves behind, the bucket's switch, and their listing. How they are kept is
// in storage/versions.hpp; what is done with them, the object's shard does.
#pragma once

#include "http/s3/service.hpp"
#include "http/s3/xml.hpp"

#include <optional>
#include <string>

namespace ais::http::s3 {

/// Whether the bucket's objects have versions: it was switched on once.
bool keeps(const bucket& b);

/// The request's versionId.
std::optional<std::string> wanted_version(const context& c);

/// Where a version of an object is; none: the present one. Its owner is this
/// node. @returns no_such_version; method_not_allowed for the mark of a
/// deletion.
task<outcome<located>> version_named(context& c, bucket_ptr b, std::string key,
                                     std::optional<std::string> version);

/// Whether there are former versions, or marks, of a bucket's objects.
task<outcome<bool>> any_version(context& c, const bucket& b);

/// x-amz-version-id, where versions are kept.
void add_version(const context& c, header_list& out, const storage::lom& x);

/// Answers for an object that could not be opened: if it is not there, tells
/// whether it was deleted.
task<> reply_missing(context& c, error why);

/// What a deletion does; see ais::delete_object.
struct removal {
  std::string version;
  std::string mark;
};

/// @param version  that is to go for good; none: the object is deleted
/// @returns no_such_version where none are kept.
outcome<removal> removal_of(const context& c, const bucket& b,
                            const std::optional<std::string>& version);

/// Tells the client of it.
void add_removal(header_list& out, const bucket& b, const removal& x);
void add_removal(xml_writer& out, const bucket& b, const removal& x);

} // namespace ais::http::s3
