// What a shard does with former versions of objects.
#include "test/actors/versions.hpp"

#include <map>

using namespace ais;

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
      shard, put_object{{former, was.name}, options, shared_content("one")}));
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
  REQUIRE(begun->writer->append(*shared_content("two")));
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
