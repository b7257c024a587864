// AWS Signature Version 4: what a request claims, and whether its signature
// holds; sign.hpp is the client's side. Source: AWS, "Authenticating Requests
// (AWS Signature Version 4)" in the Amazon S3 API Reference.
#pragma once

#include "http/request.hpp"
#include "http/s3/fault.hpp"
#include "http/url.hpp"
#include "storage/base/mac.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// Clocks may differ by this [s].
inline constexpr int64_t max_skew_seconds = 15 * 60;
/// Longest life of a presigned URL [s].
inline constexpr int64_t max_expires_seconds = 7 * 24 * 3600;

inline constexpr std::string_view sigv4_name = "AWS4-HMAC-SHA256";
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

/// Who says to have signed a request, and how: views of the request.
struct claim {
  std::string_view credential; ///< "<access key>/<scope>"
  std::string_view access_key;
  std::string_view scope;     ///< "20261121/us-east-1/s3/aws4_request"
  std::string_view time;      ///< "20261121T014543Z"
  std::string signed_headers; ///< "host;x-amz-date", lower case
  std::string_view signature; ///< lower-case hex
  std::string_view payload;   ///< x-amz-content-sha256, as sent
  bool presigned = false;
  int64_t expires_seconds = 0; ///< of a presigned URL
};

/// A request as the client signed it.
struct signed_request {
  const request& req;
  std::string_view path; ///< raw, as sent
  const query& q;
};

/// What the request claims; none: it is anonymous.
outcome<std::optional<claim>> parse_claim(const signed_request& x);

/// Whether it is signed for this region; an empty one stands for any.
checked check_region(const claim& c, std::string_view region);

/// The key that signs within a scope.
mac_key signing_key(std::string_view secret, std::string_view scope);

/// Signing keys that were in use: clients keep to one for a day. Not
/// thread-safe.
class signing_keys {
public:
  /// The key of a claim whose access key has this secret; good until the next
  /// call.
  const mac_key& find(const claim& c, std::string_view secret);

private:
  struct made {
    std::string secret;
    mac_key key;
  };
  /// By credential.
  std::map<std::string, made, std::less<>> keys_;
};

/// The signature of a request, in hex; `c.signature` does not matter.
std::string
signature_of(const claim& c, const signed_request& x, const mac_key& key);

/// Whether the request was signed with this key, and when.
/// @param now_seconds  Unix time
checked check_claim(const claim& c, const signed_request& x, const mac_key& key,
                    int64_t now_seconds);

// -- forms
// ------------------------------------------------------------------------

/// What the fields of a form upload claim: x-amz-algorithm, x-amz-credential,
/// x-amz-date and x-amz-signature.
outcome<claim>
parse_form_claim(std::string_view algorithm, std::string_view credential,
                 std::string_view date, std::string_view signature);

/// Whether the form's policy (in base64, as sent) was signed with this key.
checked check_form_claim(const claim& c, std::string_view policy,
                         const mac_key& key, int64_t now_seconds);

/// Whether it was, as signature version 2 has it: many forms still do.
checked check_old_form(std::string_view policy, std::string_view secret,
                       std::string_view signature);

/// For tests and messages: what was hashed.
std::string canonical_request(const claim& c, const signed_request& x);

} // namespace ais::http::s3
