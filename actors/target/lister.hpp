// A LISTER walks a target's part of buckets page by page. It keeps the walk of
// a listing between its pages (for a minute), with what was read but may not
// have fitted into the page of all targets, so that a long listing reads each
// directory once; a page whose walk is gone, or that goes back, starts a walk
// at its token. While objects move between mountpaths, a page is two walks, one
// after the other: what the first one misses, because it moved from a mountpath
// not read yet to one read before, the second one finds. It may block.
#pragma once

#include "actors/target/mountpath_actor.hpp"
#include "storage/walk.hpp"

namespace ais {

inline constexpr size_t max_page_size = 10'000; ///< entries
inline constexpr size_t max_open_walks = 64;    ///< per lister
inline constexpr std::chrono::seconds walk_idle{60};

// -- messages between nodes
// --------------------------------------------------------

/// Asks a target for its part of a page.
struct list_part {
  bck bucket;
  uint64_t bid = 0;
  storage::walk_options options; ///< start_after: of the whole listing
  std::string uuid;              ///< of the listing
  std::string token; ///< last name of the page before, of all targets; empty:
                     ///< first page
  uint64_t page_size = max_page_size; ///< entries [1..max_page_size]
};

struct listed_part {
  std::vector<storage::walk_entry> entries;
  bool more = false;               ///< there are names behind the last one
  std::vector<std::string> places; ///< by walk_entry::mountpath: place_name()
};

/// What people see of where an object is.
std::string place_name(const std::string& target_id, const std::string& root);

/// Replaces the mountpaths to walk.
struct walk_these {
  std::vector<mountpath_ptr> mountpaths;
  bool moving = false; ///< objects move from one to another
};

/// Asks a target for totals of its part of a bucket.
struct count_bucket {
  bck bucket;
  uint64_t bid = 0;
  std::string prefix;
};

struct bucket_totals {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t min_bytes = 0;
  uint64_t max_bytes = 0;
  /// False: there may be more on a mountpath that is not in use.
  bool complete = true;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_totals& x) {
  return f(x.objects, x.bytes, x.min_bytes, x.max_bytes, x.complete);
}

} // namespace ais

namespace ais::storage {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, walk_options& x) {
  return f(x.prefix, x.start_after, x.non_recursive, x.no_dirs, x.with_attrs);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, walk_entry& x) {
  return f(x.name, x.dir, x.attrs, x.mountpath, x.single);
}

} // namespace ais::storage

namespace ais {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_part& x) {
  return f(x.bucket, x.bid, x.options, x.uuid, x.token, x.page_size);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, listed_part& x) {
  return f(x.entries, x.more, x.places);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, count_bucket& x) {
  return f(x.bucket, x.bid, x.prefix);
}

// -- interface
// --------------------------------------------------------------------

/// The LISTER actor interface.
using lister_actor = caf::typed_actor<
  // Returns the page; errc::io_error when a mountpath cannot be read: a part is
  // never returned as the whole.
  caf::replies_to<list_part>::with<listed_part>,
  caf::replies_to<count_bucket>::with<bucket_totals>,
  caf::reacts_to<walk_these>>;

/// Spawns a LISTER of the target of that id.
lister_actor spawn_lister(caf::actor_system& sys, const environment& env,
                          const std::string& target_id);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::walk_these)
