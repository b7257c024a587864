// The TARGET owns a node's mountpaths: it opens them, makes them agree with the
// buckets that exist, takes part in bucket transactions, and shows everyone on
// the node where objects are placed. Requests for objects do not pass through
// it: whoever has the view sends them to the shard.
#pragma once

#include "actors/base/board.hpp"
#include "actors/target/lister.hpp"
#include "actors/target/mountpath_actor.hpp"

#include <vector>

namespace ais {

// -- messages (in-process)
// --------------------------------------------------------

/// Where objects of this node are: immutable, replaced as a whole.
struct target_view {
  std::string node_id;
  std::vector<mountpath_ptr> mountpaths;
  std::vector<uint64_t> digests; ///< of the mountpaths, for HRW
  std::vector<lister_actor> listers;

  /// The mountpath of the object with this placement digest; null without any.
  const mountpath_handles* place(uint64_t digest) const;
};

/// Phase one of a bucket transaction.
struct begin_txn {
  enum class op : uint8_t { create, destroy };
  std::string id;
  op what = op::create;
  storage::bucket_ref bucket;
};

/// Phase two: either of these ends it. Unknown ids are ignored: the transaction
/// ended before, or start-up has cleaned up after it.
struct commit_txn {
  std::string id;
};
struct abort_txn {
  std::string id;
};

// -- interface
// --------------------------------------------------------------------

/// The TARGET actor interface.
using target_actor = caf::typed_actor<
  // Opens the mountpaths and reconciles them with `buckets`; errc::integrity
  // when one belongs to another node, io_error.
  caf::replies_to<reconcile>::with<ack>,
  // Returns when this target will be able to commit.
  caf::replies_to<begin_txn>::with<ack>, caf::replies_to<commit_txn>::with<ack>,
  caf::replies_to<abort_txn>::with<ack>,
  // Flushes and stops everything below.
  caf::replies_to<atom::stop>::with<ack>>;

struct target_config {
  environment env;
  std::string node_id;
  std::vector<std::string> mountpaths; ///< absolute paths
  size_t shards = 4;                   ///< per mountpath
  size_t listers = 2;
  size_t cached_leases = 4096; ///< open files, all mountpaths together
};

/// Spawns the TARGET; it shows its view on `shown`.
target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::begin_txn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::commit_txn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::abort_txn)
