// The RENAMER takes, on the primary, the objects of renamed buckets to their
// new one, and destroys the old one when it is empty.
//
// A renaming begins with one committed state: the new bucket is there, with the
// properties of the old one, which is marked (bprops::renamed) and takes no
// changes any more. Then every target renames its objects, each as a rename of
// one object: the source goes after the destination is durable, nothing is lost
// whatever breaks off. All of that can be seen in the state and on the disks,
// so any primary goes on with it. Rounds follow until nothing is left: a write
// that was under way may have come late.
//
// Stopped by a client, or where an object cannot be moved for a while, the mark
// goes, and both buckets stay with what they have.
// Sources: storage-semantics 24; api-data 1.5.
#pragma once

#include "actors/cluster/gate.hpp"
#include "actors/xact/xaction.hpp"

namespace ais {

inline constexpr std::chrono::milliseconds rename_pause{200};

/// The id of the job that renames the bucket of this bid.
std::string rename_id(uint64_t bid);

/// The parts of that job, in that round, from 1.
start_xact rename_order(const bucket& from, const bucket& to, unsigned round);

/// The RENAMER actor interface.
using renamer_actor = caf::typed_actor<caf::reacts_to<sync_view>>;

struct renamer_config {
  environment env;
  proxy_actor proxy;
  std::shared_ptr<board<peer_set>> peers;
};

/// Spawns the RENAMER.
renamer_actor
spawn_renamer(caf::actor_system& sys, const renamer_config& config);

} // namespace ais
