#include "actors/rebalance/overseer.hpp"

#include "actors/cluster/ask_targets.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace ais {

namespace {

constexpr auto answer_timeout = std::chrono::seconds{10};

using extended = overseer_actor::extend<caf::reacts_to<atom::tick>>;

struct overseer_state {
  static inline const char* name = "overseer";

  extended::pointer self = nullptr;
  overseer_config config;
  sync_view view;
  bool busy = false; ///< asking, or a tick is on its way

  void see(const sync_view& x) {
    view = x;
    if (!busy)
      look();
  }

  void look() {
    busy = false;
    auto& map = *view.state->map;
    if (!view.primary || !moving(map))
      return;
    busy = true;
    auto generation = generation_of(map);
    ask_targets<moves_state>(
      self, map, *config.peers->read(), answer_timeout, query_moves{generation},
      [this, generation](const target_answers<moves_state>& x) {
        auto all = !x.first
                   && std::all_of(x.all.begin(), x.all.end(),
                                  [](auto& y) { return y.done; });
        if (all)
          end(generation);
        else
          pause();
      });
  }

  void pause() { self->delayed_send(self, oversee_pause, atom::tick_v); }

  void end(uint64_t generation) {
    propose change{[generation](cluster_state& x) -> expected<void> {
      if (generation_of(*x.map) != generation)
        return fail(errc::conflict, "the placement has changed meanwhile");
      auto next = std::make_shared<smap>(*x.map);
      end_moves(*next);
      ++next->version;
      x.map = next;
      return caf::unit;
    }};
    self->request(config.metasync, change_timeout, std::move(change))
      .then(
        [this, generation](cluster_state_ptr&) {
          log_info("rebalance " + rebalance_id(generation) + " has ended");
          look();
        },
        [this](error&) { pause(); });
  }
};

extended::behavior_type
overseer(extended::stateful_pointer<overseer_state> self,
         overseer_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::tick) { st.look(); },
  };
}

} // namespace

overseer_actor
spawn_overseer(caf::actor_system& sys, const overseer_config& config) {
  return spawn_plain(sys, config.env, overseer, config);
}

} // namespace ais
