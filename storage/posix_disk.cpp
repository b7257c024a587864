// The real file system, by system calls of Linux. Invariants: no descriptor is
// inherited by a child process, no symbolic link is followed as the last
// component of a path, no call is repeated after a failed fsync.
#include "storage/posix_disk.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <linux/magic.h>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string_view>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ais::storage {

namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t dir_mode = 0750;

/// First guess for the size of an attribute; ext4 holds no larger ones.
constexpr size_t attr_guess_bytes = 4096;

// -- errors -------------------------------------------------------------------

errc code_from(int err) {
  switch (err) {
    case ENOENT:
    case ENODATA: // no such attribute
      return errc::not_found;
    case EEXIST:
      return errc::exists;
    case ENOTDIR:
      return errc::not_a_directory;
    case EISDIR:
      return errc::is_a_directory;
    case ENOTEMPTY:
      return errc::not_empty;
    case ENOSPC:
    case EDQUOT:
      return errc::no_space;
    case EOPNOTSUPP:
      return errc::unsupported;
    case ENAMETOOLONG:
    case EILSEQ:
      return errc::invalid_name;
    default:
      return errc::io_error;
  }
}

error sys_error(const char* op, const std::string& path, int err = errno) {
  return fail(code_from(err), std::string{op} + ' ' + path + ": "
                                + std::generic_category().message(err));
}

/// Turns the result of a system call that returns 0 or -1 into ours.
expected<void> done(int rc, const char* op, const std::string& path) {
  if (rc != 0)
    return sys_error(op, path);
  return caf::unit;
}

expected<void> done(int rc, const char* op, const std::string& first,
                    const std::string& second) {
  if (rc != 0) {
    auto err = errno;
    return sys_error(op, first + ", " + second, err);
  }
  return caf::unit;
}

/// Calls `f` until a signal does not interrupt it.
template <class F>
auto retry_interrupted(F f) {
  auto res = f();
  while (res < 0 && errno == EINTR)
    res = f();
  return res;
}

// -- descriptors --------------------------------------------------------------

/// Owns a descriptor. Errors of close(2) are not reported: what must be on disk
/// was synced before.
class unique_fd {
public:
  explicit unique_fd(int fd = -1) noexcept : fd_{fd} {}
  unique_fd(unique_fd&& other) noexcept : fd_{other.release()} {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }

private:
  int fd_;
};

unique_fd open_fd(const std::string& path, int flags) {
  flags |= O_CLOEXEC | O_NOFOLLOW;
  return unique_fd{
    retry_interrupted([&] { return ::open(path.c_str(), flags, file_mode); })};
}

/// Opens for reading; without touching the access time if the file is ours.
unique_fd open_reading(const std::string& path, int flags) {
  auto fd = open_fd(path, O_RDONLY | O_NOATIME | flags);
  if (!fd && errno == EPERM)
    return open_fd(path, O_RDONLY | flags);
  return fd;
}

// -- stat and attributes ------------------------------------------------------

int64_t to_ns(const timespec& x) {
  return int64_t{x.tv_sec} * 1'000'000'000 + x.tv_nsec;
}

entry_kind kind_of(mode_t mode) {
  if (S_ISREG(mode))
    return entry_kind::file;
  return S_ISDIR(mode) ? entry_kind::dir : entry_kind::other;
}

file_stat to_file_stat(const struct stat& st) {
  file_stat res;
  res.kind = kind_of(st.st_mode);
  res.stamp.ino = st.st_ino;
  res.stamp.size_bytes = static_cast<uint64_t>(st.st_size);
  res.stamp.mtime_ns = to_ns(st.st_mtim);
  res.stamp.ctime_ns = to_ns(st.st_ctim);
  res.atime_ns = to_ns(st.st_atim);
  res.allocated_bytes = static_cast<uint64_t>(st.st_blocks) * 512;
  return res;
}

