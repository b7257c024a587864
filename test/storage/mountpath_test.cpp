#include "storage/mountpath.hpp"

#include "storage/walk.hpp"
#include "test/storage/both_disks.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace ais;
using namespace ais::storage;
using test::on_both_disks;

namespace {

const bucket_ref the_bucket{{provider::ais, {}, "b"}, 7};

std::span<const std::byte> raw(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

std::unique_ptr<mountpath>
open(disk& d, const std::string& root, const std::string& nonce = "n1") {
  auto mp = mountpath::open(d, {root + "/mp", "node1", nonce});
  REQUIRE(mp);
  return std::move(*mp);
}

commit_item prepare(mountpath& mp, const std::string& name,
                    std::string_view content, durability d = durability::sync) {
  auto w = mp.begin(the_bucket, cksum_type::xxhash2, content.size(), false);
  REQUIRE(w);
  REQUIRE((*w)->append(raw(content)));
  REQUIRE((*w)->seal());
  (*w)->attrs().bid = the_bucket.bid;
  return {the_bucket, name, *w, d};
}

expected<file_stamp>
put(mountpath& mp, const std::string& name, std::string_view content,
    durability d = durability::sync) {
  auto item = prepare(mp, name, content, d);
  return mp.commit({&item, 1}).front();
}

/// The content of an object, or the error's name.
std::string get(mountpath& mp, const std::string& name) {
  auto object = mp.open_object(the_bucket, name);
  if (!object)
    return to_string(code_of(object.error()));
  bytes out((*object)->attrs.size_bytes);
  auto n = (*object)->content->read_at(out, 0);
  if (!n || *n != out.size()
      || cksum_of(cksum_type::xxhash2, out) != (*object)->attrs.cksum)
    return "torn";
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

} // namespace

TEST_CASE("mountpath: put, overwrite, remove", "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    CHECK(get(*mp, "a/b/c") == "object_not_found");
    REQUIRE(put(*mp, "a/b/c", "one"));
    CHECK(get(*mp, "a/b/c") == "one");
    REQUIRE(put(*mp, "a/b/c", "two"));
    CHECK(get(*mp, "a/b/c") == "two");
    auto attrs = mp->load(the_bucket, "a/b/c");
    REQUIRE(attrs);
    CHECK(attrs->size_bytes == 3);
    CHECK(attrs->cksum == cksum_of(cksum_type::xxhash2, raw("two")));
    CHECK(mp->remove(the_bucket, "a/b/c", durability::sync));
    CHECK(get(*mp, "a/b/c") == "object_not_found");
    CHECK(mp->remove(the_bucket, "a/b/c", durability::sync).error()
          == errc::object_not_found);
    INFO("no empty directories stay behind");
    CHECK(d.list(mp->objects_dir(the_bucket))->empty());
    CHECK(d.list(mp->bucket_dir(the_bucket.bck) + "/%wk")->empty());
  });
}

TEST_CASE("mountpath: removing the last objects of a directory at once",
          "[storage][mountpath]") {
  test::temp_dir dir;
  auto mp = open(posix_disk(), dir.path());
  REQUIRE(mp->create_bucket(the_bucket));
  std::atomic<int> refused = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> names;
    for (auto x : {"d/1", "d/2", "d/3", "d/4"}) {
      names.emplace_back(x);
      REQUIRE(put(*mp, names.back(), "content"));
    }
    std::vector<std::thread> threads;
    for (auto& name : names)
      threads.emplace_back([&] {
        if (!mp->remove(the_bucket, name, durability::sync))
          ++refused;
      });
    for (auto& t : threads)
      t.join();
    CHECK(posix_disk().list(mp->objects_dir(the_bucket))->empty());
  }
  CHECK(refused == 0);
}

TEST_CASE("mountpath: what was begun but not committed leaves no trace",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    { auto item = prepare(*mp, "x", "lost"); }
    CHECK(get(*mp, "x") == "object_not_found");
    CHECK(d.list(mp->bucket_dir(the_bucket.bck) + "/%wk")->empty());
  });
}

TEST_CASE("mountpath: a client's wrong checksum refuses the write",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    for (auto type : {cksum_type::xxhash2, cksum_type::md5, cksum_type::crc32c,
                      cksum_type::sha512}) {
      auto right = cksum_of(type, raw("content"));
      auto wrong = right;
      wrong.value.back() = wrong.value.back() == '0' ? '1' : '0';
      for (auto& sum : {right, wrong}) {
        auto w = mp->begin(the_bucket, cksum_type::xxhash2, 0, false);
        REQUIRE(w);
        (*w)->expect(sum);
        REQUIRE((*w)->append(raw("content")));
        CHECK(bool((*w)->seal()) == (sum == right));
      }
    }
  });
}

