// How full a file system is, against two limits: above the second one it takes
// no new content, until it is below the first. Source: storage-semantics 10.
#pragma once

#include "storage/disk.hpp"

#include <atomic>

namespace ais::storage {

/// Shares of a file system that are in use [%].
struct space_limits {
  unsigned highwm = 90;       ///< above: space is low
  unsigned out_of_space = 95; ///< above: no new content
  bool operator==(const space_limits&) const = default;
};

/// What was measured last. One writer; any thread reads.
class space_gauge {
public:
  void note(const fs_space& x, const space_limits& limits) {
    auto used = used_percent(x);
    if (used > limits.out_of_space)
      full_.store(true, std::memory_order_relaxed);
    else if (used < limits.highwm)
      full_.store(false, std::memory_order_relaxed);
    low_.store(used > limits.highwm, std::memory_order_relaxed);
    used_.store(used, std::memory_order_relaxed);
  }

  unsigned used() const { return used_.load(std::memory_order_relaxed); }
  bool low() const { return low_.load(std::memory_order_relaxed); }
  /// It was above out_of_space, and has not been below highwm since.
  bool full() const { return full_.load(std::memory_order_relaxed); }

  /// [%], rounded down.
  static unsigned used_percent(const fs_space& x) {
    auto whole = x.used_bytes + x.avail_bytes;
    return whole == 0
             ? 0
             : static_cast<unsigned>(static_cast<double>(x.used_bytes) * 100
                                     / static_cast<double>(whole));
  }

private:
  std::atomic<unsigned> used_{0};
  std::atomic<bool> low_{false};
  std::atomic<bool> full_{false};
};

} // namespace ais::storage