/// Reads an attribute through `get`, called like lgetxattr(2) without path and
/// name. One system call for attributes of the usual size.
template <class Get>
expected<bytes> read_attr(Get get, const char* name, const std::string& path) {
  std::array<std::byte, attr_guess_bytes> guess;
  if (auto n = get(guess.data(), guess.size()); n >= 0)
    return bytes(guess.begin(), guess.begin() + n);
  // It may grow between asking for the size and reading.
  while (errno == ERANGE) {
    auto size = get(nullptr, 0);
    if (size < 0)
      break;
    bytes value(static_cast<size_t>(size));
    if (auto n = get(value.data(), value.size()); n >= 0) {
      value.resize(static_cast<size_t>(n));
      return value;
    }
  }
  auto err = errno;
  return sys_error("getxattr", path + ' ' + name, err);
}

timespec to_timespec(int64_t ns) {
  constexpr int64_t second_ns = 1'000'000'000;
  // Floor division: the nanoseconds count forward, also before 1970.
  auto rest = (ns % second_ns + second_ns) % second_ns;
  timespec out = {};
  out.tv_sec = (ns - rest) / second_ns;
  out.tv_nsec = rest;
  return out;
}

// -- file ---------------------------------------------------------------------

class posix_file : public file {
public:
  posix_file(unique_fd fd, std::string path)
    : fd_{std::move(fd)}, path_{std::move(path)} {}

  expected<size_t> read_at(std::span<std::byte> out, uint64_t offset) override {
    size_t got = 0;
    while (got < out.size()) {
      auto n = retry_interrupted([&] {
        return ::pread(fd_.get(), out.data() + got, out.size() - got,
                       static_cast<off_t>(offset + got));
      });
      if (n < 0)
        return sys_error("read", path_);
      if (n == 0)
        break;
      got += static_cast<size_t>(n);
    }
    return got;
  }

  expected<void> append(std::span<const std::byte> in) override {
    while (!in.empty()) {
      auto n = write_some(in);
      if (!n)
        return n.error();
      in = in.subspan(*n);
    }
    return caf::unit;
  }

  void pass_cache() override {
    if (auto end = ::lseek(fd_.get(), 0, SEEK_CUR); end >= 0)
      position_ = static_cast<uint64_t>(end);
  }

  expected<void> preallocate(uint64_t size_bytes) override {
    if (size_bytes == 0) // fallocate refuses it
      return caf::unit;
    auto rc = retry_interrupted([&] {
      return ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0,
                         static_cast<off_t>(size_bytes));
    });
    if (rc != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
      return caf::unit;
    return done(rc, "fallocate", path_);
  }

  expected<bytes> get_attr(const char* name) override {
    auto get = [&](void* out, size_t size) {
      return ::fgetxattr(fd_.get(), name, out, size);
    };
    return read_attr(get, name, path_);
  }

  expected<void>
  set_attr(const char* name, std::span<const std::byte> value) override {
    return done(::fsetxattr(fd_.get(), name, value.data(), value.size(), 0),
                "setxattr", path_);
  }

  expected<void> set_times(int64_t atime_ns, int64_t mtime_ns) override {
    timespec times[2] = {to_timespec(atime_ns), to_timespec(mtime_ns)};
    return done(::futimens(fd_.get(), times), "futimens", path_);
  }

  // fsync and not fdatasync: ext4 keeps a small attribute in the inode, and a
  // changed inode is something fdatasync may leave out unless the data cannot
  // be found without it. It would save nothing either: our files grow between
  // two syncs, and a new length is in the inode, too.
  //
  // The kernel reports a lost write once and drops the pages: the next fsync
  // succeeds without the data being there. Hence a failure is remembered.
  expected<void> sync() override {
    if (sync_errno_ == 0
        && retry_interrupted([&] { return ::fsync(fd_.get()); }) != 0)
      sync_errno_ = errno;
    if (sync_errno_ != 0)
      return sys_error("fsync", path_, sync_errno_);
    return caf::unit;
  }

  void start_sync() override {
    ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }

  /// sync(), after the whole file system was: what that does not tell is which
  /// file's content was lost.
  expected<void> synced() {
    if (sync_errno_ == 0
        && ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0)
      sync_errno_ = errno;
    return sync_errno_ == 0 ? expected<void>{caf::unit} : sync();
  }

  expected<file_stat> stat() override {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0)
      return sys_error("stat", path_);
    return to_file_stat(st);
  }

  int native_handle() const noexcept override { return fd_.get(); }

private:
  /// How much of the front of `in` can go around the page cache [bytes].
  size_t straight_part(std::span<const std::byte> in) const {
    auto aligned
      = position_ && *position_ % disk_alignment == 0
        && reinterpret_cast<uintptr_t>(in.data()) % disk_alignment == 0;
    return aligned ? in.size() - in.size() % disk_alignment : 0;
  }

  /// Writes a piece of `in` from its front. @returns its size [bytes].
  expected<size_t> write_some(std::span<const std::byte> in) {
    auto straight = straight_part(in);
    if (straight > 0 && go_straight(true)) {
      auto n = retry_interrupted(
        [&] { return ::write(fd_.get(), in.data(), straight); });
      auto why = errno;
      go_straight(false); // who reads by this descriptor need not be aligned
      if (n >= 0 || why != EINVAL)
        return written(n, why);
    }
    if (straight > 0)
      position_.reset(); // this file system cannot
    auto n = retry_interrupted(
      [&] { return ::write(fd_.get(), in.data(), in.size()); });
    return written(n, errno);
  }

  expected<size_t> written(ssize_t n, int why) {
    if (n < 0)
      return sys_error("write", path_, why);
    if (position_)
      *position_ += static_cast<uint64_t>(n);
    return static_cast<size_t>(n);
  }

  bool go_straight(bool on) {
    auto flags = ::fcntl(fd_.get(), F_GETFL);
    return flags >= 0
           && ::fcntl(fd_.get(), F_SETFL,
                      on ? flags | O_DIRECT : flags & ~O_DIRECT)
                == 0;
  }

  unique_fd fd_;
  std::string path_;
  /// Where the next append goes, if content is to pass the cache.
  std::optional<uint64_t> position_;
  int sync_errno_ = 0;
};

/// Wraps the descriptor of a regular file, refuses everything else.
expected<file_ptr> regular_file(unique_fd fd, const std::string& path) {
  if (!fd)
    return sys_error("open", path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0)
    return sys_error("stat", path);
  switch (kind_of(st.st_mode)) {
    case entry_kind::file:
      return file_ptr{std::make_unique<posix_file>(std::move(fd), path)};
    case entry_kind::dir:
      return sys_error("open", path, EISDIR);
    default:
      return fail(errc::io_error, "open " + path + ": not a regular file");
  }
}

// -- directories --------------------------------------------------------------

struct dir_closer {
  void operator()(DIR* x) const noexcept { ::closedir(x); }
};

using dir_ptr = std::unique_ptr<DIR, dir_closer>;