TEST_CASE("mountpath: names of every kind stand side by side",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    std::vector<std::string> names{"a",
                                   "a/b",
                                   "a/b/c",
                                   "b/x",
                                   "b",
                                   "//",
                                   "a//b",
                                   "/lead",
                                   ".%self",
                                   "a/.%self",
                                   "x/.%abc",
                                   "...",
                                   "sp ace",
                                   "%41",
                                   "\xf0\x9f\x98\x80",
                                   "a/b/c/d",
                                   "trail/.x",
                                   std::string(255, 'n'),
                                   std::string(256, 'n'),
                                   "deep/" + std::string(300, 'p'),
                                   std::string(2000, 'q') + "/x"};
    std::string many;
    for (int i = 0; i < 900; ++i)
      many += "seg" + std::to_string(i) + "/";
    names.push_back(many + "end");
    for (auto& n : names) {
      INFO(n);
      REQUIRE(put(*mp, n, "content of " + n));
    }
    for (auto& n : names) {
      INFO(n);
      CHECK(get(*mp, n) == "content of " + n);
    }
    for (auto& n : names) {
      INFO(n);
      CHECK(mp->remove(the_bucket, n, durability::none));
      CHECK(get(*mp, n) == "object_not_found");
    }
    CHECK(d.list(mp->objects_dir(the_bucket))->empty());
  });
}

TEST_CASE("mountpath: objects of another incarnation do not exist",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "x", "old"));
    bucket_ref next{the_bucket.bck, 8};
    CHECK(mp->open_object(next, "x").error() == errc::object_not_found);

    SECTION("re-creating the bucket puts the old one into the trash") {
      REQUIRE(mp->create_bucket(next));
      CHECK(d.list(mp->objects_dir(next))->empty());
      CHECK_FALSE(*mp->empty_trash(100));
      CHECK(d.list(mp->root() + "/.$deleted")->empty());
    }
    SECTION("a destroyed bucket takes no commits and is not re-created") {
      auto item = prepare(*mp, "y", "late");
      REQUIRE(mp->destroy_bucket(the_bucket.bck));
      CHECK(mp->commit({&item, 1}).front().error() == errc::bucket_not_found);
      CHECK(mp->begin(the_bucket, cksum_type::none, 0, false).error()
            == errc::bucket_not_found);
      CHECK(mp->buckets()->empty());
    }
  });
}

TEST_CASE("mountpath: a disk that cannot tell loses no bucket",
          "[storage][mountpath]") {
  memory_disk d;
  REQUIRE(make_dirs_durable(d, "/root"));
  auto mp = open(d, "/root");
  REQUIRE(mp->create_bucket(the_bucket));
  REQUIRE(put(*mp, "a", "content"));
  d.fault = [](disk_op op, const std::string& path) -> std::optional<errc> {
    if (op == disk_op::attr && path.ends_with("/@ais/b"))
      return errc::io_error;
    return std::nullopt;
  };
  CHECK(mp->buckets().error() == errc::io_error);
  CHECK(mp->create_bucket(the_bucket).error() == errc::io_error);
  d.fault = nullptr;
  auto found = mp->buckets();
  REQUIRE(found);
  CHECK(found->size() == 1);
  CHECK(get(*mp, "a") == "content");
}

TEST_CASE("mountpath: start checks who owns the directory",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "x", "kept"));
    auto left = d.create(mp->bucket_dir(the_bucket.bck) + "/%wk/n0.1");
    REQUIRE(left);
    mp.reset();
    CHECK(mountpath::open(d, {root + "/mp", "other", "n2"}).error()
          == errc::integrity);
    mp = open(d, root, "n2");
    CHECK(*mp->remove_stale_work() == 1);
    CHECK(get(*mp, "x") == "kept");
    auto found = mp->buckets();
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    CHECK(found->front().bid == 7);
    CHECK(mountpath::open(d, {"relative", "node1", "n"}).error()
          == errc::invalid_argument);
  });
}

TEST_CASE("mountpath: a file system without attributes is refused at start",
          "[storage][mountpath]") {
  struct plain_disk : memory_disk {
    expected<void> set_attr(const std::string& path, const char*,
                            std::span<const std::byte>) override {
      return fail(errc::unsupported, path);
    }
  } d;
  REQUIRE(d.make_dir("/d"));
  auto mp = mountpath::open(d, {"/d/mp", "node1", "n1"});
  REQUIRE_FALSE(mp);
  CHECK(mp.error() == errc::unsupported);
  CHECK(message_of(mp.error()).find("use ext4, XFS or Btrfs")
        != std::string::npos);
}

