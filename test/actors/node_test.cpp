#include "actors/node/node.hpp"

#include "actors/meta/meta_store.hpp"
#include "storage/base/hrw.hpp"
#include "test/sim/deterministic.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

namespace {

/// A node that can be started, stopped, killed and started again on its disk.
struct fixture : sim::deterministic {
  std::shared_ptr<node_boards> boards;
  node_actor node;
  node_handles handles;

  ~fixture() {
    if (node)
      stop();
  }

  void spawn() {
    boards = std::make_shared<node_boards>();
    node_config c;
    c.env = env;
    c.dir = "/root/node";
    c.mountpaths = {"/root/mp1", "/root/mp2"};
    c.pub = c.control = c.data = {"127.0.0.1", 8080};
    c.publish = [](const caf::strong_actor_ptr&) {
      return expected<void>{caf::unit};
    };
    node = spawn_node(sys, c, boards);
  }

  expected<node_handles> start() {
    spawn();
    auto pending = self->request(node, caf::infinite, atom::start_v);
    run();
    if ((boards->state & state_node_started) == 0)
      advance(5000ms); // it may try a disk again
    expected<node_handles> started{error{}};
    pending.receive([&](node_handles& x) { started = std::move(x); },
                    [&](error& e) { started = std::move(e); });
    if (started)
      handles = *started;
    return started;
  }

  void stop() {
    handles = {};
    CHECK(ask<ack>(node, atom::stop_v));
    node = nullptr;
    boards.reset();
  }

  /// Ends the actors without their last words on the disk.
  void stop_dead() {
    handles = {};
    static_cast<void>(ask<ack>(node, atom::stop_v));
    node = nullptr;
    boards.reset();
  }

  bck named(const std::string& x) { return {provider::ais, {}, x}; }
};

} // namespace

TEST_CASE_METHOD(fixture, "node: identity and metadata survive restarts",
                 "[actors][node]") {
  REQUIRE(start());
  auto id = handles.target_id;
  auto uuid = boards->map->read()->uuid;
  CHECK(boards->state == (state_cluster_started | state_node_started));
  CHECK(boards->map->read()->version == 1);
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
  set_config change;
  change.change.by_name = {{"periodic.stats_time", "12s"}};
  REQUIRE(ask<ack>(handles.proxy, change));
  stop();

  REQUIRE(start());
  CHECK(handles.target_id == id);
  CHECK(boards->map->read()->uuid == uuid);
  CHECK(boards->map->read()->version == 2);
  CHECK(boards->buckets->read()->find(named("b")));
  CHECK(boards->config->read()->values.text("periodic.stats_time") == "12s");
}

