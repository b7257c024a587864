#include "http/s3/policy_facts.hpp"

#include "http/s3/when.hpp"

#include <algorithm>
#include <span>

namespace ais::http::s3 {

namespace {

constexpr std::string_view header_keys[] = {
  "s3:x-amz-acl",
  "s3:x-amz-grant-read",
  "s3:x-amz-grant-write",
  "s3:x-amz-grant-read-acp",
  "s3:x-amz-grant-write-acp",
  "s3:x-amz-grant-full-control",
  "s3:x-amz-copy-source",
  "s3:x-amz-metadata-directive",
  "s3:x-amz-storage-class",
  "s3:x-amz-content-sha256",
  "s3:x-amz-server-side-encryption",
  "s3:x-amz-server-side-encryption-aws-kms-key-id",
  "s3:x-amz-server-side-encryption-customer-algorithm",
};

constexpr std::string_view other_keys[]
  = {"aws:SourceIp",  "aws:SecureTransport", "aws:CurrentTime",
     "aws:EpochTime", "aws:UserAgent",       "aws:Referer",
     "aws:username",  "s3:prefix",           "s3:delimiter",
     "s3:max-keys",   "s3:authType",         "s3:signatureversion"};

constexpr std::string_view existing_tag = "s3:ExistingObjectTag/";
constexpr std::string_view requested_tag = "s3:RequestObjectTag/";

/// Whether it is `prefix`, in any case, and something behind it.
bool tag_key(std::string_view x, std::string_view prefix) {
  return x.size() > prefix.size()
         && same_name(x.substr(0, prefix.size()), prefix);
}

bool one_of(std::string_view x, std::span<const std::string_view> list) {
  return std::any_of(list.begin(), list.end(),
                     [&](auto y) { return same_name(x, y); });
}

fact given(std::string_view x) {
  return {true, x.empty() ? std::optional<std::string>{} : std::string{x}};
}

fact tag_of(const tag_set& tags, std::string_view key) {
  for (auto& [name, value] : tags)
    if (name == key)
      return {true, value};
  return {};
}

fact in_query(const query& q, std::string_view name) {
  auto x = q.find(name);
  return {true, x ? std::optional{std::string{*x}} : std::nullopt};
}

} // namespace

bool known_condition_key(std::string_view key) {
  return one_of(key, header_keys) || one_of(key, other_keys)
         || tag_key(key, existing_tag) || tag_key(key, requested_tag);
}

fact fact_of(const request_facts& x, std::string_view key) {
  if (one_of(key, header_keys))
    return given(x.req.find(key.substr(3)));
  if (tag_key(key, existing_tag)) {
    if (!x.tags_known)
      return {false, {}};
    return x.tags ? tag_of(*x.tags, key.substr(existing_tag.size())) : fact{};
  }
  if (tag_key(key, requested_tag)) {
    auto tags = parse_tag_query(x.req.find("x-amz-tagging"), max_object_tags);
    return tags ? tag_of(*tags, key.substr(requested_tag.size())) : fact{};
  }
  auto is = [&](std::string_view name) {
    return same_name(key, name);
  };
  if (is("aws:SourceIp"))
    return given(x.client_address);
  if (is("aws:SecureTransport"))
    return given("false"); // clients' connections are plain
  if (is("aws:CurrentTime"))
    return given(format_xml_time(x.now_seconds * 1'000'000'000));
  if (is("aws:EpochTime"))
    return given(std::to_string(x.now_seconds));
  if (is("aws:UserAgent"))
    return given(x.req.find("user-agent"));
  if (is("aws:Referer"))
    return given(x.req.find("referer"));
  if (is("aws:username"))
    return given(x.user);
  if (is("s3:prefix") && x.listed)
    return {true, std::string{*x.listed}};
  if (is("s3:prefix"))
    return in_query(x.q, "prefix");
  if (is("s3:delimiter"))
    return in_query(x.q, "delimiter");
  if (is("s3:max-keys"))
    return in_query(x.q, "max-keys");
  auto old = x.q.has("AWSAccessKeyId")
             || x.req.find("authorization").substr(0, 4) == "AWS ";
  auto in_url = x.q.has("X-Amz-Signature") || x.q.has("AWSAccessKeyId");
  if (is("s3:authType") && !x.user.empty())
    return given(in_url ? "REST-QUERY-STRING" : "REST-HEADER");
  if (is("s3:signatureversion") && !x.user.empty())
    return given(old ? "AWS" : "AWS4-HMAC-SHA256");
  return {};
}

} // namespace ais::http::s3
