// Mirroring on one target with three mountpaths.
#include "actors/mirror/mirror.hpp"

#include "actors/target/target.hpp"
#include "storage/base/hrw.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

#include <algorithm>

using namespace ais;

namespace {

storage::bytes content(std::string_view x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return {raw.begin(), raw.end()};
}

std::string path(int i) {
  return "/root/mp" + std::to_string(i);
}

/// Objects are put and asked for as an edge does it: settled first. RESILVER is
/// not here, its part is played by settle().
struct fixture : sim::deterministic {
  std::shared_ptr<board<target_view>> shown
    = std::make_shared<board<target_view>>();
  std::shared_ptr<board<bmd>> buckets = std::make_shared<board<bmd>>();
  target_actor target;
  bmd_ptr list;
  volume known; ///< as the vault would keep it
  bucket_ptr b;

  fixture() {
    buckets_with(2);
    start();
  }

  ~fixture() { stop(); }

  void buckets_with(int copies) {
    bprops props;
    REQUIRE(props.values.set("mirror.enabled", copies > 1 ? "true" : "false"));
    if (copies > 1)
      REQUIRE(props.values.set("mirror.copies", std::to_string(copies)));
    auto with = list ? with_bucket_props(*list, b->ref.bck,
                                         [&] {
                                           auto now = *b->props;
                                           now.values = props.values;
                                           return now;
                                         }())
                     : with_bucket(bmd{}, {provider::ais, {}, "b"}, props);
    REQUIRE(with);
    list = *with;
    b = list->buckets.begin()->second;
    buckets->show(list);
  }

  void start() {
    target_config c;
    c.env = env;
    c.node_id = "target";
    c.mountpaths = {path(1), path(2), path(3)};
    c.shards = 2;
    c.buckets = buckets;
    c.known = known;
    target = spawn_target(sys, c, shown);
    auto state = std::make_shared<cluster_state>();
    state->buckets = list;
    REQUIRE(ask<ack>(target, start_target{state}));
    run();
    REQUIRE(
      ask<mountpath_changed>(target, objects_settled{view()->volume->version}));
    run();
  }

  void stop() {
    known = *view()->volume;
    static_cast<void>(ask<ack>(target, atom::stop_v));
    caf::anon_send_exit(target, caf::exit_reason::kill);
    run();
    target = nullptr;
  }

  std::shared_ptr<const target_view> view() { return shown->read(); }
  located at(const std::string& name) { return *view()->locate({b, name}); }

  void put(const std::string& name, std::string_view what) {
    put_object req{{b, name}, {}, {}};
    req.content = std::make_shared<storage::bytes>(content(what));
    REQUIRE(ask<lom_ptr>(at(name).shard, req));
    run();
  }

  /// What a client reads; else the name of the error.
  std::string get(const std::string& name) {
    auto x = ask<lease_ptr>(at(name).shard, open_object{{b, name}});
    if (!x)
      return std::string{to_string(code_of(x.error()))};
    auto& object = *(*x)->object;
    storage::bytes all(object.attrs.size_bytes);
    REQUIRE(object.content->read_at(all, 0));
    return {reinterpret_cast<const char*>(all.data()), all.size()};
  }

  /// The mountpaths with a copy, by the disk.
  std::vector<std::string> copies(const std::string& name) {
    std::vector<std::string> out;
    for (int i = 1; i <= 3; ++i)
      if (disk.stat(path(i) + "/@ais/b/%cp/" + name))
        out.push_back(path(i));
    return out;
  }

  std::string home(const std::string& name) {
    return at(name).mpath->disk->root();
  }

  expected<mountpath_changed>
  change(change_mountpath::op what, const std::string& which, bool move) {
    auto done
      = ask<mountpath_changed>(target, change_mountpath{what, which, "", move});
    run();
    return done;
  }

  expected<ack> restore(const std::string& name, bool damaged = false) {
    return ask<ack>(view()->mirror, restore_object{{b, name}, damaged});
  }
};

using op = change_mountpath::op;

} // namespace

TEST_CASE("mirror: what is written has its copies soon", "[actors][mirror]") {
  fixture f;
  f.put("x", "one");
  CHECK(f.get("x") == "one");
  auto at = f.copies("x");
  REQUIRE(at.size() == 1);
  CHECK(at[0] != f.home("x"));
  auto head = f.ask<lom_ptr>(f.at("x").shard, head_object{{f.b, "x"}});
  CHECK((*head)->copies == 2);

  f.put("x", "two");
  CHECK(f.get("x") == "two");
  REQUIRE(f.copies("x") == at);
  auto copy = f.view()->copies_at({f.b, "x"}, 2).front();
  auto read = f.ask<lease_ptr>(copy.shard, open_copy{{f.b, "x"}});
  REQUIRE(read);
  CHECK((*read)->object->attrs.version == "2");

  REQUIRE(
    f.ask<lom_ptr>(f.at("x").shard, set_custom{{f.b, "x"}, {{"k", "v"}}}));
  f.run();
  read = f.ask<lease_ptr>(copy.shard, open_copy{{f.b, "x"}});
  REQUIRE(read);
  CHECK((*read)->object->attrs.custom.at("k") == "v");

  REQUIRE(f.ask<ack>(f.at("x").shard, delete_object{{f.b, "x"}}));
  f.run();
  CHECK(f.copies("x").empty());
  CHECK(f.get("x") == "object_not_found");
}

