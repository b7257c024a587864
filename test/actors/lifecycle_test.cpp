#include "actors/xact/lifecycle.hpp"

#include "storage/base/home.hpp"
#include "storage/lifecycle.hpp"
#include "test/actors/one_target.hpp"

#include <optional>

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

storage::lifecycle_rule after_a_day(const std::string& prefix = {}) {
  storage::lifecycle_rule out;
  out.id = "r";
  out.enabled = true;
  out.days = 1;
  out.prefix = prefix;
  return out;
}

struct fixture : one_target {
  settler_actor settler = sys.spawn(all_settled, std::string{});
  /// Called whenever the job looks at the clock.
  std::function<void(int nth)> meanwhile = [](int) {
  };
  int looks = 0;
  bucket_ptr former;
  std::shared_ptr<xact_progress> progress = std::make_shared<xact_progress>();
  std::optional<xact_end> end;

  void rules(const storage::lifecycle_rules& x) {
    auto props = *b->props;
    auto text = x.empty() ? std::string{} : storage::to_text(x);
    REQUIRE(props.values.set("s3.lifecycle", text));
    auto next
      = with_bucket_props(*buckets->read(), b->ref.bck, std::move(props));
    REQUIRE(next);
    buckets->show(*next);
    b = *(*next)->find(b->ref.bck);
  }

  /// Keeps former versions from now on.
  void keep_versions() {
    auto props = *b->props;
    REQUIRE(props.values.set("s3.versioning", "Enabled"));
    auto next
      = with_bucket_props(*buckets->read(), b->ref.bck, std::move(props));
    REQUIRE(next);
    buckets->show(*next);
    b = *(*next)->find(b->ref.bck);
    former = *(*next)->find(storage::versions_of(b->ref).bck);
    REQUIRE(ask<ack>(mpath_actor, make_bucket_dirs{former->ref}));
  }

  bool remove(const std::string& name) {
    delete_object req{{b, name}};
    return bool(ask<ack>(shard_of(name), req));
  }

  /// Its former versions by age, newest first: sizes, or "mark".
  std::string history(const std::string& name) {
    std::string out;
    auto all = ask<object_versions>(shard_of(name), list_versions{{b, name}});
    REQUIRE(all);
    for (auto& x : all->former)
      out += storage::is_mark(x.id) ? "mark "
                                    : std::to_string(x.attrs.size_bytes) + ' ';
    return out;
  }

  /// Runs the job over the former versions that there are.
  void expire_versions() {
    auto all = ask<object_versions>(shard_of(mine), list_versions{{b, mine}});
    REQUIRE(all);
    std::vector<std::string> names;
    for (auto& x : all->former)
      names.push_back(x.name);
    expire(names, former);
  }

