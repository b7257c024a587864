#include "actors/target/shard.hpp"

#include "actors/target/io.hpp"
#include "actors/target/target.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

using namespace ais;
using storage::cksum_type;

namespace {

std::shared_ptr<storage::bytes> content(std::string_view x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return std::make_shared<storage::bytes>(raw.begin(), raw.end());
}

struct fixture : sim::deterministic {
  std::shared_ptr<storage::mountpath> mpath;
  bucket_ptr b;
  shard_actor shard;
  io_actor io;

  fixture() {
    auto opened = storage::mountpath::open(disk, {"/root/mp", "t", "n1"});
    REQUIRE(opened);
    mpath = std::move(*opened);
    auto x = std::make_shared<bucket>();
    x->ref = {{provider::ais, {}, "b"}, 7};
    b = x;
    REQUIRE(mpath->create_bucket(b->ref));
    REQUIRE(disk.sync_dir("/root"));
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    c.name = "t|0";
    c.cached_objects = 100;
    c.cached_leases = 10;
    shard = spawn_shard(sys, c);
    io = spawn_io(sys, env, io_for::clients);
  }

  ~fixture() {
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    caf::anon_send_exit(io, caf::exit_reason::kill);
    run();
  }

  object_key key(const std::string& name) { return {b, name}; }

  expected<lom_ptr> put(const std::string& name, std::string_view what,
                        write_options options = {}) {
    return ask<lom_ptr>(shard, put_object{key(name), options, content(what)});
  }

