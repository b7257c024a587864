#include "actors/target/committer.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace ais {

namespace {

committer_actor::behavior_type
committer(committer_actor::pointer,
          const std::shared_ptr<storage::mountpath>& mp) {
  return {
    [mp](const commit_all& x) {
      auto& group = *x.group;
      group.written = mp->commit(group.writes);
      group.removed = mp->remove(group.removals);
      return all_committed{x.group};
    },
  };
}

} // namespace

committer_actor spawn_committer(caf::actor_system& sys, const environment& env,
                                std::shared_ptr<storage::mountpath> mp) {
  return spawn_blocking(sys, env, committer, std::move(mp));
}

} // namespace ais
