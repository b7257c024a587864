#include "http/intra.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace ais::http {

namespace {

using namespace std::chrono_literals;

/// A peer that is silent for this long is taken for gone: its handles die.
constexpr auto connection_timeout = 4s;
constexpr auto heartbeat_interval = 1s;

connector_actor::behavior_type
connector(connector_actor::pointer self, caf::timespan timeout) {
  return {
    [self, timeout](const net_info& at) -> caf::result<caf::strong_actor_ptr> {
      auto& sys = self->system();
      if (!sys.has_middleman())
        return fail(errc::not_ready, "this node talks to no others");
      auto answer = self->make_response_promise<caf::strong_actor_ptr>();
      self
        ->request(sys.middleman().actor_handle(), timeout,
                  caf::connect_atom::value, at.host, at.port)
        .then(
          [answer](const caf::node_id&, caf::strong_actor_ptr& gate,
                   const std::set<std::string>&) mutable {
            if (gate)
              answer.deliver(std::move(gate));
            else
              answer.deliver(fail(errc::not_ready, "no node listens there"));
          },
          [answer, at](error&) mutable {
            answer.deliver(fail(errc::not_ready, "nobody answers at " + at.host
                                                   + ':'
                                                   + std::to_string(at.port)));
          });
      return answer;
    },
  };
}

} // namespace

void load_middleman(caf::actor_system_config& cfg) {
  cfg.load<caf::io::middleman>();
  cfg.set("middleman.workers", size_t{1});
  cfg.set("middleman.heartbeat-interval",
          caf::timespan{std::chrono::nanoseconds{heartbeat_interval}});
  cfg.set("middleman.connection-timeout",
          caf::timespan{std::chrono::nanoseconds{connection_timeout}});
  cfg.set("middleman.app-identifiers", std::vector<std::string>{"ais-1"});
}

connector_actor spawn_connector(caf::actor_system& sys) {
  return sys.spawn(connector, caf::timespan{connect_timeout});
}

expected<void> publish_gate(caf::actor_system& sys, const net_info& at,
                            const caf::strong_actor_ptr& gate) {
  auto port = sys.middleman().publish(caf::actor_cast<caf::actor>(gate),
                                      at.port, at.host.c_str(), true);
  if (!port)
    return fail(errc::io_error,
                "cannot listen for other nodes on " + at.host + ':'
                  + std::to_string(at.port)
                  + ": choose another port with --control-port");
  return caf::unit;
}

} // namespace ais::http
