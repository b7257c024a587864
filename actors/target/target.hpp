// The TARGET owns a node's mountpaths: it opens them, makes them agree with the
// buckets of the committed state, takes part in bucket transactions, and shows
// everyone on the node where objects are placed. Requests for objects do not
// pass through it: whoever has the view sends them to the shard.
//
// Mountpaths come and go (change_mountpath): the volume that says so is on disk
// before the view shows it; RESILVER (actors/resilver) moves the objects.
// Sources: storage-semantics 13; api-control 3.5.
#pragma once

#include "actors/meta/metasync.hpp"
#include "actors/meta/vault.hpp"
#include "actors/meta/volume.hpp"
#include "actors/mirror/mirror.hpp"
#include "actors/target/lister.hpp"
#include "actors/target/mountpath_actor.hpp"

#include <map>
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
  volume_ptr volume = std::make_shared<const ais::volume>();
  std::vector<mountpath_ptr> mountpaths; ///< objects are placed on these
  std::vector<uint64_t> digests;         ///< of the same, for HRW
  std::vector<mountpath_ptr> leaving;    ///< objects move away from these
  std::string resilver_id;               ///< of the job that settles the volume
  mirror_actor mirror;                   ///< null before the start

  /// The mountpath and shard of an object of this node; errc::not_ready when it
  /// has no mountpath.
  expected<located> locate(object_key key) const;
  /// Where else it may be while the volume is not settled.
  std::vector<located> elsewhere(const object_key& key) const;
  /// All that may have something of it: every mountpath in use.
  std::vector<located> everywhere(const object_key& key) const;
  /// Where its copies are to be, `copies` with the object itself: on the
  /// mountpaths that are next to its own in HRW order, as far as there are.
  std::vector<located> copies_at(const object_key& key, unsigned copies) const;
  /// Whether it is placed on that mountpath.
  bool places(const storage::mountpath& mp, const object_key& key) const;
  /// The disabled mountpath on which it may have been left; null: none.
  const mpath_info* left_behind(const object_key& key) const;
};

/// Whether the target has started; it may have no mountpath then.
inline bool started(const target_view& x) {
  return !x.mountpaths.empty() || x.volume->version > 0;
}

/// Whether `key`, which is `node_id`'s, may be anywhere but in its place: on
/// another target or another mountpath. Then it has to be settled before it is
/// touched (actors/mover, settler_actor).
bool may_be_elsewhere(const smap& map, const target_view& view,
                      const object_key& key);

/// Opens the mountpaths and makes them agree with the buckets of `state`.
struct start_target {
  cluster_state_ptr state;
};

/// The node leaves its cluster for good, and its objects with it.
struct remove_user_data {};

/// From RESILVER: under that version of the volume, all objects are in place.
struct objects_settled {
  uint64_t version = 0;
};

/// From a mountpath: its disk fails.
struct mountpath_failed {
  std::string path;
  std::string why;
};

/// Is told when the view has changed.
using mountpath_watcher = caf::typed_actor<caf::reacts_to<atom::next>>;

struct watch_mountpaths {
  mountpath_watcher who;
};

// -- messages between nodes
// --------------------------------------------------------

/// Phase one of a bucket transaction: can you? Changes nothing.
struct begin_txn {
  enum class op : uint8_t { create, destroy, change };
  uint64_t epoch = 0; ///< of the asking primary
  op what = op::create;
  storage::bucket_ref bucket;
  uint8_t copies = 1; ///< that it will keep of each object
};

/// Phase two: the state of that stamp is committed; asks to be told when it is
/// carried out.
struct carry_out {
  stamp at;
};

/// Changes which mountpaths there are, or what is known of their objects.
struct change_mountpath {
  enum class op : uint8_t { attach, enable, disable, detach, rescan, check };
  op what = op::attach;
  std::string path;
  std::string label; ///< of a new one
  bool move = true;  ///< objects of one that leaves go to the others first
};

struct mountpath_changed {
  bool changed = false;    ///< false: it was so already
  std::string resilver_id; ///< the job that moves objects; empty: none does
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_mountpath& x) {
  return f(x.what, x.path, x.label, x.move);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, mountpath_changed& x) {
  return f(x.changed, x.resilver_id);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_txn& x) {
  return f(x.epoch, x.what, x.bucket.bck, x.bucket.bid, x.copies);
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
  // errc::conflict when the bucket is (not) there already; invalid_argument:
  // there are fewer mountpaths than copies; not_ready when the primary is not
  // the one of the highest epoch known here.
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
  // Returns when it is durable and shown; errors as those of volume.hpp; busy:
  // another change is under way; integrity: the directory is not ours;
  // not_found: there is none.
  caf::replies_to<change_mountpath>::with<mountpath_changed>,
  // Returns when mountpaths that were to leave have left.
  caf::replies_to<objects_settled>::with<mountpath_changed>,
  caf::reacts_to<watch_mountpaths>,
  // Takes the mountpath out, unless it is the last one of the cluster.
  caf::reacts_to<mountpath_failed>,
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
  std::vector<std::string> mountpaths;       ///< absolute paths, to begin with
  std::map<std::string, std::string> labels; ///< of new ones
  volume known;                              ///< as it is on disk
  vault_actor vault;          ///< keeps it, as "mountpaths"; null: nobody does
  std::string copy_dir;       ///< where the vault keeps its second copy
  std::string spare_copy_dir; ///< for the time without any mountpath
  size_t shards = 4;          ///< per mountpath
  std::chrono::milliseconds group_pause{0}; ///< of shard_config
  size_t listers = 2;
  size_t cached_leases = 4096;      ///< open files, all mountpaths together
  std::shared_ptr<board<smap>> map; ///< of shard_config; null: nobody else
  /// Where the bucket list is shown once the buckets in it are there.
  std::shared_ptr<board<bmd>> buckets;
};

/// Spawns the TARGET; it shows its view on `shown`.
target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::start_target)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::remove_user_data)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::objects_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::watch_mountpaths)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::mountpath_failed)
