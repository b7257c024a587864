#include "http/s3/sigv2.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/when.hpp"
#include "http/tokens.hpp"
#include "storage/base/mac.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <map>

namespace ais::http::s3 {

namespace {

constexpr std::string_view method_name = "AWS ";

/// Parameters that are signed; all others are not.
constexpr std::string_view signed_parameters[] = {
  "accelerate",
  "acl",
  "analytics",
  "cors",
  "delete",
  "inventory",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "partNumber",
  "policy",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "select",
  "select-type",
  "storageClass",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
};

std::string_view trimmed(std::string_view x) {
  while (!x.empty() && x.front() == ' ')
    x.remove_prefix(1);
  while (!x.empty() && x.back() == ' ')
    x.remove_suffix(1);
  return x;
}

/// "name:value,value" of all x-amz- headers, in order.
std::string amz_headers(const request& req) {
  std::map<std::string, std::string> all;
  for (auto& h : req.headers) {
    auto name = lower(h.name);
    if (name.substr(0, 6) != "x-amz-")
      continue;
    auto [i, is_new] = all.emplace(std::move(name), trimmed(h.value));
    if (!is_new)
      i->second.append(",").append(trimmed(h.value));
  }
  std::string out;
  for (auto& [name, value] : all)
    out.append(name).append(":").append(value).append("\n");
  return out;
}

/// "?acl&versionId=1": of what is signed, in order.
std::string parameters(const query& q) {
  std::vector<std::string> all;
  for (auto& [name, value] : q.all())
    if (std::find(std::begin(signed_parameters), std::end(signed_parameters),
                  name)
        != std::end(signed_parameters))
      all.push_back(value.empty() ? name : name + '=' + value);
  std::sort(all.begin(), all.end());
  std::string out;
  for (auto& x : all)
    out.append(out.empty() ? "?" : "&").append(x);
  return out;
}

checked check_time(const old_claim& c, const request& req, int64_t now) {
  if (c.presigned) {
    auto until = whole_number(c.date);
    if (!until)
      return fault{access_denied, "Expires must be a Unix time", {}};
    if (now > static_cast<int64_t>(std::min<uint64_t>(*until, INT64_MAX)))
      return fault{request_expired, "the request has expired", {}};
    return std::monostate{};
  }
  std::string text{req.find("x-amz-date")};
  if (text.empty())
    text = req.find("date");
  if (auto zone = text.find(" +0000"); zone != std::string::npos)
    text.replace(zone, std::string::npos, " GMT");
  auto then = parse_http_date(text);
  if (!then)
    then = parse_amz_date(text);
  if (!then)
    return fault{
      access_denied, "a signed request needs a valid Date or x-amz-date", {}};
  if (*then > now + max_skew_seconds || *then < now - max_skew_seconds)
    return fault{request_skewed,
                 "the client's clock and the server's differ by more than"
                 " 15 minutes: set the client's",
                 {}};
  return std::monostate{};
}

fault two_ways() {
  return {invalid_argument,
          "only one way to authenticate is allowed: one Authorization header,"
          " or a signature in the query",
          {}};
}

} // namespace

outcome<std::optional<old_claim>> parse_old_claim(const signed_request& x) {
  auto headers = x.req.find_all("authorization");
  auto in_header = std::any_of(headers.begin(), headers.end(), [](auto h) {
    return h.substr(0, method_name.size()) == method_name;
  });
  auto in_query = x.q.has("AWSAccessKeyId") && x.q.has("Signature");
  if (!in_header && !in_query)
    return std::optional<old_claim>{};
  auto newer = x.q.has("X-Amz-Signature") || x.q.has("X-Amz-Algorithm");
  if (newer || headers.size() + (in_query ? 1 : 0) > 1)
    return two_ways();
  old_claim out;
  if (in_query) {
    out.access_key = x.q.get("AWSAccessKeyId");
    out.signature = x.q.get("Signature");
    out.date = x.q.get("Expires");
    out.presigned = true;
  } else {
    auto value = trimmed(headers.front().substr(method_name.size()));
    auto colon = value.rfind(':');
    if (colon == std::string_view::npos)
      return fault{invalid_argument,
                   "Authorization must be \"AWS <access key>:<signature>\"",
                   {}};
    out.access_key = value.substr(0, colon);
    out.signature = value.substr(colon + 1);
    if (x.req.find("x-amz-date").empty())
      out.date = x.req.find("date");
  }
  if (out.access_key.empty())
    return fault{invalid_access_key, "the request names no access key", {}};
  return std::optional{std::move(out)};
}

namespace {

/// What was signed, if it was for that resource: "/bucket/key".
std::string text_of(const old_claim& c, const signed_request& x,
                    std::string_view resource) {
  std::string out{x.req.method};
  for (auto name : {"content-md5", "content-type"})
    out.append("\n").append(x.req.find(name));
  out.append("\n").append(c.date).append("\n").append(amz_headers(x.req));
  return out.append(resource).append(parameters(x.q));
}

/// What clients sign for the same: with the path that leads to the S3 API or
/// without, a bucket with a slash behind it or without.
std::vector<std::string>
resources_of(std::string_view path, std::string_view virtual_bucket) {
  constexpr std::string_view prefix = "/s3/";
  std::vector<std::string> out;
  if (!virtual_bucket.empty()) {
    out.push_back('/' + std::string{virtual_bucket} + std::string{path});
    return out;
  }
  out.emplace_back(path);
  if (path.substr(0, prefix.size()) == prefix)
    out.emplace_back(path.substr(prefix.size() - 1));
  for (size_t i = 0, n = out.size(); i < n; ++i)
    if (out[i].size() > 1 && out[i].find('/', 1) == std::string::npos)
      out.push_back(out[i] + '/');
  return out;
}

} // namespace

checked check_old_claim(const old_claim& c, const signed_request& x,
                        std::string_view virtual_bucket,
                        std::string_view secret, int64_t now_seconds) {
  auto all = resources_of(x.path, virtual_bucket);
  auto good = std::any_of(all.begin(), all.end(), [&](auto& resource) {
    auto raw = hmac_sha1(secret, text_of(c, x, resource));
    return same_secret(to_base64(raw), c.signature);
  });
  if (!good)
    return fault{signature_mismatch,
                 "the request's signature is not the one this server computes:"
                 " check the secret key and how the request was signed",
                 {}};
  return check_time(c, x.req, now_seconds);
}

} // namespace ais::http::s3
