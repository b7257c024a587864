#include "storage/base/home.hpp"

#include "storage/base/hrw.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("home: of ordinary objects", "[storage][home]") {
  bck b{provider::ais, {}, "b"};
  for (auto name : {"a", "parts/x", "uploads/0123456789abcdef0123456789abcdef"})
    CHECK(home_digest(b, name) == placement_digest(uname_of(b, name)));
}

TEST_CASE("home: of uploads", "[storage][home]") {
  bck parent{provider::ais, {}, "b"};
  bck b{provider::ais, uploads_ns(), "b"};
  auto home = home_digest(parent, "dir/key");
  auto id = make_upload_id(0xabc, home, 7);
  CHECK(id.size() == 48);
  CHECK(id.substr(0, 16) == "0000000000000abc");
  CHECK(id.substr(32) == "0000000000000007");

  SECTION("everything lives where the object will") {
    CHECK(home_digest(b, "uploads/" + id + "/dir/key") == home);
    CHECK(home_digest(b, "parts/" + id + "/00001") == home);
    CHECK(home_digest(b, "parts/" + id + "/10000") == home);
  }
  SECTION("other names are placed as everywhere") {
    for (auto name : {"x", "parts/", "parts/short/00001",
                      "parts/0000000000000abcG123456789abcdef/1"})
      CHECK(home_digest(b, name) == placement_digest(uname_of(b, name)));
  }
  SECTION("another bucket's names mean nothing") {
    auto name = "parts/" + id + "/00001";
    CHECK(home_digest(parent, name)
          == placement_digest(uname_of(parent, name)));
  }
}
