#include "http/s3/form.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/post_policy.hpp"
#include "http/s3/sigv4.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace ais::http;

namespace {

const std::string body
  = "--XX\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}"
    "\r\n--XX\r\ncontent-disposition:form-data;filename=\"k\"; name=acl\r\n"
    "Content-Type: text/plain\r\n\r\n\r\n"
    "--XX\r\nContent-Disposition: form-data; name=\"file\";"
    " filename=\"C:\\dir\\x \\\"1\\\".txt\"\r\n\r\n";

/// The content of a file, its body cut into pieces of that size.
std::string
cut_out(std::string whole, size_t head, size_t piece, bool& closed) {
  s3::form_file file{"XX", head};
  std::string out;
  for (size_t at = 0; at < whole.size(); at += piece) {
    auto part = whole.substr(at, piece);
    auto raw = std::as_writable_bytes(std::span{part.data(), part.size()});
    auto content = file.pass(raw);
    REQUIRE(content.size() <= raw.size());
    REQUIRE((content.empty() || content.data() == raw.data()));
    out.append(reinterpret_cast<const char*>(content.data()), content.size());
  }
  closed = static_cast<bool>(file.finish());
  return out;
}

std::string code_of(std::string_view form) {
  auto out = s3::parse_form_head(form, "XX");
  return out ? "" : std::string{out.why().code.name};
}

} // namespace

TEST_CASE("s3 form: boundary", "[http][s3]") {
  for (auto type : {"multipart/form-data; boundary=XX",
                    "multipart/form-data;charset=x; Boundary=\"XX\"",
                    "multipart/form-data; boundary=XX ; a=b"})
    CHECK(*s3::form_boundary(type) == "XX");
  for (std::string type :
       {"", "multipart/form-data",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"X",
        "multipart/form-data; xboundary=X"})
    CHECK_FALSE(s3::form_boundary(type));
  auto longest = std::string(s3::max_boundary_bytes, 'x');
  CHECK(s3::form_boundary("m; boundary=" + longest));
  CHECK_FALSE(s3::form_boundary("m; boundary=x" + longest));
}

TEST_CASE("s3 form: fields", "[http][s3]") {
  for (std::string before : {"", "to be ignored\r\n", "\r\n"}) {
    auto head = s3::parse_form_head(before + body + "content", "XX");
    REQUIRE(head);
    REQUIRE(*head);
    CHECK((*head)->size == before.size() + body.size());
    CHECK((*head)->filename == "x \"1\".txt");
    CHECK((*head)->fields.size() == 2);
    CHECK((*head)->get("key") == "a/${filename}");
    CHECK((*head)->has("acl"));
    CHECK((*head)->get("acl").empty());
    CHECK_FALSE((*head)->has("file"));
  }
  SECTION("cut anywhere, more is needed") {
    for (size_t n = 0; n < body.size(); ++n) {
      auto head
        = s3::parse_form_head(std::string_view{body}.substr(0, n), "XX");
      REQUIRE(head);
      REQUIRE_FALSE(*head);
    }
  }
  SECTION("what is malformed is refused") {
    auto field = [](std::string name) {
      return "--XX\r\nContent-Disposition: form-data; name=\"" + name
             + "\"\r\n\r\nv\r\n";
    };
    CHECK(code_of(field("a") + "--XX--\r\n") == "InvalidArgument");
    CHECK(code_of(field("a") + "--XXX\r\n\r\n") == "MalformedPOSTRequest");
    CHECK(code_of(field("a") + field("A") + "--XX\r\n")
          == "MalformedPOSTRequest");
    CHECK(code_of("--XX\r\nContent-Type: x\r\n\r\nv\r\n--XX\r\n")
          == "MalformedPOSTRequest");
    CHECK(code_of("--XX\r\nno header\r\n\r\nv\r\n--XX")
          == "MalformedPOSTRequest");
    CHECK(code_of("--XX\r\n\r\nv\r\n--XX") == "MalformedPOSTRequest");
    std::string many;
    for (size_t i = 0; i <= s3::max_form_fields; ++i)
      many += field("f" + std::to_string(i));
    CHECK(code_of(many + "--XX") == "MalformedPOSTRequest");
  }
}

TEST_CASE("s3 form: the file is cut out", "[http][s3]") {
  for (std::string content : {"", "x", "plain", "\r\n", "\r\n--X", "\r\n--",
                              "a\r\n--XY\r\n--X", "\r\r\n--X\r\n\r\n-", "--XX"})
    for (std::string end : {"\r\n--XX--\r\n", "\r\n--XX--",
                            "\r\n--XX\r\nmore: fields\r\n\r\n1\r\n--XX--\r\n"})
      for (size_t head : {0, 5})
        for (size_t piece = 1; piece < 40; ++piece) {
          auto closed = false;
          CHECK(cut_out("12345" + content + end, head, piece, closed)
                == (head == 0 ? "12345" : "") + content);
          CHECK(closed);
        }
  auto closed = true;
  cut_out("content\r\n--X", 0, 4, closed);
  CHECK_FALSE(closed);
}

