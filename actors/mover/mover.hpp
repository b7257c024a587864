// The MOVER copies and renames objects, on this target and to others, and
// receives what others send. The bytes between nodes go through the COURIER in
// streams (frame.hpp); what they become goes through the shard that owns the
// object, as every write does: atomic, as durable as the bucket wants, leases
// revoked first.
//
// Sources go last: a rename removes its source after the destination is
// durable, and only if the source is still what was copied. A crash in between
// leaves both; the same rename again ends it.
//
// What a stream must show is listed at admit() in mover.cpp. Nothing is visible
// before the sender's last frame: whoever breaks off has changed nothing.
//
// **Limits**: max_streams_out at once, max_copies_waiting behind them of moves
// and of others each; max_streams_in at once, max_offers_waiting behind them,
// of each again, for at most 15 s; more are refused with
// errc::too_many_requests. Half of the places at once are for moves alone.
#pragma once

#include "actors/cluster/keepalive.hpp"
#include "actors/mover/courier.hpp"
#include "actors/target/target.hpp"

namespace ais {

inline constexpr size_t max_streams_out = 512;
inline constexpr size_t max_streams_in = 1024;
inline constexpr size_t max_offers_waiting = 1024;
inline constexpr size_t max_copies_at_once = 64;
inline constexpr size_t max_copies_waiting = 1024;
/// Of one object, with its time in the queue.
inline constexpr std::chrono::hours copy_timeout{1};

// -- messages (in-process)
// --------------------------------------------------------

/// Copies an object of this target, custom metadata included, to another key,
/// wherever that belongs; a new version there.
struct copy_object {
  object_key from;
  object_key to;
  bool rename = false;        ///< then removes `from`
  lease_ptr source = nullptr; ///< of `from`: this version; null: the current
  /// Instead of the source's metadata.
  std::optional<storage::custom_map> custom = {};
  /// What is at `to` already stays, and counts as the copy: it is newer.
  bool unless_there = false;
};

/// Sends an open object to another target.
struct send_object {
  std::string to; ///< id of the target
  lease_ptr what;
  object_key as;
  stream_write how = stream_write::move;
  write_if when = write_if::older;
  bool anywhere = false; ///< the receiver need not own the object
  /// Instead of the metadata that the object has.
  std::optional<storage::custom_map> custom = {};
};

// Limits of those who do the next: at once, and what they remember as settled;
// then it is forgotten, and asked for again.
inline constexpr size_t max_settling = 4096;
inline constexpr size_t max_settled = 1'000'000;

/// Has all there is of an object brought to where it is placed: from other
/// targets (actors/rebalance), from other mountpaths (actors/resilver).
struct settle_object {
  object_key key;
};

/// Where a reader finds an object of ours that is not settled: he need not wait
/// until it has been brought to its place.
struct find_object {
  object_key key;
  /// What he has been sent here for: an object of that target by the placement
  /// of that generation, which we still have. Empty: of ours.
  std::string owner = {};
  uint64_t generation = 0;
};

struct found_object {
  located at = {};
  lease_ptr lease = {}; ///< null: see target
  /// Id of the target that still has it, by the placement of that generation;
  /// empty: have it settled.
  std::string target = {};
  uint64_t generation = 0;
};

/// Who does that.
using settler_actor = caf::typed_actor<
  // Returns the only version there is, where it is: as long as the lease is
  // not over. Fails only for what is another's: errc::object_not_found,
  // not_ready.
  caf::replies_to<find_object>::with<found_object>,
  // Returns when nobody but us has the object, or can have it before the map
  // changes. errc::not_ready: it is not ours, or a target that may have it
  // does not answer; too_many_requests.
  caf::replies_to<settle_object>::with<ack>>;

/// An object has come here from the target that had it before, and is durable.
struct moved_here {
  uint64_t size_bytes = 0;
};

/// Who counts those.
using arrivals_actor = caf::typed_actor<caf::reacts_to<moved_here>>;

/// Tells the mover whom to ask, and whom to tell what came.
struct use_settler {
  settler_actor who;
  arrivals_actor arrivals;
};

struct sent_object {
  /// False: what the receiver has is the same or newer.
  bool stored = false;
  storage::lom attrs; ///< there, if stored
  bool busy = false;  ///< clients ask there
};

// -- interface
// --------------------------------------------------------------------

/// The MOVER actor interface.
using mover_actor = stream_door::extend<
  // Returns the destination's attributes when it is durable (and the source is
  // gone). errc::object_not_found, corrupted: the source; not_ready: try again;
  // timed_out: whether it was copied is not known; conflict: copied, but the
  // source has changed meanwhile and stays; too_many_requests.
  caf::replies_to<copy_object>::with<lom_ptr>,
  // Returns when the other side has it as durably as the bucket wants. Errors
  // as above; errc::conflict: it is unclear which is newer, both stay.
  caf::replies_to<send_object>::with<sent_object>, caf::reacts_to<use_settler>>;

struct mover_config {
  environment env;
  std::string node_id; ///< of the target
  std::shared_ptr<board<sync_view>> sync;
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> target;
  std::shared_ptr<fence> gate_fence;
  courier_actor courier; ///< null on a node that has no peers
};

/// Spawns the MOVER; it tells the courier to receive.
mover_actor spawn_mover(caf::actor_system& sys, const mover_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::copy_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::send_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::settle_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::find_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::found_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::moved_here)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::use_settler)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::sent_object)
