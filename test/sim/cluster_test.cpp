#include "test/sim/cluster.hpp"

#include "storage/base/home.hpp"

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

TEST_CASE("sim: an elected primary gives leases at once", "[sim]") {
  using namespace std::chrono_literals;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    sim::cluster c{seed};
    form(c, 3, 3);
    c.w.run_for(100ms * seed);
    c.kill(0);
    REQUIRE(c.w.run_until(30s, [&] { return c.primary().has_value(); }));
    // Of its own: those of the one before end sooner.
    auto all_leased = [&] {
      auto then = c.w.now() + 2500ms;
      for (sim::node_t id : {3, 4, 5})
        if (!c.boards(id).gate_fence->open(then.count() + 1))
          return false;
      return true;
    };
    CHECK(c.w.run_until(200ms, all_leased));
  }
}

TEST_CASE("sim: a target that comes back from maintenance serves at once",
          "[sim]") {
  sim::cluster c{9};
  form(c, 1, 2);
  change_nodes req;
  req.ids = {c.handles(2).target_id};
  req.skip_rebalance = true;
  // However long ago its last beat was.
  for (auto pause = 0ms; pause < 4s; pause += 37ms) {
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

TEST_CASE("sim: a new owner asks again when its question was lost", "[sim]") {
  sim::cluster c{14};
  form(c, 1, 2);
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, create_bucket{named("b"), ""}));
  set_config off; // else the moves may have ended by then
  off.change.by_name = {{"rebalance.enabled", "false"}};
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, off));
  c.add(a_target);
  auto& boards = c.boards(3);
  REQUIRE(c.w.run_until(30s, [&] {
    return c.active(3) && boards.map->read()->targets.size() == 3
           && boards.buckets->read()->find(named("b"))
           && boards.peers->read()->gates.count(c.handles(1).target_id)
           && boards.peers->read()->gates.count(c.handles(2).target_id);
  }));
  for (sim::node_t id : {1, 2})
    c.w.cut_both(3, id);
  auto b = boards.buckets->read()->find(named("b"));
  object_key key{*b, ""};
  for (int i = 0; key.name.empty(); ++i) {
    auto name = "x" + std::to_string(i);
    auto digest = home_digest((*b)->ref.bck, name);
    if (owner_of(*boards.map->read(), digest)->id == c.handles(3).target_id)
      key.name = name;
  }
  REQUIRE(may_be_elsewhere(*boards.map->read(), *boards.target->read(), key));
  std::optional<expected<ack>> got;
  c.ask<ack>(
    3, c.handles(3).settler, settle_object{key},
    [&](expected<ack> x) { got = std::move(x); }, 600s);
  c.w.run_for(2s);
  REQUIRE_FALSE(got);
  c.w.heal();
  REQUIRE(c.w.run_until(120s, [&] { return got.has_value(); }));
  CHECK(*got);
}