  std::string get(const std::string& name) {
    auto l = ask<lease_ptr>(shard, open_object{key(name)});
    if (!l)
      return to_string(code_of(l.error()));
    storage::bytes out((*l)->object->attrs.size_bytes);
    REQUIRE((*l)->object->content->read_at(out, 0));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "shard: put, get, version", "[actors][shard]") {
  CHECK(get("x") == "object_not_found");
  auto first = put("x", "one");
  REQUIRE(first);
  CHECK((*first)->version == "1");
  CHECK(get("x") == "one");
  CHECK((*put("x", "two"))->version == "2");
  CHECK(get("x") == "two");
  auto attrs = ask<lom_ptr>(shard, head_object{key("x")});
  REQUIRE(attrs);
  CHECK((*attrs)->size_bytes == 3);

  SECTION("a write with the stored checksum changes nothing") {
    write_options same;
    same.expected = (*attrs)->cksum;
    CHECK((*put("x", "two", same))->version == "2");
  }
  SECTION("a wrong checksum leaves the old object") {
    write_options wrong;
    wrong.expected = storage::cksum{cksum_type::crc32c, "00000000"};
    CHECK(put("x", "three", wrong).error() == errc::bad_checksum);
    CHECK(get("x") == "two");
  }
  SECTION("delete") {
    auto seen = ask<lease_ptr>(shard, open_object{key("x")});
    REQUIRE(seen);
    // The same number again, and the same bytes: another object all the same.
    REQUIRE(ask<ack>(shard, delete_object{key("x")}));
    REQUIRE(put("x", "one"));
    REQUIRE(put("x", "two"));
    CHECK(ask<ack>(shard, delete_object{key("x"), *seen}).error()
          == errc::conflict);
    seen = ask<lease_ptr>(shard, open_object{key("x")});
    REQUIRE(ask<lom_ptr>(shard, set_custom{key("x"), {{"a", "1"}}}));
    CHECK(ask<ack>(shard, delete_object{key("x"), *seen}).error()
          == errc::conflict);
    seen = ask<lease_ptr>(shard, open_object{key("x")});
    CHECK(ask<ack>(shard, delete_object{key("x"), *seen}));
    CHECK(get("x") == "object_not_found");
    CHECK(ask<ack>(shard, delete_object{key("x")}).error()
          == errc::object_not_found);
  }
  SECTION("custom metadata") {
    auto merged = ask<lom_ptr>(shard, set_custom{key("x"), {{"a", "1"}}});
    REQUIRE(merged);
    merged = ask<lom_ptr>(shard, set_custom{key("x"), {{"b", "2"}}});
    CHECK((*merged)->custom.size() == 2);
    auto replaced
      = ask<lom_ptr>(shard, set_custom{key("x"), {{"c", "3"}}, true});
    CHECK((*replaced)->custom == storage::custom_map{{"c", "3"}});
    CHECK((*replaced)->version == "2");
    CHECK(get("x") == "two");
  }
}

TEST_CASE_METHOD(fixture, "shard: leases", "[actors][shard]") {
  REQUIRE(put("x", "one"));
  auto l = ask<lease_ptr>(shard, open_object{key("x")});
  REQUIRE(l);
  CHECK((*l)->verified);
  CHECK_FALSE((*l)->revoked);
  auto again = ask<lease_ptr>(shard, open_object{key("x")});
  CHECK(*again == *l);

  SECTION("are revoked before an overwrite is acknowledged") {
    REQUIRE(put("x", "two"));
    CHECK((*l)->revoked);
    storage::bytes old(3);
    CHECK(*(*l)->object->content->read_at(old, 0) == 3);
    CHECK(static_cast<char>(old[0]) == 'o');
  }
  SECTION("are revoked by delete and by metadata") {
    REQUIRE(ask<lom_ptr>(shard, set_custom{key("x"), {{"a", "1"}}}));
    CHECK((*l)->revoked);
    auto l2 = ask<lease_ptr>(shard, open_object{key("x")});
    REQUIRE(ask<ack>(shard, delete_object{key("x")}));
    CHECK((*l2)->revoked);
  }
  SECTION("stay bounded: the oldest goes") {
    for (int i = 0; i < 10; ++i) {
      auto name = "y" + std::to_string(i);
      REQUIRE(put(name, "y"));
      REQUIRE(ask<lease_ptr>(shard, open_object{key(name)}));
    }
    CHECK((*l)->revoked);
  }
}

TEST_CASE_METHOD(fixture, "shard: corrupted content is never served",
                 "[actors][shard]") {
  REQUIRE(put("x", "precious"));
  REQUIRE(put("big", std::string(verify_on_open_bytes + 5, 'b')));
  auto path = mpath->plain_path(b->ref, "x");

  SECTION("what we wrote ourselves is not read again") {
    auto opens = 0;
    disk.fault = [&](storage::disk_op op, auto&) -> std::optional<errc> {
      opens += op == storage::disk_op::read;
      return std::nullopt;
    };
    REQUIRE(ask<lease_ptr>(shard, open_object{key("x")}));
    CHECK(opens == 0);
  }
  SECTION("a changed file is noticed, once and again") {
    REQUIRE(disk.flip_bit(path, 3, 2));
    auto f = disk.open_append(path); // the change shows in the file's times
    REQUIRE(f);
    REQUIRE((*f)->set_attr("user.touch", {}));
    CHECK(get("x") == "corrupted");
    CHECK(get("x") == "corrupted");
    CHECK(put("x", "healed"));
    CHECK(get("x") == "healed");
  }
  SECTION("a lease that nobody proved is proven for who asks") {
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    auto other = spawn_shard(sys, c);
    REQUIRE(disk.flip_bit(path, 3, 2));
    auto unproven = ask<lease_ptr>(other, open_object{key("x"), false});
    REQUIRE(unproven);
    CHECK_FALSE((*unproven)->verified);
    CHECK(ask<lease_ptr>(other, open_object{key("x")}).error()
          == errc::corrupted);
    CHECK((*unproven)->revoked);
    caf::anon_send_exit(other, caf::exit_reason::kill);
    run();
  }
  SECTION("a large object is proven piece by piece") {
    // A new shard has seen nothing yet: the object counts as unverified.
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    auto other = spawn_shard(sys, c);
    for (auto flip : {false, true}) {
      if (flip)
        REQUIRE(disk.flip_bit(mpath->plain_path(b->ref, "big"),
                              verify_on_open_bytes + 1, 0));
      auto l = ask<lease_ptr>(other, open_object{key("big")});
      REQUIRE(l);
      CHECK_FALSE((*l)->verified);
      auto p = std::make_shared<proof>(*l);
      auto first = ask<uint64_t>(io, prove_next{p});
      REQUIRE(first);
      CHECK(*first == io_piece_bytes);
      auto last = ask<uint64_t>(io, prove_next{p});
      CHECK(bool(last) == !flip);
      if (flip)
        CHECK(last.error() == errc::corrupted);
    }
    caf::anon_send_exit(other, caf::exit_reason::kill);
    run();
  }
}

TEST_CASE_METHOD(fixture,
                 "shard: durable writes that wait together share syncs",
                 "[actors][shard]") {
  int syncs = 0;
  disk.fault = [&](storage::disk_op op, auto&) -> std::optional<errc> {
    syncs += op == storage::disk_op::sync_dir;
    return std::nullopt;
  };
  auto send = [&](int i) {
    return self->request(
      shard, caf::infinite,
      put_object{key("o" + std::to_string(i)), {}, content("x")});
  };
  auto a = send(1);
  auto c = send(2);
  auto d = send(3);
  run();
  int ok = 0;
  for (auto* r : {&a, &c, &d})
    r->receive([&](lom_ptr&) { ++ok; }, [](error&) {});
  CHECK(ok == 3);
  CHECK(syncs == 1);
}

TEST_CASE_METHOD(fixture, "shard: appends", "[actors][shard]") {
  auto first = ask<append_begun>(shard, begin_append{key("log"), ""});
  REQUIRE(first);
  CHECK(
    ask<append_begun>(shard, begin_append{key("log"), first->handle}).error()
    == errc::busy);
  REQUIRE(first->writer->append(*content("one,")));
  self->send(shard, end_append{key("log"), first->handle, true});
  run();
  CHECK(get("log") == "object_not_found");
  CHECK(
    ask<append_begun>(shard, begin_append{key("other"), first->handle}).error()
    == errc::not_found);
  auto done = ask<lom_ptr>(shard, flush_append{key("log"), first->handle, {}});
  REQUIRE(done);
  CHECK(get("log") == "one,");
  CHECK(ask<lom_ptr>(shard, flush_append{key("log"), first->handle, {}}).error()
        == errc::not_found);

  SECTION("an idle append is dropped") {
    auto idle = ask<append_begun>(shard, begin_append{key("log"), ""});
    REQUIRE(idle);
    self->send(shard, end_append{key("log"), idle->handle, true});
    run();
    now_ns += std::chrono::nanoseconds{append_idle}.count() * 2;
    REQUIRE(ask<ack>(shard, atom::tick_v));
    CHECK(
      ask<append_begun>(shard, begin_append{key("log"), idle->handle}).error()
      == errc::not_found);
  }
}

TEST_CASE_METHOD(fixture, "shard: a full disk refuses and keeps",
                 "[actors][shard]") {
  REQUIRE(put("x", "kept"));
  disk.fault = [&](storage::disk_op op, auto&) -> std::optional<errc> {
    return op == storage::disk_op::write ? std::optional{errc::no_space}
                                         : std::nullopt;
  };
  CHECK(put("x", "too much").error() == errc::no_space);
  disk.fault = nullptr;
  CHECK(get("x") == "kept");
  CHECK(disk.list(mpath->bucket_dir(b->ref.bck) + "/%wk")->empty());
}

TEST_CASE_METHOD(fixture, "shard: who wants what is being committed waits",
                 "[actors][shard]") {
  REQUIRE(put("x", "old"));
  REQUIRE(put("y", "other"));
  // All are in the mailbox before the first commit begins.
  auto send = [this](auto x) {
    return self->request(shard, caf::infinite, std::move(x));
  };
  auto first = send(put_object{key("x"), {}, content("new")});
  auto read = send(open_object{key("x")});
  auto gone = send(delete_object{key("y")});
  auto again = send(put_object{key("y"), {}, content("again")});
  auto last = send(head_object{key("y")});
  run();
  auto fail = [](error& e) {
    FAIL(message_of(e));
  };
  first.receive([](lom_ptr& x) { CHECK(x->version == "2"); }, fail);
  read.receive([](lease_ptr& x) { CHECK(x->object->attrs.version == "2"); },
               fail);
  gone.receive([](ack) {}, fail);
  again.receive([](lom_ptr& x) { CHECK(x->version == "1"); }, fail);
  last.receive([](lom_ptr& x) { CHECK(x->size_bytes == 5); }, fail);
  CHECK(get("y") == "again");
}

TEST_CASE_METHOD(fixture, "shard: large files are closed by somebody else",
                 "[actors][shard]") {
  std::vector<std::string> closed;
  // With an argument: CAF 0.17 spawns without any through a null reference.
  auto closer = sys.spawn(
    [](closer_actor::pointer,
       std::vector<std::string>* out) -> closer_actor::behavior_type {
      return {[out](const close_object& x) {
        out->push_back(x.what->attrs.version);
      }};
    },
    &closed);
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  shard_config c;
  c.env = env;
  c.mpath = mpath;
  c.closer = closer;
  shard = spawn_shard(sys, c);
  REQUIRE(put("small", "x"));
  REQUIRE(put("large", std::string(close_apart_bytes, 'x')));
  for (auto name : {"small", "large"}) {
    auto l = ask<lease_ptr>(shard, open_object{key(name)});
    REQUIRE(l);
    REQUIRE(ask<ack>(shard, delete_object{key(name)}));
    CHECK((*l)->over());
    CHECK(closed.empty());
  }
  run();
  CHECK(closed.size() == 1);
  caf::anon_send_exit(closer, caf::exit_reason::kill);
}

TEST_CASE_METHOD(fixture, "shard: access times reach the disk lazily",
                 "[actors][shard]") {
  REQUIRE(put("x", "data"));
  auto l = ask<lease_ptr>(shard, open_object{key("x")});
  now_ns += 3'600'000'000'000;
  auto seen = now_ns;
  (*l)->atime_ns = seen;
  REQUIRE(ask<ack>(shard, atom::tick_v));
  CHECK(disk.stat(mpath->plain_path(b->ref, "x"))->atime_ns == seen);
  INFO("and what was verified stays verified");
  auto again = ask<lease_ptr>(shard, open_object{key("x")});
  REQUIRE(again);
  CHECK((*again)->verified);
}

TEST_CASE_METHOD(fixture, "shard: conditions of a write", "[actors][shard]") {
  write_options fresh, same, other;
  fresh.if_none_match = {"*"};
  other.if_match = {"another tag"};
  CHECK(put("x", "0", other).error() == errc::object_not_found);
  auto first = put("x", "one", fresh);
  REQUIRE(first);
  CHECK(put("x", "two", fresh).error() == errc::precondition_failed);
  CHECK(put("x", "two", other).error() == errc::precondition_failed);
  CHECK(get("x") == "one");
  same.if_match = {"another tag", storage::etag_of(**first)};
  CHECK(put("x", "two", same));
  CHECK(put("x", "three", same).error() == errc::precondition_failed);

  SECTION("they are looked at again when a streamed write is committed") {
    write_options none;
    none.if_none_match = {"*"};
    auto begun = ask<put_begun>(shard, begin_put{key("y"), none});
    REQUIRE(begun);
    REQUIRE(put("y", "sooner"));
    auto late = ask<lom_ptr>(shard, commit_put{key("y"), none, begun->writer});
    CHECK(late.error() == errc::precondition_failed);
    CHECK(get("y") == "sooner");
  }
}

TEST_CASE_METHOD(fixture, "shard: the entity tag tells of the content",
                 "[actors][shard]") {
  write_options options;
  options.custom = {{"ETag", "tag"}, {"label", "cat"}};
  auto stored = put("x", "one", options);
  REQUIRE(stored);
  CHECK(storage::etag_of(**stored) == "tag");
  set_custom replace{key("x"), {{"label", "dog"}}, true};
  auto changed = ask<lom_ptr>(shard, replace);
  REQUIRE(changed);
  CHECK((*changed)->custom
        == storage::custom_map{{"ETag", "tag"}, {"label", "dog"}});

  SECTION("other content has another one") {
    auto begun = ask<append_begun>(shard, begin_append{key("x"), {}});
    REQUIRE(begun);
    caf::anon_send(shard, end_append{key("x"), begun->handle, true});
    auto grown = ask<lom_ptr>(shard, flush_append{key("x"), begun->handle, {}});
    REQUIRE(grown);
    CHECK((*grown)->custom == storage::custom_map{{"label", "dog"}});
  }
  SECTION("one that is made of the time is the same after a restart") {
    auto native = put("y", "one");
    REQUIRE(native);
    auto from_disk = mpath->load(b->ref, "y");
    REQUIRE(from_disk);
    CHECK(storage::etag_of(**native) == storage::etag_of(*from_disk));
  }
}

namespace {

/// A shard of t1 in a cluster of two, with objects placed on one of them.
struct owned_fixture : fixture {
  std::shared_ptr<board<smap>> map = std::make_shared<board<smap>>();
  uint64_t generation = 0;

