#include "http/s3/sigv4.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace ais;
using namespace ais::http;

namespace {

// Keys, requests and signatures: Amazon S3 API Reference, "Signature
// Calculations for the Authorization Header" and "Authenticating Requests:
// Using Query Parameters".
constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view no_body
  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view host = "examplebucket.s3.amazonaws.com";
constexpr std::string_view amz_date = "20130524T000000Z";
constexpr std::string_view credential
  = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
constexpr int64_t then = 1'369'353'600;

struct example {
  std::string_view method, path, query, signed_headers, signature;
  std::vector<header> more;
  std::string_view payload = no_body;
};

const std::vector<example>& examples() {
  static const std::vector<example> all{
    {"GET",
     "/test.txt",
     "",
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
     {{"Range", "bytes=0-9"}}},
    {"PUT",
     "/test%24file.text",
     "",
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
    {"GET",
     "/",
     "lifecycle",
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
     {}},
    {"GET",
     "/",
     "max-keys=2&prefix=J",
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
     {}},
  };
  return all;
}

/// The check of a request, changed by `change` after it was made.
template <class Change>
s3::checked
check(const example& x, int64_t now, std::string_view key, Change change) {
  auto authorization = "AWS4-HMAC-SHA256 Credential=" + std::string{credential}
                       + ",SignedHeaders=" + std::string{x.signed_headers}
                       + ",Signature=" + std::string{x.signature};
  request req;
  req.method = x.method;
  req.headers = x.more;
  req.headers.push_back({"Host", host});
  req.headers.push_back({"x-amz-content-sha256", x.payload});
  req.headers.push_back({"x-amz-date", amz_date});
  req.headers.push_back({"Authorization", authorization});
  change(req);
  auto q = query::parse(x.query, 100);
  REQUIRE(q);
  s3::signed_request as_signed{req, x.path, *q};
  auto claim = s3::parse_claim(as_signed);
  if (!claim)
    return claim.why();
  REQUIRE(*claim);
  CHECK((*claim)->access_key == "AKIAIOSFODNN7EXAMPLE");
  auto signing = s3::signing_key(key, (*claim)->scope);
  return s3::check_claim(**claim, as_signed, signing, now);
}

void nothing(request&) {}

} // namespace

TEST_CASE("sigv4: AWS's own examples hold", "[http][s3]") {
  for (auto& x : examples()) {
    CAPTURE(x.path, x.query);
    CHECK(check(x, then, secret, nothing));
    CHECK(check(x, then + s3::max_skew_seconds, secret, nothing));
  }
}

TEST_CASE("sigv4: what was altered is refused", "[http][s3]") {
  auto& x = examples().front();
  auto code = [&](auto change) {
    auto r = check(x, then, secret, change);
    REQUIRE_FALSE(r);
    return r.why().code.name;
  };
  auto header = [](std::string_view name, std::string_view value) {
    return [=](request& req) {
      for (auto& h : req.headers)
        if (h.name == name)
          h.value = value;
    };
  };
  CHECK(code(header("Range", "bytes=0-8")) == "SignatureDoesNotMatch");
  CHECK(code(header("Host", "other")) == "SignatureDoesNotMatch");
  CHECK(code(header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))
        == "SignatureDoesNotMatch");
  CHECK(code([](request& r) { r.method = "PUT"; }) == "SignatureDoesNotMatch");
  CHECK(code([](request& r) {
          r.headers.push_back({"Range", "bytes=1-1"});
        })
        == "SignatureDoesNotMatch");
  CHECK(code([](request& r) {
          r.headers.push_back({"x-amz-acl", "x"});
        })
        == "AccessDenied");
  CHECK(code(header("x-amz-date", "")) == "AccessDenied");
  CHECK(code([](request& r) { r.headers.push_back(r.headers.back()); })
        == "InvalidArgument");
  for (auto* bad : {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a",
                    "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,"
                    "Signature=x",
                    "AWS4-HMAC-SHA256 Credential=////,SignedHeaders=host,"
                    "Signature=x"})
    CHECK(code(header("Authorization", bad)) == "AuthorizationHeaderMalformed");
  CHECK(code(header("Authorization", "AWS a:b")) == "InvalidRequest");
}

TEST_CASE("sigv4: clock and key", "[http][s3]") {
  auto& x = examples().front();
  for (auto now :
       {then + s3::max_skew_seconds + 1, then - s3::max_skew_seconds - 1}) {
    auto r = check(x, now, secret, nothing);
    REQUIRE_FALSE(r);
    CHECK(r.why().code.name == "RequestTimeTooSkewed");
  }
  auto r = check(x, then, "another secret", nothing);
  REQUIRE_FALSE(r);
  CHECK(r.why().code.name == "SignatureDoesNotMatch");
}

TEST_CASE("sigv4: keys that are remembered are those of the secret",
          "[http][s3]") {
  s3::signing_keys keys;
  s3::claim c;
  c.credential = credential;
  c.scope = credential.substr(credential.find('/') + 1);
  for (std::string_view x : {secret, secret, std::string_view{"new"}, secret})
    CHECK(keys.find(c, x).sign("text")
          == s3::signing_key(x, c.scope).sign("text"));
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i) {
    many.push_back("K/" + std::to_string(20000000 + i) + "/r/s3/aws4_request");
    c.credential = many.back();
    c.scope = c.credential.substr(2);
    auto& key = keys.find(c, secret);
    if (i % 500 == 0)
      CHECK(key.sign("text") == s3::signing_key(secret, c.scope).sign("text"));
  }
}

TEST_CASE("sigv4: presigned", "[http][s3]") {
  request req;
  req.method = "GET";
  req.headers = {{"Host", host}};
  auto parse = [](std::string_view expires) {
    return query::parse(
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE"
      "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
      "&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d868"
      "35f995330da4c265957d157751f604d404&X-Amz-Expires="
        + std::string{expires},
      100);
  };
  auto q = parse("86400");
  REQUIRE(q);
  s3::signed_request x{req, "/test.txt", *q};
  auto claim = s3::parse_claim(x);
  REQUIRE(claim);
  REQUIRE(*claim);
  auto key = s3::signing_key(secret, (*claim)->scope);
  CHECK(s3::check_claim(**claim, x, key, then));
  CHECK(s3::check_claim(**claim, x, key, then + 86400));
  CHECK_FALSE(s3::check_claim(**claim, x, key, then + 86401));
  CHECK_FALSE(
    s3::check_claim(**claim, x, key, then - s3::max_skew_seconds - 1));
  auto why = [&](std::string_view expires) -> std::string_view {
    auto other = parse(expires);
    REQUIRE(other);
    auto r = s3::parse_claim({req, "/test.txt", *other});
    REQUIRE_FALSE(r);
    return r.why().code.name;
  };
  for (auto* bad : {"", "604801", "1x"})
    CHECK(why(bad) == "AuthorizationQueryParametersError");
  for (auto* over : {"0", "-1", "-604801"})
    CHECK(why(over) == "AccessDenied");
}
