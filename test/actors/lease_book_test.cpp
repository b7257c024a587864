#include "actors/cluster/lease_book.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

namespace {

constexpr keepalive_times times{1s, 3s};
constexpr int64_t second = 1'000'000'000;

/// A primary (p1), a proxy and a target, all electable.
struct members {
  cluster_state state;

  members() {
    auto map = std::make_shared<smap>();
    for (auto id : {"p1", "p2"})
      map->proxies[id] = {id, node_role::proxy, {}, {}, {}, 0};
    map->targets["t1"] = {"t1", node_role::target, {}, {}, {}, 0};
    map->primary = "p1";
    state.at = {1, 1};
    state.map = map;
  }

  /// The next state, with other flags for the target.
  void mark(uint64_t flags) {
    auto map = std::make_shared<smap>(*state.map);
    map->targets["t1"].flags = flags;
    state.map = map;
    ++state.at.number;
  }

  beat of(const std::string& id) const { return {"", {id}, 1, state.at}; }
};

void hear(lease_book& book, const std::string& id, int64_t now) {
  book.heard(id, now);
  book.vouched(id, now);
}

/// A book in which everybody was heard at `now`, and ours until then.
lease_book heard_all(const members& m, int64_t now) {
  lease_book out;
  out.see(m.state, m.state, now);
  for (auto id : {"p1", "p2", "t1"})
    hear(out, id, now);
  out.renew_own(*m.state.map, times);
  return out;
}

} // namespace

TEST_CASE("lease_book: no lease outlives the majority's word", "[actors]") {
  members m;
  auto book = heard_all(m, 10 * second);
  CHECK(book.trusted_until_ns() == 13 * second);
  CHECK(book.lease_for(m.of("t1"), times, 10 * second) == 3 * second);
  CHECK(book.lease_for(m.of("t1"), times, 12 * second) == second);
  CHECK(book.lease_for(m.of("t1"), times, 14 * second) == 0);
  // Two of three are a majority; one is not.
  hear(book, "p1", 20 * second);
  CHECK(book.renew_own(*m.state.map, times) == 13 * second);
  hear(book, "t1", 19 * second);
  CHECK(book.renew_own(*m.state.map, times) == 22 * second);
}

TEST_CASE("lease_book: a beat that waited renews no lease", "[actors]") {
  members m;
  auto book = heard_all(m, 10 * second);
  // We were stopped; what lay in the mailbox was sent long ago.
  auto now = 30 * second;
  hear(book, "p1", now);
  for (auto id : {"p2", "t1"}) {
    book.heard(id, now);
    book.vouched(id, 11 * second);
  }
  CHECK(book.renew_own(*m.state.map, times) == 14 * second);
  CHECK(book.lease_for(m.of("t1"), times, now) == 0);
  CHECK(book.patient_until_ns(times) < now);
  // One answer further they vouch for now.
  book.vouched("t1", now);
  CHECK(book.renew_own(*m.state.map, times) == 33 * second);
}

TEST_CASE(
  "lease_book: a new primary has no lease before members vouch, and time"
  " for that",
  "[actors]") {
  members m;
  lease_book book;
  book.clear(10 * second);
  book.see(m.state, m.state, 10 * second);
  book.vouched("p1", 10 * second);
  CHECK(book.renew_own(*m.state.map, times) < 10 * second);
  CHECK(book.patient_until_ns(times) == 13 * second);
  book.vouched("p2", 11 * second);
  CHECK(book.renew_own(*m.state.map, times) == 13 * second);
}

TEST_CASE("lease_book: newcomers do not weaken the majority's word",
          "[actors]") {
  members m;
  auto book = heard_all(m, 10 * second);
  auto map = std::make_shared<smap>(*m.state.map);
  for (auto id : {"t2", "t3", "t4", "t5"})
    map->targets[id] = {id, node_role::target, {}, {}, {}, 0};
  m.state.map = map;
  book.see(m.state, m.state, 11 * second);
  CHECK(book.renew_own(*m.state.map, times) == 13 * second);
}

TEST_CASE("lease_book: who is called silent gets a lease only when it is back"
          " in the map and shows that",
          "[actors]") {
  members m;
  auto book = heard_all(m, 10 * second);
  auto now = 14 * second;
  for (auto id : {"p1", "p2"})
    hear(book, id, now);
  book.renew_own(*m.state.map, times);
  auto said = book.judge(*m.state.map, times, now);
  REQUIRE(said.size() == 1);
  CHECK(said[0].id == "t1");
  CHECK(said[0].silent);
  // It beats before the map says so: too late for this round.
  book.heard("t1", now);
  CHECK(book.lease_for(m.of("t1"), times, now) == 0);
  REQUIRE(book.judge(*m.state.map, times, now).size() == 1);
  m.mark(snode_silent);
  book.see(m.state, m.state, now);
  CHECK(book.lease_for(m.of("t1"), times, now) == 0);
  said = book.judge(*m.state.map, times, now);
  REQUIRE(said.size() == 1);
  CHECK_FALSE(said[0].silent);
  auto old = m.of("t1");
  m.mark(0);
  book.see(m.state, m.state, now);
  CHECK(book.lease_for(old, times, now) == 0);
  CHECK(book.lease_for(m.of("t1"), times, now) > 0);
}

TEST_CASE("lease_book: maintenance takes the lease", "[actors]") {
  members m;
  auto book = heard_all(m, 10 * second);
  m.mark(snode_maintenance);
  book.see(m.state, m.state, 10 * second);
  CHECK(book.lease_for(m.of("t1"), times, 10 * second) == 0);
  CHECK(book.judge(*m.state.map, times, 11 * second).empty());
  auto old = m.of("t1");
  m.mark(0);
  book.see(m.state, m.state, 10 * second);
  CHECK(book.lease_for(old, times, 10 * second) == 0);
  CHECK(book.lease_for(m.of("t1"), times, 10 * second) == 3 * second);
}

TEST_CASE("lease_book: who decides alone renews its word, too", "[actors]") {
  members m;
  auto map = std::make_shared<smap>(*m.state.map);
  SECTION("another one decides") {
    map->proxies["p1"].flags = snode_non_electable;
    m.state.map = map;
    auto book = heard_all(m, 10 * second);
    hear(book, "p1", 20 * second);
    hear(book, "t1", 20 * second);
    CHECK(book.renew_own(*map, times) == 13 * second);
    hear(book, "p2", 19 * second);
    CHECK(book.renew_own(*map, times) == 22 * second);
  }
  SECTION("the primary does") {
    map->proxies["p2"].flags = snode_non_electable;
    m.state.map = map;
    auto book = heard_all(m, 10 * second);
    hear(book, "p1", 20 * second);
    CHECK(book.renew_own(*map, times) == 23 * second);
  }
  SECTION("there is nobody else") {
    map->proxies.erase("p2");
    m.state.map = map;
    auto book = heard_all(m, 10 * second);
    CHECK(book.renew_own(*map, times) == fence::always);
  }
}
