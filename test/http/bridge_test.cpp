#include "http/bridge.hpp"

#include "actors/base/type_ids.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <vector>

using namespace ais;
using namespace ais::http;
using namespace std::chrono_literals;

namespace {

using echo = caf::typed_actor<caf::replies_to<uint64_t>::with<uint64_t>>;
using asked = question<echo, uint64_t>;
using answers = std::vector<expected<uint64_t>>;

/// Answers nobody before `count` have asked; then all, the last one first.
struct crowd_state {
  using promise = caf::typed_response_promise<uint64_t>;
  std::vector<std::pair<promise, uint64_t>> waiting;
};

echo::behavior_type
crowd(echo::stateful_pointer<crowd_state> self, size_t count) {
  return {[self, count](uint64_t x) -> caf::result<uint64_t> {
    auto answer = self->make_response_promise<uint64_t>();
    auto& all = self->state.waiting;
    all.emplace_back(answer, x);
    if (all.size() == count)
      for (; !all.empty(); all.pop_back())
        all.back().first.deliver(all.back().second * 10);
    return answer;
  }};
}

echo::behavior_type refuser(echo::pointer, errc why) {
  return {[why](uint64_t) -> caf::result<uint64_t> {
    return fail(why, "no");
  }};
}

/// A loop with a bridge, run until what it waits for is there.
class loop {
public:
  explicit loop(caf::actor_system& sys) : via(sys, io.get_executor()) {}
  ~loop() {
    via.cancel_all();
    io.restart();
    io.run_for(10s);
  }

  /// What ask_many gives; none if it is not there after 20 s.
  std::optional<answers>
  ask(std::vector<asked> all, std::chrono::seconds timeout = 60s) {
    std::optional<answers> out;
    start(std::move(all), timeout, out);
    wait([&] { return out.has_value(); });
    return out;
  }

  void start(std::vector<asked> all, std::chrono::seconds timeout,
             std::optional<answers>& out) {
    auto run = [](bridge& b, std::vector<asked> xs, std::chrono::seconds limit,
                  std::optional<answers>& to)
      -> boost::asio::awaitable<void, bridge::executor> {
      auto got = co_await b.ask_many(std::move(xs), limit);
      to = std::move(got);
    };
    boost::asio::co_spawn(io.get_executor(),
                          run(via, std::move(all), timeout, out),
                          boost::asio::detached);
  }

  template <class F>
  void wait(F done) {
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(100ms);
    }
  }

  boost::asio::io_context io;
  bridge via;
};

std::vector<asked> ask_each(const echo& to, uint64_t n) {
  std::vector<asked> out;
  for (uint64_t i = 0; i < n; ++i)
    out.push_back({to, i});
  return out;
}

} // namespace

TEST_CASE("bridge: many are asked at once", "[http][bridge]") {
  caf::actor_system_config cfg;
  caf::actor_system sys{cfg};
  loop l{sys};

  SECTION("nobody waits for another's answer; answers stay in order") {
    auto all = sys.spawn(crowd, size_t{50});
    auto got = l.ask(ask_each(all, 50));
    REQUIRE(got);
    REQUIRE(got->size() == 50);
    for (uint64_t i = 0; i < 50; ++i)
      CHECK((*got)[i] == i * 10);
    CHECK(l.via.pending() == 0);
  }
  SECTION("who cannot be reached or refuses does not spoil the others") {
    auto all = sys.spawn(crowd, size_t{2});
    auto no = sys.spawn(refuser, errc::conflict);
    auto gone = sys.spawn(refuser, errc::conflict);
    caf::anon_send_exit(gone, caf::exit_reason::kill);
    auto got = l.ask({{all, 1}, {echo{}, 2}, {no, 3}, {gone, 4}, {all, 5}});
    REQUIRE(got);
    REQUIRE(got->size() == 5);
    CHECK((*got)[0] == uint64_t{10});
    CHECK((*got)[1].error() == errc::not_ready);
    CHECK((*got)[2].error() == errc::conflict);
    CHECK_FALSE((*got)[3]);
    CHECK((*got)[4] == uint64_t{50});
  }
  SECTION("nobody to ask") {
    CHECK(l.ask({})->empty());
    auto got = l.ask({{echo{}, 1}, {echo{}, 2}});
    REQUIRE(got);
    CHECK(got->at(1).error() == errc::not_ready);
  }
  SECTION("one time-out for all; late answers are dropped") {
    auto all = sys.spawn(crowd, size_t{4});
    std::optional<answers> out;
    l.start(ask_each(all, 3), 5s, out);
    l.wait([&] { return l.via.pending() == 3; });
    auto now = std::chrono::steady_clock::now();
    l.via.expire(now + 4s);
    CHECK(l.via.pending() == 3);
    l.via.expire(now + 6s);
    l.wait([&] { return out.has_value(); });
    REQUIRE(out);
    for (auto& x : *out)
      CHECK(x.error() == errc::timed_out);
    // The fourth makes the crowd answer everybody.
    auto last = l.ask({{all, 7}});
    REQUIRE(last);
    CHECK(last->at(0) == uint64_t{70});
  }
  SECTION("too many at once") {
    auto all = sys.spawn(crowd, size_t{1});
    auto got = l.ask(ask_each(all, bridge::max_pending + 1));
    REQUIRE(got);
    CHECK(got->size() == bridge::max_pending + 1);
    CHECK(got->front().error() == errc::too_many_requests);
    CHECK(l.ask({{all, 1}})->at(0) == uint64_t{10});
  }
  SECTION("a node that stops") {
    auto all = sys.spawn(crowd, size_t{4});
    std::optional<answers> out;
    l.start(ask_each(all, 3), 60s, out);
    l.wait([&] { return l.via.pending() == 3; });
    l.via.cancel_all();
    l.wait([&] { return out.has_value(); });
    // It keeps its promises, and they keep it.
    caf::anon_send_exit(all, caf::exit_reason::kill);
    REQUIRE(out);
    CHECK(out->at(2).error() == errc::not_ready);
  }
}