/// Returns what `entry` is; not all file systems store that with the name.
expected<entry_kind>
kind_of(DIR* dir, const dirent& entry, const std::string& path) {
  if (entry.d_type != DT_UNKNOWN)
    return kind_of(static_cast<mode_t>(DTTOIF(entry.d_type)));
  struct stat st;
  if (::fstatat(::dirfd(dir), entry.d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return sys_error("stat", path + '/' + entry.d_name);
  return kind_of(st.st_mode);
}

/// Reads the open directory `dir` to its end.
expected<std::vector<dir_entry>> read_all(DIR* dir, const std::string& path) {
  std::vector<dir_entry> res;
  for (;;) {
    errno = 0;
    auto entry = ::readdir(dir);
    if (!entry) {
      if (errno != 0)
        return sys_error("readdir", path);
      return res;
    }
    std::string_view name{entry->d_name};
    if (name == "." || name == "..")
      continue;
    if (auto kind = kind_of(dir, *entry, path))
      res.push_back({std::string{name}, *kind});
    else if (code_of(kind.error()) != errc::not_found) // removed meanwhile
      return kind.error();
  }
}

// -- many at once -------------------------------------------------------------

/// Each fsync(2) flushes the disk's cache once, though the first of several
/// commits the journal for all. With so many at once one syncfs(2) is faster,
constexpr size_t many = 8;
/// unless it has to write out much that nobody here waits for [bytes].
constexpr uint64_t much = 64 << 20;

/// What no disk of this machine has yet, whoever wrote it.
uint64_t dirty_bytes() {
  std::ifstream in{"/proc/meminfo"};
  std::string name, unit;
  for (uint64_t n = 0; in >> name >> n; std::getline(in, unit))
    if (name == "Dirty:")
      return n << 10;
  return UINT64_MAX;
}

/// Whether syncfs(2) does for every file there what fsync(2) does: known of
/// these, not so of file systems whose server would have to be told.
bool syncs_whole(int fd) {
  struct statfs st;
  if (::fstatfs(fd, &st) != 0)
    return false;
  auto type = static_cast<uint64_t>(st.f_type);
  return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC
         || type == BTRFS_SUPER_MAGIC;
}

/// The syncs of one file system, which several threads share.
class shared_sync {
public:
  /// While this lives, `n` files or directories are being synced.
  class crowd {
  public:
    crowd(shared_sync& all, size_t n) : all_(all), n_(n) {
      is_many = all_.now_.fetch_add(n) + n >= many;
    }
    ~crowd() { all_.now_ -= n_; }
    crowd(const crowd&) = delete;

    bool is_many; ///< with those of other threads

  private:
    shared_sync& all_;
    size_t n_;
  };

  /// What was visible before is durable after, if true. Those who come while
  /// one runs share the next.
  bool operator()(int fd) {
    std::unique_lock guard{mutex_};
    auto mine = begun_ + 1; // one that begins from here on
    while (done_ < mine) {
      if (begun_ > done_) {
        changed_.wait(guard);
        continue;
      }
      auto now = ++begun_;
      guard.unlock();
      auto ok = retry_interrupted([&] { return ::syncfs(fd); }) == 0;
      guard.lock();
      done_ = now;
      if (!ok)
        failed_ = now;
      changed_.notify_all();
    }
    return failed_ < mine;
  }

private:
  std::atomic<size_t> now_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t begun_ = 0, done_ = 0;
  uint64_t failed_ = 0; ///< the last that did
};

// -- mounts -------------------------------------------------------------------

/// The mount a path lies on, as /proc/self/mountinfo numbers and describes it.
struct mount {
  std::string type;
  std::string device;
};

/// Finds a mount by its id, or by its device number ("<major>:<minor>") if the
/// id is 0. See proc_pid_mountinfo(5) for the fields.
expected<mount> find_mount(uint64_t id, const std::string& dev) {
  std::ifstream in{"/proc/self/mountinfo"};
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields{line};
    uint64_t mount_id = 0;
    std::string parent, number, field;
    if (!(fields >> mount_id >> parent >> number)
        || (id != 0 ? mount_id != id : number != dev))
      continue;
    // A varying number of fields lies between here and the dash.
    while (fields >> field && field != "-") {
    }
    mount res;
    if (fields >> res.type >> res.device)
      return res;
  }
  return fail(errc::io_error,
              "device " + dev
                + ": not in /proc/self/mountinfo; within a chroot its root must"
                  " be a mount point: mount --bind DIR DIR, before chroot DIR");
}

/// Finds the mount of `path`. The device number alone does not do where a file
/// system gives each subvolume its own (btrfs).
expected<mount> mount_of(const std::string& path) {
  struct statx st;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st)
      != 0)
    return sys_error("statx", path);
  auto id = (st.stx_mask & STATX_MNT_ID) != 0 ? st.stx_mnt_id : 0;
  return find_mount(id, std::to_string(st.stx_dev_major) + ':'
                          + std::to_string(st.stx_dev_minor));
}

// -- disk ---------------------------------------------------------------------

/// As the kernel knows it, from 6.13 on; glibc does not yet.
struct getxattrat_args {
  alignas(8) uint64_t value = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};
