// Faults and loss of power. What the memory disk shares with the real one is in
// disk_test.cpp.
#include "storage/memory_disk.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string_view>
#include <thread>

using namespace ais;
using namespace ais::storage;

namespace {

std::span<const std::byte> as_bytes(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

std::string as_string(const bytes& x) {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

template <class T>
errc code(const expected<T>& x) {
  return x ? errc::none : code_of(x.error());
}

/// The content, or the name of the error.
std::string content_of(disk& d, const std::string& path) {
  auto res = read_file(d, path, 1 << 20);
  return res ? as_string(*res) : to_string(code_of(res.error()));
}

std::string attr_of(disk& d, const std::string& path) {
  auto res = d.get_attr(path, "user.a");
  return res ? as_string(*res) : to_string(code_of(res.error()));
}

enum class synced { no, content };

void put(disk& d, const std::string& path, std::string_view content,
         synced how = synced::no) {
  auto f = d.create(path);
  REQUIRE(f);
  REQUIRE((*f)->append(as_bytes(content)));
  if (how == synced::content)
    REQUIRE((*f)->sync());
}

/// A disk with the durable, empty directories /m/a and /m/b.
struct fixture {
  memory_disk d;

  explicit fixture(uint64_t capacity_bytes = 1 << 20) : d{capacity_bytes} {
    REQUIRE(make_dirs(d, "/m/a"));
    REQUIRE(d.make_dir("/m/b"));
    REQUIRE(d.sync_dir("/"));
    REQUIRE(d.sync_dir("/m"));
  }

  void inject(disk_op op, errc what) {
    d.fault = [=](disk_op at, const std::string&) -> std::optional<errc> {
      return at == op ? std::optional{what} : std::nullopt;
    };
  }
};

} // namespace

// -- faults -------------------------------------------------------------------

TEST_CASE("memory_disk: injected faults", "[storage][disk]") {
  fixture on;
  auto& d = on.d;
  put(d, "/m/a/f", "old");

  SECTION("each operation fails without effect") {
    auto g = d.open_append("/m/a/f");
    REQUIRE(g);
    bytes out(3);
    std::map<disk_op, std::function<errc()>> all{
      {disk_op::open,
       [&] {
         return code(d.open("/m/a/f"));
       }},
      {disk_op::create,
       [&] {
         return code(d.create("/m/a/g"));
       }},
      {disk_op::read,
       [&] {
         return code((*g)->read_at(out, 0));
       }},
      {disk_op::write,
       [&] {
         return code((*g)->append(as_bytes("new")));
       }},
      {disk_op::sync,
       [&] {
         return code((*g)->sync());
       }},
      {disk_op::sync_dir,
       [&] {
         return code(d.sync_dir("/m/a"));
       }},
      {disk_op::rename,
       [&] {
         return code(d.rename("/m/a/f", "/m/b/f"));
       }},
      {disk_op::remove,
       [&] {
         return code(d.remove_file("/m/a/f"));
       }},
      {disk_op::list,
       [&] {
         return code(d.list("/m/a"));
       }},
      {disk_op::attr,
       [&] {
         return code(d.get_attr("/m/a/f", "user.a"));
       }},
      {disk_op::mkdir, [&] {
         return code(d.make_dir("/m/a/dir"));
       }}};
    for (auto& [op, run] : all) {
      on.inject(op, errc::io_error);
      CHECK(run() == errc::io_error);
    }
    d.fault = nullptr;
    CHECK(d.list("/m/a")->size() == 1);
    CHECK(d.list("/m/b")->empty());
    CHECK(content_of(d, "/m/a/f") == "old");
  }
  SECTION("a fault may pick the path; of two it sees the second") {
    std::vector<std::string> seen;
    d.fault = [&](disk_op, const std::string& path) -> std::optional<errc> {
      seen.push_back(path);
      return path == "/m/b/f" ? std::optional{errc::no_space} : std::nullopt;
    };
    CHECK(code(d.rename("/m/a/f", "/m/b/f")) == errc::no_space);
    CHECK(d.rename("/m/a/f", "/m/b/g"));
    CHECK(seen == std::vector<std::string>{"/m/b/f", "/m/b/g"});
  }
  SECTION("a failing write may leave a prefix behind") {
    d.short_writes = true;
    on.inject(disk_op::write, errc::io_error);
    auto g = d.open_append("/m/a/f");
    REQUIRE(g);
    CHECK(code((*g)->append(as_bytes("12345678"))) == errc::io_error);
    d.fault = nullptr;
    CHECK(content_of(d, "/m/a/f") == "old1234");
  }
  SECTION("a flipped bit shows in the content and nowhere else") {
    auto before = d.stat("/m/a/f");
    REQUIRE(d.flip_bit("/m/a/f", 1, 0));
    CHECK(content_of(d, "/m/a/f") == "omd");
    CHECK(d.stat("/m/a/f")->stamp == before->stamp);
    CHECK(code(d.flip_bit("/m/a/f", 3, 0)) == errc::not_found);
    CHECK(code(d.flip_bit("/m/a/g", 0, 0)) == errc::not_found);
  }
}

TEST_CASE("memory_disk: capacity", "[storage][disk]") {
  fixture on{100};
  auto& d = on.d;
  auto used = [&] {
    return d.space("/m")->used_bytes;
  };
  auto f = d.create("/m/a/f");
  REQUIRE(f);
  REQUIRE((*f)->append(as_bytes(std::string(60, 'x'))));
  CHECK(used() == 60);
  CHECK(d.space("/m")->avail_bytes == 40);

  SECTION("what does not fit is not written") {
    CHECK(code((*f)->append(as_bytes(std::string(41, 'y')))) == errc::no_space);
    CHECK(used() == 60);
    CHECK((*f)->append(as_bytes(std::string(40, 'y'))));
    CHECK(code((*f)->append(as_bytes("y"))) == errc::no_space);
  }
  SECTION("or as far as it fits") {
    d.short_writes = true;
    CHECK(code((*f)->append(as_bytes(std::string(41, 'y')))) == errc::no_space);
    CHECK(content_of(d, "/m/a/f")
          == std::string(60, 'x') + std::string(40, 'y'));
  }
  SECTION("reserved space is used space, and there for the file") {
    REQUIRE((*f)->preallocate(90));
    CHECK(used() == 90);
    auto g = d.create("/m/a/g");
    REQUIRE(g);
    CHECK(code((*g)->append(as_bytes(std::string(11, 'y')))) == errc::no_space);
    CHECK(code((*g)->preallocate(11)) == errc::no_space);
    CHECK((*g)->append(as_bytes(std::string(10, 'y'))));
    CHECK((*f)->append(as_bytes(std::string(30, 'y'))));
    CHECK(used() == 100);
  }
  SECTION("removal frees it when the last name and file are gone") {
    REQUIRE(d.link("/m/a/f", "/m/b/f"));
    REQUIRE(d.remove_file("/m/a/f"));
    REQUIRE(d.remove_file("/m/b/f"));
    CHECK(used() == 60);
    f->reset();
    CHECK(used() == 0);
  }
  SECTION("replacing frees what was replaced, swapping frees nothing") {
    put(d, "/m/a/g", "12345");
    REQUIRE(d.exchange("/m/a/f", "/m/a/g"));
    f->reset();
    CHECK(used() == 65);
    REQUIRE(d.rename("/m/a/f", "/m/a/g"));
    CHECK(used() == 5);
  }
  SECTION("after a crash it counts what is there") {
    REQUIRE(d.sync_dir("/m/a"));
    REQUIRE((*f)->sync());
    REQUIRE((*f)->append(as_bytes("lost")));
    REQUIRE((*f)->preallocate(80));
    put(d, "/m/a/g", "lost");
    d.crash();
    CHECK(used() == 60);
    f->reset();
    CHECK(used() == 60);
    REQUIRE(d.remove_file("/m/a/f"));
    CHECK(used() == 0);
  }
}

TEST_CASE("memory_disk: attributes have little room", "[storage][disk]") {
  fixture on;
  put(on.d, "/m/a/f", "x");
  auto half = std::string(2000, 'v');
  CHECK(on.d.set_attr("/m/a/f", "user.a", as_bytes(half)));
  CHECK(on.d.set_attr("/m/a/f", "user.b", as_bytes(half)));
  CHECK(code(on.d.set_attr("/m/a/f", "user.c", as_bytes(half)))
        == errc::no_space);
  CHECK(on.d.set_attr("/m/a/f", "user.a", as_bytes(half)));
}

TEST_CASE("memory_disk: a failed sync", "[storage][disk]") {
  fixture on;
  auto& d = on.d;
  auto f = d.create("/m/a/f");
  REQUIRE(f);
  REQUIRE(d.sync_dir("/m/a"));
  REQUIRE((*f)->append(as_bytes("durable")));
  REQUIRE((*f)->sync());
  REQUIRE((*f)->append(as_bytes(" lost")));
  on.inject(disk_op::sync, errc::io_error);
  CHECK(code((*f)->sync()) == errc::io_error);
  d.fault = nullptr;

  SECTION("the file keeps failing") {
    CHECK(code((*f)->sync()) == errc::io_error);
  }
  SECTION("through another file it succeeds and does not help") {
    CHECK((*d.open("/m/a/f"))->sync());
    CHECK(content_of(d, "/m/a/f") == "durable lost");
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "durable");
  }
}

TEST_CASE("memory_disk: one file system per top directory", "[storage][disk]") {
  fixture on;
  auto& d = on.d;
  REQUIRE(d.make_dir("/n"));
  put(d, "/m/a/f", "x");
  put(d, "/n/g", "x");

  CHECK(*d.identity("/m") == *d.identity("/m/a/f"));
  CHECK(d.identity("/m")->id != d.identity("/n")->id);
  CHECK(code(d.rename("/m/a/f", "/n/f")) == errc::io_error);
  CHECK(code(d.link("/m/a/f", "/n/f")) == errc::io_error);
  CHECK(code(d.exchange("/m/a/f", "/n/g")) == errc::io_error);

  // A disk that is mounted elsewhere keeps its identity.
  auto id = *d.identity("/n");
  REQUIRE(d.exchange("/m", "/n"));
  CHECK(*d.identity("/m") == id);
}

TEST_CASE("memory_disk: time", "[storage][disk]") {
  fixture on;
  on.d.set_time(1000);
  put(on.d, "/m/a/f", "x");
  auto first = on.d.stat("/m/a/f")->stamp;
  CHECK(first.mtime_ns >= 1000);
  CHECK(first.mtime_ns < 1010);
  REQUIRE((*on.d.open_append("/m/a/f"))->append(as_bytes("y")));
  CHECK(on.d.stat("/m/a/f")->stamp.mtime_ns > first.mtime_ns);
}

// -- loss of power ------------------------------------------------------------

TEST_CASE("memory_disk: crash and file content", "[storage][disk]") {
  fixture on;
  auto& d = on.d;

  SECTION("without any sync not even the name is left") {
    put(d, "/m/a/f", "x");
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "not_found");
  }
  SECTION("a synced name of unsynced content is an empty file") {
    put(d, "/m/a/f", "x");
    REQUIRE(d.set_attr("/m/a/f", "user.a", as_bytes("1")));
    REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    CHECK(content_of(d, "/m/a/f").empty());
    CHECK(attr_of(d, "/m/a/f") == "not_found");
  }
  SECTION("synced content without a synced name is lost") {
    put(d, "/m/a/f", "x", synced::content);
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "not_found");
  }
  SECTION("content and attributes are what the last sync saw") {
    auto f = d.create("/m/a/f");
    REQUIRE(f);
    REQUIRE((*f)->append(as_bytes("one")));
    REQUIRE((*f)->set_attr("user.a", as_bytes("1")));
    REQUIRE((*f)->sync());
    REQUIRE((*f)->append(as_bytes("two")));
    REQUIRE((*f)->set_attr("user.a", as_bytes("2")));
    REQUIRE(d.sync_dir("/m/a"));
    CHECK(content_of(d, "/m/a/f") == "onetwo");
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "one");
    CHECK(attr_of(d, "/m/a/f") == "1");
  }
  SECTION("a directory's attributes need its own sync") {
    REQUIRE(d.set_attr("/m/a", "user.a", as_bytes("1")));
    REQUIRE(d.sync_dir("/m/a"));
    REQUIRE(d.set_attr("/m/a", "user.a", as_bytes("2")));
    REQUIRE(d.set_attr("/m/b", "user.a", as_bytes("2")));
    REQUIRE(d.sync_dir("/m"));
    d.crash();
    CHECK(attr_of(d, "/m/a") == "1");
    CHECK(attr_of(d, "/m/b") == "not_found");
  }
  SECTION("open files are dead") {
    auto f = d.create("/m/a/f");
    REQUIRE(f);
    REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    bytes out(1);
    CHECK(code((*f)->append(as_bytes("x"))) == errc::io_error);
    CHECK(code((*f)->read_at(out, 0)) == errc::io_error);
    CHECK(code((*f)->sync()) == errc::io_error);
    CHECK(code((*f)->stat()) == errc::io_error);
    CHECK(code((*f)->get_attr("user.a")) == errc::io_error);
    CHECK(d.open("/m/a/f"));
  }
}

