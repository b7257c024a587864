#include "http/s3/copy_source.hpp"

#include "http/s3/aws_chunked.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;

TEST_CASE("s3 copy source: bucket and key", "[http][s3]") {
  for (auto header : {"/b/dir/a%20b+", "b/dir/a b+", "b/dir/a%20b%2B",
                      "b/dir/a%20b+?versionId=null"}) {
    auto name = s3::parse_copy_source(header);
    REQUIRE(name);
    CHECK(name->bucket == "b");
    CHECK(name->key == "dir/a b+");
  }
  CHECK(s3::parse_copy_source("b/k%3FversionId=1")->key == "k?versionId=1");
  for (auto bad : {"", "/", "b", "b/", "//k", "b/%2"}) {
    auto name = s3::parse_copy_source(bad);
    REQUIRE_FALSE(name);
    CHECK(name.why().code.name == "InvalidArgument");
  }
  CHECK(s3::parse_copy_source("b/k?versionId=7")->version == "7");
  CHECK_FALSE(s3::parse_copy_source("b/k")->version);
}

TEST_CASE("s3 copy source: ranges", "[http][s3]") {
  auto none = s3::parse_copy_range("");
  REQUIRE(none);
  CHECK_FALSE(*none);
  auto range = s3::parse_copy_range("bytes=2-5");
  REQUIRE(range);
  REQUIRE(*range);
  CHECK((*range)->offset == 2);
  CHECK((*range)->length == 4);
  for (auto bad :
       {"bytes", "bytes=", "bytes=-", "bytes=1", "bytes=-5", "bytes=5-",
        "bytes=5-4", "bytes=0-1,3-4", "bytes=hello-world", "bytes=0-bar",
        "bytes= 0-1", "bytes=0-18446744073709551615",
        "bytes=0-18446744073709551616", "byte=0-1", "0-1"})
    CHECK(s3::parse_copy_range(bad).why().code.name == "InvalidArgument");

  SECTION("must lie in the source") {
    auto last = s3::copied_bytes(byte_range{2, 4}, 6);
    REQUIRE(last);
    CHECK(last->offset == 2);
    CHECK(last->length == 4);
    CHECK(s3::copied_bytes({}, 6)->length == 6);
    CHECK(s3::copied_bytes({}, 0)->length == 0);
    for (auto beyond : {byte_range{2, 4}, byte_range{5, 1}, byte_range{0, 6},
                        byte_range{UINT64_MAX - 1, 1}})
      CHECK(s3::copied_bytes(beyond, 5).why().code.status == 416);
  }
  SECTION("must not be larger than a part") {
    auto most = s3::max_put_bytes;
    CHECK(s3::copied_bytes({}, most));
    CHECK(s3::copied_bytes({}, most + 1).why().code.name == "EntityTooLarge");
    CHECK(s3::copied_bytes(byte_range{9, most}, most + 9));
  }
}
