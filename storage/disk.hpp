// The file system as this project uses it: the only way to a file. Two
// implementations: posix_disk (the real one) and memory_disk (with faults, for
// tests and simulation). All calls block; whoever calls them may block.
//
// Paths are absolute, '/'-separated, without "." or "..". Errors are errc
// values: not_found, exists, not_a_directory, is_a_directory, not_empty,
// no_space, unsupported (by this file system), invalid_name (a name it refuses)
// and io_error for the rest, with operation, path and errno text as context.
#pragma once

#include "storage/base/errc.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace ais::storage {

using bytes = std::vector<std::byte>;

enum class entry_kind : uint8_t { file, dir, other };

struct dir_entry {
  std::string name; ///< last component
  entry_kind kind = entry_kind::file;
};

/// What tells whether a file is still the one that was looked at before.
struct file_stamp {
  uint64_t ino = 0;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  bool operator==(const file_stamp&) const = default;
};

struct file_stat {
  entry_kind kind = entry_kind::file;
  file_stamp stamp;
  int64_t atime_ns = 0;         ///< Unix time [ns]
  uint64_t allocated_bytes = 0; ///< space on disk
};

struct fs_space {
  uint64_t used_bytes = 0;
  uint64_t avail_bytes = 0;
};

struct fs_identity {
  std::string device; ///< e.g. /dev/vda
  std::string type;   ///< e.g. ext4
  std::string id;     ///< "<int32>,<int32>", as statfs reports it
  bool operator==(const fs_identity&) const = default;
};

/// [bytes] at which memory and files meet without a copy.
inline constexpr size_t disk_alignment = 4096;

struct disk_memory_delete {
  void operator()(std::byte* p) const {
    ::operator delete[](p, std::align_val_t{disk_alignment});
  }
};
/// Memory from which a disk can take content without a copy.
using disk_memory = std::unique_ptr<std::byte[], disk_memory_delete>;

inline disk_memory make_disk_memory(size_t size_bytes) {
  return disk_memory{new (std::align_val_t{disk_alignment})
                       std::byte[size_bytes]};
}

/// An open file; closed by its destructor. Reads may run on several threads at
/// once, everything else on one at a time.
class file {
public:
  virtual ~file() = default;

  /// Reads up to out.size() bytes; fewer only at the end of the file.
  virtual expected<size_t> read_at(std::span<std::byte> out, uint64_t offset)
    = 0;

  /// Writes all of `in` behind what was written so far.
  virtual expected<void> append(std::span<const std::byte> in) = 0;

  /// A hint: what is appended from here on is large and not read soon, so it
  /// need not stay in memory. Whole pieces of disk_memory go straight to the
  /// disk then; the rest, and all of it where that is not supported, as ever.
  virtual void pass_cache() {}

  /// Reserves space for `size` bytes without changing the file's length.
  /// A hint: failure for lack of support is success.
  virtual expected<void> preallocate(uint64_t size_bytes) = 0;

  /// errc::not_found when the attribute is not there.
  virtual expected<bytes> get_attr(const char* name) = 0;
  virtual expected<void>
  set_attr(const char* name, std::span<const std::byte> value) = 0;

  /// Sets access and modification time, Unix time [ns].
  virtual expected<void> set_times(int64_t atime_ns, int64_t mtime_ns) = 0;

  /// After success, content, length and attributes survive loss of power. After
  /// a failure the file must not be trusted, whatever a retry says.
  virtual expected<void> sync() = 0;

  /// A hint that sync() follows soon: starts to write content out, without
  /// waiting, so that the syncs of several files overlap.
  virtual void start_sync() {}

  virtual expected<file_stat> stat() = 0;

  /// The descriptor for sendfile(2), or -1 where there is none.
  virtual int native_handle() const noexcept { return -1; }
};

using file_ptr = std::unique_ptr<file>;