TEST_CASE("memory_disk: crash and names", "[storage][disk]") {
  fixture on;
  auto& d = on.d;
  put(d, "/m/a/tmp", "new", synced::content);
  put(d, "/m/a/f", "old", synced::content);
  REQUIRE(d.sync_dir("/m/a"));

  SECTION("a rename is undone without sync_dir") {
    REQUIRE(d.rename("/m/a/tmp", "/m/a/f"));
    CHECK(content_of(d, "/m/a/f") == "new");
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "old");
    CHECK(content_of(d, "/m/a/tmp") == "new");
  }
  SECTION("and lasts with it") {
    REQUIRE(d.rename("/m/a/tmp", "/m/a/f"));
    REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    CHECK(content_of(d, "/m/a/f") == "new");
    CHECK(content_of(d, "/m/a/tmp") == "not_found");
  }
  SECTION("between two directories either sync makes it last, as a whole") {
    auto dir = GENERATE("/m/a", "/m/b");
    REQUIRE(d.rename("/m/a/tmp", "/m/b/f"));
    REQUIRE(d.sync_dir(dir));
    d.crash();
    CHECK(content_of(d, "/m/b/f") == "new");
    CHECK(content_of(d, "/m/a/tmp") == "not_found");
  }
  SECTION("what came before in the other directory lasts, too") {
    put(d, "/m/a/earlier", "x", synced::content);
    put(d, "/m/a/g", "g", synced::content);
    REQUIRE(d.rename("/m/a/g", "/m/b/g"));
    put(d, "/m/a/later", "x", synced::content);
    REQUIRE(d.sync_dir("/m/b"));
    d.crash();
    CHECK(content_of(d, "/m/b/g") == "g");
    CHECK(d.stat("/m/a/earlier"));
    CHECK_FALSE(d.stat("/m/a/g"));
    CHECK_FALSE(d.stat("/m/a/later"));
  }
  SECTION("an exchange is undone or lasts") {
    auto dir_synced = GENERATE(false, true);
    REQUIRE(d.exchange("/m/a/tmp", "/m/a/f"));
    if (dir_synced)
      REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    CHECK(content_of(d, "/m/a/f") == (dir_synced ? "new" : "old"));
    CHECK(content_of(d, "/m/a/tmp") == (dir_synced ? "old" : "new"));
  }
  SECTION("a removal is undone or lasts") {
    auto dir_synced = GENERATE(false, true);
    REQUIRE(d.remove_file("/m/a/f"));
    if (dir_synced)
      REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    CHECK(content_of(d, "/m/a/f") == (dir_synced ? "not_found" : "old"));
  }
  SECTION("a second name needs the sync of its directory only") {
    REQUIRE(d.link("/m/a/f", "/m/b/f"));
    REQUIRE(d.link("/m/a/f", "/m/a/g"));
    REQUIRE(d.sync_dir("/m/b"));
    d.crash();
    CHECK(content_of(d, "/m/b/f") == "old");
    CHECK(content_of(d, "/m/a/f") == "old");
    CHECK(content_of(d, "/m/a/g") == "not_found");
  }
  SECTION("a directory needs the sync of its parent") {
    auto parent_synced = GENERATE(false, true);
    REQUIRE(d.make_dir("/m/a/dir"));
    put(d, "/m/a/dir/f", "x", synced::content);
    REQUIRE(d.sync_dir("/m/a/dir"));
    if (parent_synced)
      REQUIRE(d.sync_dir("/m/a"));
    d.crash();
    CHECK(content_of(d, "/m/a/dir/f") == (parent_synced ? "x" : "not_found"));
  }
  SECTION("a failed sync_dir promises nothing") {
    REQUIRE(d.rename("/m/a/tmp", "/m/a/f"));
    on.inject(disk_op::sync_dir, errc::io_error);
    CHECK_FALSE(d.sync_dir("/m/a"));
    d.crash();
    d.fault = nullptr;
    CHECK(content_of(d, "/m/a/f") == "old");
  }
  SECTION("a second crash changes nothing") {
    std::mt19937_64 rng{1};
    REQUIRE(d.rename("/m/a/tmp", "/m/b/f"));
    d.crash(&rng);
    auto a = d.list("/m/a")->size(), b = d.list("/m/b")->size();
    d.crash();
    CHECK(d.list("/m/a")->size() == a);
    CHECK(d.list("/m/b")->size() == b);
    CHECK(a + b == 2);
  }
}

