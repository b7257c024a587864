// What both disks must agree on; the memory disk's faults and crashes are in
// memory_disk_test.cpp.
#include "test/storage/both_disks.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <random>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace ais;
using namespace ais::storage;

namespace {

/// An empty directory on the real disk.
struct real {
  test::temp_dir dir;
  disk& d = posix_disk();
  std::string root = dir.path();
};

/// An empty directory on a disk in memory.
struct memory {
  memory_disk own;
  disk& d = own;
  std::string root = "/root";
  memory() { REQUIRE(own.make_dir(root)); }
};

std::span<const std::byte> as_bytes(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

std::string as_string(const bytes& x) {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

std::string content_of(disk& d, const std::string& path) {
  auto res = read_file(d, path, 1 << 20);
  return res ? as_string(*res) : to_string(code_of(res.error()));
}

void put(disk& d, const std::string& path, std::string_view content) {
  auto f = d.create(path);
  REQUIRE(f);
  REQUIRE((*f)->append(as_bytes(content)));
}

/// The names in a directory, in order, a directory's with a slash.
std::string names_in(disk& d, const std::string& path) {
  auto entries = d.list(path);
  REQUIRE(entries);
  std::sort(entries->begin(), entries->end(),
            [](auto& x, auto& y) { return x.name < y.name; });
  std::string res;
  for (auto& e : *entries)
    res += e.name + (e.kind == entry_kind::dir ? "/ " : " ");
  return res;
}

template <class T>
errc code(const expected<T>& x) {
  return x ? errc::none : code_of(x.error());
}

} // namespace

// -- files --------------------------------------------------------------------

TEMPLATE_TEST_CASE("disk: create, append, read", "[storage][disk]", real,
                   memory) {
  TestType on;
  auto path = on.root + "/f";
  auto f = on.d.create(path);
  REQUIRE(f);
  REQUIRE((*f)->append(as_bytes("hello ")));
  REQUIRE((*f)->append(as_bytes("world")));

  SECTION("what was written is read, also through the same file") {
    CHECK(content_of(on.d, path) == "hello world");
    bytes out(5);
    CHECK((*f)->read_at(out, 6) == size_t{5});
    CHECK(as_string(out) == "world");
  }
  SECTION("a read across the end is cut, one behind it is empty") {
    bytes out(100);
    CHECK((*f)->read_at(out, 8) == size_t{3});
    CHECK((*f)->read_at(out, 11) == size_t{0});
    CHECK((*f)->read_at(out, 1000) == size_t{0});
  }
  SECTION("a taken name is refused and keeps its content") {
    CHECK(code(on.d.create(path)) == errc::exists);
    CHECK(code(on.d.create(on.root)) == errc::exists);
    CHECK(content_of(on.d, path) == "hello world");
  }
  SECTION("open_append goes on at the end, and reads") {
    auto g = on.d.open_append(path);
    REQUIRE(g);
    REQUIRE((*g)->append(as_bytes("!")));
    bytes out(100);
    CHECK((*g)->read_at(out, 0) == size_t{12});
    CHECK(content_of(on.d, path) == "hello world!");
    CHECK(code(on.d.open_append(on.root + "/none")) == errc::not_found);
  }
  SECTION("reserved space does not show as content") {
    REQUIRE((*f)->preallocate(1 << 20));
    REQUIRE((*f)->preallocate(0));
    CHECK((*f)->stat()->stamp.size_bytes == 11);
    CHECK((*f)->stat()->allocated_bytes >= 1 << 20);
    REQUIRE((*f)->append(as_bytes("!")));
    CHECK(content_of(on.d, path) == "hello world!");
  }
  SECTION("a removed file lives on for those who have it open") {
    REQUIRE(on.d.remove_file(path));
    CHECK(code(on.d.open(path)) == errc::not_found);
    bytes out(5);
    CHECK((*f)->read_at(out, 0) == size_t{5});
    CHECK(as_string(out) == "hello");
  }
  SECTION("sync succeeds, also again") {
    CHECK((*f)->sync());
    CHECK((*f)->sync());
  }
}

TEMPLATE_TEST_CASE("disk: content that passes the cache is the same",
                   "[storage][disk]", real, memory) {
  TestType x;
  constexpr size_t most = 3 * disk_alignment;
  auto block = make_disk_memory(most);
  std::mt19937_64 rng{1};
  for (size_t i = 0; i < most; ++i)
    block[i] = static_cast<std::byte>(rng());
  // Whole pages, and what is none: short, from the middle, behind an odd end.
  using piece = std::pair<size_t, size_t>; // from, bytes
  std::vector<std::vector<piece>> all{
    {{0, most}, {0, disk_alignment}},
    {{0, disk_alignment + 1}, {0, most}},
    {{1, disk_alignment}, {0, disk_alignment}},
    {{0, most}, {0, 10}, {0, most}, {0, disk_alignment - 10}, {0, most}},
  };
  for (auto before : {size_t{0}, size_t{7}, disk_alignment})
    for (size_t k = 0; k < all.size(); ++k) {
      auto name = "/f" + std::to_string(before) + '-' + std::to_string(k);
      auto f = x.d.create(x.root + name);
      REQUIRE(f);
      bytes expected;
      auto append = [&](size_t from, size_t size) {
        std::span<const std::byte> in{block.get() + from, size};
        REQUIRE((*f)->append(in));
        expected.insert(expected.end(), in.begin(), in.end());
      };
      append(0, before);
      (*f)->pass_cache();
      for (auto& [from, size] : all[k])
        append(from, size);
      REQUIRE((*f)->sync());
      // Who wrote it reads it wherever he likes.
      bytes part(3);
      REQUIRE((*f)->read_at(part, 1));
      CHECK(std::equal(part.begin(), part.end(), expected.begin() + 1));
      auto now = read_file(x.d, x.root + name, 1 << 20);
      REQUIRE(now);
      CHECK(*now == expected);
    }
}

TEMPLATE_TEST_CASE("disk: what is no file is not opened", "[storage][disk]",
                   real, memory) {
  TestType on;
  put(on.d, on.root + "/f", "x");
  CHECK(code(on.d.open(on.root)) == errc::is_a_directory);
  CHECK(code(on.d.open_append(on.root)) == errc::is_a_directory);
  CHECK(code(on.d.open(on.root + "/none")) == errc::not_found);
  CHECK(code(on.d.open(on.root + "/none/f")) == errc::not_found);
  CHECK(code(on.d.open(on.root + "/f/g")) == errc::not_a_directory);
  CHECK(code(on.d.create(on.root + "/f/g")) == errc::not_a_directory);
  CHECK(code(on.d.create(on.root + "/none/f")) == errc::not_found);
  auto long_name = on.root + '/' + std::string(256, 'n');
  CHECK(code(on.d.create(long_name)) == errc::invalid_name);
  CHECK(code(on.d.open(long_name)) == errc::invalid_name);
  CHECK(on.d.create(on.root + '/' + std::string(255, 'n')));
}

TEST_CASE("posix_disk: links and special files", "[storage][disk]") {
  real on;
  auto target = on.root + "/target";
  auto link = on.root + "/link";
  put(on.d, target, "x");

  SECTION("a link is not followed") {
    REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
    CHECK(code(on.d.open(link)) == errc::io_error);
    CHECK(code(on.d.open_append(link)) == errc::io_error);
    CHECK(code(on.d.create(link)) == errc::exists);
    CHECK(on.d.stat(link)->kind == entry_kind::other);
    REQUIRE(on.d.remove_file(link));
    CHECK(content_of(on.d, target) == "x");
  }
  SECTION("remove_tree removes a link, not what it leads to") {
    auto inner = on.root + "/dir";
    auto outer = on.root + "/outer";
    REQUIRE(on.d.make_dir(inner));
    REQUIRE(on.d.make_dir(outer));
    put(on.d, outer + "/f", "x");
    REQUIRE(::symlink(outer.c_str(), (inner + "/link").c_str()) == 0);
    REQUIRE(::symlink(outer.c_str(), link.c_str()) == 0);
    CHECK(remove_tree(on.d, inner));
    CHECK(remove_tree(on.d, link));
    CHECK(names_in(on.d, on.root) == "outer/ target ");
    CHECK(names_in(on.d, outer) == "f ");
  }
  SECTION("a FIFO is refused at once, without waiting for a writer") {
    REQUIRE(::mkfifo(link.c_str(), 0600) == 0);
    CHECK(code(on.d.open(link)) == errc::io_error);
    CHECK(code(on.d.open_append(link)) == errc::io_error);
    CHECK(on.d.list(on.root)->size() == 2);
  }
  SECTION("an error names operation, path and reason") {
    auto text = message_of(on.d.open(on.root + "/none").error());
    CHECK(text == "open " + on.root + "/none: No such file or directory");
  }
}

// -- names --------------------------------------------------------------------

TEMPLATE_TEST_CASE("disk: directories", "[storage][disk]", real, memory) {
  TestType on;
  auto dir = on.root + "/dir";
  REQUIRE(on.d.make_dir(dir));
  put(on.d, on.root + "/f", "x");

  SECTION("entries are listed with their kind") {
    CHECK(names_in(on.d, on.root) == "dir/ f ");
    CHECK(names_in(on.d, dir).empty());
    CHECK(code(on.d.list(on.root + "/f")) == errc::not_a_directory);
    CHECK(code(on.d.list(on.root + "/none")) == errc::not_found);
  }
  SECTION("make_dir wants a free name in a directory") {
    CHECK(code(on.d.make_dir(dir)) == errc::exists);
    CHECK(code(on.d.make_dir(on.root + "/f")) == errc::exists);
    CHECK(code(on.d.make_dir(on.root + "/f/x")) == errc::not_a_directory);
    CHECK(code(on.d.make_dir(on.root + "/none/x")) == errc::not_found);
    CHECK(code(on.d.make_dir("/")) == errc::exists);
  }
  SECTION("removal minds kind and content") {
    put(on.d, dir + "/f", "x");
    CHECK(code(on.d.remove_dir(dir)) == errc::not_empty);
    CHECK(code(on.d.remove_file(dir)) == errc::is_a_directory);
    CHECK(code(on.d.remove_dir(on.root + "/f")) == errc::not_a_directory);
    CHECK(code(on.d.remove_file(on.root + "/none")) == errc::not_found);
    CHECK(code(on.d.remove_dir(on.root + "/none")) == errc::not_found);
    REQUIRE(on.d.remove_file(dir + "/f"));
    REQUIRE(on.d.remove_dir(dir));
    CHECK(names_in(on.d, on.root) == "f ");
  }
  SECTION("sync_dir wants a directory") {
    CHECK(on.d.sync_dir(dir));
    CHECK(code(on.d.sync_dir(on.root + "/f")) == errc::not_a_directory);
    CHECK(code(on.d.sync_dir(on.root + "/none")) == errc::not_found);
  }
}

TEMPLATE_TEST_CASE("disk: many at once become durable, each with its answer",
                   "[storage][disk]", real, memory) {
  TestType on;
  CHECK(on.d.sync_files({}).empty());
  CHECK(on.d.sync_dirs({}).empty());
  std::vector<std::string> dirs;
  std::vector<file_ptr> files;
  std::vector<file*> all;
  for (int i = 0; i < 40; ++i) {
    dirs.push_back(on.root + "/d" + std::to_string(i));
    REQUIRE(on.d.make_dir(dirs.back()));
    auto f = on.d.create(dirs.back() + "/f");
    REQUIRE(f);
    REQUIRE((*f)->append(as_bytes("content")));
    all.push_back(f->get());
    files.push_back(std::move(*f));
  }
  dirs[7] = on.root + "/none";
  dirs[30] = on.root + "/d0/f";
  std::atomic<int> wrong{0};
  auto work = [&](size_t from, size_t n) {
    for (auto& ok : on.d.sync_files(std::span{all}.subspan(from, n)))
      wrong += !ok;
    size_t i = from;
    for (auto& ok : on.d.sync_dirs(std::span{dirs}.subspan(from, n))) {
      auto due = i == 7    ? errc::not_found
                 : i == 30 ? errc::not_a_directory
                           : errc::none;
      wrong += code(ok) != due;
      ++i;
    }
    wrong += i != from + n;
  };
  work(0, 40); // so many together
  work(0, 3);
  {
    std::vector<std::thread> threads; // of one file system, by several
    for (size_t k = 0; k < 4; ++k)
      threads.emplace_back(work, k * 10, 10);
    for (auto& t : threads)
      t.join();
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("disk: rename", "[storage][disk]", real, memory) {
  TestType on;
  auto a = on.root + "/a", b = on.root + "/b", dir = on.root + "/dir";
  put(on.d, a, "a");
  put(on.d, b, "b");
  REQUIRE(on.d.make_dir(dir));

  SECTION("a file at the new name is replaced, readers keep the old one") {
    auto old = on.d.open(b);
    REQUIRE(old);
    REQUIRE(on.d.rename(a, b));
    CHECK(names_in(on.d, on.root) == "b dir/ ");
    CHECK(content_of(on.d, b) == "a");
    bytes out(1);
    CHECK((*old)->read_at(out, 0) == size_t{1});
    CHECK(as_string(out) == "b");
  }
  SECTION("a directory takes its content along") {
    put(on.d, dir + "/f", "x");
    REQUIRE(on.d.make_dir(on.root + "/other"));
    REQUIRE(on.d.rename(dir, on.root + "/other/moved"));
    CHECK(names_in(on.d, on.root) == "a b other/ ");
    CHECK(content_of(on.d, on.root + "/other/moved/f") == "x");
  }
  SECTION("kinds must agree and a directory must be empty") {
    CHECK(code(on.d.rename(a, dir)) == errc::is_a_directory);
    CHECK(code(on.d.rename(dir, a)) == errc::not_a_directory);
    REQUIRE(on.d.make_dir(on.root + "/full"));
    put(on.d, on.root + "/full/f", "x");
    CHECK(code(on.d.rename(dir, on.root + "/full")) == errc::not_empty);
    CHECK(on.d.rename(on.root + "/full", dir));
    CHECK(names_in(on.d, on.root) == "a b dir/ ");
  }
  SECTION("a directory does not go below itself") {
    CHECK(code(on.d.rename(dir, dir + "/dir")) == errc::io_error);
    CHECK(names_in(on.d, on.root) == "a b dir/ ");
  }
  SECTION("both ends must be there") {
    CHECK(code(on.d.rename(on.root + "/none", b)) == errc::not_found);
    CHECK(code(on.d.rename(a, on.root + "/none/a")) == errc::not_found);
    CHECK(content_of(on.d, b) == "b");
  }
  SECTION("between two names of one file nothing happens") {
    REQUIRE(on.d.link(a, on.root + "/a2"));
    CHECK(on.d.rename(a, on.root + "/a2"));
    CHECK(names_in(on.d, on.root) == "a a2 b dir/ ");
  }
}

TEMPLATE_TEST_CASE("disk: exchange", "[storage][disk]", real, memory) {
  TestType on;
  auto a = on.root + "/a", b = on.root + "/b", dir = on.root + "/dir";
  put(on.d, a, "a");
  put(on.d, b, "b");
  REQUIRE(on.d.make_dir(dir));
  put(on.d, dir + "/f", "x");

  SECTION("two files swap names") {
    REQUIRE(on.d.exchange(a, b));
    CHECK(content_of(on.d, a) == "b");
    CHECK(content_of(on.d, b) == "a");
  }
  SECTION("a file and a directory with content swap names") {
    REQUIRE(on.d.exchange(a, dir));
    CHECK(names_in(on.d, on.root) == "a/ b dir ");
    CHECK(content_of(on.d, a + "/f") == "x");
    CHECK(content_of(on.d, dir) == "a");
  }
  SECTION("the directories may differ") {
    REQUIRE(on.d.exchange(a, dir + "/f"));
    CHECK(content_of(on.d, a) == "x");
    CHECK(content_of(on.d, dir + "/f") == "a");
  }
  SECTION("both must be there, neither below the other") {
    CHECK(code(on.d.exchange(a, on.root + "/none")) == errc::not_found);
    CHECK(code(on.d.exchange(on.root + "/none", a)) == errc::not_found);
    CHECK(code(on.d.exchange(dir, dir + "/f")) == errc::io_error);
    CHECK(content_of(on.d, a) == "a");
  }
}

TEMPLATE_TEST_CASE("disk: link", "[storage][disk]", real, memory) {
  TestType on;
  auto a = on.root + "/a", b = on.root + "/b";
  put(on.d, a, "a");
  REQUIRE(on.d.link(a, b));

  SECTION("both names are the same file, until the last is removed") {
    CHECK(on.d.stat(a)->stamp.ino == on.d.stat(b)->stamp.ino);
    REQUIRE(on.d.remove_file(a));
    CHECK(content_of(on.d, b) == "a");
  }
  SECTION("a taken name and a directory are refused") {
    CHECK(code(on.d.link(a, b)) == errc::exists);
    CHECK(code(on.d.link(on.root, on.root + "/c")) == errc::is_a_directory);
    CHECK(code(on.d.link(on.root + "/none", on.root + "/c"))
          == errc::not_found);
  }
}

// -- attributes, stat, space --------------------------------------------------

TEMPLATE_TEST_CASE("disk: attributes", "[storage][disk]", real, memory) {
  TestType on;
  auto path = on.root + "/f";
  auto f = on.d.create(path);
  REQUIRE(f);
  REQUIRE((*f)->set_attr("user.one", as_bytes("1")));

  SECTION("file and path show the same") {
    CHECK(as_string(*(*f)->get_attr("user.one")) == "1");
    CHECK(as_string(*on.d.get_attr(path, "user.one")) == "1");
    REQUIRE(on.d.set_attr(path, "user.one", as_bytes("uno")));
    CHECK(as_string(*(*f)->get_attr("user.one")) == "uno");
  }
  SECTION("an empty value is not an absent one") {
    REQUIRE((*f)->set_attr("user.one", {}));
    CHECK((*f)->get_attr("user.one")->empty());
    CHECK(code((*f)->get_attr("user.two")) == errc::not_found);
    CHECK(code(on.d.get_attr(path, "user.two")) == errc::not_found);
    CHECK(code(on.d.get_attr(on.root + "/none", "user.one"))
          == errc::not_found);
    CHECK(code(on.d.set_attr(on.root + "/none", "user.one", as_bytes("1")))
          == errc::not_found);
  }
  SECTION("a directory has them, too") {
    REQUIRE(on.d.set_attr(on.root, "user.one", as_bytes("dir")));
    CHECK(as_string(*on.d.get_attr(on.root, "user.one")) == "dir");
  }
  SECTION("thousands of bytes fit") {
    auto value = std::string(3500, 'v');
    REQUIRE((*f)->set_attr("user.one", as_bytes(value)));
    CHECK(as_string(*on.d.get_attr(path, "user.one")) == value);
  }
  SECTION("a directory that was found shows the same") {
    auto dir = on.d.open_dir(on.root);
    REQUIRE(dir);
    REQUIRE((*f)->append(as_bytes("hello")));
    auto value = std::string(3500, 'v');
    REQUIRE((*f)->set_attr("user.long", as_bytes(value)));
    CHECK(as_string(*(*dir)->get_attr("f", "user.one")) == "1");
    CHECK(as_string(*(*dir)->get_attr("f", "user.long")) == value);
    auto st = (*dir)->stat("f");
    REQUIRE(st);
    CHECK(st->stamp == on.d.stat(path)->stamp);
    CHECK(st->kind == entry_kind::file);
    CHECK(code((*dir)->get_attr("f", "user.two")) == errc::not_found);
    CHECK(code((*dir)->get_attr("none", "user.one")) == errc::not_found);
    CHECK(code((*dir)->stat("none")) == errc::not_found);
  }
  SECTION("only the user's namespace is open to us") {
    CHECK_FALSE((*f)->set_attr("one", as_bytes("1")));
  }
}

TEMPLATE_TEST_CASE("disk: stat", "[storage][disk]", real, memory) {
  TestType on;
  auto path = on.root + "/f";
  put(on.d, path, "hello");
  auto st = on.d.stat(path);
  REQUIRE(st);

  SECTION("it tells kind, size and identity") {
    CHECK(st->kind == entry_kind::file);
    CHECK(st->stamp.size_bytes == 5);
    CHECK(st->allocated_bytes >= 5);
    CHECK((*on.d.open(path))->stat()->stamp == st->stamp);
    CHECK(on.d.stat(on.root)->kind == entry_kind::dir);
    CHECK(code(on.d.stat(on.root + "/none")) == errc::not_found);
  }
  SECTION("another file at the same path has another stamp") {
    put(on.d, on.root + "/g", "hello");
    REQUIRE(on.d.rename(on.root + "/g", path));
    CHECK(on.d.stat(path)->stamp != st->stamp);
  }
  SECTION("access time is set to the nanosecond, the others stay") {
    for (int64_t ns : {int64_t{1'700'000'000'123'456'789}, int64_t{-1}}) {
      REQUIRE(on.d.set_atime(path, ns));
      auto now = on.d.stat(path);
      CHECK(now->atime_ns == ns);
      CHECK(now->stamp.mtime_ns == st->stamp.mtime_ns);
    }
  }
  SECTION("reading does not set the access time") {
    REQUIRE(on.d.set_atime(path, 1'000'000'000));
    CHECK(content_of(on.d, path) == "hello");
    CHECK(on.d.stat(path)->atime_ns == 1'000'000'000);
  }
}

TEMPLATE_TEST_CASE("disk: space and identity", "[storage][disk]", real,
                   memory) {
  TestType on;
  auto space = on.d.space(on.root);
  REQUIRE(space);
  CHECK(space->avail_bytes > 0);
  CHECK(code(on.d.space(on.root + "/none")) == errc::not_found);

  auto id = on.d.identity(on.root);
  REQUIRE(id);
  CHECK_FALSE(id->device.empty());
  CHECK_FALSE(id->type.empty());
  int first = 0, second = 0, end = 0;
  CHECK(std::sscanf(id->id.c_str(), "%d,%d%n", &first, &second, &end) == 2);
  CHECK(end == static_cast<int>(id->id.size()));
  CHECK(code(on.d.identity(on.root + "/none")) == errc::not_found);

  REQUIRE(on.d.make_dir(on.root + "/dir"));
  put(on.d, on.root + "/dir/f", "x");
  CHECK(*on.d.identity(on.root + "/dir") == *id);
  CHECK(*on.d.identity(on.root + "/dir/f") == *id);
}

TEST_CASE("posix_disk: identity of another file system", "[storage][disk]") {
  auto proc = posix_disk().identity("/proc");
  REQUIRE(proc);
  CHECK(proc->type == "proc");
}

// -- helpers ------------------------------------------------------------------

TEMPLATE_TEST_CASE("disk: make_dirs", "[storage][disk]", real, memory) {
  TestType on;
  std::vector<std::string> created;
  auto a = on.root + "/a", b = a + "/b", c = b + "/c";
  REQUIRE(make_dirs(on.d, c, &created));
  CHECK(on.d.stat(c)->kind == entry_kind::dir);
  CHECK(created == std::vector{on.root, a, b});

  SECTION("what is there is fine and needs no sync") {
    created.clear();
    CHECK(make_dirs(on.d, c, &created));
    CHECK(make_dirs(on.d, "/", &created));
    CHECK(created.empty());
    CHECK(make_dirs(on.d, b + "/d", &created));
    CHECK(created == std::vector{b});
  }
  SECTION("a file in the way is an error") {
    put(on.d, a + "/f", "x");
    CHECK(code(make_dirs(on.d, a + "/f")) == errc::not_a_directory);
    CHECK(code(make_dirs(on.d, a + "/f/g/h")) == errc::not_a_directory);
  }
}

TEMPLATE_TEST_CASE("disk: remove_tree", "[storage][disk]", real, memory) {
  TestType on;
  auto top = on.root + "/a";
  REQUIRE(make_dirs(on.d, top + "/b/c"));
  put(on.d, top + "/f", "x");
  put(on.d, top + "/b/c/g", "x");
  put(on.d, on.root + "/other", "x");

  CHECK(remove_tree(on.d, top));
  CHECK(names_in(on.d, on.root) == "other ");
  CHECK(remove_tree(on.d, top));
  CHECK(remove_tree(on.d, on.root + "/other"));
  CHECK(names_in(on.d, on.root).empty());
}

TEMPLATE_TEST_CASE("disk: whole files", "[storage][disk]", real, memory) {
  TestType on;
  auto path = on.root + "/f";
  REQUIRE(write_file(on.d, path, as_bytes("first")));
  CHECK(content_of(on.d, path) == "first");

  SECTION("a write replaces and leaves nothing else") {
    REQUIRE(write_file(on.d, path, as_bytes("2nd")));
    CHECK(content_of(on.d, path) == "2nd");
    REQUIRE(write_file(on.d, path, {}));
    CHECK(content_of(on.d, path).empty());
    CHECK(names_in(on.d, on.root) == "f ");
  }
  SECTION("what a crash left behind is no obstacle") {
    put(on.d, path + ".tmp", "a longer half-written file");
    REQUIRE(write_file(on.d, path, as_bytes("2nd")));
    CHECK(content_of(on.d, path) == "2nd");
    CHECK(names_in(on.d, on.root) == "f ");
  }
  SECTION("a failure leaves the old file and nothing else") {
    auto dir = on.root + "/dir";
    REQUIRE(on.d.make_dir(dir));
    CHECK(code(write_file(on.d, dir, as_bytes("x"))) == errc::is_a_directory);
    CHECK(names_in(on.d, on.root) == "dir/ f ");
  }
  SECTION("the limit is the largest size read") {
    CHECK(read_file(on.d, path, 5));
    CHECK(code(read_file(on.d, path, 4)) == errc::too_large);
    CHECK(code(read_file(on.d, on.root, 4)) == errc::is_a_directory);
    CHECK(code(read_file(on.d, on.root + "/none", 4)) == errc::not_found);
  }
}
