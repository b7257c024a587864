#include "test/sim/cluster.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

namespace {

/// Two nodes that meet through a bad network.
uint64_t hash_of_meeting(uint64_t seed) {
  sim::cluster c{seed};
  c.w.net.drop = 0.05;
  c.w.net.duplicate = 0.1;
  c.w.net.reorder = true;
  c.add({true, true, 1, true});
  c.add({false, true, 1, true});
  c.w.run_for(10s);
  return c.w.trace_hash;
}

} // namespace

TEST_CASE("world: one seed, one trace", "[sim][world]") {
  auto first = hash_of_meeting(1);
  CHECK(hash_of_meeting(1) == first);
  CHECK(hash_of_meeting(2) != first);
}

TEST_CASE("world: time and chance", "[sim][world]") {
  sim::world w{1};
  std::vector<int> order;
  w.at(20ms, [&] { order.push_back(2); });
  w.at(10ms, [&] {
    order.push_back(1);
    w.at(5ms, [&] { order.push_back(15); });
  });
  CHECK_FALSE(w.run_until(5ms, [&] { return !order.empty(); }));
  CHECK(w.now() == 5ms);
  w.run_for(1s);
  CHECK(order == std::vector<int>{1, 15, 2});
  CHECK(w.now() == 1005ms);
  for (int i = 0; i < 100; ++i) {
    auto x = w.pick(3, 5);
    CHECK((x >= 3 && x <= 5));
  }
  CHECK_FALSE(w.chance(0));
  CHECK(w.chance(1));
}