TEST_CASE("memory_disk: a crash with luck", "[storage][disk]") {
  // What is left after one seed, as text; counted over many.
  std::map<std::string, int> seen;
  auto over_seeds = [&](auto workload, auto look) {
    for (uint64_t seed = 0; seed < 300; ++seed) {
      fixture on;
      workload(on.d);
      std::mt19937_64 rng{seed};
      on.d.crash(&rng);
      ++seen[look(on.d)];
    }
  };

  SECTION("of one directory, a prefix of the changes survives") {
    over_seeds(
      [](disk& d) {
        put(d, "/m/a/1", "");
        put(d, "/m/a/2", "");
        REQUIRE(d.rename("/m/a/1", "/m/a/3"));
      },
      [](disk& d) {
        auto entries = *d.list("/m/a");
        std::string names;
        for (auto& e : entries)
          names += e.name;
        return names;
      });
    CHECK(seen.size() == 4);
    CHECK(seen.contains(""));
    CHECK(seen.contains("1"));
    CHECK(seen.contains("12"));
    CHECK(seen.contains("23"));
  }
  SECTION("a rename between two is done or not") {
    over_seeds(
      [](disk& d) {
        put(d, "/m/a/f", "");
        REQUIRE(d.sync_dir("/m/a"));
        REQUIRE(d.rename("/m/a/f", "/m/b/f"));
      },
      [](disk& d) {
        return content_of(d, "/m/a/f") + "|" + content_of(d, "/m/b/f");
      });
    CHECK(seen.size() == 2);
    CHECK(seen.contains("not_found|"));
    CHECK(seen.contains("|not_found"));
  }
  SECTION("nor does what came later survive without it") {
    over_seeds(
      [](disk& d) {
        put(d, "/m/a/f", "");
        REQUIRE(d.rename("/m/a/f", "/m/b/f"));
        put(d, "/m/b/later", "");
      },
      [](disk& d) {
        std::string names;
        for (auto path : {"/m/a/f", "/m/b/f", "/m/b/later"})
          names += d.stat(path) ? '1' : '0';
        return names;
      });
    CHECK(seen.size() == 4);
    for (auto names : {"000", "100", "010", "011"})
      CHECK(seen.contains(names));
  }
  SECTION("unsynced content is there, in part or not") {
    over_seeds(
      [](disk& d) {
        put(d, "/m/a/f", "1", synced::content);
        REQUIRE((*d.open_append("/m/a/f"))->append(as_bytes("23")));
        REQUIRE(d.sync_dir("/m/a"));
      },
      [](disk& d) { return content_of(d, "/m/a/f"); });
    CHECK(seen.size() == 3);
    CHECK(seen.contains("1"));
    CHECK(seen.contains("12"));
    CHECK(seen.contains("123"));
  }
  SECTION("attributes are old or new, whatever the content is") {
    over_seeds(
      [](disk& d) {
        auto f = d.create("/m/a/f");
        REQUIRE((*f)->set_attr("user.a", as_bytes("old")));
        REQUIRE((*f)->sync());
        REQUIRE((*f)->set_attr("user.a", as_bytes("new")));
        REQUIRE((*f)->append(as_bytes("1")));
        REQUIRE(d.sync_dir("/m/a"));
      },
      [](disk& d) { return attr_of(d, "/m/a/f") + content_of(d, "/m/a/f"); });
    CHECK(seen.size() == 4);
  }
  SECTION("the same seed gives the same") {
    auto once = [&] {
      seen.clear();
      std::string all;
      over_seeds(
        [](disk& d) {
          put(d, "/m/a/f", "123456789");
          put(d, "/m/b/g", "123456789");
        },
        [&](disk& d) {
          return all += content_of(d, "/m/a/f") + content_of(d, "/m/b/g");
        });
      return all;
    };
    auto first = once();
    CHECK(once() == first);
  }
}

