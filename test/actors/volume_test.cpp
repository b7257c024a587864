#include "actors/meta/volume.hpp"

#include <catch2/catch.hpp>

using namespace ais;

namespace {

volume with(std::vector<std::string> paths) {
  auto out = with_arguments({}, paths);
  REQUIRE(out);
  return settled(*out);
}

mpath_state state_of(const volume& x, const std::string& path) {
  auto* m = x.find(path);
  REQUIRE(m);
  return m->state;
}

} // namespace

TEST_CASE("volume: mountpaths come", "[actors][volume]") {
  auto x = with({"/a", "/b"});
  auto more = with_attached(x, "/c", "nvme");
  REQUIRE(more);
  CHECK(more->version > x.version);
  CHECK_FALSE(more->settled);
  CHECK(more->find("/c")->label == "nvme");
  // What is no place for objects.
  for (auto path : {"", "/", "c", "/c/", "/c//d", "/c/../d", "/./c", "/.."})
    CHECK(with_attached(x, path, "").error() == errc::invalid_argument);
  for (auto path : {"/a", "/a/below", "/b/x/y"})
    CHECK(with_attached(x, path, "").error() == errc::conflict);
  CHECK(with_attached(with({"/data/a"}), "/data", "").error()
        == errc::conflict);
  CHECK(with_attached(x, "/ab", "")); // not inside /a
}

TEST_CASE("volume: mountpaths leave", "[actors][volume]") {
  auto x = with({"/a", "/b"});
  SECTION("when they are empty") {
    auto y = without(x, "/a", {false, true});
    REQUIRE(y);
    CHECK(state_of(*y, "/a") == mpath_state::disabling);
    CHECK_FALSE(y->settled);
    CHECK(in_use(*y->find("/a")));
    CHECK(*without(*y, "/a", {false, true}) == *y); // again: nothing to do
    // For good, after all.
    auto z = without(*y, "/a", {true, true});
    REQUIRE(z);
    CHECK(state_of(*z, "/a") == mpath_state::detaching);
    auto end = settled(*z);
    CHECK(end.settled);
    CHECK(state_of(end, "/a") == mpath_state::detached);
    CHECK(without(end, "/a", {true, true}).error()
          == errc::mountpath_not_found);
    CHECK(with_enabled(end, "/a").error() == errc::mountpath_not_found);
    // Not by an argument of the process, only by hand.
    CHECK(*with_arguments(end, {"/a", "/b"}) == end);
    CHECK(state_of(*with_attached(end, "/a", ""), "/a")
          == mpath_state::enabled);
  }
  SECTION("and may come back before they are") {
    auto y = with_enabled(*without(x, "/a", {true, true}), "/a");
    REQUIRE(y);
    CHECK(state_of(*y, "/a") == mpath_state::enabled);
    CHECK_FALSE(y->settled);
    CHECK(state_of(settled(*y), "/a") == mpath_state::enabled);
  }
  SECTION("with their objects on them") {
    auto y = without(x, "/a", {false, false});
    REQUIRE(y);
    CHECK(state_of(*y, "/a") == mpath_state::disabled);
    CHECK(y->find("/a")->left_behind);
    CHECK(y->settled); // all others are where they were
    // What comes later has nothing to do with where its objects were.
    using paths = std::vector<std::string>;
    CHECK(settled(*with_attached(*y, "/c", "")).find("/a")->beside
          == paths{"/b"});
    auto z = with_enabled(*y, "/a");
    REQUIRE(z);
    CHECK_FALSE(z->find("/a")->left_behind);
    CHECK_FALSE(z->settled);
    // They cannot move: given up only if that is what was asked for.
    CHECK(without(*y, "/a", {true, true}).error() == errc::conflict);
    CHECK_FALSE(without(*y, "/a", {true, false})->find("/a")->left_behind);
  }
  SECTION("not while objects are on their way, and not the last one") {
    CHECK(without(unsettled(x), "/a", {false, false}).error()
          == errc::conflict);
    CHECK(without(*without(x, "/a", {false, true}), "/b", {false, true}).error()
          == errc::conflict);
    CHECK(without(x, "/c", {false, true}).error() == errc::mountpath_not_found);
  }
  SECTION("the last one with its objects, if others serve") {
    auto y = *without(x, "/a", {false, false});
    CHECK(without(y, "/b", {false, true}).error() == errc::conflict);
    auto none = without(y, "/b", {false, true, true});
    REQUIRE(none);
    CHECK_FALSE(in_use(*none));
    CHECK(state_of(*none, "/b") == mpath_state::disabled);
    CHECK(none->find("/b")->left_behind);
    CHECK(none->find("/b")->beside.empty());
    // Objects that were to move cannot be given up unasked.
    CHECK(without(y, "/b", {true, true, true}).error() == errc::conflict);
    CHECK_FALSE(in_use(*without(y, "/b", {true, false, true})));
    // Those of another one are still on their way to it.
    auto moving = *without(x, "/a", {false, true});
    CHECK(without(moving, "/b", {false, true, true}).error() == errc::conflict);
  }
  SECTION("because they fail") {
    auto y = with_fault(x, "/a", "EIO");
    REQUIRE(y);
    CHECK(state_of(*y, "/a") == mpath_state::disabled);
    CHECK(y->find("/a")->fault == "EIO");
    CHECK(y->find("/a")->left_behind);
    CHECK_FALSE(y->find("/a")->beside.empty());
    CHECK(with_fault(unsettled(x), "/a", "EIO")->find("/a")->beside.empty());
    CHECK(*with_fault(*y, "/a", "again") == *y);
    CHECK(with_enabled(*y, "/a")->find("/a")->fault.empty());
  }
}

TEST_CASE("volume: as text", "[actors][volume]") {
  auto x = with({"/a", "/b", "/c \"quoted\""});
  x = *with_fault(*without(x, "/a", {true, true}), "/b", "EIO");
  x.copy_at = "/a";
  auto same = parse_volume(to_text(x));
  REQUIRE(same);
  CHECK(*same == x);
  CHECK(parse_volume("")->mountpaths.empty());
  for (auto text :
       {"[]", "{}", R"({"version":1,"settled":true})",
        R"({"version":1,"mountpaths":[]})",
        R"({"version":1,"settled":true,"mountpaths":[{"path":"/a"}]})",
        R"({"version":1,"settled":true,"mountpaths":[{"path":"/a","label":"",)"
        R"("state":"gone","left_behind":false,"fault":""}]})"})
    CHECK(parse_volume(text).error() == errc::integrity);
}
