#include "storage/base/names.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("names: providers and their aliases", "[storage][names]") {
  CHECK(*parse_provider("") == provider::ais);
  CHECK(*parse_provider("s3") == provider::aws);
  CHECK(*parse_provider("gcp") == provider::gcp);
  CHECK(parse_provider("hdfs").error() == errc::invalid_provider);
}

TEST_CASE("names: unames and cnames", "[storage][names]") {
  bck plain{provider::ais, {}, "abc"};
  CHECK(uname_of(plain, "f1.txt") == "ais/@#/abc/f1.txt");
  CHECK(cname_of(plain, "dir/o") == "ais://abc/dir/o");
  bck far{provider::ais, {"uuid", "name"}, "b"};
  CHECK(uname_of(far) == "ais/@uuid#name/b/");
  CHECK(cname_of(far) == "ais://@uuid#name/b");
  CHECK(cname_of({provider::aws, {}, "b"}) == "s3://b");

  SECTION("a uname parses back") {
    auto parsed = parse_uname("ais/@uuid#name/b/x/y");
    REQUIRE(parsed);
    CHECK(parsed->first == far);
    CHECK(parsed->second == "x/y");
  }
  SECTION("what is no uname is refused") {
    for (auto x : {"", "ais", "ais/b", "ais/#/b/", "x/@#/b/", "ais/@#/../x",
                   "ais/@#//x"})
      CHECK_FALSE(parse_uname(x));
  }
}

TEST_CASE("names: buckets", "[storage][names]") {
  for (auto x : {"a", "A.b-c_9", "imagenet"})
    CHECK(check_bucket_name(x));
  CHECK(check_bucket_name(std::string(64, 'a')));
  CHECK_FALSE(check_bucket_name(std::string(65, 'a')));
  for (auto x : {"", "a..b", "..", "a/b", "a b", ".sys", "a\n", "\xc3\xa4"})
    CHECK(check_bucket_name(x).error() == errc::invalid_name);
  CHECK(check_bucket_name(".sys-inventory", true));
  CHECK_FALSE(check_bucket_name(".", true));
}

TEST_CASE("names: objects", "[storage][names]") {
  for (auto x : {"a", "a/b", "a//b", "/a", "...", "a/...b", ".x", "~x", "a%2f",
                 "\xf0\x9f\x98\x80", "a?b#c"})
    CHECK(check_object_name(x));
  for (auto x : {"", "a/", "/", ".", "..", "a/../b", "../x", "a/.", "./a",
                 "~/x", "a\nb", "\r", "\xff", "\xc0\xaf", "\xed\xa0\x80",
                 "\xf4\x90\x80\x80", "\xe4\xb8"})
    CHECK(check_object_name(x).error() == errc::invalid_name);
  using namespace std::string_view_literals;
  CHECK_FALSE(check_object_name("a\0b"sv));
  CHECK(check_object_name(std::string(max_object_name, 'x')));
  CHECK_FALSE(check_object_name(std::string(max_object_name + 1, 'x')));
  CHECK(check_prefix(""));
  CHECK(check_prefix("a/"));
  CHECK_FALSE(check_prefix("../"));
}