TEST_CASE_METHOD(fixture,
                 "node: buckets are created and destroyed in two phases",
                 "[actors][node]") {
  REQUIRE(start());
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
  CHECK(ask<ack>(handles.proxy, create_bucket{named("b"), ""}).error()
        == errc::bucket_exists);
  auto first = *boards->buckets->read()->find(named("b"));
  CHECK(disk.stat("/root/mp1/@ais/b/%ob"));
  CHECK(disk.stat("/root/mp2/@ais/b/%ob"));

  SECTION("a new incarnation is another bucket") {
    REQUIRE(ask<ack>(handles.proxy, destroy_bucket{named("b")}));
    CHECK(boards->buckets->read()->buckets.empty());
    CHECK_FALSE(disk.stat("/root/mp1/@ais/b"));
    REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
    CHECK((*boards->buckets->read()->find(named("b")))->ref.bid
          != first->ref.bid);
    CHECK(ask<ack>(handles.proxy, destroy_bucket{named("none")}).error()
          == errc::bucket_not_found);
  }
  SECTION("a target that cannot begin aborts the change") {
    disk.fault = [](storage::disk_op op,
                    const std::string& path) -> std::optional<errc> {
      if (op == storage::disk_op::mkdir
          && path.find("mp2/") != std::string::npos)
        return errc::no_space;
      return std::nullopt;
    };
    CHECK(ask<ack>(handles.proxy, create_bucket{named("c"), ""}).error()
          == errc::no_space);
    disk.fault = nullptr;
    CHECK_FALSE(boards->buckets->read()->find(named("c")));
    CHECK_FALSE(disk.stat("/root/mp1/@ais/c"));
    CHECK(ask<ack>(handles.proxy, create_bucket{named("c"), ""}));
  }
  SECTION("properties") {
    REQUIRE(
      ask<ack>(handles.proxy, set_bucket_props{named("b"),
                                               R"({"checksum":{"type":"md5"},
                                          "durability":"none"})"}));
    auto now = *boards->buckets->read()->find(named("b"));
    CHECK(now->cksum == storage::cksum_type::md5);
    CHECK(now->durability == storage::durability::none);
    CHECK(now->ref.bid == first->ref.bid);
    auto before = boards->buckets->read()->version;
    CHECK(
      ask<ack>(handles.proxy, set_bucket_props{named("b"), R"({"nonsense":1})"})
        .error()
      == errc::invalid_argument);
    CHECK(boards->buckets->read()->version == before);
    REQUIRE(ask<ack>(handles.proxy, set_bucket_props{named("b"), "", true}));
    CHECK((*boards->buckets->read()->find(named("b")))->cksum
          == storage::cksum_type::xxhash2);
  }
}

TEST_CASE("node: a crash at any disk operation of a bucket's life leaves it"
          " whole or gone",
          "[actors][node]") {
  for (int n = 1;; ++n) {
    fixture f;
    REQUIRE(f.start());
    REQUIRE(f.ask<ack>(f.handles.proxy, create_bucket{f.named("kept"), ""}));
    f.disk.crash();
    f.stop_dead();
    REQUIRE(f.start());
    CHECK(f.boards->buckets->read()->find(f.named("kept")));
    int left = n;
    f.disk.fault
      = [&](storage::disk_op, const std::string&) -> std::optional<errc> {
      return --left <= 0 ? std::optional{errc::io_error} : std::nullopt;
    };
    auto created = f.ask<ack>(f.handles.proxy, create_bucket{f.named("b"), ""});
    auto destroyed
      = created ? f.ask<ack>(f.handles.proxy, destroy_bucket{f.named("b")})
                : expected<ack>{created.error()};
    f.disk.fault = nullptr;
    f.disk.crash();
    f.stop_dead();
    INFO("crash at operation " << n);
    REQUIRE(f.start());
    auto now = f.boards->buckets->read();
    CHECK(now->find(f.named("kept")));
    auto listed = bool(now->find(f.named("b")));
    if (destroyed)
      CHECK_FALSE(listed);
    for (auto mp : {"/root/mp1", "/root/mp2"})
      CHECK(bool(f.disk.stat(std::string{mp} + "/@ais/b/%ob")) == listed);
    if (destroyed)
      break;
    REQUIRE(n < 500);
  }
}

TEST_CASE("node: an error of any disk operation at start loses nothing",
          "[actors][node]") {
  auto shard = [&](fixture& f) {
    bck b{provider::ais, {}, "b"};
    auto some = std::make_shared<bucket>();
    some->ref = {b, 1};
    return f.boards->target->read()->locate({some, "x"})->shard;
  };
  for (int n = 1;; ++n) {
    fixture f;
    REQUIRE(f.start());
    REQUIRE(f.ask<ack>(f.handles.proxy, create_bucket{f.named("b"), ""}));
    object_key key{*f.boards->buckets->read()->find(f.named("b")), "x"};
    put_object put{key, {}, std::make_shared<storage::bytes>(3)};
    REQUIRE(f.ask<lom_ptr>(shard(f), put));
    f.stop();
    int left = n;
    f.disk.fault
      = [&](storage::disk_op, const std::string&) -> std::optional<errc> {
      return --left == 0 ? std::optional{errc::io_error} : std::nullopt;
    };
    static_cast<void>(f.start());
    auto reached = left <= 0;
    f.disk.fault = nullptr;
    f.stop_dead();
    INFO("error at operation " << n);
    REQUIRE(f.start());
    CHECK(f.boards->buckets->read()->find(f.named("b")));
    CHECK(f.ask<lease_ptr>(shard(f), open_object{key, true}));
    if (!reached)
      break;
  }
}

TEST_CASE_METHOD(fixture,
                 "node: the second copy of its metadata leaves with its"
                 " mountpath, and is found where it is",
                 "[actors][node]") {
  using op = change_mountpath::op;
  auto change = [this](op what, const char* path = "/root/mp1") {
    change_mountpath req;
    req.what = what;
    req.path = path;
    REQUIRE(ask<mountpath_changed>(boards->peers->read()->own, req));
    advance(5000ms);
    REQUIRE(boards->target->read()->volume->settled);
  };
  REQUIRE(start());
  auto id = handles.target_id;
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
  change(op::disable);
  if (GENERATE(false, true))
    change(op::enable); // the copy stays where it is now
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("c"), ""}));
  stop();
  auto damage = [this](std::initializer_list<const char*> kinds) {
    for (auto kind : kinds)
      REQUIRE(
        disk.flip_bit(std::string{"/root/node/conf/.ais."} + kind, 30, 1));
  };
  if (GENERATE(false, true))
    damage({"node", "epoch", "state", "mountpaths"});
  else
    REQUIRE(storage::remove_tree(disk, "/root/node/conf"));
  REQUIRE(start());
  CHECK(handles.target_id == id);
  CHECK(boards->buckets->read()->find(named("b")));
  CHECK(boards->buckets->read()->find(named("c")));

  SECTION("and what an earlier one left somewhere is no copy") {
    // As of a disk that was away, with a higher version.
    auto conf = meta_store{disk, {"/root/node/conf"}};
    auto old = conf.load("state");
    REQUIRE(old);
    REQUIRE(ask<ack>(handles.proxy, create_bucket{named("d"), ""}));
    if (boards->target->read()->mountpaths.size() == 1)
      change(op::enable);
    REQUIRE(meta_store{disk, {"/root/mp1"}}.save("state", 1000, *old));
    change(op::disable, "/root/mp2"); // the copy goes to the first one again
    stop();
    REQUIRE(start());
    CHECK(boards->buckets->read()->find(named("d")));
  }
  SECTION("and stays whole when no mountpath can take it for a while") {
    stop();
    disk.fault
      = [](storage::disk_op, const std::string& path) -> std::optional<errc> {
      auto probe = path.find("/mp") != std::string::npos
                   && path.find(".ais.probe") != std::string::npos;
      return probe ? std::optional{errc::io_error} : std::nullopt;
    };
    CHECK_FALSE(start());
    stop_dead();
    disk.fault = nullptr;
    damage({"node", "epoch", "state"});
    REQUIRE(start());
    CHECK(handles.target_id == id);
    CHECK(boards->buckets->read()->find(named("c")));
  }
}