constexpr long getxattrat_number = 464;

class posix_directory : public directory {
public:
  posix_directory(unique_fd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

  expected<file_stat> stat(const std::string& name) override {
    struct stat st;
    if (::fstatat(fd_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
      return sys_error("stat", path_ + '/' + name);
    return to_file_stat(st);
  }

  expected<bytes> get_attr(const std::string& name, const char* attr) override {
    auto get = [&](void* out, size_t size) {
      getxattrat_args args;
      args.value = reinterpret_cast<uintptr_t>(out);
      args.size = static_cast<uint32_t>(size);
      auto n = ::syscall(getxattrat_number, fd_.get(), name.c_str(),
                         AT_SYMLINK_NOFOLLOW, attr, &args, sizeof(args));
      if (n < 0 && errno == ENOSYS)
        n = ::lgetxattr((path_ + '/' + name).c_str(), attr, out, size);
      return n;
    };
    return read_attr(get, attr, name);
  }

private:
  unique_fd fd_;
  std::string path_;
};

class posix : public disk {
public:
  // Non-blocking, as opening a FIFO waits for a writer otherwise; it makes no
  // difference to a regular file.
  expected<file_ptr> open(const std::string& path) override {
    return regular_file(open_reading(path, O_NONBLOCK), path);
  }

  expected<file_ptr> create(const std::string& path) override {
    auto fd = open_fd(path, O_RDWR | O_CREAT | O_EXCL);
    if (!fd)
      return sys_error("create", path);
    return file_ptr{std::make_unique<posix_file>(std::move(fd), path)};
  }

  expected<file_ptr> open_append(const std::string& path) override {
    return regular_file(open_fd(path, O_RDWR | O_APPEND | O_NONBLOCK), path);
  }

  expected<void> make_dir(const std::string& path) override {
    return done(::mkdir(path.c_str(), dir_mode), "mkdir", path);
  }

  expected<void> remove_file(const std::string& path) override {
    return done(::unlink(path.c_str()), "unlink", path);
  }

  expected<void> remove_dir(const std::string& path) override {
    auto rc = ::rmdir(path.c_str());
    if (rc != 0 && errno == EEXIST) // the other spelling POSIX allows
      errno = ENOTEMPTY;
    return done(rc, "rmdir", path);
  }

  expected<void>
  rename(const std::string& from, const std::string& to) override {
    auto rc = ::rename(from.c_str(), to.c_str());
    if (rc != 0 && errno == EEXIST) // XFS, for a directory with entries
      errno = ENOTEMPTY;
    return done(rc, "rename", from, to);
  }

  expected<void> exchange(const std::string& a, const std::string& b) override {
    return done(
      ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE),
      "exchange", a, b);
  }

  expected<void> link(const std::string& from, const std::string& to) override {
    auto rc = ::link(from.c_str(), to.c_str());
    if (rc != 0 && errno == EPERM) {
      auto st = stat(from);
      errno = st && st->kind == entry_kind::dir ? EISDIR : EPERM;
    }
    return done(rc, "link", from, to);
  }

  expected<std::vector<dir_entry>> list(const std::string& path) override {
    auto fd = open_reading(path, O_DIRECTORY);
    if (!fd)
      return sys_error("opendir", path);
    dir_ptr dir{::fdopendir(fd.get())};
    if (!dir)
      return sys_error("opendir", path);
    fd.release(); // closedir closes it
    return read_all(dir.get(), path);
  }

  expected<directory_ptr> open_dir(const std::string& path) override {
    auto fd = open_reading(path, O_DIRECTORY | O_PATH);
    if (!fd)
      return sys_error("opendir", path);
    return directory_ptr{
      std::make_unique<posix_directory>(std::move(fd), path)};
  }

  expected<file_stat> stat(const std::string& path) override {
    struct stat st;
    if (::lstat(path.c_str(), &st) != 0)
      return sys_error("stat", path);
    return to_file_stat(st);
  }

  expected<bytes> get_attr(const std::string& path, const char* name) override {
    auto get = [&](void* out, size_t size) {
      return ::lgetxattr(path.c_str(), name, out, size);
    };
    return read_attr(get, name, path);
  }

  expected<void> set_attr(const std::string& path, const char* name,
                          std::span<const std::byte> value) override {
    return done(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0),
                "setxattr", path);
  }

  expected<void> set_atime(const std::string& path, int64_t atime_ns) override {
    timespec times[2] = {to_timespec(atime_ns), {}};
    times[1].tv_nsec = UTIME_OMIT;
    return done(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW),
                "utimensat", path);
  }

