// The inodes of a memory_disk: what programs see, what is durable, and the
// changes of directory entries in between. No locks, no faults: those are
// memory_disk's.
//
// Content only grows, so its durable part is a length. Changes of entries wait
// in one journal for sync_dir (or for the journal to overflow) and become
// durable in order, as in a journaling file system:
//  - of one directory, always a prefix of its changes is durable;
//  - a rename between two directories is one change of both, durable as a
//    whole, whichever is synced.
#pragma once

#include "storage/disk.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ais::storage {

// -- values -------------------------------------------------------------------

struct inode;
using inode_ptr = std::shared_ptr<inode>;
using attr_map = std::map<std::string, bytes, std::less<>>;
using entry_map = std::map<std::string, inode_ptr, std::less<>>;

struct inode {
  uint64_t ino = 0;
  entry_kind kind = entry_kind::file;
  uint32_t links = 0;   ///< names that programs see
  uint32_t handles = 0; ///< open files
  int64_t atime_ns = 0; ///< Unix time [ns], as the next two
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;

  bytes content;
  uint64_t reserved_bytes = 0; ///< by preallocate, counted from offset 0
  size_t durable_bytes = 0;    ///< the prefix of content that was synced
  bool sync_failed = false;    ///< no later sync helps, whatever it returns

  attr_map attrs;
  attr_map durable_attrs;
  entry_map entries; ///< of a directory
  entry_map durable_entries;

  uint64_t footprint_bytes() const {
    return std::max<uint64_t>(content.size(), reserved_bytes);
  }
};

/// Where a path leads: an entry of a directory, there or not.
struct place {
  std::vector<inode_ptr> above; ///< root to parent; empty for the root itself
  std::string name;
  inode_ptr target; ///< null if there is no such entry

  const inode_ptr& dir() const { return above.back(); }
  bool is_root() const { return above.empty(); }
  bool is_below(const inode_ptr& x) const;
  /// The directory whose file system holds the entry: each directory in the
  /// root counts as a mount.
  const inode_ptr& mount() const { return above[above.size() > 1 ? 1 : 0]; }
};

// -- the tree -----------------------------------------------------------------

/// Functions that can fail return the reason, or errc::none.
class memory_tree {
public:
  explicit memory_tree(uint64_t capacity_bytes);
  ~memory_tree();
  memory_tree(const memory_tree&) = delete;
  memory_tree& operator=(const memory_tree&) = delete;

  // -- time and space
  void set_time(int64_t now_ns) { now_ns_ = now_ns; }
  /// Returns the time, and moves it on.
  int64_t tick() { return now_ns_++; }
  uint64_t used_bytes() const { return used_bytes_; }
  uint64_t avail_bytes() const { return capacity_bytes_ - used_bytes_; }

  // -- looking up; on failure `out` is of no use
  /// Finds the place of `path`; its parent must be there.
  errc locate(std::string_view path, place& out) const;
  /// Like locate, and something must be there.
  errc find(std::string_view path, place& out) const;
  /// Like locate, and nothing must be there.
  errc find_free(std::string_view path, place& out) const;
  errc find_file(std::string_view path, place& out) const;
  errc find_dir(std::string_view path, place& out) const;

  // -- files
  void opened(inode& x) { ++x.handles; }
  void closed(inode& x);
  /// Returns how many bytes may be appended.
  uint64_t room_bytes(const inode& x) const;
  /// The caller saw to it that there is room.
  void append(inode& x, std::span<const std::byte> in);
  errc reserve(inode& x, uint64_t size_bytes);
  errc
  set_attr(inode& x, std::string_view name, std::span<const std::byte> value);

  // -- names
  /// Creates something at a free place.
  inode_ptr create(const place& at, entry_kind kind);
  void remove(const place& at);
  void link(const place& at, const inode_ptr& target);
  errc rename(const place& from, const place& to);
  errc exchange(const place& a, const place& b);

  // -- durability
  void sync_file(inode& x);
  /// Makes all changes of `dir` durable, and all that came before these in the
  /// directories these touch.
  void sync_dir(inode& dir);
  void sync_all();
  /// See memory_disk::crash.
  void crash(std::mt19937_64* rng);

private:
  /// Sets the name in the directory, or removes it if there is no target.
  struct edit {
    inode_ptr dir;
    std::string name;
    inode_ptr target;
  };
  /// One change of one or two directories.
  using change = std::vector<edit>;

  static std::vector<uint64_t> dirs_of(const change& x);
  static void make_durable(const change& x);
  inode_ptr make(entry_kind kind);
  void set_entry(const edit& e);
  void apply(change x);
  void release(const inode& x);
  void commit_some(std::mt19937_64& rng);
  void revert_all(std::mt19937_64* rng);

  uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  uint64_t last_ino_ = 0;
  int64_t now_ns_ = 0;
  std::deque<change> journal_; ///< directory changes not yet durable
  std::vector<std::weak_ptr<inode>> dirs_;
  inode_ptr root_;
};

} // namespace ais::storage