TEST_CASE("mountpath: the longest names fit below the longest root",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto longest = root;
    while (longest.size() + 200 < max_root)
      longest += '/' + std::string(150, 'r');
    longest += '/' + std::string(max_root - longest.size() - 1, 'r');
    CHECK(mountpath::open(d, {longest + 'r', "node1", "n1"}).error()
          == errc::invalid_argument);
    auto mp = mountpath::open(d, {longest, "node1", "n1"});
    REQUIRE(mp);
    bucket_ref b{{provider::azure,
                  {std::string(max_namespace_uuid, 'u'),
                   std::string(max_namespace_name, 'n')},
                  std::string(max_bucket_name, 'b')},
                 7};
    REQUIRE((*mp)->create_bucket(b));
    std::string name;
    while (name.size() + 4 < max_plain_name)
      name += "p/";
    for (auto* n :
         {"pp", "pp/p"}) { // the second moves the first out of its way
      auto w = (*mp)->begin(b, cksum_type::none, 0, false);
      REQUIRE(w);
      REQUIRE((*w)->seal());
      (*w)->attrs().bid = b.bid;
      commit_item item{b, name + n, *w};
      CHECK((*mp)->commit({&item, 1}).front());
      CHECK((*mp)->open_object(b, name + n));
    }
  });
}

TEST_CASE("mountpath: a torn file does not exist", "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "x", "0123456789"));
    auto f = d.open_append(mp->plain_path(the_bucket, "x"));
    REQUIRE(f);
    REQUIRE((*f)->append(raw("tail")));
    CHECK(get(*mp, "x") == "object_not_found");
    auto stray = d.create(mp->objects_dir(the_bucket) + "/stray");
    CHECK(get(*mp, "stray") == "object_not_found");
  });
}

TEST_CASE("mountpath: a group of durable writes shares its syncs",
          "[storage][mountpath]") {
  memory_disk d;
  REQUIRE(make_dirs(d, "/root"));
  auto mp = open(d, "/root");
  REQUIRE(mp->create_bucket(the_bucket));
  std::vector<commit_item> items;
  for (int i = 0; i < 16; ++i)
    items.push_back(prepare(*mp, "dir/o" + std::to_string(i), "x"));
  int dir_syncs = 0;
  d.fault = [&](disk_op op, const std::string&) -> std::optional<errc> {
    dir_syncs += op == disk_op::sync_dir;
    return std::nullopt;
  };
  for (auto& r : mp->commit(items))
    CHECK(r);
  CHECK(dir_syncs == 2); // %ob for the new directory, and dir itself
}

TEST_CASE("mountpath: acknowledged durable writes survive loss of power",
          "[storage][mountpath]") {
  // Everything fails from the n-th disk operation on, then the power goes. What
  // was acknowledged before must be there; what was not, old or new.
  for (int n = 1;; ++n) {
    memory_disk d;
    REQUIRE(make_dirs(d, "/root"));
    REQUIRE(d.sync_dir("/"));
    std::map<std::string, std::string> acked;   // value: last acknowledged
    std::map<std::string, std::string> started; // value: last begun
    auto done = false;
    {
      auto mp = open(d, "/root");
      REQUIRE(d.sync_dir("/root"));
      REQUIRE(mp->create_bucket(the_bucket));
      int left = n;
      d.fault = [&](disk_op, const std::string&) -> std::optional<errc> {
        return --left <= 0 ? std::optional{errc::io_error} : std::nullopt;
      };
      auto write = [&](const std::string& name, const std::string& content) {
        auto w = mp->begin(the_bucket, cksum_type::xxhash2, 0, false);
        if (!w || !(*w)->append(raw(content)) || !(*w)->seal())
          return false;
        (*w)->attrs().bid = the_bucket.bid;
        commit_item item{the_bucket, name, *w, durability::sync};
        started[name] = content;
        if (!mp->commit({&item, 1}).front())
          return false;
        acked[name] = content;
        return true;
      };
      done = write("a", "1") && write("a/b", "2") && write("a/b/c", "3")
             && write("a", "4") && write("d/e", "5") && write("d", "6")
             && write("a/b", "7") && write(std::string(300, 'l'), "8");
      d.fault = nullptr;
    }
    d.crash();
    auto mp = open(d, "/root", "n2");
    REQUIRE(mp->remove_stale_work());
    for (auto& [name, content] : started) {
      INFO("crash at operation " << n << ", object " << name.substr(0, 10));
      auto now = get(*mp, name);
      auto before = acked.count(name) ? acked[name] : "object_not_found";
      CHECK((now == before || now == content));
    }
    CHECK(d.list(mp->bucket_dir(the_bucket.bck) + "/%wk")->empty());
    if (done)
      break;
    REQUIRE(n < 2000);
  }
}