TEST_CASE("sim: a reader is told who still has an object", "[sim]") {
  sim::cluster c{15};
  form(c, 1, 2);
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, create_bucket{named("b"), ""}));
  auto find_of = [&](sim::node_t id) {
    return c.boards(id).buckets->read()->find(named("b"));
  };
  set_config off;
  off.change.by_name = {{"rebalance.enabled", "false"}};
  REQUIRE(c.ask_now<ack>(1, c.handles(1).proxy, off));
  auto target_at = [&](const object_key& key) {
    auto digest = home_digest(key.bucket->ref.bck, key.name);
    auto* who = owner_of(*c.boards(1).map->read(), digest);
    return c.handles(1).target_id == who->id ? 1 : 2;
  };
  auto put = [&](sim::node_t id, const object_key& key, char what) {
    auto at = c.boards(id).target->read()->locate(key);
    REQUIRE(at);
    put_object req{at->key, {}, {}};
    req.content = std::make_shared<const storage::bytes>(100, std::byte(what));
    REQUIRE(c.ask_now<lom_ptr>(id, at->shard, req));
  };
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) {
    names.push_back("x" + std::to_string(i));
    auto b = find_of(1);
    REQUIRE(b);
    object_key key{*b, names.back()};
    put(target_at(key), key, 'x');
  }
  c.add(a_target);
  auto& boards = c.boards(3);
  REQUIRE(c.w.run_until(30s, [&] {
    return c.active(3) && boards.map->read()->targets.size() == 3
           && boards.peers->read()->gates.size() >= 4
           && generation_of(*c.boards(1).map->read())
                == generation_of(*boards.map->read())
           && generation_of(*c.boards(2).map->read())
                == generation_of(*boards.map->read());
  }));
  auto me = c.handles(3).target_id;
  size_t told = 0;
  for (auto& name : names) {
    object_key key{*find_of(3), name};
    auto digest = home_digest(key.bucket->ref.bck, name);
    if (owner_of(*boards.map->read(), digest)->id != me)
      continue;
    auto look = [&] {
      auto out
        = c.ask_now<found_object>(3, c.handles(3).settler, find_object{key});
      REQUIRE(out);
      return *out;
    };
    auto found = look();
    INFO(name);
    CHECK_FALSE(found.lease);
    REQUIRE_FALSE(found.target.empty());
    ++told;
    sim::node_t source = found.target == c.handles(1).target_id ? 1 : 2;
    auto visit = [&](std::string owner, uint64_t generation) {
      return c.ask_now<found_object>(
        source, c.handles(source).settler,
        find_object{{*find_of(source), name}, std::move(owner), generation});
    };
    auto there = visit(me, found.generation);
    REQUIRE(there);
    REQUIRE(there->lease);
    CHECK(there->lease->object->attrs.size_bytes == 100);
    // Not for others, nor by another placement.
    CHECK(visit(found.target, found.generation).error() == errc::not_ready);
    CHECK(visit(me, found.generation + 1).error() == errc::not_ready);
    // From when it is home on, there is nothing to be read elsewhere.
    REQUIRE(c.ask_now<ack>(3, c.handles(3).settler, settle_object{key}));
    CHECK(there->lease->over());
    put(3, key, 'y');
    CHECK(look().target.empty());
    CHECK(visit(me, found.generation).error() == errc::object_not_found);
  }
  CHECK(told > 5);
  // Nobody has it: who asks need not ask again.
  object_key none{*find_of(3), ""};
  for (int i = 0; none.name.empty(); ++i) {
    auto name = "none" + std::to_string(i);
    auto digest = home_digest(none.bucket->ref.bck, name);
    if (owner_of(*boards.map->read(), digest)->id == me)
      none.name = name;
  }
  auto found
    = c.ask_now<found_object>(3, c.handles(3).settler, find_object{none});
  REQUIRE(found);
  CHECK(found->target.empty());
  for (sim::node_t id : {1, 2})
    c.w.cut_both(3, id);
  CHECK(c.ask_now<ack>(3, c.handles(3).settler, settle_object{none}));
}

namespace {

/// A proxy, and a target with objects.
struct with_objects {
  sim::cluster c;
  std::vector<object_key> keys;

  with_objects(uint64_t seed, size_t mountpaths) : c(seed) {
    c.add(a_proxy);
    c.add({false, true, mountpaths, true});
    REQUIRE(c.w.run_until(30s, [&] { return c.healthy() && c.active(1); }));
    REQUIRE(
      c.ask_now<ack>(1, c.handles(1).proxy, create_bucket{named("b"), ""}));
    auto b = c.boards(1).buckets->read()->find(named("b"));
    REQUIRE(b);
    for (int i = 0; i < 40; ++i)
      keys.push_back({*b, "x" + std::to_string(i)});
    write('x');
  }

  std::shared_ptr<const target_view> view() {
    return c.boards(1).target->read();
  }

  void write(char what) {
    auto content = std::make_shared<const storage::bytes>(100, std::byte(what));
    for (auto& key : keys) {
      auto at = view()->locate(key);
      REQUIRE(at);
      put_object req{at->key, {}, content};
      REQUIRE(c.ask_now<lom_ptr>(1, at->shard, req));
    }
  }

