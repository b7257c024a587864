#include "storage/base/crash.hpp"

#ifdef AIS_TESTING

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace ais {

namespace {

/// The chosen point and the passage at which to end.
struct choice {
  std::string point;
  int passage = 1;

  choice() {
    auto* env = std::getenv("AIS_CRASH_AT");
    if (!env)
      return;
    point = env;
    if (auto colon = point.rfind(':'); colon != std::string::npos) {
      passage = std::atoi(point.c_str() + colon + 1);
      point.resize(colon);
    }
  }
};

} // namespace

void crash_point(const char* point) noexcept {
  static const choice chosen;
  static std::atomic<int> passages{0};
  if (chosen.point.empty() || chosen.point != point)
    return;
  if (++passages == chosen.passage)
    ::kill(::getpid(), SIGKILL);
}

} // namespace ais

#endif
