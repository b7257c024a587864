// Ordered walk over the objects of a bucket: one walker per mountpath, merged.
// Names come in byte order of the whole name, each once.
#pragma once

#include "storage/mountpath.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ais::storage {

struct walk_options {
  std::string prefix;      ///< only names that begin so; may end inside a name
  std::string start_after; ///< only names greater than this
  /// One level below the last '/' of the prefix: deeper names appear once, as a
  /// directory entry "sub/". With prefix "a/b" (no slash at the end) the level
  /// below "a/b/" is shown as well, as AIStore does.
  bool non_recursive = false;
  bool no_dirs = false; ///< with non_recursive: leave out directory entries
  /// Read each object's attributes; off: names only, and only entries whose
  /// attributes are readable and valid still count.
  bool with_attrs = true;
  /// Set: whether the attributes at a name are not wanted, though those at
  /// others are.
  std::function<bool(const std::string& name)> without = nullptr;
  /// Also names of which there are only copies: their objects were lost.
  bool with_copies = false;
};

struct walk_entry {
  std::string name; ///< ends in '/' for a directory
  bool dir = false;
  lom attrs;         ///< if walk_options::with_attrs
  int mountpath = 0; ///< index of the mountpath it was found on
  /// No other mountpath has anything of that name, copies aside.
  bool single = false;
};

/// Walks `b` on all `mps`. Keeps sorted directory contents of the current path
/// in memory only. Objects that exist during the whole walk are all seen, none
/// twice. Not thread-safe; holds no locks between calls.
class walker {
public:
  walker(std::vector<mountpath*> mps, bucket_ref b, walk_options opts);
  ~walker();

  /// The next entry, none at the end, or an I/O error (then the walk is over:
  /// a listing must not be taken for complete).
  expected<std::optional<walk_entry>> next();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace ais::storage
