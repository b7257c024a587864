// The seeded bugs of the shipped code (storage/base/mutant.hpp): each switches
// one safeguard off. `ais_sim --mutants` shows that the simulation notices all
// of them.
#pragma once

#include <span>
#include <string_view>

namespace ais::sim {

struct mutant_info {
  std::string_view name;
  std::string_view breaks; ///< the safeguard that is gone
};

std::span<const mutant_info> all_mutants();

} // namespace ais::sim
