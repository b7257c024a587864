#include "http/worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace ais::http;

TEST_CASE("deadline wheel: order and limits", "[http][worker]") {
  asio::io_context io{1};
  tcp_socket socket{io.get_executor()};
  deadline_wheel wheel;
  deadline_wheel::entry a, b;
  a.socket = b.socket = &socket;
  auto ticks = [&](int n) {
    while (n-- > 0)
      wheel.tick();
  };

  SECTION("a deadline passes at its second, not before") {
    wheel.arm(a, 10);
    ticks(9);
    CHECK_FALSE(a.expired);
    ticks(1);
    CHECK(a.expired);
  }
  SECTION("arming again moves it") {
    wheel.arm(a, 10);
    ticks(5);
    wheel.arm(a, 20);
    ticks(14);
    CHECK_FALSE(a.expired);
    ticks(1);
    CHECK(a.expired);
  }
  SECTION("the past means the next second, the far future 127 seconds") {
    ticks(50);
    wheel.arm(a, 1);
    wheel.arm(b, 1'000'000);
    ticks(1);
    CHECK(a.expired);
    ticks(125);
    CHECK_FALSE(b.expired);
    ticks(1);
    CHECK(b.expired);
  }
  SECTION("an unlinked or destroyed entry is left alone") {
    wheel.arm(a, 3);
    {
      deadline_wheel::entry gone;
      gone.socket = &socket;
      wheel.arm(gone, 3);
    }
    wheel.arm(b, 3);
    a.unlink();
    ticks(10);
    CHECK_FALSE(a.expired);
    CHECK(b.expired);
  }
}

TEST_CASE("block pool: lease", "[http][worker]") {
  limits lims;
  lims.blocks = 2;
  lims.block_bytes = 4096;
  worker w{0, lims};
  std::vector<std::optional<block>> held(6);
  std::vector<int> order;
  auto ask = [&](int i) { // runs with the next poll()
    asio::co_spawn(
      w.io(),
      [&, i]() -> task<> {
        auto x = co_await w.lease();
        CHECK(x.bytes().size() == 4096);
        order.push_back(i);
        held[size_t(i)].emplace(std::move(x));
      },
      asio::detached);
  };
  auto poll = [&] {
    w.io().restart();
    w.io().poll();
  };
  auto take = [&](int i) {
    ask(i);
    poll();
  };
  auto give = [&](int i) {
    held[size_t(i)].reset();
  };

  take(0);
  take(1);
  take(2);
  take(3);
  REQUIRE(order == std::vector{0, 1}); // the cap is reached

  SECTION("who waits longest is served first, one for each returned block") {
    give(1);
    poll();
    CHECK(order == std::vector{0, 1, 2});
    give(0);
    poll();
    CHECK(order == std::vector{0, 1, 2, 3});
  }
  SECTION("a newcomer cannot overtake") {
    ask(4); // its turn in the loop comes before that of 2
    give(1);
    poll();
    CHECK(order == std::vector{0, 1, 2});
    give(0);
    poll();
    give(2);
    poll();
    CHECK(order == std::vector{0, 1, 2, 3, 4});
  }
  SECTION("when all came back the cap is whole again") {
    give(0);
    give(1);
    poll();
    give(2);
    give(3);
    poll();
    take(4);
    take(5);
    CHECK(order.size() == 6);
  }
}