TEST_CASE("mirror: an object that is damaged or lost is served from a copy",
          "[actors][mirror]") {
  fixture f;
  f.put("x", "content");
  auto file = f.home("x") + "/@ais/b/%ob/x";
  SECTION("damaged") {
    REQUIRE(f.disk.flip_bit(file, 3, 1));
    f.stop(); // what it wrote itself it does not hash again
    f.start();
    CHECK(f.get("x") == "content");
    CHECK(f.get("x") == "content");
  }
  SECTION("lost") {
    REQUIRE(f.disk.remove_file(file));
    CHECK(f.get("x") == "content");
    CHECK(f.disk.stat(file));
  }
  SECTION("lost, and then deleted") {
    REQUIRE(f.disk.remove_file(file));
    auto gone = f.ask<ack>(f.at("x").shard, delete_object{{f.b, "x"}});
    CHECK((!gone && gone.error() == errc::object_not_found));
    CHECK(f.get("x") == "object_not_found");
    return;
  }
  SECTION("both damaged") {
    REQUIRE(f.disk.flip_bit(file, 3, 1));
    REQUIRE(f.disk.flip_bit(f.copies("x")[0] + "/@ais/b/%cp/x", 2, 1));
    f.stop();
    f.start();
    CHECK(f.get("x") == "corrupted");
    return;
  }
  f.run();
  CHECK(f.copies("x").size() == 1);
}

TEST_CASE("mirror: copies take the place of what is left behind",
          "[actors][mirror]") {
  fixture f;
  f.put("x", "content");
  auto first = f.home("x");
  REQUIRE(f.change(op::disable, first, false));
  CHECK_FALSE(f.view()->volume->settled); // RESILVER walks
  CHECK(f.get("x") == "not_ready");
  REQUIRE(f.restore("x"));
  CHECK(f.get("x") == "content");

  INFO("the mountpath is back: its copies are of the past, its objects old");
  f.put("x", "newer");
  REQUIRE(f.change(op::enable, first, false));
  CHECK_FALSE(f.disk.stat(first + "/@ais/b/%cp/x"));
}

TEST_CASE("mirror: a disabled mountpath brings no copies back",
          "[actors][mirror]") {
  fixture f;
  f.put("x", "content");
  auto copy = f.copies("x").front();
  REQUIRE(f.change(op::disable, copy, false));
  auto volume = f.view()->volume->version;
  REQUIRE(f.ask<mountpath_changed>(f.target, objects_settled{volume}));
  REQUIRE(f.ask<ack>(f.at("x").shard, delete_object{{f.b, "x"}}));
  REQUIRE(f.change(op::enable, copy, true));
  CHECK(f.copies("x").empty());
  REQUIRE(f.restore("x"));
  CHECK(f.get("x") == "object_not_found");
}

TEST_CASE("mirror: more and fewer copies", "[actors][mirror]") {
  fixture f;
  f.put("x", "content");
  auto ensure = [&] {
    return f.ask<copies_ensured>(f.view()->mirror, ensure_copies{{f.b, "x"}});
  };
  f.buckets_with(3);
  auto more = ensure();
  REQUIRE(more);
  CHECK(more->made == 1);
  CHECK(more->bytes == 7);
  CHECK(f.copies("x").size() == 2);
  CHECK(ensure()->made == 0);
  f.buckets_with(2);
  REQUIRE(ensure());
  CHECK(f.copies("x").size() == 1);
  f.buckets_with(1);
  REQUIRE(ensure());
  CHECK(f.copies("x").empty());
  CHECK(f.get("x") == "content");
  auto head = f.ask<lom_ptr>(f.at("x").shard, head_object{{f.b, "x"}});
  CHECK((*head)->copies == 0);
}

TEST_CASE("mirror: more copies than mountpaths are refused",
          "[actors][mirror]") {
  fixture f;
  begin_txn req;
  req.what = begin_txn::op::change;
  req.bucket = f.b->ref;
  req.copies = 3;
  CHECK(f.ask<ack>(f.target, req));
  req.copies = 4;
  auto no = f.ask<ack>(f.target, req);
  REQUIRE_FALSE(no);
  CHECK(no.error() == errc::invalid_argument);
}

TEST_CASE("mirror: what was not copied before a start is copied after it",
          "[actors][mirror]") {
  fixture f;
  f.buckets_with(1);
  for (int i = 0; i < 20; ++i)
    f.put("o" + std::to_string(i), "content");
  f.buckets_with(2);
  f.stop();
  f.start();
  for (int i = 0; i < 20; ++i)
    CHECK(f.copies("o" + std::to_string(i)).size() == 1);
}

TEST_CASE("mirror: a copy of what has changed is refused", "[actors][mirror]") {
  fixture f;
  f.put("x", "one");
  auto copy = f.view()->copies_at({f.b, "x"}, 2).front();
  auto main = f.ask<marked>(f.at("x").shard, mark_copied{{f.b, "x"}});
  REQUIRE(main);
  auto begun = f.ask<put_begun>(copy.shard, begin_copy{copy.key, main->object});
  REQUIRE(begun);
  REQUIRE(begun->writer->append(content("one")));
  REQUIRE(f.ask<ack>(f.at("x").shard, delete_object{{f.b, "x"}}));
  auto late
    = f.ask<ack>(copy.shard, store_copy{copy.key, main->object, begun->writer});
  REQUIRE_FALSE(late);
  CHECK(late.error() == errc::conflict);
  CHECK(f.copies("x").empty());
}
