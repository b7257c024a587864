#include "cli/transfer.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::cli;
using namespace std::chrono_literals;

TEST_CASE("progress: as text", "[cli][transfer]") {
  quantities q;
  constexpr uint64_t mib = 1 << 20;

  SECTION("of bytes") {
    auto x = describe(q, {}, {1234, 10'000, 3 * mib, 12 * mib}, 3s);
    CHECK(x.objects == "1,234/10,000");
    CHECK(x.bytes == "3.00MiB of 12.00MiB");
    CHECK(x.rate == "1.00MiB/s");
    CHECK(x.left == "9s");
  }
  SECTION("of objects, where nobody knows how large they are") {
    auto x = describe(q, {}, {25, 100, mib, 0}, 5s);
    CHECK(x.bytes == "1.00MiB");
    CHECK(x.left == "15s");
    CHECK(describe(q, {}, {25, 100, 0, 0}, 5s).rate == "5/s");
    CHECK(describe(q, {}, {25, 100, 0, 0}, 5s).bytes.empty());
  }
  SECTION("without a total there is no end") {
    auto x = describe(q, {}, {25, 0, mib, 0}, 5s);
    CHECK(x.objects == "25");
    CHECK(x.left.empty());
  }
  SECTION("nothing is promised while nothing moves, or at once") {
    CHECK(describe(q, {}, {0, 100, 0, 0}, 5s).left.empty());
    CHECK(describe(q, {}, {0, 100, 0, 500}, 0s).left.empty());
  }
  SECTION("what was done before does not count") {
    auto x = describe(q, {50, 100, 50 * mib, 0}, {60, 100, 60 * mib, 0}, 10s);
    CHECK(x.rate == "1.00MiB/s");
    CHECK(x.left == "40s");
  }
  SECTION("more than was expected") {
    CHECK(describe(q, {}, {120, 100, 0, 0}, 5s).left == "0s");
  }
}
