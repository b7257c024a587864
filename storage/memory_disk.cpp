#include "storage/memory_disk.hpp"

#include "storage/memory_tree.hpp"

#include <algorithm>
#include <array>
#include <mutex>

namespace ais::storage {

namespace {

constexpr uint64_t block_bytes = 4096;

constexpr std::array op_names{"open", "create",   "read",   "write",
                              "sync", "sync_dir", "rename", "remove",
                              "list", "attr",     "mkdir"};

errc get_attr_of(const inode& x, std::string_view name, bytes& out) {
  auto it = x.attrs.find(name);
  if (it == x.attrs.end())
    return errc::not_found;
  out = it->second;
  return errc::none;
}

file_stat stat_of(const inode& x) {
  file_stat res;
  res.kind = x.kind;
  res.stamp = {x.ino, x.content.size(), x.mtime_ns, x.ctime_ns};
  res.atime_ns = x.atime_ns;
  res.allocated_bytes
    = (x.footprint_bytes() + block_bytes - 1) / block_bytes * block_bytes;
  return res;
}

} // namespace

/// What the disk and its open files share.
struct memory_disk::impl {
  memory_disk* owner; ///< null once it is gone
  std::mutex mutex;   ///< guards what follows
  memory_tree tree;
  uint64_t generation = 0; ///< crashes; a file of an earlier one is dead

  impl(memory_disk* disk, uint64_t capacity_bytes)
    : owner{disk}, tree{capacity_bytes} {}

  // Without the mutex: the function may look at the disk, or crash it.
  std::optional<errc> injected(disk_op op, const std::string& path) const {
    return owner && owner->fault ? owner->fault(op, path) : std::nullopt;
  }

  static error failure(disk_op op, const std::string& path, errc code) {
    return fail(code, std::string{op_names[static_cast<size_t>(op)]} + ' '
                        + path + ": " + to_string(code));
  }

  /// Runs `f`, which returns an errc, under the mutex, unless a fault comes
  /// first.
  template <class F>
  expected<void> run(disk_op op, const std::string& path, F f) {
    if (auto code = injected(op, path))
      return failure(op, path, *code);
    std::lock_guard guard{mutex};
    if (auto code = f(); code != errc::none)
      return failure(op, path, code);
    return caf::unit;
  }

  /// Runs `f`, which sets `out` and returns an errc.
  template <class T, class F>
  expected<T> run(disk_op op, const std::string& path, T out, F f) {
    auto res = run(op, path, [&] { return f(out); });
    if (!res)
      return res.error();
    return out;
  }
};

// -- file ---------------------------------------------------------------------

class memory_disk::handle : public file {
public:
  /// The mutex must be held.
  handle(std::shared_ptr<impl> disk, inode_ptr x, std::string path)
    : disk_{std::move(disk)}, inode_{std::move(x)}, path_{std::move(path)},
      generation_{disk_->generation} {
    disk_->tree.opened(*inode_);
  }

  ~handle() override {
    std::lock_guard guard{disk_->mutex};
    if (alive())
      disk_->tree.closed(*inode_);
  }

  expected<size_t> read_at(std::span<std::byte> out, uint64_t offset) override {
    return run(disk_op::read, size_t{0}, [&](size_t& n) {
      auto rest = std::span{inode_->content};
      rest = rest.subspan(std::min<uint64_t>(offset, rest.size()));
      n = std::min(out.size(), rest.size());
      std::copy_n(rest.begin(), n, out.begin());
      return errc::none;
    });
  }

  expected<void> append(std::span<const std::byte> in) override {
    auto code = disk_->injected(disk_op::write, path_).value_or(errc::none);
    std::lock_guard guard{disk_->mutex};
    if (!alive())
      return impl::failure(disk_op::write, path_, errc::io_error);
    auto n = code == errc::none ? in.size() : in.size() / 2;
    if (auto room_bytes = disk_->tree.room_bytes(*inode_); n > room_bytes) {
      n = room_bytes;
      code = errc::no_space;
    }
    if (code == errc::none || (disk_->owner && disk_->owner->short_writes))
      disk_->tree.append(*inode_, in.first(n));
    if (code != errc::none)
      return impl::failure(disk_op::write, path_, code);
    return caf::unit;
  }

  expected<void> preallocate(uint64_t size_bytes) override {
    return run(disk_op::write,
               [&] { return disk_->tree.reserve(*inode_, size_bytes); });
  }

  expected<bytes> get_attr(const char* name) override {
    return run(disk_op::attr, bytes{},
               [&](bytes& value) { return get_attr_of(*inode_, name, value); });
  }

  expected<void>
  set_attr(const char* name, std::span<const std::byte> value) override {
    return run(disk_op::attr,
               [&] { return disk_->tree.set_attr(*inode_, name, value); });
  }

