#include "storage/base/mutant.hpp"

#ifdef AIS_TESTING

namespace ais {

namespace {

std::string& selected() {
  static std::string name;
  return name;
}

} // namespace

void select_mutant(std::string name) {
  selected() = std::move(name);
}

bool mutant(std::string_view name) noexcept {
  return selected() == name;
}

} // namespace ais

#endif
