// Jobs as targets describe them: each tells of its own part, in a snap.
// Source: api-control 5; cli.md 4.6.
#pragma once

#include "cli/context.hpp"
#include "cli/transfer.hpp"

#include <string>
#include <vector>

namespace ais::cli {

// -- kinds --------------------------------------------------------------------

/// How a kind is called here: "copy-bucket" for "copy-bck".
std::string display_name(const std::string& kind);

/// The kind that a name means, or its beginning; empty if it is none.
std::string kind_of(const std::string& name);

/// What a job does with objects, for progress: "Copied".
std::string verb_of(const std::string& kind);

// -- what is asked for --------------------------------------------------------

/// Jobs by what is known of them; what is empty fits all.
struct job_choice {
  std::string kind;
  std::string id;
  std::string node; ///< id of a target
  bck bucket = {};

  /// For texts: "'copy-bucket' ", "".
  std::string quoted_kind() const;
};

/// What operands name, in any order: a kind, an ID, a target, a bucket.
/// @throws misuse when two of them name the same.
job_choice chosen_job(context& x, const std::vector<std::string>& operands);

// -- what is answered ---------------------------------------------------------

/// A target's part of a job.
struct snap {
  std::string node;
  json::object said;

  std::string text(const char* key) const { return text_at(said, key); }
  uint64_t stat(const char* key) const;
  bool yes(const char* key) const;
  bool ended() const;
  bool running() const { return !ended() && !yes("is_idle"); }
  /// "Running", "Finished", "Aborted: ...".
  std::string state() const;
  amounts how_far() const;
};

/// Of all parts of a job; the total only if all of them know theirs.
amounts how_far(const std::vector<snap>& all);

/// Of a part that runs: "523/1,000, 1.20MiB/s, 3m left"; empty if it cannot be
/// told.
std::string progress_text_of(const context& x, const snap& s);

/// Leaves out jobs whose name does not match --regex.
void keep_matching(const arguments& a, std::vector<snap>& snaps);

/// Asks all targets. @throws failure for an ID that nobody knows.
std::vector<snap>
query_jobs(api& cluster, const job_choice& which, bool running_only);

} // namespace ais::cli
