// What other commands do with jobs that they have started.
#pragma once

#include "cli/context.hpp"

namespace ais::cli {

/// What a job has done, on all nodes.
struct job_totals {
  uint64_t objects = 0;
  uint64_t bytes = 0;
};

/// Starts a job that needs no more than its kind. @returns its ID.
std::string
start_job(context& x, const char* kind, const std::string& node = {});

/// Waits until the job has ended on all nodes.
/// @throws failure when it failed somewhere, was stopped, or runs still after
///         `limit`.
job_totals
wait_for_job(context& x, const std::string& id, std::chrono::nanoseconds limit);

inline constexpr flag wait_flag{"wait", "", value_kind::nothing, "",
                                "wait until the job has ended"};
inline constexpr flag timeout_flag{"timeout", "", value_kind::duration,
                                   "DURATION",
                                   "with --wait: give up after so long"};

} // namespace ais::cli