TEST_CASE_METHOD(fixture,
                 "node: a second copy on a mountpath that no argument names is"
                 " found",
                 "[actors][node]") {
  using op = change_mountpath::op;
  auto change = [this](op what, const char* path) {
    change_mountpath req;
    req.what = what;
    req.path = path;
    REQUIRE(ask<mountpath_changed>(boards->peers->read()->own, req));
    advance(5000ms);
    REQUIRE(boards->target->read()->volume->settled);
  };
  REQUIRE(storage::make_dirs(disk, "/root/mp3"));
  REQUIRE(start());
  auto id = handles.target_id;
  change(op::attach, "/root/mp3");
  change(op::disable, "/root/mp1");
  change(op::disable, "/root/mp2");
  REQUIRE(boards->target->read()->volume->copy_at == "/root/mp3");
  stop();
  for (auto kind : {"node", "epoch", "state", "mountpaths"})
    REQUIRE(disk.flip_bit(std::string{"/root/node/conf/.ais."} + kind, 30, 1));
  REQUIRE(start());
  CHECK(handles.target_id == id);
}

TEST_CASE_METHOD(fixture,
                 "node: a second copy that moved at the start is found, however"
                 " far that start came",
                 "[actors][node]") {
  REQUIRE(start());
  auto id = handles.target_id;
  stop();
  disk.fault
    = [](storage::disk_op op, const std::string& path) -> std::optional<errc> {
    auto hit = op != storage::disk_op::read && path.rfind("/root/mp1/", 0) == 0;
    return hit ? std::optional{errc::no_space} : std::nullopt;
  };
  spawn();
  auto pending = self->request(node, 60min, atom::start_v);
  run();
  // The target tries its disk again; meanwhile others ask for a vote.
  REQUIRE_FALSE(boards->state & state_node_started);
  REQUIRE(disk.stat("/root/mp2/.ais.state"));
  REQUIRE(
    meta_store{disk, {"/root/node/conf", "/root/mp2"}}.save("epoch", 7, "7"));
  stop_dead();
  pending.receive([](node_handles&) {}, [](error&) {});
  disk.fault = nullptr;
  REQUIRE(disk.flip_bit("/root/node/conf/.ais.epoch", 3, 1));
  REQUIRE(start());
  CHECK(handles.target_id == id);
  auto epoch = meta_store{disk, {"/root/node/conf"}}.load("epoch");
  REQUIRE(epoch);
  CHECK(std::stoi(*epoch) > 7);
}

