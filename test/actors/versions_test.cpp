// What a shard does with former versions of objects.
#include "actors/target/shard.hpp"
#include "storage/base/home.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

#include <map>

using namespace ais;
using storage::keeping;

namespace {

std::shared_ptr<storage::bytes> content(std::string_view x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return std::make_shared<storage::bytes>(raw.begin(), raw.end());
}

bucket_ptr make_bucket(keeping x) {
  auto out = std::make_shared<bucket>();
  out->ref = {{provider::ais, {}, "b"}, 7};
  out->keeping = x;
  out->versions_bid = 8;
  return out;
}

/// A shard on a disk that can lose power, and the bucket it serves.
struct versions : sim::deterministic {
  std::shared_ptr<storage::mountpath> mpath;
  bucket_ptr b = make_bucket(keeping::enabled);
  std::shared_ptr<bucket> former = std::make_shared<bucket>();
  shard_actor shard;
  int starts = 0;

  versions() {
    former->ref = {storage::versions_of(b->ref).bck, 8};
    start();
    REQUIRE(mpath->create_bucket(b->ref));
    REQUIRE(mpath->create_bucket(former->ref));
    REQUIRE(disk.sync_dir("/root"));
  }
  ~versions() { stop(); }

  void start() {
    auto nonce = "n" + std::to_string(++starts);
    auto opened = storage::mountpath::open(disk, {"/root/mp", "t", nonce});
    REQUIRE(opened);
    mpath = std::move(*opened);
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    c.name = "t|0";
    shard = spawn_shard(sys, c);
  }
  void stop() {
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    run();
  }

  object_key key(const std::string& name) { return {b, name}; }

