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

/// Tells of jobs that were started, and waits for them if the options say so.
void started(context& x, const arguments& a, const char* name,
             const std::vector<std::string>& ids);

/// Waits until the job has ended on all nodes, at most --timeout; with
/// --progress shows how far it is.
/// @throws failure when it failed somewhere, was stopped, or runs still.
job_totals wait_for_job(context& x, const arguments& a, const std::string& id);

/// Waits for the jobs that the operands name, all that run without any.
/// @throws failure when one of them failed.
void wait_for_jobs(context& x, const arguments& a);

/// Calls `f` with names that fit into one request of a job, until all are said.
void in_batches(const std::vector<std::string>& names,
                const std::function<void(json::array)>& f);

/// Removes objects of a bucket, and waits until they are gone.
void remove_named(context& x, const arguments& a, const bck& b,
                  const std::vector<std::string>& names);

/// Whether the options say so; --progress does, too.
inline bool waits(const arguments& a) {
  return a.has("wait") || a.has("progress");
}

inline constexpr flag wait_flag{"wait", "", value_kind::nothing, "",
                                "wait until the job has ended"};
inline constexpr flag timeout_flag{"timeout", "", value_kind::duration,
                                   "DURATION",
                                   "with --wait: give up after so long"};
inline constexpr flag job_progress_flag{
  "progress", "", value_kind::nothing, "",
  "wait, and show how far it is: count, bytes, rate, time"};
inline constexpr flag redraw_flag{
  "refresh", "", value_kind::duration, "DURATION",
  "with --progress: show it that often [0.2s on a terminal, else 5s]"};

inline constexpr flag non_verbose{"non-verbose", "nv", value_kind::nothing, "",
                                  "print the job's ID only"};

} // namespace ais::cli