// -- changes that failed half-way
// --------------------------------------------------------------

namespace {

/// A memory disk with an object "x" = "one", one of whose operations fails
/// while `broken` is set.
struct failing_disk {
  memory_disk d;
  std::unique_ptr<mountpath> mp;
  std::optional<disk_op> broken;

  failing_disk() {
    REQUIRE(make_dirs_durable(d, "/root"));
    mp = open(d, "/root");
    REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "x", "one"));
    d.fault = [this](disk_op op, auto&) -> std::optional<errc> {
      return op == broken ? std::optional{errc::io_error} : std::nullopt;
    };
  }

  /// What is there after loss of power.
  std::string after_crash() {
    mp = nullptr;
    d.crash();
    mp = open(d, "/root", "n2");
    return get(*mp, "x");
  }
};

} // namespace

TEST_CASE("mountpath: what is told of a failed change is on disk",
          "[storage][mountpath]") {
  failing_disk f;
  SECTION("a write") {
    f.broken = disk_op::sync_dir;
    CHECK(put(*f.mp, "x", "two").error() == errc::io_error);
    INFO("not told while it cannot be made durable");
    CHECK(get(*f.mp, "x") == "io_error");
    CHECK(f.mp->load(the_bucket, "x").error() == errc::io_error);
    f.broken.reset();
    CHECK(get(*f.mp, "x") == "two");
    CHECK(f.after_crash() == "two");
  }
  SECTION("a write that is made up for by another one") {
    f.broken = disk_op::sync_dir;
    CHECK(put(*f.mp, "x", "two").error() == errc::io_error);
    f.broken.reset();
    REQUIRE(put(*f.mp, "x", "three"));
    CHECK(get(*f.mp, "x") == "three");
    CHECK(f.after_crash() == "three");
  }
  SECTION("a removal") {
    f.broken = disk_op::sync_dir;
    CHECK(f.mp->remove(the_bucket, "x", durability::sync).error()
          == errc::io_error);
    CHECK(get(*f.mp, "x") == "io_error");
    f.broken.reset();
    CHECK(get(*f.mp, "x") == "object_not_found");
    CHECK(f.after_crash() == "object_not_found");
  }
  SECTION("attributes, and no sync of that file tells the truth any more") {
    auto attrs = f.mp->load(the_bucket, "x");
    REQUIRE(attrs);
    attrs->custom["k"] = "v";
    f.broken = disk_op::sync;
    CHECK(f.mp->store_attrs(the_bucket, "x", *attrs, durability::sync).error()
          == errc::io_error);
    CHECK(get(*f.mp, "x") == "io_error");
    f.broken.reset();
    auto told = f.mp->load(the_bucket, "x");
    REQUIRE(told);
    CHECK(f.after_crash() == "one");
    auto now = f.mp->load(the_bucket, "x");
    REQUIRE(now);
    CHECK(now->custom == told->custom);
    CHECK(now->version == told->version);
  }
}

TEST_CASE("mountpath: a bucket whose creation fails half-way loses nothing",
          "[storage][mountpath]") {
  auto repeated = GENERATE(true, false);
  for (int broken = 0;; ++broken) {
    INFO("operation " << broken << " of the creation fails");
    memory_disk d;
    REQUIRE(make_dirs_durable(d, "/root"));
    auto mp = open(d, "/root");
    d.fault = [left = broken](disk_op, auto&) mutable -> std::optional<errc> {
      return left-- == 0 ? std::optional{errc::io_error} : std::nullopt;
    };
    auto made = mp->create_bucket(the_bucket);
    d.fault = nullptr;
    if (made) {
      CHECK(broken > 8); // all there are
      return;
    }
    auto again = repeated || !mp->begin(the_bucket, cksum_type::none, 0, false);
    if (again)
      REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "x", "one"));
    mp = nullptr;
    d.crash();
    mp = open(d, "/root", "n2");
    auto there = mp->buckets();
    REQUIRE(there);
    REQUIRE(there->size() == 1);
    if (again)
      CHECK(there->front().bid == the_bucket.bid);
    CHECK(get(*mp, "x") == "one");
  }
}