TEST_CASE_METHOD(fixture,
                 "node: a bucket that a disk could not make is made later",
                 "[actors][node]") {
  REQUIRE(start());
  disk.fault
    = [](storage::disk_op op, const std::string& path) -> std::optional<errc> {
    auto hit = op == storage::disk_op::mkdir
               && path.find("/mp1/@ais/b/") != std::string::npos;
    return hit ? std::optional{errc::no_space} : std::nullopt;
  };
  // It is there, if not on every disk.
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
  CHECK_FALSE(disk.stat("/root/mp1/@ais/b/%ob"));
  advance(3s);
  disk.fault = nullptr;
  advance(3s);
  CHECK(disk.stat("/root/mp1/@ais/b/%ob"));
  CHECK(disk.stat("/root/mp1/@ais/b/%wk"));
}

TEST_CASE_METHOD(fixture, "node: stopped while it starts, nothing of it stays",
                 "[actors][node]") {
  REQUIRE(start());
  stop();
  std::vector<caf::weak_actor_ptr> all;
  env.spawned = [&](const caf::strong_actor_ptr& x) {
    all.push_back(caf::actor_cast<caf::weak_actor_ptr>(x));
  };
  auto left = [&] {
    std::string out;
    for (auto& x : all)
      if (auto alive = x.lock())
        out += std::string{static_cast<caf::local_actor&>(*alive->get()).name()}
               + ' ';
    return out;
  };
  bool complete = false;
  for (int steps = 1; !complete; ++steps) {
    all.clear();
    spawn();
    auto pending = self->request(node, 60min, atom::start_v);
    for (int i = 0; i < steps && sched.has_job(); ++i)
      sched.run_once();
    complete = !sched.has_job();
    INFO("after " << steps << " steps");
    stop_dead();
    advance(2h); // no tick is left that would hold one
    pending.receive([](node_handles&) {}, [](error&) {});
    REQUIRE(left() == "");
  }
}

TEST_CASE_METHOD(fixture, "node: one that stops refuses listings",
                 "[actors][node]") {
  REQUIRE(start());
  REQUIRE(ask<ack>(handles.proxy, create_bucket{named("b"), ""}));
  stop();
  size_t refused = 0;
  bool complete = false;
  for (int steps = 0; !complete; ++steps) {
    REQUIRE(start());
    list_part req;
    req.bucket = named("b");
    req.bid = (*boards->buckets->read()->find(req.bucket))->ref.bid;
    auto gate = boards->peers->read()->own;
    handles = {};
    auto stopping = self->request(node, caf::infinite, atom::stop_v);
    for (int i = 0; i < steps && sched.has_job(); ++i)
      sched.run_once();
    complete = !sched.has_job();
    INFO("after " << steps << " steps");
    auto listing = self->request(gate, caf::infinite, req);
    run();
    listing.receive([](listed_part&) {}, [&](error&) { ++refused; });
    stopping.receive([](ack) {}, [](error&) { FAIL("it does not stop"); });
    node = nullptr;
    boards.reset();
  }
  CHECK(refused > 1);
}
