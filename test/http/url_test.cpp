#include "http/url.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ais;
using namespace ais::http;

namespace {

bool bad(const expected<std::string>& x) {
  return !x && x.error() == errc::invalid_argument;
}

} // namespace

TEST_CASE("url: percent decoding", "[http][url]") {
  SECTION("escapes are decoded once, in either case of hex") {
    CHECK(*percent_decode("a%2Fb%2fc") == "a/b/c");
    CHECK(*percent_decode("%252F") == "%2F");
    CHECK(*percent_decode("%C3%A9") == "\xC3\xA9");
    CHECK(*percent_decode("%41") == "A");
  }
  SECTION("plus stays in paths and is a space in queries") {
    CHECK(*percent_decode("a+b") == "a+b");
    CHECK(*percent_decode("a+b", true) == "a b");
    CHECK(*percent_decode("a%2Bb", true) == "a+b");
  }
  SECTION("broken escapes are refused wherever they stand") {
    for (auto* x : {"%", "a%", "%4", "%4x", "%x4", "%%41", "a%4", "%-1"}) {
      CAPTURE(x);
      CHECK(bad(percent_decode(x)));
    }
  }
  SECTION("NUL and raw control characters are refused") {
    CHECK(bad(percent_decode("a%00b")));
    CHECK(bad(percent_decode("a\nb")));
    CHECK(bad(percent_decode("a\x7f")));
    CHECK(bad(percent_decode(std::string("a\0b", 3))));
    CHECK(*percent_decode("a%0Ab") == "a\nb");
  }
  SECTION("what was encoded decodes to itself") {
    std::string all;
    for (int c = 1; c < 256; ++c)
      all += static_cast<char>(c);
    CHECK(*percent_decode(percent_encode(all)) == all);
    CHECK(*percent_decode(percent_encode(all, ""), true) == all);
    CHECK(percent_encode("a b/c?d") == "a%20b/c%3Fd");
    CHECK(percent_encode("a/b&c", "") == "a%2Fb%26c");
  }
}

TEST_CASE("url: query", "[http][url]") {
  SECTION("keys and values are decoded, in order") {
    auto q = query::parse("a=1&b%20c=d+e&a=2", 10);
    REQUIRE(q);
    CHECK(q->all().size() == 3);
    CHECK(q->get("a") == "1");
    CHECK(q->get("b c") == "d e");
  }
  SECTION("a bare key is present and empty, an absent one is not") {
    auto q = query::parse("flag&x=", 10);
    REQUIRE(q);
    CHECK(q->find("flag") == std::string_view{});
    CHECK(q->has("flag"));
    CHECK(q->has("x"));
    CHECK_FALSE(q->has("y"));
  }
  SECTION("only the first '=' separates; empty parts are skipped") {
    auto q = query::parse("&&a=b=c&&", 10);
    REQUIRE(q);
    CHECK(q->all().size() == 1);
    CHECK(q->get("a") == "b=c");
  }
  SECTION("the limit holds, not one earlier") {
    std::string raw;
    for (int i = 0; i < 100; ++i)
      raw += "k=v&";
    CHECK(query::parse(raw, 100));
    auto more = query::parse(raw + "k=v", 100);
    REQUIRE_FALSE(more);
    CHECK(more.error() == errc::invalid_argument);
  }
  SECTION("a broken escape in a key or a value is refused") {
    CHECK_FALSE(query::parse("a%=1", 10));
    CHECK_FALSE(query::parse("a=%zz", 10));
    CHECK_FALSE(query::parse("a=%00", 10));
  }
}

TEST_CASE("url: target", "[http][url]") {
  SECTION("origin form") {
    auto t = split_target("/v1/objects/b/o%3Fx?a=1?2");
    REQUIRE(t);
    CHECK(t->host.empty());
    CHECK(t->path == "/v1/objects/b/o%3Fx");
    CHECK(t->query == "a=1?2");
  }
  SECTION("absolute form gives the host") {
    auto t = split_target("HTTP://example:80/a?b");
    REQUIRE(t);
    CHECK(t->host == "example:80");
    CHECK(t->path == "/a");
    CHECK(t->query == "b");
    CHECK(split_target("http://h")->path == "/");
    CHECK(split_target("http://h?q")->query == "q");
  }
  SECTION("anything else is refused") {
    for (auto* x : {"", "a", "example.com:80", "?q", "http://", "http:///x",
                    "ftp://h/x", "*x"}) {
      CAPTURE(x);
      CHECK_FALSE(split_target(x));
    }
    CHECK(split_target("*"));
  }
}

TEST_CASE("url: what is plain is the same encoded and decoded", "[http][url]") {
  for (auto* x : {"", "/a/b-c_d.e~9", "/"}) {
    CHECK(is_plain(x));
    CHECK(percent_encode(x) == x);
    CHECK(percent_decode(x) == std::string{x});
  }
  for (auto* x : {"/a b", "/a%20", "/+", "/\xc3\xbc", "/a?b"})
    CHECK_FALSE(is_plain(x));
  CHECK_FALSE(is_plain("a/b", ""));
}