  expected<void> set_times(int64_t atime_ns, int64_t mtime_ns) override {
    return run(disk_op::attr, [&] {
      inode_->atime_ns = atime_ns;
      inode_->mtime_ns = mtime_ns;
      inode_->ctime_ns = disk_->tree.tick();
      return errc::none;
    });
  }

  // As Linux: after a failure the kernel forgets what it could not write, and
  // the next fsync through another handle finds nothing to do.
  expected<void> sync() override {
    auto code = disk_->injected(disk_op::sync, path_);
    std::lock_guard guard{disk_->mutex};
    if (!alive() || (!code && sync_failed_))
      code = errc::io_error;
    else if (code)
      sync_failed_ = inode_->sync_failed = true;
    if (code)
      return impl::failure(disk_op::sync, path_, *code);
    disk_->tree.sync_file(*inode_);
    return caf::unit;
  }

  expected<file_stat> stat() override {
    return run(disk_op::attr, file_stat{}, [&](file_stat& st) {
      st = stat_of(*inode_);
      return errc::none;
    });
  }

private:
  /// Returns whether no crash came in between; the mutex must be held.
  bool alive() const { return generation_ == disk_->generation; }

  template <class F>
  expected<void> run(disk_op op, F f) {
    return disk_->run(op, path_,
                      [&] { return alive() ? f() : errc::io_error; });
  }

  template <class T, class F>
  expected<T> run(disk_op op, T out, F f) {
    return disk_->run(op, path_, std::move(out),
                      [&](T& x) { return alive() ? f(x) : errc::io_error; });
  }

