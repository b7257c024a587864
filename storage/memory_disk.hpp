// A file system in memory with faults, for tests and simulation. It keeps two
// states: what running programs see, and what would be there after loss of
// power, which follows only when synced:
//   file::sync     content, length and attributes of that file
//   disk::sync_dir the names in that directory and its attributes
// `crash()` replaces the first by the second, as a power failure does, and
// invalidates all open files.
//
// Each directory right below the root counts as a file system of its own: it
// has an identity, and no name moves to another one (io_error, as EXDEV on a
// real disk). The capacity is common to all.
//
// Concurrency: all members may be called on several threads at once, except
// that `fault` and `short_writes` are set while nobody else uses the disk. An
// open file may outlive the disk.
#pragma once

#include "storage/disk.hpp"

#include <functional>
#include <optional>
#include <random>

namespace ais::storage {

/// Operations a fault can hit. `rename` stands for exchange and link, too, and
/// their path is the second; `write` for preallocate; `attr` for all that reads
/// or sets something about a file or file system: attributes, times, stat,
/// space and identity.
enum class disk_op : uint8_t {
  open,
  create,
  read,
  write,
  sync,
  sync_dir,
  rename,
  remove,
  list,
  attr,
  mkdir
};

class memory_disk : public disk {
public:
  /// `capacity_bytes` bounds the content of all files: beyond is no_space.
  explicit memory_disk(uint64_t capacity_bytes = uint64_t{1} << 40);
  ~memory_disk() override;

  // -- faults

  /// Asked before every operation; a returned error makes it fail without
  /// effect (a write may have written a part: see `short_writes`). Empty: none.
  std::function<std::optional<errc>(disk_op, const std::string& path)> fault;

  /// A failing write leaves a prefix of its bytes behind.
  bool short_writes = false;

  /// Flips one bit of a file's content. errc::not_found.
  expected<void>
  flip_bit(const std::string& path, uint64_t byte_offset, unsigned bit);

  /// Loss of power: unsynced content, names and attributes are gone; content of
  /// a file that was never synced but whose name was is empty. With `rng`, some
  /// of it survives, as on a real disk: of each directory's changes the first
  /// few, of each file a part of the new content, and old or new attributes.
  void crash(std::mt19937_64* rng = nullptr);

  /// Sets what stat reports for times. Advances by 1 ns per change otherwise.
  void set_time(int64_t now_ns);

  // disk's members: see there
  expected<file_ptr> open(const std::string& path) override;
  expected<file_ptr> create(const std::string& path) override;
  expected<file_ptr> open_append(const std::string& path) override;
  expected<void> make_dir(const std::string& path) override;
  expected<void> remove_file(const std::string& path) override;
  expected<void> remove_dir(const std::string& path) override;
  expected<void>
  rename(const std::string& from, const std::string& to) override;
  expected<void> exchange(const std::string& a, const std::string& b) override;
  expected<void> link(const std::string& from, const std::string& to) override;
  expected<std::vector<dir_entry>> list(const std::string& path) override;
  expected<file_stat> stat(const std::string& path) override;
  expected<bytes> get_attr(const std::string& path, const char* name) override;
  expected<void> set_attr(const std::string& path, const char* name,
                          std::span<const std::byte> value) override;
  expected<void> set_atime(const std::string& path, int64_t atime_ns) override;
  expected<void> sync_dir(const std::string& path) override;
  expected<void> sync_all(const std::string& path) override;
  expected<fs_space> space(const std::string& path) override;
  expected<fs_identity> identity(const std::string& path) override;

private:
  struct impl;
  class handle;
  std::shared_ptr<impl> impl_; ///< open files hold it, too
};

} // namespace ais::storage
