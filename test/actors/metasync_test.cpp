#include "actors/meta/metasync.hpp"

#include "actors/cluster/gate.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch.hpp>

#include <algorithm>

using namespace ais;
using namespace std::chrono_literals;

namespace {

snode node(const std::string& id, node_role role, uint64_t flags = 0) {
  net_info at{id, 8080};
  return {id, role, at, at, at, flags};
}

/// Three proxies and a target; `others` are the flags of p2 and p3.
smap_ptr four(uint64_t others) {
  auto out = std::make_shared<smap>();
  out->uuid = "u";
  out->version = 5 + others;
  out->primary = "p2";
  out->proxies["p1"] = node("p1", node_role::proxy);
  for (auto* id : {"p2", "p3"})
    out->proxies[id] = node(id, node_role::proxy, others);
  out->targets["t1"] = node("t1", node_role::target);
  return out;
}

/// Grants all votes, or only says that it would; looks at nothing else.
gate_actor voter(sim::deterministic& d, const std::string& id, bool really) {
  // With arguments: CAF 0.17 spawns without any through a null reference.
  auto out = d.sys.spawn(
    [](caf::event_based_actor* self, const std::string& me, bool gives) {
      self->set_default_handler(caf::skip);
      return caf::behavior{
        [self, me, gives](const vote_request& x) -> caf::result<vote> {
          if (x.probe || gives)
            return vote{true, x.epoch - 1, {me}, "", ""};
          return self->make_response_promise<vote>(); // for ever
        },
        [me](const state_update& x) {
          return sync_answer{x.epoch, x.at, x.at, {me}};
        },
      };
    },
    id, really);
  return caf::actor_cast<gate_actor>(out);
}

/// p1 of four, at state 1.5.
struct fixture : sim::deterministic {
  vault_actor vault;
  std::shared_ptr<peer_set> all = std::make_shared<peer_set>();
  metasync_actor p1;
  std::vector<sync_view> seen; ///< what p1 has shown

  /// @param really  whether the other proxies vote; t1 does
  void begin(bool really) {
    REQUIRE(storage::make_dirs_durable(disk, "/a/b"));
    vault = spawn_vault(sys, env, "/a/b/1");
    auto first = std::make_shared<cluster_state>();
    first->at = {1, 5};
    first->map = four(0);
    all->gates = {{"p2", voter(*this, "p2", really)},
                  {"p3", voter(*this, "p3", really)},
                  {"t1", voter(*this, "t1", true)}};
    auto peers = std::make_shared<board<peer_set>>();
    peers->show(all);
    p1 = spawn_metasync(sys,
                        {env, {"p1"}, vault, first, 1, peers, [this](auto& x) {
                           seen.push_back(x);
                         }});
  }

  ~fixture() {
    for (auto& [id, gate] : all->gates)
      self->send_exit(gate, caf::exit_reason::kill);
    self->send_exit(p1, caf::exit_reason::kill);
    self->send_exit(vault, caf::exit_reason::kill);
    run();
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "metasync: a ballot ends when another primary is followed",
                 "[actors][metasync]") {
  begin(false);
  // All would vote for it, two of four do, the others say nothing.
  auto campaigning = self->request(p1, caf::infinite, campaign{"p1"});
  run();
  // Everybody is told: whoever beats for us vouches for the old primary no
  // more.
  REQUIRE_FALSE(seen.empty());
  CHECK(seen.back().promised == 2);
  // p2 is elected meanwhile, and makes p1 the only electable proxy.
  state_update u;
  u.cluster = "u";
  u.epoch = 2;
  u.at = {2, 6};
  u.map = to_text(to_json(*four(snode_non_electable)));
  u.buckets = to_text(to_json(bmd{}));
  u.config = to_text(to_json(cluster_config{}));
  auto answer = ask<sync_answer>(p1, u);
  REQUIRE(answer);
  REQUIRE(answer->has == stamp{2, 6});
  advance(sync_timeout + 1s);
  CHECK(
    std::none_of(seen.begin(), seen.end(), [](auto& x) { return x.primary; }));
  campaigning.receive([](ack) { FAIL("elected by votes for another state"); },
                      [](error& e) { CHECK(e == errc::conflict); });
}

TEST_CASE_METHOD(fixture,
                 "metasync: who is primary no more has promised another epoch",
                 "[actors][metasync]") {
  begin(true);
  REQUIRE(ask<ack>(p1, campaign{"p1"}));
  REQUIRE(seen.back().primary);
  static_cast<void>(self->request(p1, caf::infinite, hand_over{"p2"}));
  run();
  vote_request req;
  req.cluster = "u";
  req.candidate = "p2";
  req.epoch = seen.back().promised + 1;
  req.has = seen.back().accepted->at;
  req.consent = seen.back().promised;
  seen.clear();
  auto got = ask<vote>(p1, req);
  REQUIRE(got);
  CHECK(got->granted);
  // Whoever asked in between would have taken it for lost, and run himself.
  REQUIRE_FALSE(seen.empty());
  for (auto& x : seen)
    CHECK((x.primary || x.promised == req.epoch));
}
