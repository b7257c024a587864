// What the conditions of policies can ask a request for:
//
//   aws:SourceIp, aws:SecureTransport, aws:CurrentTime, aws:EpochTime,
//   aws:UserAgent, aws:Referer, aws:username,
//   s3:prefix, s3:delimiter, s3:max-keys, s3:authType, s3:signatureversion,
//   s3:x-amz-acl, s3:x-amz-grant-*, s3:x-amz-copy-source,
//   s3:x-amz-metadata-directive, s3:x-amz-storage-class,
//   s3:x-amz-content-sha256, s3:x-amz-server-side-encryption*,
//   s3:ExistingObjectTag/<key>, s3:RequestObjectTag/<key>
//
// Source: AWS Service Authorization Reference, "Condition keys for Amazon S3".
#pragma once

#include "http/request.hpp"
#include "http/s3/policy.hpp"
#include "http/s3/tags.hpp"
#include "http/url.hpp"

#include <string>
#include <string_view>

namespace ais::http::s3 {

bool known_condition_key(std::string_view key);

/// A request, as far as conditions go.
struct request_facts {
  const request& req;
  const query& q;
  std::string_view user;      ///< empty: anonymous
  std::string client_address; ///< of the client, not of a node that relays
  int64_t now_seconds = 0;    ///< Unix time
  /// Of the object; null: it has none, or none that count.
  const tag_set* tags = nullptr;
  bool tags_known = true; ///< false: nobody looked yet
  /// What is listed, if the query does not say it.
  std::optional<std::string_view> listed = {};
};

/// The value of a condition key.
fact fact_of(const request_facts& x, std::string_view key);

} // namespace ais::http::s3
