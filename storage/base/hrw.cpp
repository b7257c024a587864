#include "storage/base/hrw.hpp"

#include <bit>
#include <xxhash.h>

namespace ais {

namespace {

constexpr uint64_t placement_seed = 1103515245;
constexpr uint64_t golden_gamma = 0x9e3779b97f4a7c15;

/// The finaliser of splitmix64.
uint64_t split_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

} // namespace

uint64_t placement_digest(std::string_view x) {
  return XXH64(x.data(), x.size(), placement_seed);
}

uint64_t hrw_mix(uint64_t x) {
  auto state = split_mix(split_mix(x + golden_gamma) + golden_gamma);
  return std::rotl(state * 5, 7) * 9;
}

int hrw_pick(std::span<const uint64_t> candidates, uint64_t digest) {
  int best = -1;
  uint64_t best_weight = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    auto weight = hrw_mix(candidates[i] ^ digest);
    if (weight >= best_weight) {
      best = static_cast<int>(i);
      best_weight = weight;
    }
  }
  return best;
}

} // namespace ais