/// A directory that was found: what is in it need not be looked for from the
/// root again. It is the same one after it was renamed or removed.
class directory {
public:
  virtual ~directory() = default;
  virtual expected<file_stat> stat(const std::string& name) = 0;
  virtual expected<bytes> get_attr(const std::string& name, const char* attr)
    = 0;
};

using directory_ptr = std::unique_ptr<directory>;

class disk {
public:
  virtual ~disk() = default;

  /// Opens for reading. A directory is errc::is_a_directory.
  virtual expected<file_ptr> open(const std::string& path) = 0;
  /// Creates a new file for appending; errc::exists if the name is taken.
  virtual expected<file_ptr> create(const std::string& path) = 0;
  /// Opens an existing file for reading and appending at its end.
  virtual expected<file_ptr> open_append(const std::string& path) = 0;

  virtual expected<void> make_dir(const std::string& path) = 0;
  virtual expected<void> remove_file(const std::string& path) = 0;
  virtual expected<void> remove_dir(const std::string& path) = 0;
  /// Atomic; replaces a file at `to`.
  virtual expected<void> rename(const std::string& from, const std::string& to)
    = 0;
  /// Atomically swaps two existing names, whatever they are.
  virtual expected<void> exchange(const std::string& a, const std::string& b)
    = 0;
  /// A second name for the file `from`.
  virtual expected<void> link(const std::string& from, const std::string& to)
    = 0;

  /// All entries but "." and "..", in no order.
  virtual expected<std::vector<dir_entry>> list(const std::string& path) = 0;
  /// Unless a disk knows better: one that looks from the root each time.
  virtual expected<directory_ptr> open_dir(const std::string& path);
  virtual expected<file_stat> stat(const std::string& path) = 0;
  virtual expected<bytes> get_attr(const std::string& path, const char* name)
    = 0;
  virtual expected<void> set_attr(const std::string& path, const char* name,
                                  std::span<const std::byte> value)
    = 0;
  virtual expected<void> set_atime(const std::string& path, int64_t atime_ns)
    = 0;
  /// After success the names in the directory (and the directory's own
  /// attributes) survive loss of power; its own name in its parent need not.
  virtual expected<void> sync_dir(const std::string& path) = 0;

  /// What sync() would do for each of several files, or sync_dir(), together:
  /// a disk may know how to do that faster than one after the other.
  virtual std::vector<expected<void>> sync_files(std::span<file* const> files);
  virtual std::vector<expected<void>>
  sync_dirs(std::span<const std::string> paths);

  /// After success everything that is visible on the file system of `path`
  /// survives loss of power.
  virtual expected<void> sync_all(const std::string& path) = 0;

  virtual expected<fs_space> space(const std::string& path) = 0;
  virtual expected<fs_identity> identity(const std::string& path) = 0;
};

// -- helpers on top
// -------------------------------------------------------------

/// Creates `path` and its missing parents. Appends to `created`, if given, the
/// parents whose entry is new, outermost first: those to sync.
expected<void> make_dirs(disk& d, const std::string& path,
                         std::vector<std::string>* created = nullptr);

/// The same, and the new entries are durable on return.
expected<void> make_dirs_durable(disk& d, const std::string& path);

/// Removes `path` with everything below; absent is success. Does not follow
/// links out.
expected<void> remove_tree(disk& d, const std::string& path);

/// Whether there is something at `path`. An error is not a no: what cannot be
/// read must not be taken for absent.
expected<bool> exists(disk& d, const std::string& path);

/// Reads a whole file of at most `limit` bytes (errc::too_large beyond).
expected<bytes> read_file(disk& d, const std::string& path, size_t limit);

/// Replaces `path` by `content`, atomically and durably: temporary file, sync,
/// rename, sync of the directory. One writer per path at a time; a temporary
/// file ("<path>.tmp") that a crash left behind is replaced.
expected<void> write_file(disk& d, const std::string& path,
                          std::span<const std::byte> content);

} // namespace ais::storage
