// The S3 API: which requests it takes, and what its operations share. Source:
// Amazon S3 API Reference; api-data 6.
//
// A request passes three gates: its signature or anonymity, the decision
// whether who sends it may (access.hpp, permit.hpp), and the bucket's `access`
// property.
#pragma once

#include "http/object_io.hpp"
#include "http/s3/access.hpp"
#include "http/s3/aws_chunked.hpp"
#include "http/s3/copy_source.hpp"
#include "http/s3/fault.hpp"
#include "http/s3/sigv4.hpp"

#include <optional>
#include <string>

namespace ais::http::s3 {

/// Of changes of buckets.
inline constexpr std::chrono::seconds proxy_timeout{60};

/// Whether a request is S3's: below /s3, or at the root and signed, from an S3
/// client, or of a bucket there is.
bool wants(edge& e, const call& c, std::string_view path);

/// On a request to copy into a part that came from another node: answer with
/// the bytes of the source, which is here. The client's signature and the
/// source's conditions are looked at as if it were asked for the copy.
inline constexpr std::string_view part_source_header = "Ais-Part-Source";

/// On a request that is relayed: the bucket that its Host names, for a node
/// that was started with other domains would read something else.
inline constexpr std::string_view virtual_bucket_header = "Ais-S3-Bucket";

/// Answers it. `path` is raw.
task<> serve(edge& e, call& c, std::string_view path);
/// /v1/s3-keys: see keys.cpp.
task<> access_keys(edge& e, call& c);

/// One request on its way through http/s3.
struct context {
  edge& e;
  exchange& x;
  const request& req;
  const query& q;
  std::string id; ///< of the request
  std::string bucket = {};
  std::string key = {};
  /// How the payload is signed: x-amz-content-sha256, perhaps empty.
  std::string payload = {};
  std::optional<chunk_signer> signer = {}; ///< if signatures are verified
  access_rules_ptr rules = {}; ///< by which it is judged; never null
  caller who = {};             ///< his key lives in `rules`
  std::string client = {};     ///< his address
  const wish* what = nullptr;  ///< of the operation
  bool makes_bucket = false;
  bool per_key = false;   ///< the operation judges each of its keys
  bool by_object = false; ///< allowed by what the object was: see permit.hpp
  std::optional<visit> visiting = {};
};

// -- what operations use
// ----------------------------------------------------------

/// The bucket of any name, whatever its `access`.
outcome<bucket_ptr> find_bucket(edge& e, std::string_view name);
/// The bucket of the request, if its `access` allows `wanted`.
outcome<bucket_ptr> bucket_for(context& c, access wanted);
/// That of any name.
outcome<bucket_ptr> bucket_named(edge& e, std::string_view name, access wanted);
/// The object of the request, which is on this node.
task<outcome<located>> object_for(context& c, access wanted);
/// Its attributes, for who may read them.
task<outcome<lom_ptr>> attributes_for(context& c);
/// That of any name.
task<outcome<located>> object_named(context& c, bucket_ptr b, std::string key);
/// The source of a copy, wherever it is, unless it is clear that it must not be
/// read; see may_copy().
struct copied {
  object_key key;
  std::optional<std::string> version;
};
outcome<copied> copy_source(context& c);
/// Finds out who asks, and what the operator lets him. `path` is raw.
checked authenticate(context& c, std::string_view path);
/// What the request's headers bring beside the bytes: metadata, tags, list.
outcome<storage::custom_map> metadata_of(const context& c);
/// Whether there is a user of that name, to be granted something.
known_user users_of(const context& c);
/// Why a request is not let in. As with AWS, everybody may know which buckets
/// there are, if keys let anybody in at all.
fault refusal(const context& c);
/// For a request that is passed on; see virtual_bucket_header.
void add_virtual_bucket(const context& c, header_list& out);
/// Has another node answer.
task<> hand_over(context& c, snode to);
/// Whether a key can be stored.
checked check_key(std::string_view key);

/// Reads the whole body, a document, and compares it with what the headers say:
/// Content-MD5, checksums, x-amz-content-sha256.
/// @param checksums  whether x-amz-checksum-* are those of the body
task<outcome<std::string>> read_body(context& c, bool checksums = true);
/// Changes a property of the S3 section of the request's bucket, and answers
/// with that status.
task<> set_bucket_text(context& c, std::string_view name, std::string value,
                       int status = 204);
task<> reply_fault(context& c, fault why, header_list headers = {});
task<> reply_xml(context& c, std::string xml, header_list headers = {},
                 int status = 200);
/// A reply without content.
task<> reply_empty(context& c, int status, header_list headers = {});

/// What every reply has, for those that are sent by hand: the request's id, and
/// what the bucket's CORS rules say.
void add_common(const context& c, header_list& out);

/// When the bucket's lifecycle rules remove the object: x-amz-expiration.
void add_expiration(const context& c, header_list& out, const storage::lom& x);

/// A warning about the request, with its id.
void warn(const context& c, const std::string& line);

// -- operations
// -------------------------------------------------------------------

task<> list_buckets(context& c);
task<> create_bucket(context& c);
task<> head_bucket(context& c);
task<> delete_bucket(context& c);
task<> get_location(context& c);
task<> get_versioning(context& c);
task<> put_versioning(context& c);
task<> get_acl(context& c);
task<> put_acl(context& c);
task<> get_policy(context& c);
task<> put_policy(context& c);
task<> delete_policy(context& c);
task<> get_policy_status(context& c);
task<> get_public_block(context& c);
task<> put_public_block(context& c);
task<> delete_public_block(context& c);
task<> get_ownership(context& c);
task<> put_ownership(context& c);
task<> delete_ownership(context& c);
task<> get_bucket_tagging(context& c);
task<> put_bucket_tagging(context& c);
task<> delete_bucket_tagging(context& c);
task<> get_lifecycle(context& c);
task<> put_lifecycle(context& c);
task<> delete_lifecycle(context& c);
task<> get_cors(context& c);
task<> put_cors(context& c);
task<> delete_cors(context& c);
/// OPTIONS: a browser asks for a page whether it may; nobody signs that.
task<> preflight(context& c);
task<> list_objects(context& c);
task<> list_versions(context& c);
task<> delete_objects(context& c);
task<> get_object(context& c);
task<> head_object(context& c);
task<> get_attributes(context& c);
task<> put_object(context& c);
task<> copy_object(context& c);
/// PUT by a browser's form; finds out himself who sends it, and judges.
bool is_form(const context& c);
task<> post_object(context& c);
task<> delete_object(context& c);
task<> get_object_tagging(context& c);
task<> put_object_tagging(context& c);
task<> delete_object_tagging(context& c);
task<> create_upload(context& c);
task<> put_part(context& c);
/// put_part() of what is copied from another object.
task<> copy_part(context& c);
task<> list_parts(context& c);
task<> complete_upload(context& c);
task<> abort_upload(context& c);
task<> list_uploads(context& c);

} // namespace ais::http::s3
