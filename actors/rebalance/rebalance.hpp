// REBALANCE takes objects to their owners when the map places them anew.
//
// A map has a *placement* (smap.hpp): the targets among which objects are
// placed. While the map names earlier placements, too, an object may still be
// at an earlier owner. Every target then
//
// - *gives away*: walks its buckets and sends what is not its own to the owner,
//   by the mover; the source goes when the owner has it durably;
// - *settles* an object of its own, before the first request for it is served:
//   asks all other targets to surrender it. One that is asked stops changing
//   that object (its map has the same placement), sends what it has, removes
//   it, and answers. Then whatever was acknowledged anywhere is here.
//
// So each object changes hands by itself, on request or by the walk, whichever
// comes first: a request waits for one object, not for the end of a rebalance.
// A reader need not wait even for that: he is told which target *still has* the
// object, if it is the only one, and reads it there.
// Whether two versions are newer or older is told by the generation of the
// placement under which each was written.
//
// It ends when all targets have given away all: the primary (OVERSEER) asks
// them, and commits a map without the earlier placements.
//
// **Limits**: max_settling objects at once, more are refused with
// errc::too_many_requests; up to max_giving objects are sent at once.
// Sources: storage-semantics 13; architecture section 6, rules 4 and 5.
#pragma once

#include "actors/mover/mover.hpp"
#include "actors/xact/xaction.hpp"

namespace ais {

inline constexpr size_t max_giving = 512;
inline constexpr size_t max_kept_rebalances = 32; ///< as jobs
/// Of one object, which may be large.
inline constexpr std::chrono::hours settle_timeout{1};

// -- messages between nodes
// --------------------------------------------------------

/// An object that the placement of that generation takes from you.
struct claim {
  uint64_t generation = 0;
  bck bucket;
  uint64_t bid = 0;
  std::string name; ///< of the object
  std::string to;   ///< id of the target that asks: its owner
};

/// Asks for it.
struct surrender {
  claim what;
};

/// Asks whether you have it (still).
struct seek_object {
  claim what;
};

/// Asks how far a target is.
struct query_moves {
  uint64_t generation = 0;
};

struct moves_state {
  bool done = false;    ///< all is given away, under that generation
  uint64_t objects = 0; ///< sent under it
  uint64_t bytes = 0;
  std::string error; ///< what kept the last walk from being complete
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, claim& x) {
  return f(x.generation, x.bucket, x.bid, x.name, x.to);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, surrender& x) {
  return f(x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seek_object& x) {
  return f(x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, query_moves& x) {
  return f(x.generation);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, moves_state& x) {
  return f(x.done, x.objects, x.bytes, x.error);
}

// -- interface
// --------------------------------------------------------------------

/// The REBALANCE actor interface.
using rebalance_actor = settler_actor::extend<
  // Returns when we have nothing of the object any more. errc::not_ready: our
  // map has another placement; io_error, corrupted.
  caf::replies_to<surrender>::with<ack>,
  // Returns when we have it; errc::object_not_found: nothing of it. Errors as
  // above.
  caf::replies_to<seek_object>::with<ack>,
  caf::replies_to<query_moves>::with<moves_state>,
  // What METASYNC shows.
  caf::reacts_to<sync_view>,
  // What others gave us: a part of the rebalance that runs here.
  caf::reacts_to<moved_here>>;

struct peer_set;

struct rebalance_config {
  environment env;
  std::string node_id; ///< of the target
  target_actor target;
  mover_actor mover;
  std::shared_ptr<board<smap>> map; ///< that the shards look at
  std::shared_ptr<board<bmd>> buckets;
  std::shared_ptr<board<target_view>> view;
  std::shared_ptr<board<peer_set>> peers;
  /// Brings what we have of an object to its mountpath; null: there is one.
  settler_actor resilver;
  /// Where its parts of rebalances are shown, for XACTIONS.
  std::shared_ptr<xact_board> snaps;
};

/// The id of the job that ends the moves of a generation: "g7".
std::string rebalance_id(uint64_t generation);

/// Spawns REBALANCE.
rebalance_actor
spawn_rebalance(caf::actor_system& sys, const rebalance_config& config);

} // namespace ais