  owned_fixture() {
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    run();
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    c.map = map;
    c.node_id = "t1";
    shard = spawn_shard(sys, c);
    place_on("t1");
  }

  void place_on(const std::string& id) {
    auto next = std::make_shared<smap>();
    for (auto each : {"t1", "t2"})
      next->targets[each] = {each, node_role::target, {}, {}, {}, 0};
    next->placements = {{++generation, {id}}};
    map->show(next);
  }
};

} // namespace

TEST_CASE_METHOD(owned_fixture,
                 "shard: only the owner changes an object, or"
                 " says that it is not there",
                 "[actors][shard]") {
  place_on("t1");
  auto written = put("x", "one");
  REQUIRE(written);
  CHECK((*written)->generation == 2);
  auto begun = ask<put_begun>(shard, begin_put{key("x"), {}, 3});
  REQUIRE(begun);
  place_on("t2");
  CHECK(put("x", "two").error() == errc::not_ready);
  REQUIRE(begun->writer->append(*content("two")));
  CHECK(ask<lom_ptr>(shard, commit_put{key("x"), {}, begun->writer}).error()
        == errc::not_ready);
  CHECK(ask<ack>(shard, delete_object{key("x")}).error() == errc::not_ready);
  CHECK(ask<lom_ptr>(shard, set_custom{key("x"), {{"k", "v"}}}).error()
        == errc::not_ready);
  CHECK(get("absent") == "not_ready");
  CHECK(ask<lom_ptr>(shard, head_object{key("absent")}).error()
        == errc::not_ready);
  // Who takes it away may look.
  CHECK(ask<lease_ptr>(shard, open_object{key("absent"), false, true}).error()
        == errc::object_not_found);
  CHECK(get("x") == "one");
}

TEST_CASE_METHOD(owned_fixture,
                 "shard: what was given goes, unless it was"
                 " given back",
                 "[actors][shard]") {
  REQUIRE(put("x", "one"));
  auto open = [this] {
    return *ask<lease_ptr>(shard, open_object{key("x"), false, true});
  };
  auto given = open();
  CHECK(
    ask<ack>(shard, delete_object{key("x"), given, given_to::target}).error()
    == errc::conflict);
  place_on("t2");
  place_on("t1"); // and back, before the source was removed
  CHECK(
    ask<ack>(shard, delete_object{key("x"), given, given_to::target}).error()
    == errc::conflict);
  CHECK(get("x") == "one");
  place_on("t2");
  REQUIRE(ask<ack>(shard, delete_object{key("x"), given, given_to::target}));
  CHECK(given->revoked); // nobody ends a stream of it any more
  CHECK(ask<lease_ptr>(shard, open_object{key("x"), false, true}).error()
        == errc::object_not_found);
}

TEST_CASE_METHOD(owned_fixture,
                 "shard: a moved version keeps its generation,"
                 " and yields to a later one",
                 "[actors][shard]") {
  place_on("t1");
  place_on("t1");
  auto mine = put("x", "mine");
  REQUIRE(mine);
  CHECK((*mine)->generation == 3);
  write_options moved;
  moved.when = write_if::older;
  moved.moved = **mine;
  moved.moved->size_bytes = 6;
  moved.moved->generation = 2;
  moved.moved->version = "9";
  moved.moved->mtime_ns += 1'000'000'000;
  CHECK(put("x", "theirs", moved).error() == errc::exists);
  moved.moved->generation = 4;
  moved.moved->version = "1";
  auto stored = put("x", "theirs", moved);
  REQUIRE(stored);
  CHECK((*stored)->generation == 4);
  CHECK(get("x") == "theirs");
}

TEST_CASE_METHOD(fixture,
                 "shard: what was moved here is on disk, in any bucket",
                 "[actors][shard]") {
  auto fast = std::make_shared<bucket>(*b);
  fast->durability = storage::durability::none;
  b = fast;
  auto stored = put("x", "one");
  REQUIRE(stored);
  write_options moved;
  moved.when = write_if::older;
  moved.moved = **stored;
  moved.durable = true;
  REQUIRE(put("y", "one", moved));
  disk.crash();
  CHECK(get("x") == "object_not_found");
  CHECK(get("y") == "one");
}

// -- mountpaths
// -----------------------------------------------------------------

namespace {

/// The shard's mountpath, beside another one.
struct placed_fixture : fixture {
  std::shared_ptr<board<target_view>> shown
    = std::make_shared<board<target_view>>();
  std::shared_ptr<storage::mountpath> other;
  target_view view;
  volume vol;

