#include "test/sim/history.hpp"

#include <catch2/catch.hpp>

using namespace ais::sim;

namespace {

operation wrote(int value, int64_t from, int64_t to = operation::never) {
  return {operation::kind::write, value, from, to};
}

operation saw(int value, int64_t from, int64_t to) {
  return {operation::kind::read, value, from, to};
}

} // namespace

TEST_CASE("history: one after the other", "[sim][history]") {
  CHECK(linearizable({}));
  CHECK(linearizable({saw(absent, 0, 1)}));
  CHECK(linearizable(
    {wrote(7, 0, 1), saw(7, 2, 3), wrote(absent, 4, 5), saw(absent, 6, 7)}));
  CHECK_FALSE(linearizable({saw(7, 0, 1)})); // nobody wrote it
  CHECK_FALSE(linearizable({wrote(7, 0, 1), saw(absent, 2, 3)}));
  CHECK_FALSE(
    linearizable({wrote(7, 0, 1), wrote(8, 2, 3), saw(7, 4, 5)})); // lost
  CHECK_FALSE(linearizable(
    {wrote(7, 0, 1), wrote(absent, 2, 3), saw(7, 4, 5)})); // came back
}

TEST_CASE("history: at the same time", "[sim][history]") {
  SECTION("either order will do, but one for all") {
    std::vector<operation> both{wrote(7, 0, 10), wrote(8, 0, 10)};
    for (int last : {7, 8}) {
      auto h = both;
      h.push_back(saw(last, 11, 12));
      CHECK(linearizable(h));
      h.push_back(saw(15 - last, 13, 14));
      CHECK_FALSE(linearizable(h));
    }
  }
  SECTION("a read beside a write sees old or new, and never goes back") {
    CHECK(linearizable({wrote(7, 0, 10), saw(absent, 1, 2), saw(7, 3, 4)}));
    CHECK_FALSE(
      linearizable({wrote(7, 0, 10), saw(7, 1, 2), saw(absent, 3, 4)}));
  }
  SECTION("the order of the history's lines means nothing") {
    CHECK(linearizable({saw(7, 2, 3), wrote(7, 0, 1)}));
  }
}

TEST_CASE("history: a write without an answer", "[sim][history]") {
  SECTION("may never happen, or late") {
    CHECK(linearizable({wrote(7, 0), saw(absent, 5, 6)}));
    CHECK(linearizable({wrote(7, 0), saw(absent, 5, 6), saw(7, 7, 8)}));
  }
  SECTION("happens once, and not before it began") {
    CHECK_FALSE(
      linearizable({wrote(7, 0), saw(7, 1, 2), wrote(8, 3, 4), saw(7, 5, 6)}));
    CHECK_FALSE(linearizable({saw(7, 0, 1), wrote(7, 2)}));
  }
}

TEST_CASE("history: taking what is there", "[sim][history]") {
  auto took = [](int value, int64_t from, int64_t to) {
    return operation{operation::kind::take, value, from, to};
  };
  CHECK(linearizable({wrote(7, 0, 1), took(7, 2, 3), saw(absent, 4, 5)}));
  CHECK_FALSE(linearizable({wrote(7, 0, 1), took(7, 2, 3), saw(7, 4, 5)}));
  // Not what was written meanwhile, and not twice.
  CHECK_FALSE(linearizable(
    {wrote(7, 0, 1), wrote(8, 2, 3), took(7, 4, 5), saw(8, 6, 7)}));
  CHECK_FALSE(linearizable({wrote(7, 0, 1), took(7, 2, 9), took(7, 3, 8)}));
  CHECK(linearizable(
    {wrote(7, 0, 1), took(7, 2, 9), wrote(7, 3, 4), took(7, 5, 8)}));
  // By a write that need not have happened.
  CHECK(linearizable({wrote(7, 0), took(7, 2, 3), saw(absent, 4, 5)}));
  CHECK_FALSE(linearizable({wrote(7, 0), took(7, 2, 3), took(7, 4, 5)}));
}
