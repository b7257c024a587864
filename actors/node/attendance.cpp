#include "actors/node/attendance.hpp"

#include "actors/base/ask.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

namespace ais {

namespace {

using extended = attendance_actor::extend<caf::reacts_to<atom::tick>>;

struct attendance_state {
  static inline const char* name = "attendance";

  extended::pointer self = nullptr;
  attendance_config config;
  sync_view sync;
  bool busy = false; ///< asking, or a tick is on its way
  rare_warnings warnings;

  void look() {
    auto view = config.view->read();
    auto* me = sync.member ? sync.state->map->find(config.target_id) : nullptr;
    if (busy || !me || !started(*view))
      return;
    auto none = view->mountpaths.empty();
    auto out = (me->flags & snode_no_mountpaths) != 0;
    if (none == out || (none && !active(*me)))
      return;
    busy = true;
    change_nodes req;
    req.what
      = none ? node_action::start_maintenance : node_action::stop_maintenance;
    req.ids = {config.target_id};
    req.no_mountpaths = true;
    ask<ack>(
      self, config.proxy, change_timeout, std::move(req),
      [this, none](ack) {
        if (none)
          log_error("no mountpath is in use: in maintenance until one is");
        else
          log_info("there is a mountpath again: back from maintenance");
        pause();
      },
      [this](const error& e) {
        warnings.warn(config.env.steady_ns(),
                      "the cluster does not know yet whether this target has"
                      " mountpaths: "
                        + message_of(e));
        pause();
      });
  }

  void pause() { self->delayed_send(self, attendance_pause, atom::tick_v); }
};

extended::behavior_type
attendance(extended::stateful_pointer<attendance_state> self,
           attendance_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](atom::next) { st.look(); },
    [&st](const sync_view& x) {
      st.sync = x;
      st.look();
    },
    [&st](atom::tick) {
      st.busy = false;
      st.look();
    },
  };
}

} // namespace

attendance_actor
spawn_attendance(caf::actor_system& sys, const attendance_config& config) {
  return spawn_plain(sys, config.env, attendance, config);
}

} // namespace ais