TEST_CASE("memory_disk: a journal commits by itself at last",
          "[storage][disk]") {
  fixture on;
  for (int i = 0; i < 5000; ++i)
    put(on.d, "/m/a/" + std::to_string(i), "x");
  on.d.crash();
  auto left = on.d.list("/m/a")->size();
  CHECK(left > 0);
  CHECK(left < 5000);
  CHECK(on.d.stat("/m/a/0"));
}

TEST_CASE("disk: write_file survives a crash at each step", "[storage][disk]") {
  // The disk fails at operation `n` and loses power there; then the file is the
  // old or the new one, and the new one if write_file succeeded.
  auto n = GENERATE(range(0, 8));
  auto short_writes = GENERATE(false, true);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    fixture on;
    REQUIRE(write_file(on.d, "/m/a/f", as_bytes("old content")));
    on.d.short_writes = short_writes;
    std::mt19937_64 rng{seed};
    int count = 0;
    on.d.fault = [&](disk_op, const std::string&) -> std::optional<errc> {
      if (count++ < n)
        return std::nullopt;
      return errc::io_error;
    };
    auto res = write_file(on.d, "/m/a/f", as_bytes("new"));
    on.d.fault = nullptr;
    on.d.crash(seed == 0 ? nullptr : &rng);
    auto content = content_of(on.d, "/m/a/f");
    CHECK((content == "new" || (content == "old content" && !res)));
    CHECK(static_cast<bool>(res) == (n >= 5)); // create, write, sync, rename,
  }                                            // sync_dir
}

