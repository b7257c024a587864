#include "http/signature.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

constexpr std::string_view secret = "0123456789abcdef";
constexpr int64_t now_ns = 1'795'000'000'000'000'000;
constexpr int64_t minute_ns = 60'000'000'000;

query parsed(std::string_view raw) {
  auto q = query::parse(raw, 100);
  REQUIRE(q);
  return *q;
}

std::string query_of(std::string_view target) {
  return std::string{target.substr(target.find('?') + 1)};
}

std::string send(std::string_view target) {
  auto parts = split_target(target);
  REQUIRE(parts);
  return sent_on("GET", target, *percent_decode(parts->path),
                 parsed(parts->query), "p1", now_ns, secret);
}

/// Whether a target would take this request.
bool takes(std::string_view method, std::string_view target,
           int64_t at_ns = now_ns, std::string_view with = secret) {
  auto parts = split_target(target);
  REQUIRE(parts);
  auto ok = check_sent_on(method, *percent_decode(parts->path),
                          parsed(parts->query), at_ns, minute_ns, with);
  CHECK((ok || ok.error() == errc::access_denied));
  return bool(ok);
}

} // namespace

TEST_CASE("signature: unsigned without a secret", "[http][signature]") {
  CHECK(sent_on("GET", "/v1/objects/b/o", "/v1/objects/b/o", {}, "p1", 35, {})
        == "/v1/objects/b/o?pid=p1&utm=z");
  auto q = parsed("x=1&pid=p2&utm=3");
  CHECK(sent_on("GET", "/o?x=1&pid=p2&utm=3", "/o", q, "p1", 36, {})
        == "/o?x=1&pid=p2&utm=3&pid=p1&utm=10");
  CHECK(redirects_of(q) == 1);
  CHECK(redirects_of({}) == 0);
}

TEST_CASE("signature: what it protects", "[http][signature]") {
  auto target = send("/v1/objects/b/dir%2Fo?provider=ais&x=a+b");
  CHECK(takes("GET", target));
  CHECK_FALSE(takes("PUT", target));
  CHECK_FALSE(takes("GET", target, now_ns, "another"));
  CHECK_FALSE(takes("GET", "/v1/objects/b/dir%2Fo?provider=ais&x=a+b"));
  CHECK_FALSE(takes("GET", "/v1/objects/b/o?" + query_of(target)));
  CHECK_FALSE(takes("GET", target + "&more=1"));
  auto with = [&](const std::string& a, const std::string& b) {
    auto out = target;
    auto at = out.find(a);
    REQUIRE(at != std::string::npos);
    return out.replace(at, a.size(), b);
  };
  CHECK_FALSE(takes("GET", with("provider=ais", "provider=aws")));
  CHECK_FALSE(takes("GET", with("provider=ais&", "")));
  CHECK_FALSE(takes("GET", with("pid=p1", "pid=p2")));
  CHECK_FALSE(takes("GET", with("utm=", "utm=1")));
  CHECK_FALSE(takes("GET", with("&u=", "&u=A")));
  CHECK_FALSE(takes("GET", target.substr(0, target.find("&u=") + 3)));

  SECTION("clients may spell it anew") {
    CHECK(takes("GET", with("dir%2Fo", "dir/o")));
    CHECK(takes("GET", with("x=a+b", "x=a%20b")));
  }
  SECTION("sent on twice, the last one counts") {
    CHECK(takes("GET", send(target)));
    CHECK_FALSE(takes("GET", send(target) + "x"));
  }
}

TEST_CASE("signature: expires", "[http][signature]") {
  auto target = send("/v1/objects/b/o");
  CHECK(takes("GET", target, now_ns + minute_ns));
  CHECK_FALSE(takes("GET", target, now_ns + minute_ns + 1));
  CHECK(takes("GET", target, now_ns - minute_ns));
  CHECK_FALSE(takes("GET", target, now_ns - minute_ns - 1));
}
