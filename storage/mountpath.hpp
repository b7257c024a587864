// Mountpath: one directory (usually one disk) that keeps objects.
//
// Layout, readable with ls, cp, getfattr and jq when no node runs:
//   <root>/.ais.vmd                       who owns this directory: node id,
//                                         file system identity (JSON);
//                                         xattr user.ais.vmd of <root> = node
//   <root>/@ais[/@uuid#ns]/<bucket>/      xattr user.ais.bid = incarnation
//       %ob/<object name>                 content; user.ais.lom = attributes
//       %ob/<name>/.%self                 object `name` beside objects under
//                                         `name/`
//       %ob/.%<sha256 of the name>        names the file system cannot hold;
//                                         the name is in the attributes, or,
//                                         beyond max_attr_name, in the file
//                                         .%<sha256>.n beside it
//       %cp/...                           the same for copies of objects
//                                         whose place is another mountpath
//       %wk/<nonce>.<n>                   work files: writes not yet visible
//   <root>/.$deleted/<n>                  trash, removed in the background
//
// Invariants:
// - A name under %ob appears only by rename of a complete, sealed work file, so
//   readers see the old object or the new one, never a mix.
// - Under durability `sync` a commit returns success only when content,
//   attributes and every directory entry on the way survive loss of power.
// - A file without valid attributes, of another incarnation, or with a length
//   that differs from its attributes does not exist.
// - What load and open_object tell survives loss of power, in a bucket of
//   durability `sync`: also after a change that failed half-way, whose result
//   is then made durable before anybody hears of it, or not told.
//
// Concurrency: all members may be called from several threads; operations on
// one object must not overlap (the shard actors see to that). A shared mutex
// orders the rare conversion of an object's place (`name` to `name/.%self`)
// against commits and removals.
#pragma once

#include "storage/lom.hpp"
#include "storage/space.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

namespace ais::storage {

inline constexpr const char* bid_attr = "user.ais.bid"; ///< of bucket dirs
inline constexpr size_t max_plain_name = 3072; ///< longer: stored by hash

/// Of a mountpath's own path: with bucket and name it must stay below the 4096
/// bytes that the kernel takes [bytes].
inline constexpr size_t max_root = 768;

inline constexpr size_t max_attr_name = 3000; ///< longer: in a file [bytes]

/// When a write is acknowledged: after it is on disk, or after it is visible.
enum class durability : uint8_t { sync, none };
std::string_view to_string(durability x);
expected<durability> parse_durability(std::string_view x);

/// Which of a bucket's files: its objects, or the copies that mirroring keeps
/// of objects whose place is another mountpath. One name may be in both.
enum class part : uint8_t { objects, copies };

/// A bucket at one incarnation.
struct bucket_ref {
  ais::bck bck;
  uint64_t bid = 0;
  ais::storage::part part = ais::storage::part::objects;
};

/// The copies of the same bucket.
bucket_ref copies_of(const bucket_ref& b);

/// The bid that the attributes of an object have: the bucket's, or, of a former
/// version, that of the bucket it was written to, which its name tells.
uint64_t bid_of(const bucket_ref& b, std::string_view name);

/// An open, immutable version of an object: its bytes stay readable after the
/// object is replaced or removed. May be shared between threads.
struct object_reader {
  lom attrs;
  file_ptr content;
  file_stamp stamp; ///< of the file when it was opened
};

/// Content from this size on is not kept in memory, nor left for the commit to
/// bring to the disk, when a job writes it [bytes].
inline constexpr uint64_t large_content_bytes = 1 << 20;

/// Where the bytes of a new version go until commit. Its work file vanishes
/// with it unless committed. One thread at a time.
class object_writer {
public:
  ~object_writer();
  object_writer(const object_writer&) = delete;
  object_writer& operator=(const object_writer&) = delete;

  /// Appends bytes; they count for the checksum(s).
  expected<void> append(std::span<const std::byte> in);

  /// Also computes a checksum of this type, to compare with a client's.
  /// Call before the first append.
  void expect(const cksum& clients);

  /// See file::pass_cache; for content of jobs.
  void pass_cache() { file_->pass_cache(); }

  /// Brings what was appended to the disk: whoever commits waits less.
  expected<void> flush();

  /// Ends the content: finishes checksums, compares the client's.
  /// Afterwards attrs() has size and checksum; the caller sets the rest.
  /// @returns errc::bad_checksum("BAD DATA CHECKSUM: ...").
  expected<void> seal();

  uint64_t size_bytes() const noexcept { return size_; }
  lom& attrs() noexcept { return attrs_; }

private:
  friend class mountpath;
  object_writer(ais::storage::disk& d, std::string path, file_ptr f,
                cksum_type type);

