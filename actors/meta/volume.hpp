// Volume metadata (VMD): the mountpaths of a target and what each is used for;
// a value that a target keeps on disk. Sources: storage-semantics 13;
// api-control 3.5; AIStore docs/overview.md "Mountpath".
#pragma once

#include "storage/base/errc.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ais {

inline constexpr size_t max_mountpaths = 256; ///< of a target, of all states

/// A mountpath's life: enabled, then (its objects leave) disabling or
/// detaching, then disabled or detached; enabled again by hand only.
enum class mpath_state : uint8_t {
  enabled,   ///< objects are placed on it
  disabling, ///< its objects move to the others; then disabled
  detaching, ///< the same; then detached
  disabled,  ///< not used, but ours
  /// Forgotten: an argument of the process names it still.
  detached,
};
std::string_view to_string(mpath_state x);

struct mpath_info {
  std::string path; ///< absolute
  std::string label;
  mpath_state state = mpath_state::enabled;
  /// Disabled with its objects on it: what is not found may be there.
  bool left_behind = false;
  /// Then: which mountpaths objects were placed on beside it, so that what HRW
  /// gives to one of these is not on it. Empty: anything may be.
  std::vector<std::string> beside;
  std::string fault; ///< why it was disabled; empty: by hand
  bool operator==(const mpath_info&) const = default;
};

/// One version of the volume: a value.
struct volume {
  uint64_t version = 0; ///< counts up with every change
  /// All objects are where they are placed; else they may be on any of the
  /// mountpaths in use.
  bool settled = true;
  /// The mountpath with the second copy of the node's metadata; empty: none.
  std::string copy_at;
  std::vector<mpath_info> mountpaths; ///< in the order in which they came

  const mpath_info* find(std::string_view path) const;
  bool operator==(const volume&) const = default;
};
using volume_ptr = std::shared_ptr<const volume>;

/// Whether objects are read from it (it is open).
bool in_use(const mpath_info& x);
/// Whether its objects are on their way to others.
bool leaving(const mpath_info& x);
/// Whether there is a mountpath to read objects from.
bool in_use(const volume& x);

// -- changes: each returns the next version, or the same value where there is
// nothing to do. errc::mountpath_not_found for a path that is not ours.

/// With a new mountpath, or a detached one again. errc::invalid_argument: the
/// path; conflict: it is inside another one, or holds it.
expected<volume> with_attached(const volume& x, const std::string& path,
                               const std::string& label);
expected<volume> with_enabled(const volume& x, const std::string& path);
struct mpath_removal {
  bool for_good = false; ///< it is detached
  bool move = true;      ///< its objects go to the others first
  bool last = false;     ///< it may be the last one that objects are placed on
};

/// Without a mountpath. The last one has nowhere to move its objects to: it is
/// disabled with them. errc::conflict: it is the last one; without `move`,
/// objects are on their way; with it, objects were left behind.
expected<volume>
without(const volume& x, const std::string& path, const mpath_removal& how);
/// A mountpath that fails: its objects stay where they are.
expected<volume>
with_fault(const volume& x, const std::string& path, const std::string& why);
/// As if nothing were known of where objects are.
volume unsettled(const volume& x);
/// All objects have moved.
volume settled(const volume& x);
/// With all `paths` that it has never seen, under their labels.
expected<volume>
with_arguments(const volume& x, const std::vector<std::string>& paths,
               const std::map<std::string, std::string>& labels = {});

std::string to_text(const volume& x);
/// errc::integrity. An empty text is the empty volume.
expected<volume> parse_volume(std::string_view text);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::volume_ptr)
