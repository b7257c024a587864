#include "actors/xact/cleanup.hpp"

#include "actors/base/ask.hpp"

namespace ais {

namespace {

struct cleanup_state {
  static inline const char* name = "cleanup";
};

xact_actor::behavior_type
cleanup(xact_actor::stateful_pointer<cleanup_state> self,
        const xact_order& order) {
  auto end = [self, id = order.what.id, ended = order.ended](bool aborted,
                                                             std::string why) {
    ended({id, aborted, std::move(why)});
    self->quit();
  };
  ask<ack>(
    self, order.node.target, count_timeout, atom::sweep_v,
    [end](ack) { end(false, {}); },
    [end](const error& e) { end(false, message_of(e)); });
  return {
    // The disks go on with what they have begun.
    [end](atom::stop) { end(true, {}); },
  };
}

} // namespace

xact_actor spawn_cleanup(caf::actor_system& sys, const xact_order& order) {
  return spawn_plain(sys, order.node.env, cleanup, order);
}

} // namespace ais
