// The TARGET owns a node's mountpaths: it opens them, makes them agree with the
// buckets of the committed state, takes part in bucket transactions, and shows
// everyone on the node where objects are placed. Requests for objects do not
// pass through it: whoever has the view sends them to the shard.
#pragma once

#include "actors/meta/metasync.hpp"
#include "actors/target/lister.hpp"
#include "actors/target/mountpath_actor.hpp"

#include <vector>

namespace ais {

/// A bucket of a billion objects on a slow disk may take as long.
inline constexpr std::chrono::minutes count_timeout{720};

// -- messages (in-process)
// --------------------------------------------------------

/// An object of this node, and who keeps it.
struct located {
  object_key key;
  mountpath_ptr mpath;
  shard_actor shard;
};

/// Where objects of this node are: immutable, replaced as a whole.
struct target_view {
  std::string node_id;
  std::vector<mountpath_ptr> mountpaths;
  std::vector<uint64_t> digests; ///< of the mountpaths, for HRW

  /// The mountpath and shard of an object of this node; errc::not_ready when it
  /// has no mountpath.
  expected<located> locate(object_key key) const;
};

/// Opens the mountpaths and makes them agree with the buckets of `state`.
struct start_target {
  cluster_state_ptr state;
};

/// The node leaves its cluster for good, and its objects with it.
struct remove_user_data {};

// -- messages between nodes
// --------------------------------------------------------

/// Phase one of a bucket transaction: can you? Changes nothing.
struct begin_txn {
  enum class op : uint8_t { create, destroy };
  uint64_t epoch = 0; ///< of the asking primary
  op what = op::create;
  storage::bucket_ref bucket;
};

/// Phase two: the state of that stamp is committed; asks to be told when it is
/// carried out.
struct carry_out {
  stamp at;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_txn& x) {
  return f(x.epoch, x.what, x.bucket.bck, x.bucket.bid);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, carry_out& x) {
  return f(x.at);
}

// -- interface
// --------------------------------------------------------------------

/// The TARGET actor interface.
using target_actor = caf::typed_actor<
  // errc::integrity when a mountpath belongs to another node, io_error.
  caf::replies_to<start_target>::with<ack>,
  // errc::conflict when the bucket is (not) there already; not_ready when the
  // primary is not the one of the highest epoch known here.
  caf::replies_to<begin_txn>::with<ack>,
  // Returns when buckets of that state or a later one are as they should be;
  // io_error.
  caf::replies_to<carry_out>::with<ack>,
  // LISTER; errc::bucket_not_found when the bucket of that bid is not here,
  // not_ready.
  caf::replies_to<list_part>::with<listed_part>,
  caf::replies_to<count_bucket>::with<bucket_totals>,
  // What METASYNC shows: carried out in order, the latest first.
  caf::reacts_to<sync_view>,
  // Moves all buckets to the trash, and makes no others; returns when that is
  // durable.
  caf::replies_to<remove_user_data>::with<ack>,
  // Returns when the trash is empty: may take hours.
  caf::replies_to<atom::sweep>::with<ack>,
  // Flushes and stops everything below.
  caf::replies_to<atom::stop>::with<ack>>;

struct target_config {
  environment env;
  std::string node_id;
  std::vector<std::string> mountpaths; ///< absolute paths
  size_t shards = 4;                   ///< per mountpath
  size_t listers = 2;
  size_t cached_leases = 4096;      ///< open files, all mountpaths together
  std::shared_ptr<board<smap>> map; ///< of shard_config
  /// Where the bucket list is shown once the buckets in it are there.
  std::shared_ptr<board<bmd>> buckets;
};

/// Spawns the TARGET; it shows its view on `shown`.
target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::start_target)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::remove_user_data)
