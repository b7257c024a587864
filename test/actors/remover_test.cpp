#include "actors/target/remover.hpp"

#include "test/actors/one_target.hpp"

#include <algorithm>

using namespace ais;

namespace {

/// Of a cluster in which nothing moves.
settler_actor::behavior_type
all_settled(settler_actor::pointer, const std::string&) {
  return {[](const find_object&) { return found_object{}; },
          [](const settle_object&) {
            return ack{};
          }};
}

struct fixture : one_target {
  settler_actor settler = sys.spawn(all_settled, std::string{});
  remover_actor remover
    = spawn_remover(sys, {env, "t1", sync, buckets, target, gate, settler});

  ~fixture() {
    caf::anon_send_exit(remover, caf::exit_reason::user_shutdown);
    run();
  }

  expected<removed_objects> remove(std::vector<std::string> names) {
    return ask<removed_objects>(
      remover, remove_objects{b->ref.bck, b->ref.bid, std::move(names)});
  }

  /// Names that are this target's.
  std::vector<std::string> own_names(size_t n) {
    std::vector<std::string> out;
    for (int i = 0; out.size() < n; ++i) {
      auto name = "many/" + std::to_string(i);
      auto digest = placement_digest(uname_of(b->ref.bck, name));
      if (owner_of(*state.map, digest)->id == "t1")
        out.push_back(name);
    }
    return out;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "remover: what is here", "[actors][remover]") {
  auto names = own_names(3 * max_removals_at_once);
  for (auto& x : names)
    put(x, "content of " + x);
  put(mine, "stays");
  auto done = remove(names);
  REQUIRE(done);
  CHECK(done->failures.empty());
  CHECK(std::none_of(names.begin(), names.end(),
                     [&](auto& x) { return there(x); }));
  CHECK(there(mine));

  SECTION("what is not there is gone") {
    auto again = remove(names);
    REQUIRE(again);
    CHECK(again->failures.empty());
  }
  SECTION("no names are fine") {
    auto none = remove({});
    REQUIRE(none);
    CHECK(none->failures.empty());
  }
}

TEST_CASE_METHOD(fixture, "remover: refusals", "[actors][remover]") {
  put(mine, "content");

  SECTION("another target's objects are told, the others go") {
    auto done = remove({theirs, mine});
    REQUIRE(done);
    REQUIRE(done->failures.size() == 1);
    CHECK(done->failures[0].name == theirs);
    CHECK(done->failures[0].code == errc::not_ready);
    CHECK_FALSE(there(mine));
  }
  SECTION("an object with another tag stays") {
    auto attrs = ask<lom_ptr>(shard_of(mine), head_object{{b, mine}});
    REQUIRE(attrs);
    remove_objects req{b->ref.bck, b->ref.bid, {mine, "none"}, {"other"}};
    auto done = ask<removed_objects>(remover, req);
    REQUIRE(done);
    REQUIRE_FALSE(done->failures.empty());
    CHECK(done->failures[0].name == mine);
    CHECK(done->failures[0].code == errc::precondition_failed);
    CHECK(there(mine));
    req.names = {mine};
    req.etags = {storage::etag_of(**attrs)};
    done = ask<removed_objects>(remover, req);
    REQUIRE(done);
    CHECK(done->failures.empty());
    CHECK_FALSE(there(mine));
    // Gone is what was wanted.
    done = ask<removed_objects>(remover, req);
    REQUIRE(done);
    CHECK(done->failures.empty());
  }
  SECTION("without a lease nothing is removed, nor said to be gone") {
    gate->open_until(0);
    auto done = remove({mine, "never there"});
    REQUIRE(done);
    CHECK(done->failures.size() == 2);
    CHECK(there(mine));
  }
  SECTION("another bucket of that name") {
    auto done = ask<removed_objects>(
      remover, remove_objects{b->ref.bck, b->ref.bid + 1, {mine}});
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::bucket_not_found);
    CHECK(there(mine));
  }
  SECTION("too many names") {
    std::vector<std::string> names(max_removed_names + 1, mine);
    auto done = remove(std::move(names));
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::too_large);
    CHECK(there(mine));
  }
}
