#include "http/s3/sigv2.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

// Amazon S3 User Guide, "Signing and authenticating REST requests (AWS
// signature version 2)", the examples there.
constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view bucket = "johnsmith";

struct example {
  std::string_view method, path, query;
  std::vector<header> headers;
  std::string_view signature;
  int64_t then;
};

request made(const example& x) {
  request out;
  out.method = x.method;
  out.headers.assign(x.headers.begin(), x.headers.end());
  return out;
}

} // namespace

TEST_CASE("s3 sigv2: the examples of its specification", "[http][s3]") {
  auto x = GENERATE(example{"GET",
                            "/photos/puppy.jpg",
                            "",
                            {{"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}},
                            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
                            1'175'024'202},
                    example{"PUT",
                            "/photos/puppy.jpg",
                            "",
                            {{"Content-Type", "image/jpeg"},
                             {"Content-Length", "94328"},
                             {"Date", "Tue, 27 Mar 2007 21:15:45 +0000"}},
                            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
                            1'175'030'145},
                    example{"GET",
                            "/",
                            "acl",
                            {{"Date", "Tue, 27 Mar 2007 19:44:46 +0000"}},
                            "c2WLPFtWHVgbEmeEG93a4cG37dM=",
                            1'175'024'686},
                    example{"DELETE",
                            "/photos/puppy.jpg",
                            "",
                            {{"Date", "Tue, 27 Mar 2007 21:20:27 +0000"},
                             {"x-amz-date", "Tue, 27 Mar 2007 21:20:26 +0000"}},
                            "R4dJ53KECjStyBO5iTBJZ4XVOaI=",
                            1'175'030'426});
  auto req = made(x);
  auto value = "AWS AK:" + std::string{x.signature};
  req.headers.push_back({"Authorization", value});
  auto q = *query::parse(x.query, 10);
  s3::signed_request as{req, x.path, q};
  auto claimed = s3::parse_old_claim(as);
  REQUIRE(claimed);
  REQUIRE(*claimed);
  CHECK((*claimed)->access_key == "AK");
  CHECK(s3::check_old_claim(**claimed, as, bucket, secret, x.then));
  CHECK(s3::check_old_claim(**claimed, as, bucket, secret, x.then + 899));
  auto late = s3::check_old_claim(**claimed, as, bucket, secret, x.then + 901);
  CHECK_FALSE(late.is_not(s3::request_skewed));
  for (auto& wrong :
       {s3::check_old_claim(**claimed, as, "", secret, x.then),
        s3::check_old_claim(**claimed, as, bucket, "secret", x.then)})
    CHECK_FALSE(wrong.is_not(s3::signature_mismatch));
}

TEST_CASE("s3 sigv2: presigned", "[http][s3]") {
  request req;
  req.method = "GET";
  auto text = std::string{"AWSAccessKeyId=AK&Expires=1175139620&Signature="
                          "NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"};
  auto check = [&](int64_t now) {
    auto q = *query::parse(text, 10);
    s3::signed_request as{req, "/photos/puppy.jpg", q};
    auto claimed = s3::parse_old_claim(as);
    REQUIRE(claimed);
    REQUIRE(*claimed);
    return s3::check_old_claim(**claimed, as, bucket, secret, now);
  };
  CHECK(check(1'175'139'620));
  CHECK_FALSE(check(1'175'139'621).is_not(s3::request_expired));
  text += "&acl"; // another operation than the one that was signed
  CHECK_FALSE(check(1'175'139'620).is_not(s3::signature_mismatch));
}

TEST_CASE("s3 sigv2: nobody's signature", "[http][s3]") {
  request req;
  req.method = "GET";
  for (auto value : {"AWS :x", "AWS  : x"}) {
    req.headers = {{"Authorization", value}};
    auto none = *query::parse("", 10);
    auto claimed = s3::parse_old_claim({req, "/b/k", none});
    CHECK_FALSE(claimed.is_not(s3::invalid_access_key));
  }
}

TEST_CASE("s3 sigv2: what is no claim, and what is two", "[http][s3]") {
  request req;
  auto parse = [&](std::string_view text) {
    auto q = *query::parse(text, 10);
    return s3::parse_old_claim({req, "/", q});
  };
  CHECK_FALSE(*parse(""));
  CHECK_FALSE(*parse("AWSAccessKeyId=a"));
  CHECK_FALSE(parse("AWSAccessKeyId=a&Signature=b&X-Amz-Signature=c"));
  req.headers.push_back({"Authorization", "AWS4-HMAC-SHA256 x"});
  CHECK_FALSE(*parse(""));
  CHECK_FALSE(parse("AWSAccessKeyId=a&Signature=b"));
  req.headers.front().value = "AWS no-colon";
  CHECK_FALSE(parse(""));
}
