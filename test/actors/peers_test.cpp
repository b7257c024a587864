// PEERS, with a connector that the test plays.
#include "actors/cluster/peers.hpp"

#include "actors/cluster/gate.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

namespace {

/// Says who it is when it is told to.
caf::behavior
gate_of_others(caf::event_based_actor* self, const std::string& cluster) {
  auto asked = std::make_shared<caf::typed_response_promise<hello_answer>>();
  return {
    [self, asked](const hello&) {
      *asked = self->make_response_promise<hello_answer>();
      return *asked;
    },
    [asked, cluster](const std::string& id) {
      asked->deliver(hello_answer{1, cluster, {id}});
    },
  };
}

struct fixture : sim::deterministic {
  std::vector<caf::actor> gates; ///< one per connection, in their order
  std::vector<std::string> lost;
  std::shared_ptr<board<peer_set>> shown = std::make_shared<board<peer_set>>();
  connector_actor connect;
  peers_actor peers;

  fixture() {
    auto connecting = [](connector_actor::pointer me,
                         fixture* it) -> connector_actor::behavior_type {
      return {[me, it](const net_info&) -> caf::strong_actor_ptr {
        auto gate = me->spawn(gate_of_others, std::string{"cluster"});
        it->gates.push_back(gate);
        return caf::actor_cast<caf::strong_actor_ptr>(gate);
      }};
    };
    connect = sys.spawn(connecting, this);
    peers = spawn_peers(
      sys, {env, {"us"}, connect, shown, [this](const std::string& id) {
              lost.push_back(id);
            }});
    auto map = std::make_shared<smap>();
    snode node{"them", node_role::target, {}, {}, {}, 0};
    node.control = {"10.0.0.2", 9080};
    map->targets["them"] = node;
    auto state = std::make_shared<cluster_state>();
    state->map = map;
    sync_view view;
    view.accepted = state;
    self->send(peers, view);
    run();
  }

  ~fixture() {
    for (auto& x : gates)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    caf::anon_send_exit(connect, caf::exit_reason::kill);
    caf::anon_send_exit(peers, caf::exit_reason::kill);
    run();
    advance(2 * connect_timeout); // no tick is left that would hold one
  }

  void tell(const std::string& id) {
    self->send(gates.back(), id);
    run();
  }

  void end_last_gate() {
    self->send_exit(gates.back(), caf::exit_reason::remote_link_unreachable);
    run();
  }

  bool connected() const { return shown->read()->gates.count("them") > 0; }
};

} // namespace

TEST_CASE_METHOD(fixture, "peers: who has said its id is shown",
                 "[actors][peers]") {
  CHECK_FALSE(connected());
  tell("them");
  CHECK(connected());
  CHECK(lost.empty());

  end_last_gate();
  CHECK_FALSE(connected());
  CHECK(lost == std::vector<std::string>{"them"});
  advance(connect_retry);
  tell("them");
  CHECK(connected());
  CHECK(gates.size() == 2);
}

TEST_CASE_METHOD(fixture,
                 "peers: a connection that is lost before the other one has"
                 " said its id is made again at once",
                 "[actors][peers]") {
  // Both sides connected at the same moment: one connection goes.
  end_last_gate();
  advance(connect_retry);
  REQUIRE(gates.size() == 2);
  tell("them");
  CHECK(connected());
  CHECK(lost.empty());
  advance(2 * connect_timeout); // the first question is not answered
  CHECK(connected());
  CHECK(gates.size() == 2);
}

TEST_CASE_METHOD(fixture, "peers: somebody else at the address is not shown",
                 "[actors][peers]") {
  tell("others");
  CHECK_FALSE(connected());
  advance(connect_retry);
  tell("them");
  CHECK(connected());
}
