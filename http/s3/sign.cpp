#include "http/s3/sign.hpp"

#include "http/s3/sigv4.hpp"

#include <ctime>

namespace ais::http::s3 {

namespace {

constexpr size_t max_parameters = 100;

std::string amz_date(int64_t seconds) {
  auto t = static_cast<std::time_t>(seconds);
  std::tm at{};
  ::gmtime_r(&t, &at);
  char text[20];
  auto n = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &at);
  return {text, n};
}

} // namespace

expected<void>
sign(client_request& req, const credentials& who, int64_t now_seconds) {
  auto server = parse_server_url(req.url);
  if (!server)
    return server.error();
  auto parts = split_target(server->target);
  if (!parts)
    return parts.error();
  auto parameters = query::parse(parts->query, max_parameters);
  if (!parameters)
    return parameters.error();
  auto time = amz_date(now_seconds);
  auto scope = time.substr(0, 8) + '/' + who.region + "/s3/aws4_request";
  claim c;
  c.access_key = who.access_key;
  c.time = time;
  c.scope = scope;
  c.signed_headers = "host;x-amz-content-sha256;x-amz-date";
  c.payload = unsigned_payload;
  auto host = server->authority();
  request as_sent;
  as_sent.method = req.method;
  as_sent.headers = {{"host", host},
                     {"x-amz-content-sha256", c.payload},
                     {"x-amz-date", c.time}};
  auto signature = signature_of(c, {as_sent, parts->path, *parameters},
                                signing_key(who.secret_key, c.scope));
  req.headers.emplace_back("x-amz-content-sha256", c.payload);
  req.headers.emplace_back("x-amz-date", c.time);
  req.headers.emplace_back(
    "Authorization", std::string{sigv4_name} + " Credential=" + who.access_key
                       + '/' + scope + ", SignedHeaders=" + c.signed_headers
                       + ", Signature=" + signature);
  return caf::unit;
}

} // namespace ais::http::s3
