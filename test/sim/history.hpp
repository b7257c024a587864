// What clients did to one object and what they saw, and whether there is an
// order of all of it that one register could have shown them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ais::sim {

inline constexpr int absent = 0; ///< as a value: no object

/// One operation; times on the world's clock [ns].
struct operation {
  /// take: reads, and leaves nothing, in one step (the source of a rename).
  enum class kind : uint8_t { write, read, take };
  kind what = kind::read;
  int value = absent; ///< written (absent: deleted), read, or taken
  int64_t from = 0;
  /// When the answer came; `never` if it did not, or was an error that leaves
  /// open whether the write happened.
  int64_t to = never;
  static constexpr int64_t never = std::numeric_limits<int64_t>::max();
};

/// Whether the history is linearizable, beginning with no object. Reads without
/// an answer must be left out; writes without one may take effect at any time
/// after they began, or never.
bool linearizable(const std::vector<operation>& history);

/// One line per operation, for people.
std::string to_string(const std::vector<operation>& history);

} // namespace ais::sim
