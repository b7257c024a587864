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

TEST_CASE("home: of former versions", "[storage][home]") {
  bck parent{provider::ais, {}, "b"};
  bck b{provider::ais, versions_ns(), "b"};
  std::string id(version_id_chars, 'e');
  for (std::string key : {"k", "dir/k", "dir/", "k\x01/x", ""}) {
    INFO(key);
    auto home = home_digest(parent, key);
    auto name = to_text({0xabc, key, id, home});
    auto parsed = parse_former_name(name);
    REQUIRE(parsed);
    CHECK(parsed->bid == 0xabc);
    CHECK(parsed->object == key);
    CHECK(parsed->id == id);
    INFO("it lives where the object does, on the same mountpath");
    CHECK(home_digest(b, name) == home);
    CHECK(disk_digest(b, name) == disk_digest(parent, key));
    CHECK(disk_digest(parent, name) != home);
    CHECK(name.substr(0, former_prefix(0xabc, key).size())
          == former_prefix(0xabc, key));
  }
  CHECK(to_text({1, "a", id, 0}) < to_text({1, "a!", id, 0}));
  CHECK(to_text({1, "a", id, 0}) < to_text({1, "a/b", id, 0}));
  for (std::string name :
       {"", "x", "0000000000000abc/k", "0000000000000abc/k\x01/",
        "000000000000xabc/k\x01/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
        "0000000000000001"})
    CHECK_FALSE(parse_former_name(name));
}