  static char read(const lease& x) {
    storage::bytes got(1);
    return x.object->content->read_at(got, 0) ? static_cast<char>(got[0]) : 0;
  }

  void
  change(change_mountpath::op what, const std::string& path, bool move = true) {
    change_mountpath req;
    req.what = what;
    req.path = path;
    req.move = move;
    auto done
      = c.ask_now<mountpath_changed>(1, c.boards(1).peers->read()->own, req);
    if (!done)
      FAIL(message_of(done.error()));
    settle();
  }

  void settle() {
    REQUIRE(c.w.run_until(30s, [&] { return view()->volume->settled; }));
  }

  /// Looks for all objects as soon as an operation of that kind happens below
  /// that directory; `got` is told of each answer.
  void look_at(storage::disk_op when, const std::string& dir,
               std::function<void(const found_object&)> got) {
    auto told = std::make_shared<size_t>(0);
    auto begun = std::make_shared<bool>(false);
    c.disk(1).fault = [=, this](storage::disk_op op, const std::string& path) {
      if (op == when && path.starts_with(dir) && !std::exchange(*begun, true))
        for (auto& key : keys)
          c.ask<found_object>(1, c.handles(1).settler, find_object{key},
                              [=](const expected<found_object>& x) {
                                ++*told;
                                REQUIRE(x);
                                got(*x);
                              });
      return std::optional<errc>{};
    };
    looked = told;
  }
  std::shared_ptr<size_t> looked; ///< answers
};

} // namespace

TEST_CASE("sim: an object is read where it is while it is being moved",
          "[sim]") {
  with_objects x{12, 2};
  std::vector<located> found;
  x.look_at(storage::disk_op::rename, "/root/mp2/@ais/b/%ob/",
            [&](const found_object& y) {
              if (!y.lease)
                return;
              CHECK(y.at.mpath->disk->root() == "/root/mp1");
              CHECK(x.read(*y.lease) == 'x');
              found.push_back(y.at);
            });
  x.change(change_mountpath::op::disable, "/root/mp1");
  CHECK(*x.looked == x.keys.size());
  CHECK(found.size() > 5);
  // Each has come, and whoever looks for it is told to ask at its place.
  for (auto& at : found) {
    auto again = x.c.ask_now<found_object>(1, x.c.handles(1).settler,
                                           find_object{at.key});
    REQUIRE(again);
    CHECK_FALSE(again->lease);
    auto now = x.view()->locate(at.key);
    REQUIRE(now);
    CHECK(now->mpath->disk->root() == "/root/mp2");
    CHECK(x.c.ask_now<lease_ptr>(1, now->shard, open_object{now->key}));
  }
}

TEST_CASE("sim: fewer objects are moved at once while clients ask", "[sim]") {
  for (uint64_t asked : {0, 1'000'000}) {
    with_objects x{13, 2};
    x.c.served = asked;
    size_t begun = 0, stored = 0, most = 0;
    x.c.disk(1).fault = [&](storage::disk_op op, const std::string& path) {
      if (path.starts_with("/root/mp2/@ais/b/")) {
        begun += op == storage::disk_op::create;
        stored += op == storage::disk_op::rename;
        most = std::max(most, begun - stored);
      }
      return std::optional<errc>{};
    };
    x.change(change_mountpath::op::disable, "/root/mp1");
    INFO(asked << " requests, " << begun << " moved");
    CHECK((asked > 0 ? most <= 4 : most > 4));
  }
}

TEST_CASE("sim: what a mountpath missed is not read from it", "[sim]") {
  using op = change_mountpath::op;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    with_objects x{seed, 3};
    // mp1 gets what belongs on mp2, and is out of use while it is written.
    x.change(op::disable, "/root/mp2");
    x.change(op::disable, "/root/mp1", false);
    x.write('y');
    x.change(op::enable, "/root/mp2");
    x.look_at(storage::disk_op::open, "/root/mp1/@ais/b/%ob/",
              [&](const found_object& y) {
                CHECK((!y.lease || x.read(*y.lease) == 'y'));
              });
    x.change(op::enable, "/root/mp1");
    CHECK(*x.looked == x.keys.size());
  }
}
