// MIRROR keeps copies of the objects of mirrored buckets: `mirror.copies` of
// each, the object included, on as many mountpaths of its target, next in HRW
// order; fewer where a target has fewer mountpaths.
//
// The object is on disk and acknowledged first, its copies follow. Shards tell
// what was written; what does not fit into the queue, what fails, and what
// there was before a start or a change of the mountpaths, a walk over the
// mirrored buckets makes up for.
//
// Why a copy may be trusted: see shard.hpp. A mountpath that was out of use
// brings no copies back (target.cpp), so a copy is of the version that was
// there last. Where an object is lost with its disk, or damaged, a copy takes
// its place: RESILVER and shards ask for it.
//
// **Limits**: max_mirroring objects at once; the bucket's mirror.burst_buffer
// wait.
// Source: storage-semantics 11.
#pragma once

#include "actors/target/shard.hpp"

namespace ais {

inline constexpr size_t max_mirroring = 16;

// -- messages (in-process)
// --------------------------------------------------------

/// The object was written: copies are to be made, some time.
struct mirror_object {
  object_key key;
};

/// Makes the copies that are missing now, and removes those that are too many.
struct ensure_copies {
  object_key key;
};

struct copies_ensured {
  uint64_t made = 0;
  uint64_t bytes = 0; ///< of those
};

/// Puts a copy in the place of an object that is not there.
struct restore_object {
  object_key key;
  bool damaged = false; ///< or that is, but damaged
};

// -- interface
// --------------------------------------------------------------------

/// The MIRROR actor interface.
using mirror_actor
  = caf::typed_actor<caf::reacts_to<mirror_object>,
                     // Success, too, when there is no such object.
                     // errc::conflict: it keeps changing; no_space, io_error.
                     caf::replies_to<ensure_copies>::with<copies_ensured>,
                     // Returns when the object is there, or there is no copy of
                     // it. errc::not_ready when a mountpath that may have one
                     // cannot be read; corrupted: none is good.
                     caf::replies_to<restore_object>::with<ack>,
                     // The target's view has changed.
                     caf::reacts_to<atom::next>>;

struct bmd;

struct mirror_config {
  environment env;
  caf::weak_actor_ptr target; ///< target_actor
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> view;
};

/// Spawns MIRROR.
mirror_actor spawn_mirror(caf::actor_system& sys, const mirror_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::mirror_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::ensure_copies)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::copies_ensured)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::restore_object)
