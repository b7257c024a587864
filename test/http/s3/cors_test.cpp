#include "http/s3/cors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace ais::http;

namespace {

s3::cors_rules rules_of(const std::string& inner) {
  auto out
    = s3::parse_cors("<CORSConfiguration>" + inner + "</CORSConfiguration>");
  REQUIRE(out);
  CHECK(*s3::parse_cors(s3::to_xml(*out)) == *out);
  return *out;
}

std::string value_of(const header_list& list, std::string_view name) {
  auto i = std::find_if(list.begin(), list.end(),
                        [&](auto& x) { return x.first == name; });
  return i == list.end() ? "none" : i->second;
}

} // namespace

TEST_CASE("s3 cors: which rule allows what", "[http][s3]") {
  auto rules = rules_of(
    "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT"
    "</AllowedMethod><AllowedOrigin>https://*.example.com</AllowedOrigin>"
    "<AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type"
    "</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
    "<MaxAgeSeconds>300</MaxAgeSeconds></CORSRule>"
    "<CORSRule><ID>all</ID><AllowedMethod>GET</AllowedMethod>"
    "<AllowedOrigin>*</AllowedOrigin></CORSRule>");
  auto which = [&](s3::cors_request x) -> ptrdiff_t {
    auto* found = s3::find_rule(rules, x);
    return found ? found - rules.data() : -1;
  };
  CHECK(which({"https://a.example.com", "GET", ""}) == 0);
  CHECK(which({"https://.example.com", "PUT", "X-Amz-Date, content-type"})
        == 0);
  CHECK(which({"https://a.example.com", "PUT", "range"}) == -1);
  CHECK(which({"https://a.example.org", "GET", ""}) == 1);
  CHECK(which({"https://a.example.org", "GET", "x-amz-date"}) == -1);
  CHECK(which({"https://a.example.com", "DELETE", ""}) == -1);
  CHECK(which({"https:example.com", "PUT", ""}) == -1);

  s3::cors_request asked{"https://a.example.com", "PUT", "X-Amz-Date"};
  header_list out;
  s3::add_cors(out, rules[0], asked, true);
  CHECK(value_of(out, "Access-Control-Allow-Origin") == asked.origin);
  CHECK(value_of(out, "Access-Control-Allow-Methods") == "GET, PUT");
  CHECK(value_of(out, "Access-Control-Allow-Headers") == "x-amz-date");
  CHECK(value_of(out, "Access-Control-Expose-Headers") == "ETag");
  CHECK(value_of(out, "Access-Control-Max-Age") == "300");
  CHECK(value_of(out, "Access-Control-Allow-Credentials") == "true");
  out.clear();
  s3::add_cors(out, rules[1], asked, false);
  CHECK(value_of(out, "Access-Control-Allow-Origin") == "*");
  CHECK(value_of(out, "Access-Control-Allow-Credentials") == "none");
}

TEST_CASE("s3 cors: refusals", "[http][s3]") {
  auto code = [](const std::string& rule) {
    auto out = s3::parse_cors("<CORSConfiguration><CORSRule>" + rule
                              + "</CORSRule></CORSConfiguration>");
    return out ? std::string_view{} : out.why().code.name;
  };
  std::string origin = "<AllowedOrigin>*</AllowedOrigin>";
  std::string method = "<AllowedMethod>GET</AllowedMethod>";
  CHECK(code(origin + method) == "");
  CHECK(code(origin) == "MalformedXML");
  CHECK(code(method) == "MalformedXML");
  CHECK(code(origin + method + "<X/>") == "MalformedXML");
  CHECK(code(origin + method + "<MaxAgeSeconds>x</MaxAgeSeconds>")
        == "MalformedXML");
  CHECK(code(origin + "<AllowedMethod>PATCH</AllowedMethod>")
        == "InvalidRequest");
  CHECK(code("<AllowedOrigin>*a*</AllowedOrigin>" + method)
        == "InvalidRequest");
  CHECK(code(origin + method + "<ExposeHeader>a\nb</ExposeHeader>")
        == "InvalidRequest");
  CHECK_FALSE(s3::parse_cors("<CORSConfiguration/>"));
  CHECK_FALSE(s3::parse_cors(std::string(s3::max_cors_bytes + 1, ' ')));
}