  ais::storage::disk& disk_;
  std::string path_; ///< of the work file; empty once committed
  file_ptr file_;
  hasher hash_;
  std::optional<hasher> clients_hash_;
  std::optional<cksum> clients_;
  lom attrs_;
  uint64_t size_ = 0;
  bool sealed_ = false;
};

using writer_ptr = std::shared_ptr<object_writer>;

/// One sealed write to make visible.
struct commit_item {
  bucket_ref bucket;
  std::string name;
  writer_ptr writer; ///< sealed; attrs() complete
  ais::storage::durability durability = ais::storage::durability::sync;
  bool keep_times = false; ///< the file gets those of attrs()
};

/// One object to remove.
struct removal {
  bucket_ref bucket;
  std::string name;
  ais::storage::durability durability = ais::storage::durability::sync;
};

class mountpath {
public:
  struct options {
    std::string root;     ///< absolute path
    std::string node_id;  ///< owner
    std::string nonce;    ///< differs at every start; names work files
    bool claimed = false; ///< it was this owner's before
  };

  /// Opens the directory, creating it if absent. Records owner and file system
  /// in .ais.vmd, or compares with what is recorded.
  /// @returns errc::integrity when it belongs to another node or moved to
  ///          another file system (with what to do), io_error, ...; not_found
  ///          when it was claimed before and nothing tells of that.
  static expected<std::unique_ptr<mountpath>> open(disk& d, options opts);

  const std::string& root() const noexcept { return opts_.root; }
  /// placement_digest(root()).
  uint64_t digest() const noexcept { return digest_; }
  ais::storage::disk& disk() const noexcept { return disk_; }

  /// Forgets whose it is: it is empty, and any node may take it. Closes it.
  expected<void> release();

  /// Nobody may serve its objects any more.
  void close() { closed_->store(true, std::memory_order_release); }
  /// Set by close().
  std::shared_ptr<const std::atomic<bool>> closed() const { return closed_; }

  // -- buckets
  // ------------------------------------------------------------------

  /// Whether directories can be made here; leaves nothing behind.
  expected<void> probe();

  /// Whether the directory is (still) ours: one whose disk was unmounted looks
  /// like an empty one. errc::io_error.
  expected<void> present();

  /// Whether the disk works: it is the one that was opened, and a file that is
  /// written and synced reads back. A full disk works.
  expected<void> check();

  /// Looks how full the disk is. Above limits.out_of_space no write begins any
  /// more, until there is room again.
  expected<void> measure(const space_limits& limits);
  const space_gauge& space() const noexcept { return space_; }

  /// Creates the bucket's directories, tagged with its bid, durably. An older
  /// incarnation that is still there goes to the trash. Repeatable.
  expected<void> create_bucket(const bucket_ref& b);

  /// Moves the bucket to the trash (constant time, durable). Absent is success.
  expected<void> destroy_bucket(const bck& b);

  /// Moves the work files of a bucket to the trash: what is being written now
  /// cannot be committed any more.
  expected<void> end_writes(const bck& b);

  /// Moves all copies of a bucket to the trash (constant time, durable).
  expected<void> forget_copies(const bucket_ref& b);

  /// Every bucket on this disk with its recorded bid (0 if it has none).
  /// errc::integrity when one is damaged.
  expected<std::vector<bucket_ref>> buckets();

  /// Removes at most `max_files` trashed files. @returns true if some are left.
  expected<bool> empty_trash(size_t max_files);

  /// Removes work files of earlier starts (other nonces) in all buckets.
  /// @returns how many.
  expected<size_t> remove_stale_work();

  // -- objects
  // ------------------------------------------------------------------

  /// errc::object_not_found; errc::corrupted for broken attributes.
  expected<lom> load(const bucket_ref& b, std::string_view name);
  /// The same for a caller that knows plain_path(b, name) already.
  expected<lom>
  load_at(const bucket_ref& b, std::string_view name, std::string path);
  /// The same for one that has opened the directory of that path.
  expected<lom>
  load_in(const bucket_ref& b, std::string_view name, directory& dir);
  expected<std::shared_ptr<object_reader>>
  open_object(const bucket_ref& b, std::string_view name);

  /// Starts a write. `size_hint` in bytes, 0 if unknown; `replaces` says that
  /// the object exists (both decide about preallocation, datapath 3.2).
  /// errc::no_space when the disk is full by the limits.
  expected<writer_ptr> begin(const bucket_ref& b, cksum_type type,
                             uint64_t size_hint, bool replaces);

  /// Starts a write whose content begins as a copy of `from` (append).
  expected<writer_ptr>
  begin_copy(const bucket_ref& b, cksum_type type, object_reader& from);

  /// Makes sealed writes visible, in order; those with durability `sync` share
  /// the syncs (group commit). result[i] belongs to items[i]: its file's stamp.
  /// errc::bucket_not_found when the bucket was destroyed meanwhile.
  std::vector<expected<file_stamp>> commit(std::span<commit_item> items);

