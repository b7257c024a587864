#include "actors/cluster/election.hpp"

#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace ais {

namespace {

using extended = election_actor::extend<caf::reacts_to<atom::next, uint64_t>>;

struct election_state {
  static inline const char* name = "election";

  extended::pointer self = nullptr;
  election_config config;
  sync_view view;
  bool planned = false; ///< a campaign is to come, or under way
  bool running = false; ///< it is under way: it may promise us the epoch
  uint64_t plan = 0;    ///< counts plans: only the last one is carried out

  void see(const sync_view& x) {
    // A new epoch: whoever has it, the old primary's loss is settled.
    if ((x.promised != view.promised && !running) || x.primary)
      drop();
    view = x;
  }

  void drop() {
    planned = false;
    ++plan;
  }

  void run_in(std::chrono::milliseconds delay) {
    planned = true;
    self->delayed_send(self, delay, atom::next_v, ++plan);
  }

  void lost() {
    if (planned || view.primary)
      return;
    auto order = succession(*view.accepted->map);
    std::erase(order, view.accepted->map->primary);
    if (view.accepted->map->primary == config.proxy)
      order.insert(order.begin(), config.proxy); // it is us who came back
    auto me = std::find(order.begin(), order.end(), config.proxy);
    if (me != order.end())
      run_in(succession_step * (me - order.begin()));
  }

  void run(uint64_t number) {
    if (number != plan || view.primary)
      return;
    running = true;
    self->request(config.metasync, campaign_timeout, campaign{config.proxy})
      .then([this, number](ack) { ended(number, {}); },
            [this, number](error& e) { ended(number, e); });
  }

  /// After a vote that was lost the next beat without answer starts another.
  void ended(uint64_t number, const error& e) {
    running = false;
    if (number != plan)
      return;
    if (e)
      log_info("not elected: " + message_of(e));
    auto pause
      = campaign_pause
        + std::chrono::milliseconds{
          config.env.random() % static_cast<uint64_t>(campaign_pause.count())};
    ++plan;
    self->delayed_send(self, pause, atom::next_v, uint64_t{0});
  }
};

extended::behavior_type
election(extended::stateful_pointer<election_state> self,
         election_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](atom::start) { st.lost(); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::next, uint64_t number) {
      if (number == 0)
        st.planned = false; // the pause is over
      else
        st.run(number);
    },
  };
}

} // namespace

election_actor
spawn_election(caf::actor_system& sys, const election_config& config) {
  return spawn_plain(sys, config.env, election, config);
}

} // namespace ais
