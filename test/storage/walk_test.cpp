#include "storage/walk.hpp"

#include "test/storage/both_disks.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace ais;
using namespace ais::storage;
using test::on_both_disks;

namespace {

const bucket_ref the_bucket{{provider::ais, {}, "b"}, 7};

struct two_mountpaths {
  std::unique_ptr<mountpath> a;
  std::unique_ptr<mountpath> b;

  two_mountpaths(disk& d, const std::string& root) {
    a = std::move(*mountpath::open(d, {root + "/mp1", "node1", "n"}));
    b = std::move(*mountpath::open(d, {root + "/mp2", "node1", "n"}));
    REQUIRE(a->create_bucket(the_bucket));
    REQUIRE(b->create_bucket(the_bucket));
  }

  static void put(mountpath& mp, const std::string& name) {
    auto w = mp.begin(the_bucket, cksum_type::xxhash2, 0, false);
    REQUIRE(w);
    REQUIRE((*w)->seal());
    (*w)->attrs().bid = the_bucket.bid;
    commit_item item{the_bucket, name, *w, durability::none};
    REQUIRE(mp.commit({&item, 1}).front());
  }

  void put_all(const std::vector<std::string>& names) {
    size_t i = 0;
    for (auto& n : names)
      put(i++ % 2 ? *a : *b, n);
  }

  std::vector<std::string> walk(walk_options opts = {}) {
    walker w{{a.get(), b.get()}, the_bucket, std::move(opts)};
    std::vector<std::string> out;
    for (;;) {
      auto next = w.next();
      REQUIRE(next);
      if (!*next)
        return out;
      CHECK((*next)->dir == ((*next)->name.back() == '/'));
      out.push_back((*next)->name);
    }
  }
};

using names = std::vector<std::string>;

} // namespace

TEST_CASE("walk: all names, each once, in byte order", "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths mps{d, root};
    names all{"a",
              "a-b",
              "a.b",
              "a/b",
              "a/b/c",
              "a/b-c",
              "ab",
              "b/x",
              "b",
              "b//c",
              ".%x",
              "z/.%y",
              "dir/file",
              "dir.ext",
              "dir",
              std::string(300, 'k'),
              "\xf0\x9f\x98\x80"};
    mps.put_all(all);
    std::sort(all.begin(), all.end());
    CHECK(mps.walk() == all);

    SECTION("an object that two mountpaths have is one") {
      two_mountpaths::put(*mps.a, "a");
      two_mountpaths::put(*mps.b, "a");
      CHECK(mps.walk() == all);
    }
    SECTION("from every name on") {
      for (auto& from : all) {
        walk_options opts;
        opts.start_after = from;
        names rest{std::upper_bound(all.begin(), all.end(), from), all.end()};
        CHECK(mps.walk(opts) == rest);
        opts.with_attrs = false;
        CHECK(mps.walk(opts) == rest);
      }
    }
    SECTION("with every prefix") {
      for (auto prefix : {"a", "a/", "a/b", "a/b/", "b", "dir", "dir/", "d",
                          "z", "none", ".", "b//", "kkkk"}) {
        names want;
        for (auto& n : all)
          if (n.rfind(prefix, 0) == 0)
            want.push_back(n);
        walk_options opts;
        opts.prefix = prefix;
        CHECK(mps.walk(opts) == want);
      }
    }
  });
}