  /// Gives an object another name in this or another bucket, beside its own;
  /// what has that name is replaced. Both are the same file if the names allow
  /// it, else the other is a copy. As durable as `d` when it returns.
  expected<void>
  link(const bucket_ref& b, std::string_view name, const bucket_ref& to,
       const std::string& to_name, durability d);

  /// errc::object_not_found if absent. Empty parents are removed, too.
  expected<void>
  remove(const bucket_ref& b, std::string_view name, durability d);
  /// Removes some; those with durability `sync` share the syncs.
  std::vector<expected<void>> remove(std::span<const removal> items);

  /// Replaces the attributes of an object in place (atomic: one xattr).
  expected<void> store_attrs(const bucket_ref& b, std::string_view name,
                             const lom& x, durability d);

  /// Sets the access time of the object's file; best effort.
  void
  store_atime(const bucket_ref& b, std::string_view name, int64_t atime_ns);

  // -- paths (for walkers and tests)
  // ----------------------------------------------

  std::string bucket_dir(const bck& b) const;
  /// Of the objects, or of the copies.
  std::string objects_dir(const bucket_ref& b) const;
  /// The name of the object stored under a hash at `path`, `attrs` being its
  /// attributes' long name.
  expected<std::string>
  name_at(const std::string& path, std::string attrs) const;
  /// True when `name` is stored under its hash, whatever is on disk.
  static bool hashed(std::string_view name);
  /// The path a new version of `name` would take when nothing is in its way.
  std::string plain_path(const bucket_ref& b, std::string_view name) const;

private:
  /// What became of an object is in doubt: a change of it failed.
  enum class doubt : uint8_t {
    name, ///< whether its name is on the disk
    file, ///< whether the attributes of its file are, whatever a sync says
  };

  mountpath(ais::storage::disk& d, options opts);

  expected<void> claim();
  expected<void> room() const;
  expected<writer_ptr> begin_work(const bucket_ref& b, cksum_type type,
                                  uint64_t size_hint, bool replaces);
  expected<writer_ptr>
  copy_work(const bucket_ref& b, cksum_type type, object_reader& from);
  std::string work_dir(const bck& b) const;
  std::string fresh_name();
  /// Puts a work file in its place. @returns the path it has now.
  expected<std::string>
  place(const bucket_ref& b, const std::string& name, const std::string& work);
  /// Writes the same content and attributes under a name, durably if `d` says.
  expected<void> copy(object_reader& from, const bucket_ref& to,
                      const std::string& to_name, durability d);
  expected<void> make_parents(const bucket_ref& b, const std::string& path);
  expected<void> make_way(const bucket_ref& b, const std::string& path);
  expected<void> convert(const bucket_ref& b, const std::string& path);
  expected<void> to_trash(const std::string& dir);
  expected<void> replace_dir(const std::string& dir);
  /// The directory's entries are to be synced before anything below it counts.
  void not_durable(const std::string& dir);
  void sync_contents(std::span<commit_item> items,
                     std::vector<expected<file_stamp>>& how);
  /// Makes the entries of these directories, and of unsynced ones on the way to
  /// them, durable. result: the error of each directory that failed.
  std::map<std::string, error> sync_dirs(const std::set<std::string>& leaves);
  std::map<std::string, expected<void>>
  sync_removals(std::span<const removal> items,
                const std::vector<std::string>& dirs);
  /// Syncs `dir` or, if another deletion took it away with its last object,
  /// the nearest parent that is there.
  expected<void> sync_nearest(const bucket_ref& b, std::string dir);
  void suspect(const std::string& path, doubt what);
  void trust(const std::string& path);
  /// Makes durable what there is of an object in doubt.
  expected<void>
  settle(const bucket_ref& b, std::string_view name, const std::string& path);
  /// Puts a copy of the object in its place: in a file that no sync failed for.
  expected<void> rewrite(const bucket_ref& b, std::string_view name);
  expected<std::shared_ptr<object_reader>>
  open_at(const bucket_ref& b, std::string_view name, const std::string& path);
  /// Takes an object's name away; tells where it was.
  expected<void> unlink(const removal& x, std::string& dir);
  void remove_empty_parents(const bucket_ref& b, std::string dir);
  expected<bool> remove_some(const std::string& dir, size_t& budget);

  ais::storage::disk& disk_;
  options opts_;
  fs_identity fs_; ///< at open
  space_gauge space_;
  uint64_t digest_ = 0;
  std::atomic<uint64_t> next_name_{0};
  /// Shared: commit and remove; exclusive: conversions of a place.
  std::shared_mutex layout_;
  std::mutex unsynced_mutex_;
  /// Directories with entries of new subdirectories that are not durable yet,
  /// each with the number of its latest change.
  std::map<std::string, uint64_t> unsynced_;
  uint64_t changes_ = 0;
  std::shared_ptr<std::atomic<bool>> closed_
    = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> any_doubts_{false};
  std::mutex doubts_mutex_;
  std::map<std::string, doubt> doubts_; ///< by plain path
};

} // namespace ais::storage