  /// The id of the new version, or the error's name.
  std::string put(const std::string& name, std::string_view what) {
    advance(std::chrono::milliseconds{1});
    auto done = ask<lom_ptr>(shard, put_object{key(name), {}, content(what)});
    return done
             ? std::string{storage::shown_version(storage::version_id(**done))}
             : to_string(code_of(done.error()));
  }
  std::string remove(const std::string& name, const std::string& version = {}) {
    advance(std::chrono::milliseconds{1});
    delete_object req{key(name)};
    req.version = version;
    auto done = ask<ack>(shard, req);
    return done ? "ok" : to_string(code_of(done.error()));
  }
  std::string text_of(const expected<lease_ptr>& l) {
    if (!l)
      return to_string(code_of(l.error()));
    storage::bytes out((*l)->object->attrs.size_bytes);
    if (!out.empty())
      REQUIRE((*l)->object->content->read_at(out, 0));
    CHECK((*l)->verified);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
  std::string get(const std::string& name) {
    return text_of(ask<lease_ptr>(shard, open_object{key(name)}));
  }
  std::string get(const std::string& name, const std::string& version) {
    auto found = ask<found_version>(shard, find_version{key(name), version});
    if (!found)
      return to_string(code_of(found.error()));
    if (found->present)
      return get(name);
    return text_of(ask<lease_ptr>(shard, open_object{{former, found->name}}));
  }
  /// All former versions, newest first: "null", "mark" or their content.
  std::string history(const std::string& name) {
    auto all = storage::kept_versions(*mpath, b->ref, name);
    if (!all)
      return to_string(code_of(all.error()));
    std::string out;
    for (auto& x : *all) {
      if (storage::is_null_version(x.id))
        out += "null:";
      out += storage::is_mark(x.id)
               ? "mark "
               : text_of(ask<lease_ptr>(shard, open_object{{former, x.name}}))
                   + ' ';
    }
    return out;
  }
};

} // namespace

TEST_CASE_METHOD(versions, "versions: what is replaced or deleted is kept",
                 "[actors][versions]") {
  for (auto& name : {std::string{"x"}, std::string{"dir/x"},
                     std::string(250, 'l'), "dir/" + std::string(3500, 'l')}) {
    INFO(name.substr(0, 20));
    auto one = put(name, "one");
    auto two = put(name, "two");
    CHECK(one.size() == version_id_chars);
    CHECK(two < one); // later versions come first
    CHECK(get(name) == "two");
    CHECK(history(name) == "one ");
    CHECK(get(name, one) == "one");
    CHECK(get(name, two) == "two");
    CHECK(get(name, std::string(version_id_chars, '7')) == "object_not_found");

    CHECK(remove(name) == "ok");
    CHECK(get(name) == "object_not_found");
    CHECK(history(name) == "mark two one ");
    CHECK(get(name, two) == "two");
    INFO("there is nothing to delete any more");
    CHECK(remove(name) == "object_not_found");
    CHECK(history(name) == "mark two one ");

    put(name, "three");
    CHECK(history(name) == "mark two one ");
    INFO("the object beside which it is kept may have objects below it");
    put(name + "/below", "b");
    CHECK(history(name) == "mark two one ");
    CHECK(get(name) == "three");
  }
}

TEST_CASE_METHOD(versions,
                 "versions: what goes for good uncovers the one before",
                 "[actors][versions]") {
  auto one = put("x", "one");
  auto two = put("x", "two");
  auto three = put("x", "three");
  auto seen = ask<lease_ptr>(shard, open_object{key("x")});
  REQUIRE(seen);

  SECTION("the present one") {
    CHECK(remove("x", three) == "ok");
    CHECK((*seen)->over());
    CHECK(get("x") == "two");
    CHECK(history("x") == "one ");
    CHECK(remove("x", two) == "ok");
    CHECK(remove("x", one) == "ok");
    CHECK(get("x") == "object_not_found");
    CHECK(history("x").empty());
  }
  SECTION("a former one") {
    CHECK(get("x", two) == "two"); // is remembered
    CHECK(remove("x", two) == "ok");
    CHECK_FALSE((*seen)->over());
    CHECK(get("x") == "three");
    CHECK(get("x", two) == "object_not_found");
    CHECK(history("x") == "one ");
    CHECK(remove("x", two) == "object_not_found");
  }
  SECTION("the mark of a deletion") {
    CHECK(remove("x") == "ok");
    auto all = storage::kept_versions(*mpath, b->ref, "x");
    REQUIRE(all);
    CHECK(remove("x", all->front().id) == "ok");
    CHECK(get("x") == "three");
    CHECK(get("x", three) == "three");
    CHECK(history("x") == "two one ");
  }
  SECTION("the present one, after a mark") {
    CHECK(remove("x") == "ok");
    auto four = put("x", "four");
    CHECK(remove("x", four) == "ok");
    INFO("it was deleted before, and is again");
    CHECK(get("x") == "object_not_found");
    CHECK(history("x") == "mark three two one ");
  }
  SECTION("one that has come from another node") {
    CHECK(remove("x", three) == "ok");
    auto all = storage::kept_versions(*mpath, b->ref, "x");
    REQUIRE((all && all->size() == 1));
    auto& was = all->front();
    REQUIRE(mpath->remove(former->ref, was.name, storage::durability::sync));
    write_options options;
    options.custom = was.attrs.custom;
    options.moved = was.attrs;
    REQUIRE(ask<lom_ptr>(
      shard, put_object{{former, was.name}, options, content("one")}));
    CHECK(get("x", one) == "one");
    CHECK(remove("x", two) == "ok");
    CHECK(get("x") == "one");
    CHECK(get("x", one) == "one");
  }
}

TEST_CASE_METHOD(versions, "versions: suspended, there is one without an id",
                 "[actors][versions]") {
  b = make_bucket(keeping::off);
  CHECK(put("x", "zero") == "null");
  b = make_bucket(keeping::enabled);
  auto one = put("x", "one");
  CHECK(history("x") == "null:zero ");
  CHECK(get("x", "null") == "zero");
  b = make_bucket(keeping::suspended);
  CHECK(put("x", "two") == "null");
  CHECK(history("x") == "one ");
  CHECK(put("x", "three") == "null");
  CHECK(history("x") == "one ");
  CHECK(get("x", "null") == "three");
  CHECK(get("x", one) == "one");

  SECTION("nor is one deleted") {
    CHECK(remove("x") == "ok");
    CHECK(history("x") == "null:mark one ");
    CHECK(get("x") == "object_not_found");
    CHECK(put("x", "four") == "null");
    CHECK(history("x") == "one ");
  }
  SECTION("it can go for good") {
    CHECK(remove("x", "null") == "ok");
    CHECK(get("x") == "one");
    CHECK(history("x").empty());
  }
}

TEST_CASE_METHOD(versions, "versions: what cannot be read is not replaced",
                 "[actors][versions]") {
  auto one = put("x", "one");
  write_options options;
  auto begun = ask<put_begun>(shard, begin_put{key("x"), options, 3});
  REQUIRE(begun);
  REQUIRE(begun->writer->append(*content("two")));
  stop();
  start(); // nothing is remembered
  disk.fault = [](storage::disk_op op, const std::string& path) {
    auto attrs
      = op == storage::disk_op::attr && path.find("%ob/x") != std::string::npos;
    return attrs ? std::optional{errc::io_error} : std::nullopt;
  };
  auto done = ask<lom_ptr>(shard, commit_put{key("x"), options, begun->writer});
  CHECK(done.error() == errc::io_error);
  disk.fault = nullptr;
  CHECK(get("x") == "one");
  CHECK(get("x", one) == "one");
}

TEST_CASE("versions: what was acknowledged survives loss of power",
          "[actors][versions]") {
  // Every operation of the disk fails from the n-th on, then the power goes.
  for (int n = 1;; ++n) {
    versions it;
    std::map<std::string, std::string> kept; // content by id, acknowledged
    std::string doubtful;                    // id that was to go
    std::string present = "object_not_found", next;
    int left = n;
    auto over = false;
    it.disk.fault
      = [&](storage::disk_op, const std::string&) -> std::optional<errc> {
      return --left <= 0 ? std::optional{errc::io_error} : std::nullopt;
    };
    auto put = [&](const std::string& what) {
      next = what;
      auto id = it.put("x", what);
      over = over || id.size() != version_id_chars;
      if (over)
        return id;
      kept[id] = present = what;
      return id;
    };
    auto remove = [&](const std::string& id, const std::string& then) {
      next = then;
      doubtful = id;
      over = over || it.remove("x", id) != "ok";
      if (over)
        return;
      kept.erase(id);
      present = then;
    };
    auto one = put("one");
    if (!over)
      put("two");
    if (!over)
      remove({}, "object_not_found");
    std::string three, four;
    if (!over)
      three = put("three");
    if (!over)
      four = put("four");
    if (!over)
      remove(four, "three");
    if (!over)
      remove(one, "three");
    if (!over)
      put("five");
    it.disk.fault = nullptr;
    it.stop();
    it.disk.crash();
    it.start();
    REQUIRE(it.mpath->remove_stale_work());
    INFO("power lost at operation " << n);
    auto now = it.get("x");
    CHECK((now == present || now == next));
    for (auto& [id, what] : kept) {
      auto there = it.get("x", id);
      auto may_be_gone = over && id == doubtful;
      CHECK((there == what || (may_be_gone && there == "object_not_found")));
    }
    CHECK(
      it.disk.list(it.mpath->bucket_dir(it.former->ref.bck) + "/%wk")->empty());
    if (!over)
      break;
    REQUIRE(n < 2000);
  }
}
