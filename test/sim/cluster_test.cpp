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