// -- threads and lifetime -----------------------------------------------------

TEST_CASE("memory_disk: several threads", "[storage][disk]") {
  fixture on;
  auto work = [&](std::string dir) {
    for (int i = 0; i < 200; ++i)
      if (!write_file(on.d, dir + "/f", as_bytes("content")))
        return;
  };
  std::thread other{work, "/m/a"};
  work("/m/b");
  other.join();
  CHECK(content_of(on.d, "/m/a/f") == "content");
  CHECK(content_of(on.d, "/m/b/f") == "content");
  CHECK(on.d.space("/m")->used_bytes == 14);
}

TEST_CASE("memory_disk: an open file outlives the disk", "[storage][disk]") {
  file_ptr f;
  {
    fixture on;
    f = std::move(*on.d.create("/m/a/f"));
  }
  CHECK(f->append(as_bytes("x")));
  CHECK(f->stat()->stamp.size_bytes == 1);
}

TEST_CASE("memory_disk: directories in each other are freed",
          "[storage][disk]") {
  // Under a leak checker: a is in b for programs, b in a on the disk.
  fixture on;
  REQUIRE(on.d.make_dir("/m/a/b"));
  REQUIRE(on.d.sync_dir("/m/a"));
  REQUIRE(on.d.rename("/m/a/b", "/m/c"));
  REQUIRE(on.d.rename("/m/a", "/m/c/a"));
  CHECK(on.d.list("/m/c")->size() == 1);
}
