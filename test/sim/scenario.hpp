// One seed: a cluster of 3 to 7 nodes, clients that change metadata and
// objects through all of them, faults at random times, then peace, in which
// everything must become well again. Invariants are checked all the time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace ais::sim {

struct scenario_options {
  uint64_t seed = 1;
  /// Sees every line of the trace.
  std::function<void(const std::string&)> on_trace;
};

struct scenario_result {
  std::optional<std::string> breach; ///< what went wrong
  uint64_t trace_hash = 0;
  double virtual_seconds = 0;
  size_t operations = 0;                ///< answered well
  size_t copies = 0;                    ///< of these, copies and renames
  std::map<std::string, size_t> faults; ///< by kind
  size_t messages = 0;
};

scenario_result run_scenario(const scenario_options& how);

} // namespace ais::sim
