// What S3 keeps beside an object's bytes, in its custom metadata: user metadata
// under its own name ("x-amz-meta-label" is "label" to the native API, and
// back), content headers, ETag and checksums under names with capitals.
#pragma once

#include "http/request.hpp"
#include "http/response.hpp"
#include "http/s3/fault.hpp"
#include "http/url.hpp"
#include "storage/lom.hpp"

namespace ais::http::s3 {

inline constexpr size_t max_user_metadata = 2048; ///< keys + values [bytes]

/// Reads metadata off the headers of a request.
/// @returns metadata_too_large, not_implemented (encryption, locks, ...).
outcome<storage::custom_map> read_metadata(const request& req);

/// The headers of a reply that shows an object: ETag, times, metadata.
/// @param checksums  whether the client wants stored checksums
void add_metadata(header_list& out, const storage::lom& x, bool checksums);

/// Reads what a deletion wants the object to be, each if it is given.
/// @param mtime  a date in any of S3's forms
/// @returns invalid_argument.
checked read_conditions(std::string_view size, std::string_view mtime,
                        std::optional<uint64_t>& if_size,
                        std::optional<int64_t>& if_mtime_s);

/// Replaces what query parameters override (response-content-type, ...).
void override_headers(header_list& out, const query& q);

/// Adds the checksums of an object to the header of a reply.
void add_checksums(header_list& out, const storage::lom& x);

/// FULL_OBJECT, or COMPOSITE: then it ends with the number of parts.
std::string_view checksum_kind(std::string_view value);

/// "x" in quotes.
std::string quoted(std::string_view etag);

/// The tags of If-Match and If-None-Match, without quotes; "*" stays.
std::vector<std::string> parse_tags(std::string_view header);

/// Whether a reader's conditions hold. Source: RFC 9110 section 13.2.2.
/// @param prefix  of the header names: "" or "x-amz-copy-source-"
/// @returns not_modified, precondition_failed.
checked check_read(const request& req, const storage::lom& x,
                   std::string_view prefix = {});

} // namespace ais::http::s3