  placed_fixture() {
    auto opened = storage::mountpath::open(disk, {"/root/other", "t", "n1"});
    REQUIRE(opened);
    other = std::move(*opened);
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    c.name = "t|0";
    c.view = shown;
    shard = spawn_shard(sys, c);
    vol = *with_arguments({}, {"/root/mp", "/root/other"});
    place_on({mpath, other});
  }

  void place_on(const std::vector<std::shared_ptr<storage::mountpath>>& disks) {
    view.mountpaths.clear();
    view.digests.clear();
    for (auto& x : disks) {
      view.mountpaths.push_back(std::make_shared<const mountpath_handles>(
        mountpath_handles{x, {shard}, {}, {}}));
      view.digests.push_back(x->digest());
    }
    ++vol.version;
    view.volume = std::make_shared<const volume>(vol);
    shown->show(std::make_shared<const target_view>(view));
  }

  /// A name that is placed on `mp` while there are both.
  std::string name_on(const storage::mountpath& mp) {
    for (int i = 0;; ++i) {
      auto name = "x" + std::to_string(i);
      if (view.places(mp, key(name)))
        return name;
    }
  }
};

} // namespace

TEST_CASE_METHOD(placed_fixture,
                 "shard: only what is placed on its mountpath is changed, or"
                 " denied",
                 "[actors][shard]") {
  auto mine = name_on(*mpath), theirs = name_on(*other);
  REQUIRE(put(mine, "one"));
  CHECK(put(theirs, "one").error() == errc::not_ready);
  CHECK(get(theirs) == "not_ready");
  // What a move brings, too: it may have come too late.
  write_options moved;
  moved.anywhere = true;
  CHECK(put(theirs, "one", moved).error() == errc::not_ready);
  // Its place changes while it is written.
  auto begun = ask<put_begun>(shard, begin_put{key(mine), {}, 0});
  REQUIRE(begun);
  REQUIRE(begun->writer->append(*content("two")));
  place_on({other});
  CHECK(ask<lom_ptr>(shard, commit_put{key(mine), {}, begun->writer}).error()
        == errc::not_ready);
  CHECK(ask<ack>(shard, delete_object{key(mine)}).error() == errc::not_ready);
  // Who takes it away may look, and remove it.
  auto source = ask<lease_ptr>(shard, open_object{key(mine), false, true});
  REQUIRE(source);
  place_on({mpath, other});
  CHECK(
    ask<ack>(shard, delete_object{key(mine), *source, given_to::target}).error()
    == errc::conflict);
  place_on({other});
  CHECK(ask<ack>(shard, delete_object{key(mine), *source, given_to::target}));
}

TEST_CASE_METHOD(placed_fixture,
                 "shard: what may be on a disabled mountpath is neither denied"
                 " nor deleted",
                 "[actors][shard]") {
  auto mine = name_on(*mpath), theirs = name_on(*other);
  vol = *without(settled(vol), "/root/other", {false, false});
  place_on({mpath});
  CHECK(get(mine) == "object_not_found");
  CHECK(get(theirs) == "not_ready");
  // Nor is it taken for absent by who writes only if nothing is there.
  write_options if_absent;
  if_absent.when = write_if::absent;
  CHECK(put(theirs, "new", if_absent).error() == errc::not_ready);
  CHECK(put(mine, "new", if_absent));
  write_options if_no_tag;
  if_no_tag.if_none_match = {"*"};
  CHECK(put(theirs, "new", if_no_tag).error() == errc::not_ready);
  auto stored = put(theirs, "new");
  REQUIRE(stored);
  CHECK((*stored)->volume == vol.version);
  CHECK(get(theirs) == "new");
  // It would come back with the disk.
  CHECK(ask<ack>(shard, delete_object{key(theirs)}).error() == errc::not_ready);
  // And when another target has taken it and deleted it, too.
  auto source = ask<lease_ptr>(shard, open_object{key(theirs), false, true});
  REQUIRE(source);
  place_on({other});
  auto remove = [&](given_to to) {
    return ask<ack>(shard, delete_object{key(theirs), *source, to});
  };
  CHECK(remove(given_to::target).error() == errc::not_ready);
  place_on({mpath});
  vol = *without(vol, "/root/other", {true, false});
  place_on({mpath});
  CHECK(ask<ack>(shard, delete_object{key(theirs)}));
  CHECK(get(theirs) == "object_not_found");
}

TEST_CASE_METHOD(placed_fixture,
                 "shard: nothing is served of a mountpath that is closed or"
                 " gone",
                 "[actors][shard]") {
  auto mine = name_on(*mpath);
  REQUIRE(put(mine, "one"));
  auto held = ask<lease_ptr>(shard, open_object{key(mine), true});
  REQUIRE(held);
  CHECK_FALSE((*held)->over());
  // As when the disk is unmounted: not found is no answer.
  REQUIRE(disk.rename("/root/mp", "/root/away"));
  REQUIRE(disk.make_dir("/root/mp"));
  CHECK(get("absent") == "io_error");
  CHECK(ask<lease_ptr>(shard, open_object{key("absent"), false, true}).error()
        == errc::io_error);
  mpath->close();
  CHECK((*held)->over());
}