  expected<void> sync_dir(const std::string& path) override {
    auto fd = open_fd(path, O_RDONLY | O_DIRECTORY);
    if (!fd)
      return sys_error("opendir", path);
    auto rc = retry_interrupted([&] { return ::fsync(fd.get()); });
    return done(rc, "fsync", path);
  }

  std::vector<expected<void>>
  sync_files(std::span<file* const> files) override {
    if (files.empty())
      return {};
    auto apart = sync_together(files.front()->native_handle(), files.size(),
                               [&] { return disk::sync_files(files); });
    if (apart)
      return std::move(*apart);
    std::vector<expected<void>> out;
    for (auto* f : files)
      out.push_back(static_cast<posix_file*>(f)->synced());
    return out;
  }

  std::vector<expected<void>>
  sync_dirs(std::span<const std::string> paths) override {
    std::vector<expected<void>> out;
    unique_fd any;
    for (auto& path : paths) {
      auto fd = open_fd(path, O_RDONLY | O_DIRECTORY);
      if (!fd)
        out.push_back(sys_error("opendir", path));
      else
        out.emplace_back(caf::unit);
      if (fd)
        any = std::move(fd);
    }
    if (!any)
      return out;
    auto apart = sync_together(any.get(), paths.size(),
                               [&] { return disk::sync_dirs(paths); });
    return apart ? std::move(*apart) : out;
  }

  expected<void> sync_all(const std::string& path) override {
    auto fd = open_fd(path, O_RDONLY | O_DIRECTORY);
    if (!fd)
      return sys_error("opendir", path);
    auto rc = retry_interrupted([&] { return ::syncfs(fd.get()); });
    return done(rc, "syncfs", path);
  }

  expected<fs_space> space(const std::string& path) override {
    struct statvfs st;
    if (::statvfs(path.c_str(), &st) != 0)
      return sys_error("statvfs", path);
    // Blocks kept for root are neither used nor available to us.
    return fs_space{(st.f_blocks - st.f_bfree) * st.f_frsize,
                    st.f_bavail * st.f_frsize};
  }

  expected<fs_identity> identity(const std::string& path) override {
    struct statfs st;
    if (::statfs(path.c_str(), &st) != 0)
      return sys_error("statfs", path);
    auto where = mount_of(path);
    if (!where)
      return where.error();
    return fs_identity{std::move(where->device), std::move(where->type),
                       std::to_string(st.f_fsid.__val[0]) + ','
                         + std::to_string(st.f_fsid.__val[1])};
  }

private:
  /// Makes the file system of `fd` durable, if so many are to be synced there
  /// that it pays; else calls `apart`. @returns what that returned.
  template <class F>
  std::optional<std::vector<expected<void>>>
  sync_together(int fd, size_t n, F apart) {
    auto& all = syncs_of(fd);
    shared_sync::crowd crowd{all, n};
    if (crowd.is_many && dirty_bytes() <= much && syncs_whole(fd) && all(fd))
      return std::nullopt;
    return apart();
  }

  shared_sync& syncs_of(int fd) {
    struct stat st;
    auto known = ::fstat(fd, &st) == 0;
    std::lock_guard guard{mutex_};
    return syncs_[known ? st.st_dev : 0];
  }

  std::mutex mutex_;
  std::map<dev_t, shared_sync> syncs_;
};

} // namespace

disk& posix_disk() {
  static posix instance;
  return instance;
}

} // namespace ais::storage
