// What all nodes do now: their status twice, and the growth between.
#pragma once

#include "cli/nodes.hpp"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ais::cli {

/// All nodes at one time.
struct sample {
  std::chrono::steady_clock::time_point when;
  std::vector<node_status> nodes;
  std::map<std::string, uint64_t> busiest; ///< disk of a target [%], by its id
};

sample take_sample(context& x);

/// Growth of metrics per second since the sample before, which must live on.
class rates {
public:
  rates(const sample& before, const sample& now);

  double of(const node_status& n, std::string_view metric) const;
  /// Of all metrics of errors.
  double errors(const node_status& n) const;

private:
  const sample& before_;
  double seconds_;
};

/// "kind[id]" of all jobs that run.
std::vector<std::string> running_jobs(context& x);

} // namespace ais::cli
