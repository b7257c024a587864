#include "test/sim/cluster.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

namespace {

constexpr sim::member_options a_proxy{true, false, 0, true};
constexpr sim::member_options a_target{false, true, 2, true};

bck named(const std::string& x) {
  return {provider::ais, {}, x};
}

/// Starts nodes, the first a proxy, and waits until they are a cluster.
void form(sim::cluster& c, int proxies, int targets) {
  for (int i = 0; i < proxies; ++i)
    c.add(a_proxy);
  for (int i = 0; i < targets; ++i)
    c.add(a_target);
  REQUIRE(
    c.w.run_until(30s, [&] { return c.healthy() && c.active(c.size() - 1); }));
}

} // namespace

TEST_CASE("sim: nodes join and agree", "[sim]") {
  sim::cluster c{1};
  form(c, 3, 3);
  auto& map = *c.view(0).state->map;
  CHECK(map.proxies.size() == 3);
  CHECK(map.targets.size() == 3);
  CHECK(c.primary() == sim::node_t{0});
  // A bucket created through any node is there on all.
  auto made
    = c.ask_now<ack>(4, c.handles(4).proxy, create_bucket{named("b"), ""});
  if (!made)
    FAIL(message_of(made.error()));
  for (sim::node_t id = 0; id < c.size(); ++id)
    CHECK(c.boards(id).buckets->read()->find(named("b")));
}

TEST_CASE("sim: another proxy takes over", "[sim]") {
  sim::cluster c{2};
  form(c, 3, 3);
  auto epoch = c.view(1).promised;
  c.kill(0);
  REQUIRE(c.w.run_until(5s, [&] { return c.primary().has_value(); }));
  CHECK(c.view(*c.primary()).promised > epoch);
  REQUIRE(c.w.run_until(10s, [&] { return c.healthy(); }));
  CHECK(c.ask_now<ack>(3, c.handles(3).proxy, create_bucket{named("b"), ""}));
  c.start(0);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy(); }));
  CHECK(c.boards(0).buckets->read()->find(named("b")));
}

TEST_CASE("sim: a proxy that missed changes takes over", "[sim]") {
  // The only proxy left is behind, and those who are not cannot be primary.
  sim::cluster c{3};
  form(c, 2, 3);
  c.kill(1);
  REQUIRE(c.ask_now<ack>(2, c.handles(2).proxy, create_bucket{named("b"), ""}));
  c.kill(0);
  c.start(1);
  REQUIRE(c.w.run_until(30s, [&] { return c.primary() == sim::node_t{1}; }));
  CHECK(c.boards(1).buckets->read()->find(named("b")));
}

TEST_CASE("sim: the only electable proxy starts where others decided, too",
          "[sim]") {
  sim::cluster c{4};
  form(c, 2, 2);
  // The newest state makes it the only one; those before it still count.
  c.kill(1);
  c.set_electable(1, false);
  c.start(1);
  REQUIRE(c.w.run_until(
    10s, [&] { return succession(*c.view(0).state->map).size() == 1; }));
  c.kill(0);
  c.start(0);
  CHECK(c.w.run_until(30s, [&] { return c.healthy() && c.active(0); }));
  CHECK_FALSE(c.failure(0));
}

TEST_CASE("sim: a silent target gets no lease before it caught up", "[sim]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    sim::cluster c{seed};
    form(c, 1, 3);
    for (sim::node_t id = 0; id < 3; ++id)
      c.w.cut_both(id, 3);
    c.w.run_for(6s);
    REQUIRE(
      c.ask_now<ack>(1, c.handles(1).proxy, create_bucket{named("b"), ""}));
    c.w.heal();
    auto& boards = c.boards(3);
    CHECK(c.w.run_until(20s, [&] {
      if (boards.buckets->read()->find(named("b")))
        return true;
      CHECK_FALSE(boards.gate_fence->open(c.w.now().count() + 1));
      return false;
    }));
    CHECK(c.w.run_until(
      10s, [&] { return boards.gate_fence->open(c.w.now().count() + 1); }));
  }
}

TEST_CASE("sim: a primary hears of epochs that were promised without it",
          "[sim]") {
  sim::cluster c{11};
  form(c, 1, 2);
  // Whoever has promised one takes no lease of ours, and no update either: it
  // must not wait for a change to be told of, which may never come.
  auto state = c.view(2).state;
  auto gate = c.boards(2).peers->read()->gates.at(c.handles(0).proxy_id);
  beat x{
    state->uuid(), {c.handles(2).target_id}, state->at.epoch + 5, state->at};
  auto answer = c.ask_now<beat_answer>(2, gate, x);
  REQUIRE(answer);
  CHECK(answer->lease_ns == 0);
  CHECK(c.w.run_until(20s, [&] {
    return c.healthy() && c.active(2) && c.view(2).state->at.epoch > x.promised;
  }));
}