// -- policies
// ---------------------------------------------------------------------

namespace {

s3::outcome<s3::post_policy> policy_with(std::string_view conditions) {
  return s3::post_policy::parse(
    R"({"expiration":"2026-11-21T12:00:00Z","conditions":[)"
    + std::string{conditions} + "]}");
}

constexpr int64_t noon = 1795262400; ///< 2026-11-21T12:00:00Z

bool allows(std::string_view conditions,
            std::vector<std::pair<std::string, std::string>> fields,
            int64_t now = noon - 1) {
  auto made = policy_with(conditions);
  REQUIRE(made);
  s3::form_head form{std::move(fields), "f", 0};
  auto ok = made->check(form, "b", "dir/k", now);
  CHECK((ok || ok.why().code.status == 403));
  return static_cast<bool>(ok);
}

} // namespace

TEST_CASE("s3 form policy: conditions", "[http][s3]") {
  CHECK(allows(R"({"bucket":"b"},["starts-with","$key","dir/"])",
               {{"key", "dir/${filename}"}}));
  CHECK(allows(R"({"BuckeT":"b"},["StArTs-WiTh","$KeY",""],{"acl":"private"})",
               {{"key", "x"}, {"acl", "private"}}));
  CHECK_FALSE(allows(R"({"bucket":"other"})", {}));
  CHECK_FALSE(allows(R"(["eq","$key","dir/"])", {}));
  CHECK_FALSE(allows(R"({"acl":"private"})", {{"acl", "public-read"}}));
  CHECK_FALSE(allows(R"({"acl":"private"})", {}));
  CHECK_FALSE(allows(R"({"bucket":"b"})", {{"acl", "private"}}));
  CHECK_FALSE(allows(R"({"bucket":"b"},{"key":"k"})", {{"key", "k"}}));
  CHECK(allows("", {{"policy", "x"},
                    {"x-amz-signature", "x"},
                    {"awsaccesskeyid", "x"},
                    {"signature", "x"},
                    {"x-ignore-this", "x"}}));
  CHECK_FALSE(allows("", {{"x-amz-credential", "x"}}));
  CHECK_FALSE(allows("", {}, noon));
}

TEST_CASE("s3 form policy: sizes and refusals", "[http][s3]") {
  auto sized = policy_with(R"(["content-length-range",1,10])");
  REQUIRE(sized);
  CHECK(sized->min_bytes() == 1);
  CHECK(sized->max_bytes() == 10);
  CHECK(policy_with("")->max_bytes() == UINT64_MAX);
  for (auto bad :
       {"{}", "[]", "1", R"({"a":1})", R"(["eq","$a"])", R"(["eq","a","b"])",
        R"(["eq","$","b"])", R"(["like","$a","b"])", R"(["eq",1,"b"])",
        R"(["content-length-range",0])", R"(["content-length-range",-1,0])",
        R"(["content-length-range",2,1])",
        R"(["content-length-range","a",1])"}) {
    INFO(bad);
    CHECK(policy_with(bad).why().code.name == "InvalidPolicyDocument");
  }
  for (auto bad : {"", "x", "[]", R"({"conditions":[]})",
                   R"({"expiration":"2026-11-21T12:00:00Z"})",
                   R"({"EXPIRATION":"2026-11-21T12:00:00Z","conditions":[]})",
                   R"({"expiration":"soon","conditions":[]})",
                   R"({"expiration":"2026-11-21T12:00:00Z","conditions":{}})"})
    CHECK_FALSE(s3::post_policy::parse(bad));
}

// Source: Amazon S3 API Reference, "Example: browser-based upload using HTTP
// POST (using AWS Signature Version 4)".
TEST_CASE("s3 form: signatures", "[http][s3]") {
  auto made = s3::parse_form_claim(
    "AWS4-HMAC-SHA256",
    "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
    "20151229T000000Z", "x");
  REQUIRE(made);
  CHECK(made->access_key == "AKIAIOSFODNN7EXAMPLE");
  auto key
    = s3::signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", made->scope);
  auto now = int64_t{1451347200}; // that day
  auto signature = ais::to_hex(key.sign("cG9saWN5"));
  made->signature = signature;
  CHECK(s3::check_form_claim(*made, "cG9saWN5", key, now));
  CHECK_FALSE(s3::check_form_claim(*made, "cG9saWN6", key, now));
  CHECK_FALSE(s3::check_form_claim(*made, "cG9saWN5", key, now + 8 * 86400));
  CHECK_FALSE(s3::check_form_claim(*made, "cG9saWN5", key, now - 3600));
  CHECK_FALSE(s3::parse_form_claim("AWS4", made->access_key, "x", "x"));
  CHECK_FALSE(s3::parse_form_claim("AWS4-HMAC-SHA256", "AK", "x", "x"));
  // RFC 2202, test case 2.
  CHECK(s3::check_old_form("what do ya want for nothing?", "Jefe",
                           "7/zfauXrL6LSdBbV8YTfnCWafHk="));
  CHECK_FALSE(s3::check_old_form("what do ya want for nothing?", "Jefe", ""));
}
