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

} // namespace

TEST_CASE("sim: nodes join and agree", "[sim]") {
  sim::cluster c{1};
  for (int i = 0; i < 3; ++i)
    c.add(a_proxy);
  for (int i = 0; i < 3; ++i)
    c.add(a_target);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(5); }));
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
  for (int i = 0; i < 3; ++i)
    c.add(a_proxy);
  for (int i = 0; i < 3; ++i)
    c.add(a_target);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(5); }));
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
  for (int i = 0; i < 2; ++i)
    c.add(a_proxy);
  for (int i = 0; i < 3; ++i)
    c.add(a_target);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(4); }));
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
  for (int i = 0; i < 2; ++i)
    c.add(a_proxy);
  for (int i = 0; i < 2; ++i)
    c.add(a_target);
  REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(3); }));
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
    c.add(a_proxy);
    for (int i = 0; i < 3; ++i)
      c.add(a_target);
    REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(3); }));
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