TEST_CASE("mountpath: what an earlier process left unsynced is made durable"
          " before it is told",
          "[storage][mountpath]") {
  failing_disk f;
  f.broken = disk_op::sync_dir;
  CHECK(put(*f.mp, "x", "two").error() == errc::io_error);
  f.broken.reset();
  f.mp = nullptr; // the process ends, the machine does not
  f.mp = open(f.d, "/root", "n2");
  CHECK(get(*f.mp, "x") == "two");
  CHECK(f.after_crash() == "two");
}

TEST_CASE("mountpath: a full disk takes no new content", "[storage]") {
  memory_disk d{1 << 20};
  REQUIRE(make_dirs(d, "/root"));
  auto mp = open(d, "/root");
  REQUIRE(mp->create_bucket(the_bucket));
  const space_limits limits{50, 80};
  REQUIRE(mp->measure(limits));
  CHECK_FALSE(mp->space().low());
  REQUIRE(put(*mp, "a", std::string(300'000, 'a')));
  REQUIRE(put(*mp, "b", std::string(400'000, 'b')));
  REQUIRE(mp->measure(limits));
  CHECK(mp->space().used() == 66);
  CHECK(mp->space().low());
  CHECK_FALSE(mp->space().full());
  REQUIRE(put(*mp, "c", std::string(200'000, 'c')));

  REQUIRE(mp->measure(limits));
  CHECK(mp->space().full());
  auto refused = mp->begin(the_bucket, cksum_type::xxhash2, 1, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::no_space);
  auto a = mp->open_object(the_bucket, "a");
  REQUIRE(a);
  CHECK(mp->begin_copy(the_bucket, cksum_type::xxhash2, **a).error()
        == errc::no_space);
  CHECK(get(*mp, "a") == std::string(300'000, 'a')); // nothing is lost
  a->reset();

  // Not as soon as it is a little below, but below the first limit.
  REQUIRE(mp->remove(the_bucket, "c", durability::sync));
  REQUIRE(mp->measure(limits));
  CHECK(mp->space().full());
  REQUIRE(mp->remove(the_bucket, "b", durability::sync));
  REQUIRE(mp->measure(limits));
  CHECK_FALSE(mp->space().full());
  CHECK_FALSE(mp->space().low());
  CHECK(put(*mp, "d", "again"));
}

TEST_CASE("mountpath: copies are beside the objects, and can be forgotten",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    auto copies = copies_of(the_bucket);
    REQUIRE(put(*mp, "a/b", "object"));
    for (auto name : {"a/b", "a", "other"}) {
      auto item = prepare(*mp, name, "copy");
      item.bucket = copies;
      REQUIRE(mp->commit({&item, 1})[0]);
    }
    CHECK(get(*mp, "a/b") == "object");
    CHECK(mp->load(the_bucket, "a").error() == errc::object_not_found);
    CHECK(mp->load(copies, "a")->size_bytes == 4);
    CHECK(mp->load(copies, "a/b")->size_bytes == 4);
    CHECK(mp->remove(copies, "a", durability::sync));
    CHECK(mp->load(copies, "a").error() == errc::object_not_found);
    CHECK(mp->load(copies, "a/b"));

    walk_options options;
    options.with_copies = true;
    walker both({mp.get()}, the_bucket, options);
    auto first = both.next();
    REQUIRE((first && *first));
    CHECK((*first)->name == "a/b");
    CHECK((*first)->attrs.size_bytes == 6);
    auto second = both.next();
    REQUIRE((second && *second));
    CHECK((*second)->name == "other");
    CHECK_FALSE(*both.next());

    REQUIRE(mp->forget_copies(the_bucket));
    CHECK(mp->load(copies, "a/b").error() == errc::object_not_found);
    CHECK(get(*mp, "a/b") == "object");
    REQUIRE(mp->forget_copies(the_bucket));
    auto item = prepare(*mp, "again", "copy");
    item.bucket = copies;
    CHECK(mp->commit({&item, 1})[0]);
  });
}

TEST_CASE("mountpath: writes under way end where a bucket takes no more",
          "[storage][mountpath]") {
  on_both_disks([](disk& d, const std::string& root) {
    auto mp = open(d, root);
    REQUIRE(mp->create_bucket(the_bucket));
    REQUIRE(put(*mp, "there", "content"));
    auto late = prepare(*mp, "late", "content");
    REQUIRE(mp->end_writes(the_bucket.bck));
    CHECK_FALSE(mp->commit({&late, 1})[0]);
    CHECK(get(*mp, "late") == "object_not_found");
    CHECK(get(*mp, "there") == "content");
    CHECK(put(*mp, "later", "content"));
  });
}
