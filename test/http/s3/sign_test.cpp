#include "http/s3/sign.hpp"

#include "http/s3/sigv4.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

constexpr int64_t now = 1'790'000'000;

/// What a server with this secret says about a request as it was signed.
s3::checked judged(const client_request& sent, std::string_view secret) {
  auto server = parse_server_url(sent.url);
  REQUIRE(server);
  auto parts = split_target(server->target);
  REQUIRE(parts);
  auto q = query::parse(parts->query, 100);
  REQUIRE(q);
  auto host = server->authority();
  request req;
  req.method = sent.method;
  req.headers.push_back({"Host", host});
  for (auto& [k, v] : sent.headers)
    req.headers.push_back({k, v});
  s3::signed_request as_signed{req, parts->path, *q};
  auto claim = s3::parse_claim(as_signed);
  if (!claim)
    return claim.why();
  REQUIRE(*claim);
  CHECK((*claim)->access_key == "AK1");
  return s3::check_claim(**claim, as_signed,
                         s3::signing_key(secret, (*claim)->scope), now);
}

} // namespace

TEST_CASE("sign: what we sign is accepted", "[http][s3]") {
  for (auto* url :
       {"http://127.0.0.1:8080/v1/s3-keys", "http://localhost/",
        "http://[::1]:80/a%20b/c%2Fd?y=1&x=a%2Fb&flag", "http://h:1/?b=2&a"})
    for (auto* method : {"GET", "POST", "DELETE"}) {
      client_request req;
      req.method = method;
      req.url = url;
      INFO(method << ' ' << url);
      REQUIRE(s3::sign(req, {"AK1", "secret"}, now));
      CHECK(judged(req, "secret"));
      CHECK_FALSE(judged(req, "Secret"));
      auto altered = req;
      altered.method = "PATCH";
      CHECK_FALSE(judged(altered, "secret"));
      altered = req;
      altered.url += "x";
      CHECK_FALSE(judged(altered, "secret"));
    }
}

TEST_CASE("sign: no URL, no signature", "[http][s3]") {
  client_request req;
  req.url = "nonsense";
  CHECK(s3::sign(req, {"AK1", "secret"}, now) == errc::invalid_argument);
  CHECK(req.headers.empty());
}
