// A MOUNTPATH actor owns one disk: it opens it, creates and destroys the
// buckets' directories on it, removes trash in the background, looks how full
// it is, and owns the shards and IO actors that work on its objects. It may
// block.
#pragma once

#include "actors/target/io.hpp"
#include "actors/target/shard.hpp"

#include <vector>

namespace ais {

// -- messages (in-process)
// --------------------------------------------------------

/// A working mountpath as everyone else sees it.
struct mountpath_handles {
  std::shared_ptr<storage::mountpath> disk;
  std::vector<shard_actor> shards;
  std::vector<io_actor> io;      ///< what clients wait for
  std::vector<io_actor> copiers; ///< for jobs

  const io_actor& io_of(const storage::object_reader& x) const {
    return io[x.stamp.ino % io.size()];
  }
  const io_actor& copier_of(const storage::object_reader& x) const {
    return copiers[x.stamp.ino % copiers.size()];
  }

  /// The shard that owns the object with this placement digest.
  const shard_actor& shard_of(uint64_t digest) const {
    // The low bits picked the target and the mountpath: take others.
    return shards[(digest >> 40) % shards.size()];
  }
};
using mountpath_ptr = std::shared_ptr<const mountpath_handles>;

struct make_bucket_dirs {
  storage::bucket_ref bucket;
};

/// Does the disk work (storage::mountpath::check)?
struct check_mountpath {};

/// It is detached, and empty: forget whose it is.
struct release_mountpath {};

/// Can directories be made? Leaves nothing behind.
struct probe_mountpath {};

/// The bucket takes no more writes of clients: what is under way fails.
struct end_writes {
  bck which;
};

struct trash_bucket {
  bck which;
};

/// Makes the disk agree with the buckets that exist: what is not listed, or has
/// another bid, goes to the trash; what is missing is created. Removes stale
/// work files.
struct reconcile {
  std::vector<storage::bucket_ref> buckets;
  /// It was not in use: its copies may be of the past, and go.
  bool forget_copies = false;
};

// -- interface
// --------------------------------------------------------------------

/// The MOUNTPATH actor interface.
using mountpath_actor = caf::typed_actor<
  // Opens the disk and spawns its shards; errc::integrity if it is not ours.
  caf::replies_to<atom::start>::with<mountpath_ptr>,
  caf::replies_to<probe_mountpath>::with<ack>,
  // The disk's failure.
  caf::replies_to<check_mountpath>::with<ack>,
  // Comes before the stop.
  caf::replies_to<release_mountpath>::with<ack>,
  // An operation failed: checks, and reports when it is the disk.
  caf::reacts_to<io_failed>,
  // Each returns when the change is durable.
  caf::replies_to<make_bucket_dirs>::with<ack>,
  caf::replies_to<end_writes>::with<ack>,
  caf::replies_to<trash_bucket>::with<ack>,
  caf::replies_to<reconcile>::with<ack>,
  // Returns when the trash is empty: may take hours.
  caf::replies_to<atom::sweep>::with<ack>,
  // Flushes what shards keep in memory and stops them.
  caf::replies_to<atom::stop>::with<ack>>;

struct mountpath_config {
  environment env;
  std::string root;     ///< absolute path
  std::string node_id;  ///< of the target
  bool claimed = false; ///< it was ours before: an empty directory is not it
  size_t shards = 4;
  size_t io_actors = 2;
  size_t cached_leases = 4096;              ///< open files, all shards together
  std::chrono::milliseconds group_pause{0}; ///< of shard_config
  std::shared_ptr<board<smap>> map;         ///< of shard_config
  std::shared_ptr<board<target_view>> view; ///< the same
  /// When it is full; null: the usual limits.
  std::shared_ptr<board<storage::space_limits>> limits;
  /// The disk failed two checks in a row.
  std::function<void(const error&)> failed;
};

/// Spawns a MOUNTPATH actor.
mountpath_actor
spawn_mountpath(caf::actor_system& sys, const mountpath_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::mountpath_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::make_bucket_dirs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::probe_mountpath)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::check_mountpath)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::release_mountpath)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::end_writes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::trash_bucket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::reconcile)
