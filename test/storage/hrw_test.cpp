#include "storage/base/hrw.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace ais;

// Values from a running AIStore 5.0 cluster: storage-semantics 4 and the smap
// of api-control 7.1.
TEST_CASE("hrw: digests and weights are AIStore's", "[storage][hrw]") {
  CHECK(placement_digest("OGpt19083") == 17478934419937510532ull);
  CHECK(placement_digest("gXhp21480") == 5846860406664135013ull);
  CHECK(placement_digest("edFt21482") == 17561269519251403548ull);
  CHECK(hrw_mix(0) == 1905207664160064169ull);
  CHECK(hrw_mix(4573842) == 5026071747115404967ull);
}

TEST_CASE("hrw: the highest weight wins", "[storage][hrw]") {
  CHECK(hrw_pick({}, 7) == -1);
  std::array<uint64_t, 3> nodes{placement_digest("gXhp21480"),
                                placement_digest("edFt21482"),
                                placement_digest("OGpt19083")};
  std::array<int, 3> hits{};
  for (int i = 0; i < 3000; ++i) {
    auto digest = placement_digest("ais/@#/abc/" + std::to_string(i));
    auto best = hrw_pick(nodes, digest);
    ++hits[static_cast<size_t>(best)];
    for (auto n : nodes)
      CHECK(hrw_mix(nodes[static_cast<size_t>(best)] ^ digest)
            >= hrw_mix(n ^ digest));
  }
  for (auto n : hits)
    CHECK(n > 850); // of 1000 expected

  SECTION("the later one wins a tie") {
    std::array<uint64_t, 2> twins{5, 5};
    CHECK(hrw_pick(twins, 1) == 1);
  }
  SECTION("without the loser nothing moves") {
    for (int i = 0; i < 100; ++i) {
      auto digest = placement_digest("x" + std::to_string(i));
      auto best = hrw_pick(nodes, digest);
      if (best < 2)
        CHECK(hrw_pick(std::span{nodes}.first(2), digest) == best);
    }
  }
}
