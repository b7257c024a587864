// A change of the cluster that one node forwards to the primary.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ais {

/// The primary has this long for a change that another node forwards.
inline constexpr std::chrono::seconds change_timeout{40};

/// Marks a change that one node forwards to the primary, so that it happens
/// once, whatever the network makes of it: the primary of another epoch refuses
/// it, that of this epoch remembers it.
struct change_tag {
  uint64_t epoch = 0; ///< 0: not forwarded
  std::string id;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_tag& x) {
  return f(x.epoch, x.id);
}

} // namespace ais
