// What the operations on multipart uploads share; see multipart.cpp.
#pragma once

#include "http/s3/object_parts.hpp"
#include "http/s3/parts_checksum.hpp"
#include "http/s3/service.hpp"

#include <optional>
#include <string>

namespace ais::http::s3 {

/// An upload that is there.
struct upload_ref {
  bucket_ptr parent;
  bucket_ptr bucket; ///< where its parts are
  std::string id;
  lease_ptr record;
};

/// The upload that the request names, if it is one to this key.
task<outcome<upload_ref>> find_upload(context& c, access wanted);

/// The request's partNumber. @returns invalid_argument.
outcome<uint64_t> part_number(const context& c);

/// Where a part is, or will be.
task<expected<located>>
place_of_part(context& c, const upload_ref& up, uint64_t number);

/// After a part was stored: removes it if the upload was completed or aborted
/// meanwhile; nobody else ever would. @returns no_such_upload then.
task<checked> keep_part(context& c, const upload_ref& up, uint64_t number);

/// The checksums an upload was begun with.
std::optional<parts_checksum> sums_of(const storage::lom& record);

} // namespace ais::http::s3