TEST_CASE("sim: a primary that was left behind denies nothing", "[sim]") {
  // It does not know what others decided without it, nor that they did.
  sim::cluster c{5};
  form(c, 3, 1);
  for (sim::node_t id = 1; id < 4; ++id) {
    c.w.cut_both(0, id);
    c.w.sever(0, id);
  }
  std::optional<sim::node_t> next;
  REQUIRE(c.w.run_until(20s, [&] {
    for (sim::node_t id = 1; id < 3; ++id)
      if (c.view(id).primary)
        next = id;
    return next.has_value();
  }));
  REQUIRE(c.ask_now<ack>(*next, c.handles(*next).proxy,
                         create_bucket{named("b"), ""}));
  REQUIRE(c.view(0).primary); // as it believes
  auto gone = c.ask_now<ack>(0, c.handles(0).proxy, destroy_bucket{named("b")});
  REQUIRE_FALSE(gone);
  CHECK(gone.error() != errc::bucket_not_found);
  CHECK_FALSE(c.ask_now<ack>(0, c.handles(0).proxy,
                             set_primary{c.handles(0).proxy_id, {}}));
}

TEST_CASE("sim: set-primary hands everything over at once", "[sim]") {
  sim::cluster c{6};
  for (int i = 0; i < 3; ++i)
    c.add(a_proxy);
  c.add({true, false, 0, false});
  for (int i = 0; i < 2; ++i)
    c.add(a_target);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(5); }));
  for (sim::node_t chosen : {2, 1, 0, 2}) {
    auto began = c.w.now();
    auto id = c.handles(chosen).proxy_id;
    for (sim::node_t via : {5, 3}) {
      auto done
        = c.ask_now<ack>(via, c.handles(via).proxy, set_primary{id, {}});
      if (!done)
        FAIL(message_of(done.error()));
      CHECK(c.view(via).state->map->primary == id);
      CHECK(c.w.now() - began < 1s);
      // Who has not heard of the new primary yet would ask the old one.
      REQUIRE(c.w.run_until(5s, [&] { return c.healthy(); }));
      began = c.w.now();
    }
    CHECK(c.primary() == chosen);
    // Nobody lost a lease over it.
    for (sim::node_t n : {4, 5})
      CHECK(c.boards(n).gate_fence->open(c.w.now().count() + 1));
  }
  auto refused = c.ask_now<ack>(0, c.handles(0).proxy,
                                set_primary{c.handles(3).proxy_id, {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::invalid_argument);
  refused = c.ask_now<ack>(0, c.handles(0).proxy,
                           set_primary{c.handles(4).target_id, {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::node_not_found);
}

TEST_CASE("sim: a target in maintenance has no lease, and gets one only when it"
          " knows all",
          "[sim]") {
  sim::cluster c{7};
  form(c, 1, 2);
  auto open = [&] {
    return c.boards(2).gate_fence->open(c.w.now().count() + 1);
  };
  change_nodes req;
  req.ids = {c.handles(2).target_id};
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, req));
  REQUIRE(c.w.run_until(10s, [&] { return !open(); }));
  // It may be switched off meanwhile: nobody waits for it.
  c.kill(2);
  auto began = c.w.now();
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, create_bucket{named("b"), ""}));
  CHECK(c.w.now() - began < 1s);
  c.start(2);
  c.w.run_for(10s);
  CHECK_FALSE(open());
  req.what = node_action::stop_maintenance;
  req.skip_rebalance = true;
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, req));
  REQUIRE(c.w.run_until(10s, open));
  CHECK(c.boards(2).buckets->read()->find(named("b")));
}

TEST_CASE("sim: a target that comes back from maintenance serves at once",
          "[sim]") {
  sim::cluster c{9};
  form(c, 1, 2);
  change_nodes req;
  req.ids = {c.handles(2).target_id};
  req.skip_rebalance = true;
  // However long ago its last beat was.
  for (auto pause = 0ms; pause < 4s; pause += 130ms) {
    INFO("after " << pause.count() << " ms");
    req.what = node_action::start_maintenance;
    REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, req));
    c.w.run_for(pause);
    req.what = node_action::stop_maintenance;
    REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, req));
    c.w.run_for(50ms); // a few messages
    CHECK(c.boards(2).gate_fence->check(c.w.now().count() + 1));
    c.w.run_for(1s);
    CHECK(c.boards(2).gate_fence->check(c.w.now().count() + 1));
  }
}

TEST_CASE("sim: one administrative operation at a time", "[sim]") {
  sim::cluster c{8};
  form(c, 3, 1);
  std::vector<std::optional<expected<ack>>> got(2);
  for (size_t i = 0; i < 2; ++i) {
    change_nodes req;
    req.ids = {c.handles(i + 1).proxy_id};
    c.ask<ack>(0, c.handles(0).proxy, req,
               [&got, i](expected<ack> x) { got[i] = std::move(x); });
  }
  REQUIRE(c.w.run_until(10s, [&] { return got[0] && got[1]; }));
  // Those who ask are two: either may be heard first.
  size_t late = *got[0] ? 1 : 0;
  CHECK(*got[1 - late]);
  REQUIRE_FALSE(*got[late]);
  CHECK(got[late]->error() == errc::busy);
}