  std::shared_ptr<impl> disk_;
  inode_ptr inode_;
  std::string path_;
  uint64_t generation_;
  bool sync_failed_ = false;
};

// -- faults -------------------------------------------------------------------

memory_disk::memory_disk(uint64_t capacity_bytes)
  : impl_{std::make_shared<impl>(this, capacity_bytes)} {}

memory_disk::~memory_disk() {
  std::lock_guard guard{impl_->mutex};
  impl_->owner = nullptr;
}

expected<void> memory_disk::flip_bit(const std::string& path,
                                     uint64_t byte_offset, unsigned bit) {
  std::lock_guard guard{impl_->mutex};
  place at;
  auto code = impl_->tree.find_file(path, at);
  if (code == errc::none && byte_offset >= at.target->content.size())
    code = errc::not_found;
  if (code != errc::none)
    return fail(code, "flip_bit " + path);
  at.target->content[byte_offset] ^= std::byte{1} << (bit % 8);
  return caf::unit;
}

void memory_disk::crash(std::mt19937_64* rng) {
  std::lock_guard guard{impl_->mutex};
  ++impl_->generation;
  impl_->tree.crash(rng);
}

void memory_disk::set_time(int64_t now_ns) {
  std::lock_guard guard{impl_->mutex};
  impl_->tree.set_time(now_ns);
}

// -- files --------------------------------------------------------------------

expected<file_ptr> memory_disk::open(const std::string& path) {
  return impl_->run(disk_op::open, path, file_ptr{}, [&](file_ptr& f) {
    place at;
    auto code = impl_->tree.find_file(path, at);
    if (code == errc::none)
      f = std::make_unique<handle>(impl_, at.target, path);
    return code;
  });
}

expected<file_ptr> memory_disk::open_append(const std::string& path) {
  return open(path);
}

expected<file_ptr> memory_disk::create(const std::string& path) {
  return impl_->run(disk_op::create, path, file_ptr{}, [&](file_ptr& f) {
    place at;
    auto code = impl_->tree.find_free(path, at);
    if (code == errc::none)
      f = std::make_unique<handle>(
        impl_, impl_->tree.create(at, entry_kind::file), path);
    return code;
  });
}

expected<file_stat> memory_disk::stat(const std::string& path) {
  return impl_->run(disk_op::attr, path, file_stat{}, [&](file_stat& st) {
    place at;
    auto code = impl_->tree.find(path, at);
    if (code == errc::none)
      st = stat_of(*at.target);
    return code;
  });
}

expected<bytes>
memory_disk::get_attr(const std::string& path, const char* name) {
  return impl_->run(disk_op::attr, path, bytes{}, [&](bytes& value) {
    place at;
    auto code = impl_->tree.find(path, at);
    return code == errc::none ? get_attr_of(*at.target, name, value) : code;
  });
}

expected<void> memory_disk::set_attr(const std::string& path, const char* name,
                                     std::span<const std::byte> value) {
  return impl_->run(disk_op::attr, path, [&] {
    place at;
    auto code = impl_->tree.find(path, at);
    return code == errc::none ? impl_->tree.set_attr(*at.target, name, value)
                              : code;
  });
}

expected<void>
memory_disk::set_atime(const std::string& path, int64_t atime_ns) {
  return impl_->run(disk_op::attr, path, [&] {
    place at;
    auto code = impl_->tree.find(path, at);
    if (code == errc::none) {
      at.target->atime_ns = atime_ns;
      at.target->ctime_ns = impl_->tree.tick();
    }
    return code;
  });
}

// -- names --------------------------------------------------------------------

expected<void> memory_disk::make_dir(const std::string& path) {
  return impl_->run(disk_op::mkdir, path, [&] {
    place at;
    auto code = impl_->tree.find_free(path, at);
    if (code == errc::none)
      impl_->tree.create(at, entry_kind::dir);
    return code;
  });
}

expected<void> memory_disk::remove_file(const std::string& path) {
  return impl_->run(disk_op::remove, path, [&] {
    place at;
    auto code = impl_->tree.find_file(path, at);
    if (code == errc::none)
      impl_->tree.remove(at);
    return code;
  });
}

expected<void> memory_disk::remove_dir(const std::string& path) {
  return impl_->run(disk_op::remove, path, [&] {
    place at;
    if (auto code = impl_->tree.find_dir(path, at); code != errc::none)
      return code;
    if (at.is_root())
      return errc::io_error;
    if (!at.target->entries.empty())
      return errc::not_empty;
    impl_->tree.remove(at);
    return errc::none;
  });
}

expected<void>
memory_disk::rename(const std::string& from, const std::string& to) {
  return impl_->run(disk_op::rename, to, [&] {
    place at_from, at_to;
    auto code = impl_->tree.find(from, at_from);
    if (code == errc::none)
      code = impl_->tree.locate(to, at_to);
    return code == errc::none ? impl_->tree.rename(at_from, at_to) : code;
  });
}

expected<void>
memory_disk::exchange(const std::string& a, const std::string& b) {
  return impl_->run(disk_op::rename, b, [&] {
    place at_a, at_b;
    auto code = impl_->tree.find(a, at_a);
    if (code == errc::none)
      code = impl_->tree.find(b, at_b);
    return code == errc::none ? impl_->tree.exchange(at_a, at_b) : code;
  });
}

expected<void>
memory_disk::link(const std::string& from, const std::string& to) {
  return impl_->run(disk_op::rename, to, [&] {
    place at_from, at_to;
    auto code = impl_->tree.find(from, at_from);
    if (code == errc::none)
      code = impl_->tree.find_free(to, at_to);
    if (code != errc::none)
      return code;
    if (at_from.target->kind == entry_kind::dir)
      return errc::is_a_directory;
    if (at_from.mount() != at_to.mount())
      return errc::io_error;
    impl_->tree.link(at_to, at_from.target);
    return errc::none;
  });
}

// -- directories and the whole ------------------------------------------------

expected<std::vector<dir_entry>> memory_disk::list(const std::string& path) {
  using entries = std::vector<dir_entry>;
  return impl_->run(disk_op::list, path, entries{}, [&](entries& out) {
    place at;
    if (auto code = impl_->tree.find_dir(path, at); code != errc::none)
      return code;
    for (auto& [name, x] : at.target->entries)
      out.push_back({name, x->kind});
    return errc::none;
  });
}

expected<void> memory_disk::sync_dir(const std::string& path) {
  return impl_->run(disk_op::sync_dir, path, [&] {
    place at;
    auto code = impl_->tree.find_dir(path, at);
    if (code == errc::none)
      impl_->tree.sync_dir(*at.target);
    return code;
  });
}

expected<void> memory_disk::sync_all(const std::string& path) {
  return impl_->run(disk_op::sync_dir, path, [&] {
    impl_->tree.sync_all();
    return errc::none;
  });
}

expected<fs_space> memory_disk::space(const std::string& path) {
  return impl_->run(disk_op::attr, path, fs_space{}, [&](fs_space& out) {
    place at;
    out = {impl_->tree.used_bytes(), impl_->tree.avail_bytes()};
    return impl_->tree.find(path, at);
  });
}

expected<fs_identity> memory_disk::identity(const std::string& path) {
  return impl_->run(disk_op::attr, path, fs_identity{}, [&](fs_identity& out) {
    place at;
    if (auto code = impl_->tree.find(path, at); code != errc::none)
      return code;
    // A mount point belongs to what is mounted there.
    auto& mount = at.above.size() > 1 ? at.mount() : at.target;
    auto number = std::to_string(mount->ino);
    out = {"/dev/mem" + number, "memory", number + ",0"};
    return errc::none;
  });
}

} // namespace ais::storage
