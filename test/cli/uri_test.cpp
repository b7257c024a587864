#include "cli/uri.hpp"

#include "cli/failure.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::cli;

namespace {

std::string why_not(std::string_view text) {
  try {
    parse_uri(text);
  } catch (const failure& e) {
    return e.what();
  }
  return {};
}

} // namespace

TEST_CASE("uri: buckets and objects", "[cli][uri]") {
  auto u = parse_uri("ais://b/dir/o");
  CHECK(u.bucket.provider == provider::ais);
  CHECK(u.bucket.name == "b");
  CHECK(u.object == "dir/o");
  CHECK(parse_uri("s3://b").bucket.provider == provider::aws);
  CHECK(parse_uri("ais://b").slash == false);
  CHECK(parse_uri("ais://b/").slash);
  CHECK(parse_uri("ais://b//x").object == "/x");

  SECTION("namespaces") {
    auto x = parse_uri("ais://@remote#ns/b/o");
    CHECK(x.bucket.ns.uuid == "remote");
    CHECK(x.bucket.ns.name == "ns");
    CHECK(x.bucket.name == "b");
    CHECK(x.object == "o");
    CHECK(parse_uri("ais://#ns/b").bucket.ns.name == "ns");
    CHECK(parse_uri("ais://@#/b").bucket.ns.global());
  }
  SECTION("a provider alone asks for all its buckets") {
    for (auto text : {"s3", "s3:", "s3://"}) {
      auto x = parse_uri(text);
      CHECK(x.query());
      CHECK(x.bucket.provider == provider::aws);
    }
    CHECK(parse_uri("ais://@").any_remote);
    CHECK(parse_uri("ais://@#").any_remote);
  }
}

TEST_CASE("uri: mistakes are explained", "[cli][uri]") {
  CHECK(why_not("abc").find("did you mean \"ais://abc\"?")
        != std::string::npos);
  CHECK(why_not("s3:/x").find("did you mean \"s3://x\"?") != std::string::npos);
  CHECK(why_not("foo://x").find("invalid backend provider")
        != std::string::npos);
  CHECK(why_not("://x").find("invalid backend provider") != std::string::npos);
  CHECK(why_not("ais://a..b").find("..") != std::string::npos);
  CHECK(why_not("ais:///o").find("missing") != std::string::npos);
  CHECK_THROWS_AS(parse_bucket("ais://"), failure);
  CHECK_THROWS_AS(parse_bare_bucket("ais://b/o"), failure);
  CHECK_THROWS_AS(parse_object("ais://b"), misuse);
}