TEST_CASE("walk: one level", "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths mps{d, root};
    mps.put_all({"a", "b/c", "b/d/e", "b/d/f", "b_x", "f/g/h", "f", "x//y"});
    walk_options opts;
    opts.non_recursive = true;
    CHECK(mps.walk(opts) == names{"a", "b/", "b_x", "f", "f/", "x/"});
    opts.start_after = "b/";
    CHECK(mps.walk(opts) == names{"b_x", "f", "f/", "x/"});
    opts.start_after = "";
    opts.no_dirs = true;
    CHECK(mps.walk(opts) == names{"a", "b_x", "f"});
    opts.no_dirs = false;
    opts.prefix = "b/";
    CHECK(mps.walk(opts) == names{"b/c", "b/d/"});
    opts.prefix = "b";
    CHECK(mps.walk(opts) == names{"b/", "b/c", "b/d/", "b_x"});
    opts.prefix = "f/";
    CHECK(mps.walk(opts) == names{"f/g/"});

    SECTION("a directory without objects is not shown") {
      REQUIRE(make_dirs(d, mps.a->objects_dir(the_bucket) + "/empty/e"));
      opts.prefix = "";
      CHECK(mps.walk(opts) == names{"a", "b/", "b_x", "f", "f/", "x/"});
    }
  });
}

TEST_CASE("walk: what only one mountpath has, is told", "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths mps{d, root};
    for (auto* name : {"a", "c", "d/e"})
      mps.put(*mps.a, name);
    for (auto* name : {"b", "c", "d/e", "d/f"})
      mps.put(*mps.b, name);
    walker w{{mps.a.get(), mps.b.get()}, the_bucket, {}};
    names single;
    for (auto next = w.next(); next && *next; next = w.next())
      if ((*next)->single)
        single.push_back((*next)->name + std::to_string((*next)->mountpath));
    CHECK(single == names{"a0", "b1", "d/f1"});
  });
}

TEST_CASE(
  "walk: damaged attributes on one mountpath do not make the other's the"
  " only ones",
  "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths mps{d, root};
    mps.put(*mps.a, "x");
    mps.put(*mps.b, "x");
    auto path = mps.a->objects_dir(the_bucket) + "/x";
    REQUIRE(d.set_attr(path, lom_attr, bytes(20)));
    walker w{{mps.a.get(), mps.b.get()}, the_bucket, {}};
    auto next = w.next();
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*next)->mountpath == 1);
    CHECK_FALSE((*next)->single);
  });
}

TEST_CASE("walk: attributes are left out where they are not wanted",
          "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths mps{d, root};
    mps.put_all({"a", "b"});
    walk_options opts;
    opts.without = [](const std::string& name) {
      return name == "a";
    };
    walker w{{mps.a.get(), mps.b.get()}, the_bucket, opts};
    auto a = w.next();
    auto b = w.next();
    REQUIRE((a && *a && b && *b));
    CHECK((*a)->attrs.bid == 0);
    CHECK((*b)->attrs.bid == the_bucket.bid);
  });
}

TEST_CASE("walk: a directory that is made anew meanwhile is walked on",
          "[storage][walk]") {
  on_both_disks([](disk& d, const std::string& root) {
    two_mountpaths x{d, root};
    auto& mp = *x.a;
    for (auto& n : {"d/1", "d/2", "d/3", "e"})
      two_mountpaths::put(mp, n);
    walker w{{&mp}, the_bucket, {}};
    auto first = w.next();
    REQUIRE(first);
    CHECK((*first)->name == "d/1");
    for (auto& n : {"d/1", "d/2", "d/3"})
      REQUIRE(mp.remove(the_bucket, n, durability::none));
    two_mountpaths::put(mp, "d/3");
    std::vector<std::string> rest;
    for (auto next = w.next(); next && *next; next = w.next())
      rest.push_back((*next)->name);
    CHECK(rest == names{"d/3", "e"});
  });
}

TEST_CASE("walk: an unreadable mountpath is an error, not an end",
          "[storage][walk]") {
  memory_disk d;
  REQUIRE(make_dirs(d, "/root"));
  two_mountpaths mps{d, "/root"};
  mps.put_all({"a", "b", "c", "d"});
  d.fault = [](disk_op op, const std::string& path) -> std::optional<errc> {
    if (op == disk_op::list && path.find("mp2") != std::string::npos)
      return errc::io_error;
    return std::nullopt;
  };
  walker w{{mps.a.get(), mps.b.get()}, the_bucket, {}};
  CHECK(w.next().error() == errc::io_error);
  CHECK(w.next().error() == errc::io_error);
}
