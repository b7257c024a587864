#include "storage/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace ais {

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

} // namespace ais
