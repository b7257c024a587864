// Errors: one enum for everything a caller can react to, and the aliases every
// folder uses. Detail for people rides along as the error's context string.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/make_message.hpp>
#include <caf/unit.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ais {

using caf::error;
using caf::expected;

/// Every failure a caller can react to, one enumerator each. The number is part
/// of the node-to-node format: append, never reorder. Zero is "no error".
enum class errc : uint8_t {
  none = 0,
  /// The request is malformed: syntax, range or combination (HTTP 400).
  invalid_argument,
  /// A bucket, object or namespace name breaks the rules (HTTP 400).
  invalid_name,
  /// The provider is not one of ais, aws, azure, gcp, oci (HTTP 400).
  invalid_provider,
  /// A bucket with that name already exists (HTTP 409).
  bucket_exists,
  /// No bucket with that name in the current BMD (HTTP 404).
  bucket_not_found,
  /// No bucket of a remote provider with that name (HTTP 404).
  remote_bucket_not_found,
  /// The operation needs a bucket of a remote provider (HTTP 400).
  not_remote_bucket,
  /// No such object in the bucket (HTTP 404).
  object_not_found,
  /// Something else that was named does not exist (HTTP 404).
  not_found,
  /// No such node in the smap (HTTP 404).
  node_not_found,
  /// No such job (HTTP 404).
  xact_not_found,
  /// No such mountpath (HTTP 404).
  mountpath_not_found,
  /// Received bytes differ from the checksum the client gave (HTTP 400).
  bad_checksum,
  /// Stored bytes differ from the stored checksum (HTTP 500).
  corrupted,
  /// The file system failed (HTTP 500).
  io_error,
  /// Out of space or quota (HTTP 507).
  no_space,
  /// Someone else works on the same thing; try again (HTTP 409).
  busy,
  /// The state or the request's precondition forbids it (HTTP 409).
  conflict,
  /// Known, but not for this kind of bucket or node (HTTP 501).
  unsupported,
  /// Not built yet (HTTP 501).
  not_implemented,
  /// The byte range lies outside the object (HTTP 416).
  range_not_satisfiable,
  /// A named limit was reached (HTTP 429).
  too_many_requests,
  /// A body or header is larger than its named limit (HTTP 413).
  too_large,
  /// The bucket's `access` property forbids it (HTTP 403).
  access_denied,
  /// The node has not started yet or is stopping (HTTP 503).
  not_ready,
  /// Nobody answered in time (HTTP 504).
  timed_out,
  /// The file or directory to create is already there (storage only).
  exists,
  /// A parent of the path is a file (storage only).
  not_a_directory,
  /// The path is a directory (storage only).
  is_a_directory,
  /// The directory to remove has entries (storage only).
  not_empty,
  /// Cluster metadata cannot be trusted: wrong node, cluster or disk (start).
  integrity,
  /// The object is not what the request's condition wants (HTTP 412).
  precondition_failed,
};

/// Returns the enumerator's own name, for logs.
std::string to_string(errc x);

/// Returns `e` as a person should read it: its context, or the code's name.
std::string message_of(const error& e);

/// Returns the code of `e`; errors of other categories (CAF's own) map to
/// `timed_out`, `not_ready` or `io_error`.
errc code_of(const error& e);

/// Makes an error of `code` with `what` as context.
error fail(errc code, std::string what = {});

/// Returns `e` with "`what`: " in front of its context.
error with_context(const error& e, std::string_view what);

} // namespace ais

CAF_ERROR_CODE_ENUM(ais::errc, "ais")
