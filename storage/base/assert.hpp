// Invariants of ours: a broken one stops the process rather than write bad
// data.
#pragma once

namespace ais {
[[noreturn]] void
assertion_failed(const char* what, const char* file, int line) noexcept;
} // namespace ais

/// On in every build.
#define AIS_ASSERT(cond)                                                       \
  ((cond) ? static_cast<void>(0)                                               \
          : ::ais::assertion_failed(#cond, __FILE__, __LINE__))
