// The REMOVER deletes objects of this target by name, for requests that came to
// any node of the cluster.
//
// **Limits**: max_removed_names in one request, max_removals_at_once of them
// under way; max_removal_requests, more are refused.
#pragma once

#include "actors/mover/mover.hpp"

namespace ais {

inline constexpr size_t max_removed_names = 1000;
inline constexpr size_t max_removals_at_once = 64;
inline constexpr size_t max_removal_requests = 1024;

// -- messages between nodes
// --------------------------------------------------------

struct remove_objects {
  bck bucket;
  uint64_t bid = 0;
  std::vector<std::string> names; ///< at most max_removed_names
  /// By name: only an object with this entity tag. Empty, or missing: any.
  std::vector<std::string> etags = {};
  /// By name: only an object of that size [bytes], or last changed then (Unix
  /// time [s]); -1, or missing: any.
  std::vector<int64_t> sizes = {};
  std::vector<int64_t> mtimes = {};
  /// By name, where versions are kept; see delete_object. Empty, or missing:
  /// none is named.
  std::vector<std::string> versions = {};
  std::vector<std::string> marks = {};
};

/// An object that is still there, as far as is known.
struct unremoved {
  std::string name;
  errc code = errc::none;
  std::string text; ///< why, for people
};

struct removed_objects {
  std::vector<unremoved> failures; ///< all others are gone
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remove_objects& x) {
  return f(x.bucket, x.bid, x.names, x.etags, x.sizes, x.mtimes, x.versions,
           x.marks);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, unremoved& x) {
  return f(x.name, x.code, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, removed_objects& x) {
  return f(x.failures);
}

// -- interface
// --------------------------------------------------------------------

/// The REMOVER actor interface.
using remover_actor = caf::typed_actor<
  // Returns when all are gone as durably as the bucket wants, or failed; names
  // without an object are gone. errc::bucket_not_found, too_many_requests,
  // too_large; of names: not_ready: it belongs to another target;
  // precondition_failed: its tag, size or time is another one.
  caf::replies_to<remove_objects>::with<removed_objects>>;

struct remover_config {
  environment env;
  std::string node_id; ///< of the target
  std::shared_ptr<board<sync_view>> sync;
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> target;
  std::shared_ptr<fence> gate_fence;
  settler_actor settler;
};

/// Spawns the REMOVER.
remover_actor
spawn_remover(caf::actor_system& sys, const remover_config& config);

} // namespace ais
