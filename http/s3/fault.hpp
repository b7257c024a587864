// Why an S3 request is refused: S3's own codes, and results that may be one.
// Source: Amazon S3 API Reference, "Error responses".
#pragma once

#include "storage/base/errc.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ais::http::s3 {

struct fault_code {
  std::string_view name;
  int status; ///< of HTTP
};

inline constexpr fault_code access_denied{"AccessDenied", 403};
inline constexpr fault_code access_forbidden{"AccessForbidden", 403};
inline constexpr fault_code acl_not_supported{"AccessControlListNotSupported",
                                              400};
inline constexpr fault_code auth_header_malformed{
  "AuthorizationHeaderMalformed", 400};
inline constexpr fault_code auth_query_error{
  "AuthorizationQueryParametersError", 400};
inline constexpr fault_code bad_digest{"BadDigest", 400};
inline constexpr fault_code bad_request{"BadRequest", 400};
inline constexpr fault_code bucket_already_exists{"BucketAlreadyExists", 409};
inline constexpr fault_code bucket_already_owned{"BucketAlreadyOwnedByYou",
                                                 409};
inline constexpr fault_code bucket_not_empty{"BucketNotEmpty", 409};
inline constexpr fault_code conflict{"OperationAborted", 409};
inline constexpr fault_code entity_too_large{"EntityTooLarge", 400};
inline constexpr fault_code entity_too_small{"EntityTooSmall", 400};
inline constexpr fault_code illegal_versioning{
  "IllegalVersioningConfigurationException", 400};
inline constexpr fault_code incomplete_body{"IncompleteBody", 400};
inline constexpr fault_code internal_error{"InternalError", 500};
inline constexpr fault_code invalid_access_key{"InvalidAccessKeyId", 403};
inline constexpr fault_code invalid_argument{"InvalidArgument", 400};
inline constexpr fault_code invalid_bucket_acl{
  "InvalidBucketAclWithObjectOwnership", 400};
inline constexpr fault_code invalid_bucket_name{"InvalidBucketName", 400};
inline constexpr fault_code invalid_digest{"InvalidDigest", 400};
inline constexpr fault_code invalid_part{"InvalidPart", 400};
inline constexpr fault_code invalid_part_number{"InvalidPartNumber", 416};
inline constexpr fault_code invalid_part_order{"InvalidPartOrder", 400};
inline constexpr fault_code invalid_policy_document{"InvalidPolicyDocument",
                                                    400};
inline constexpr fault_code invalid_range{"InvalidRange", 416};
inline constexpr fault_code invalid_request{"InvalidRequest", 400};
inline constexpr fault_code invalid_storage_class{"InvalidStorageClass", 400};
inline constexpr fault_code invalid_tag{"InvalidTag", 400};
inline constexpr fault_code invalid_uri{"InvalidURI", 400};
inline constexpr fault_code key_too_long{"KeyTooLongError", 400};
inline constexpr fault_code malformed_acl{"MalformedACLError", 400};
inline constexpr fault_code malformed_post{"MalformedPOSTRequest", 400};
inline constexpr fault_code malformed_policy{"MalformedPolicy", 400};
inline constexpr fault_code malformed_xml{"MalformedXML", 400};
inline constexpr fault_code max_pre_data_exceeded{
  "MaxPostPreDataLengthExceededError", 400};
inline constexpr fault_code metadata_too_large{"MetadataTooLarge", 400};
inline constexpr fault_code method_not_allowed{"MethodNotAllowed", 405};
inline constexpr fault_code missing_content_length{"MissingContentLength", 411};
inline constexpr fault_code no_ownership{"OwnershipControlsNotFoundError", 404};
inline constexpr fault_code no_such_bucket{"NoSuchBucket", 404};
inline constexpr fault_code no_such_cors{"NoSuchCORSConfiguration", 404};
inline constexpr fault_code no_such_bucket_policy{"NoSuchBucketPolicy", 404};
inline constexpr fault_code no_such_key{"NoSuchKey", 404};
inline constexpr fault_code no_such_public_block{
  "NoSuchPublicAccessBlockConfiguration", 404};
inline constexpr fault_code no_such_lifecycle{"NoSuchLifecycleConfiguration",
                                              404};
inline constexpr fault_code no_such_tag_set{"NoSuchTagSet", 404};
inline constexpr fault_code no_such_upload{"NoSuchUpload", 404};
inline constexpr fault_code no_such_version{"NoSuchVersion", 404};
/// Between nodes only.
inline constexpr fault_code misdirected_request{"MisdirectedRequest", 421};
inline constexpr fault_code not_implemented{"NotImplemented", 501};
inline constexpr fault_code not_modified{"NotModified", 304};
inline constexpr fault_code precondition_failed{"PreconditionFailed", 412};
inline constexpr fault_code request_expired{"AccessDenied", 403};
inline constexpr fault_code request_skewed{"RequestTimeTooSkewed", 403};
inline constexpr fault_code request_timeout{"RequestTimeout", 400};
inline constexpr fault_code service_unavailable{"ServiceUnavailable", 503};
inline constexpr fault_code sha256_mismatch{"XAmzContentSHA256Mismatch", 400};
inline constexpr fault_code signature_mismatch{"SignatureDoesNotMatch", 403};
inline constexpr fault_code slow_down{"SlowDown", 503};
inline constexpr fault_code unresolvable_mail{"UnresolvableGrantByEmailAddress",
                                              400};
inline constexpr fault_code temporary_redirect{"TemporaryRedirect", 307};

struct fault {
  fault_code code;
  std::string message;  ///< for people, with a hint how to mend it
  std::string endpoint; ///< of a redirect
};

/// What went wrong inside, as S3 says it.
fault fault_of(const error& e);

/// A value, or why there is none.
template <class T>
class outcome {
public:
  outcome(T x) : value_(std::in_place_index<0>, std::move(x)) {}
  outcome(fault x) : value_(std::in_place_index<1>, std::move(x)) {}
  explicit operator bool() const { return value_.index() == 0; }
  T& operator*() { return std::get<0>(value_); }
  const T& operator*() const { return std::get<0>(value_); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }
  const fault& why() const { return std::get<1>(value_); }
  /// True for a value, and for a fault with another code.
  bool is_not(const fault_code& x) const {
    return *this ? true : why().code.name != x.name;
  }

private:
  std::variant<T, fault> value_;
};

/// Success, or why not.
using checked = outcome<std::monostate>;

} // namespace ais::http::s3
