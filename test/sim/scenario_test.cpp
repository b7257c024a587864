// A part of what `./dev sim` does, with each build. Several cases, so that
// ctest runs them side by side.
#include "test/sim/scenario.hpp"

#include <catch2/catch.hpp>

using namespace ais;

namespace {

constexpr uint64_t seeds_per_part = AIS_SIM_SEEDS / 6;
constexpr uint64_t twice_per_part = AIS_SIM_SEEDS_TWICE / 2;

} // namespace

TEMPLATE_TEST_CASE_SIG("sim: no invariant breaks", "[sim][scenario]",
                       ((int Part), Part), 0, 1, 2, 3, 4, 5) {
  auto first = 1 + Part * seeds_per_part;
  for (auto seed = first; seed < first + seeds_per_part; ++seed) {
    INFO("replay with ./dev sim --seed " << seed);
    auto result = sim::run_scenario({seed, {}});
    if (result.breach)
      FAIL(*result.breach);
  }
}

TEMPLATE_TEST_CASE_SIG("sim: one seed, one trace", "[sim][scenario]",
                       ((int Part), Part), 0, 1) {
  auto first = 1'000'001 + Part * twice_per_part;
  for (auto seed = first; seed < first + twice_per_part; ++seed) {
    INFO("seed " << seed);
    auto hash = sim::run_scenario({seed, {}}).trace_hash;
    CHECK(sim::run_scenario({seed, {}}).trace_hash == hash);
  }
}
