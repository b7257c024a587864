// The VAULT keeps cluster metadata on disk: two checksummed copies per kind
// (meta_store). It may block, so that the owners of the metadata never do.
#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/type_ids.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <string>

namespace ais {

inline constexpr std::chrono::seconds vault_timeout{15};
/// All kinds that are ever kept.
inline constexpr const char* meta_kinds[]
  = {"node", "epoch", "override", "state", "mountpaths"};

// -- messages (in-process)
// --------------------------------------------------------

/// Says that an operation on a disk failed, to whom the disk belongs.
struct io_failed {};
using disk_keeper = caf::typed_actor<caf::reacts_to<io_failed>>;

/// Asks for a version to be kept.
struct save_meta {
  std::string kind;     ///< "smap", "bmd", "conf"
  uint64_t version = 0; ///< [count]
  std::string json;
};

/// Asks for a kind to be removed.
struct forget_meta {
  std::string kind;
  bool for_good = false; ///< refuse to keep it again, in this process
};

/// From now on the second copy of everything is in this directory, which is
/// created; the one before is given up.
struct keep_copy {
  std::string dir;
  disk_keeper keeper; ///< hears of failures to save; null: nobody
  /// What is there is the second copy as of the last save. Else it is of some
  /// earlier time, whatever versions it has, and goes.
  bool current = false;
};

/// Looks for the second copy, for a node that does not know where it is.
struct find_copy {
  std::vector<std::string> dirs; ///< where it may be
};

struct found_copy {
  std::string dir; ///< empty: in none of them
};

struct load_meta {
  std::string kind;
};

/// The newest valid version on disk.
struct loaded_meta {
  std::string json; ///< empty: never saved
};

// -- interface
// --------------------------------------------------------------------

/// The VAULT actor interface.
using vault_actor = caf::typed_actor<
  // Returns when both copies are durable. What failed may be in one of them;
  // the other one follows as soon as it can. errc::conflict when it was
  // forgotten for good.
  caf::replies_to<save_meta>::with<ack>,
  // Returns when it is gone, durably.
  caf::replies_to<forget_meta>::with<ack>,
  // Returns when all of it is there; io_error, no_space, integrity (the first
  // copy is damaged, and this is not the second): then all is as before.
  caf::replies_to<keep_copy>::with<ack>,
  // Every copy, and a hint beside the first one, tells where the second one is
  // (volume::copy_at): what is found says so of itself, and is the newest that
  // does.
  caf::replies_to<find_copy>::with<found_copy>,
  // errc::integrity when there are copies but none can be trusted.
  caf::replies_to<load_meta>::with<loaded_meta>>;

/// Spawns the VAULT over one directory (see keep_copy), which it creates.
vault_actor spawn_vault(caf::actor_system& sys, const environment& env,
                        const std::string& dir);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::save_meta)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::forget_meta)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::io_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::keep_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::find_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::found_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::load_meta)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::loaded_meta)