  /// Runs the job over these objects, three days from now.
  void expire(std::vector<std::string> names, bucket_ptr of = nullptr) {
    if (!of)
      of = b;
    xact_order order;
    auto& node = order.node;
    node.env = env;
    node.env.wall_ns = [this, now = env.wall_ns] {
      meanwhile(++looks);
      return now() + 3 * storage::day_ns;
    };
    node.node_id = "t1";
    node.sync = sync;
    node.buckets = buckets;
    node.view = target;
    node.gate_fence = gate;
    node.settler = settler;
    order.what.id = "job";
    order.what.kind = lifecycle_kind;
    order.what.bucket = of->ref.bck;
    order.what.bid = of->ref.bid;
    order.what.what.names = std::move(names);
    order.progress = progress;
    order.ended = [this](const xact_end& x) {
      end = x;
    };
    auto job = spawn_lifecycle(sys, order);
    REQUIRE(job);
    run();
    REQUIRE(end);
    CHECK_FALSE(end->aborted);
    CHECK(end->error.empty());
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "lifecycle: what is due goes",
                 "[actors][lifecycle]") {
  put(mine, "12345");
  SECTION("by a rule for it") {
    rules({after_a_day(mine)});
    expire({mine});
    CHECK_FALSE(there(mine));
    CHECK(progress->objects == 1);
    CHECK(progress->bytes == 5);
  }
  SECTION("not by one for others") {
    rules({after_a_day("else/")});
    expire({mine});
    CHECK(there(mine));
    CHECK(progress->objects == 0);
  }
  SECTION("not before its time") {
    auto late = after_a_day();
    late.days = 90'000; // the disk's times begin in 1970
    rules({late});
    expire({mine});
    CHECK(there(mine));
  }
  SECTION("what is not there is no failure") {
    rules({after_a_day()});
    expire({mine + "/none", mine});
    CHECK_FALSE(there(mine));
  }
  SECTION("nothing without rules") {
    expire({mine});
    CHECK(there(mine));
  }
}

TEST_CASE_METHOD(fixture, "lifecycle: what changes meanwhile stays",
                 "[actors][lifecycle]") {
  put(mine, "old");
  rules({after_a_day()});
  auto shard = shard_of(mine);
  SECTION("written anew, after the last look") {
    meanwhile = [&](int nth) {
      put_object req{{b, mine}, {}, {}};
      req.content = std::make_shared<storage::bytes>(content("new one"));
      if (nth == 2)
        caf::anon_send(shard, std::move(req));
    };
  }
  SECTION("given other tags, after the last look") {
    meanwhile = [&](int nth) {
      set_custom req{{b, mine}, {{"s3:tags", "keep=yes"}}, false, {}};
      if (nth == 2)
        caf::anon_send(shard, std::move(req));
    };
  }
  expire({mine});
  CHECK(looks == 2);
  CHECK(there(mine));
  CHECK(progress->objects == 0);
}

TEST_CASE_METHOD(fixture, "lifecycle: rules that are taken back end it",
                 "[actors][lifecycle]") {
  put(mine, "old");
  rules({after_a_day()});
  meanwhile = [&](int nth) {
    if (nth == 1)
      rules({});
  };
  expire({mine});
  CHECK(there(mine));
}

TEST_CASE_METHOD(fixture, "lifecycle: which buckets have work",
                 "[actors][lifecycle]") {
  CHECK(lifecycle_orders(*buckets->read(), *b).empty());
  rules({after_a_day()});
  auto orders = lifecycle_orders(*buckets->read(), *b);
  REQUIRE(orders.size() == 1);
  CHECK(orders[0].bid == b->ref.bid);
  CHECK(orders[0].what.prefix.empty());
}

TEST_CASE_METHOD(fixture, "lifecycle: former versions that had their time go",
                 "[actors][lifecycle]") {
  keep_versions();
  auto each = [&](auto... sizes) {
    (put(mine, std::string(static_cast<size_t>(sizes), 'x')), ...);
  };
  storage::lifecycle_rule rule;
  rule.id = "r";
  rule.enabled = true;
  rule.noncurrent_days = 1;
  SECTION("all but the present one") {
    each(1, 2, 3, 4);
    rules({rule});
    expire_versions();
    CHECK(there(mine));
    CHECK(history(mine).empty());
    CHECK(progress->bytes == 6);
  }
  SECTION("but for the newest ones") {
    each(1, 2, 3, 4, 5);
    rule.noncurrent_kept = 2;
    rules({rule});
    expire_versions();
    CHECK(there(mine));
    CHECK(history(mine) == "4 3 ");
  }
  SECTION("not before their time, nor others'") {
    each(1, 2);
    rule.noncurrent_days = 90'000; // the disk's times begin in 1970
    auto others = rule;
    others.id = "other";
    others.noncurrent_days = 1;
    others.prefix = "else/";
    rules({rule, others});
    expire_versions();
    CHECK(history(mine) == "1 ");
  }
  SECTION("a mark stays while it hides what is left, then it goes, too") {
    each(1, 2);
    REQUIRE(remove(mine));
    rule.noncurrent_kept = 1;
    rules({rule});
    expire_versions();
    CHECK(history(mine) == "mark 2 ");
    rule.noncurrent_kept = 0;
    rules({rule});
    expire_versions();
    CHECK(history(mine) == "mark ");
    rule.delete_markers = true;
    rules({rule});
    expire_versions();
    CHECK(history(mine).empty());
    CHECK_FALSE(there(mine));
  }
  SECTION("an old mark goes by a rule for objects") {
    each(1);
    REQUIRE(remove(mine));
    rules({rule});
    expire_versions();
    CHECK(history(mine) == "mark ");
    rules({after_a_day()});
    expire_versions();
    CHECK(history(mine).empty());
  }
  SECTION("what became the present one meanwhile stays") {
    each(1, 2);
    auto present = ask<lom_ptr>(shard_of(mine), head_object{{b, mine}});
    REQUIRE(present);
    rules({rule});
    meanwhile = [&, id = storage::version_id(**present)](int nth) {
      delete_object req{{b, mine}};
      req.version = id;
      if (nth == 1)
        caf::anon_send(shard_of(mine), req);
    };
    expire_versions();
    CHECK(there(mine));
    CHECK(progress->objects == 0);
  }
}

TEST_CASE_METHOD(fixture, "lifecycle: versions are work, too",
                 "[actors][lifecycle]") {
  keep_versions();
  rules({after_a_day()});
  auto orders = lifecycle_orders(*buckets->read(), *b);
  REQUIRE(orders.size() == 2);
  CHECK(orders[1].bid == former->ref.bid);
  CHECK(orders[1].what.prefix == hex16(b->ref.bid) + '/');
}
