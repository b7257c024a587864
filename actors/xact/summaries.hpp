// The SUMMARIES actor runs bucket summaries: jobs in which all targets walk
// buckets and count. Results stay for a while after the end.
#pragma once

#include "actors/target/lister.hpp"
#include "actors/target/target.hpp"

namespace ais {

inline constexpr size_t max_running_summaries = 8;
inline constexpr size_t max_kept_summaries = 1024;

// -- messages (in-process)
// --------------------------------------------------------

struct start_summary {
  std::vector<bucket_ptr> buckets;
  std::string prefix;
};

/// Where a summary stands.
struct summary {
  bool done = false;
  std::vector<std::pair<bucket_ptr, bucket_totals>> totals; ///< so far
  error failure; ///< if it failed; then done
};
using summary_ptr = std::shared_ptr<const summary>;

struct get_summary {
  std::string id;
};

// -- interface
// --------------------------------------------------------------------

/// The SUMMARIES actor interface.
using summaries_actor = caf::typed_actor<
  // Returns the job's id; errc::too_many_requests.
  caf::replies_to<start_summary>::with<std::string>,
  // errc::xact_not_found.
  caf::replies_to<get_summary>::with<summary_ptr>>;

/// Spawns the SUMMARIES actor over the targets of the cluster.
summaries_actor spawn_summaries(caf::actor_system& sys, const environment& env,
                                std::shared_ptr<board<sync_view>> sync,
                                std::shared_ptr<board<peer_set>> peers);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::start_summary)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::summary_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::get_summary)
