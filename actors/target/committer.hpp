// A COMMITTER waits for the disk in place of its SHARD: it makes writes visible
// and durable, and removals durable, a group at a time. The shard keeps the
// objects of a group to itself meanwhile and goes on with others, so that who
// reads never waits for a sync.
#pragma once

#include "actors/base/environment.hpp"
#include "storage/mountpath.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <vector>

namespace ais {

/// What is committed at once. The shard does not touch it until it has come
/// back.
struct commit_group {
  std::vector<storage::commit_item> writes;
  std::vector<storage::removal> removals;
  /// The outcome of each, in order.
  std::vector<expected<storage::file_stamp>> written;
  std::vector<expected<void>> removed;
};
using commit_group_ptr = std::shared_ptr<commit_group>;

struct commit_all {
  commit_group_ptr group;
};

struct all_committed {
  commit_group_ptr group;
};

// -- interface
// --------------------------------------------------------------------

/// The COMMITTER actor interface. One group after the other.
using committer_actor
  = caf::typed_actor<caf::replies_to<commit_all>::with<all_committed>>;

/// Spawns a COMMITTER.
committer_actor spawn_committer(caf::actor_system& sys, const environment& env,
                                std::shared_ptr<storage::mountpath> mp);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::commit_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::all_committed)
