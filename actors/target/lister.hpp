// A LISTER walks buckets page by page. It keeps the walk of a listing between
// its pages (for a minute), so that a long listing reads each directory once; a
// page whose walk is gone, or that goes back, starts a walk at its token. It
// may block.
#pragma once

#include "actors/target/mountpath_actor.hpp"
#include "storage/walk.hpp"

namespace ais {

inline constexpr size_t max_page_size = 10'000; ///< entries
inline constexpr size_t max_open_walks = 64;    ///< per lister
inline constexpr std::chrono::seconds walk_idle{60};

// -- messages (in-process)
// --------------------------------------------------------

/// Asks for one page.
struct list_page {
  bucket_ptr bucket;
  storage::walk_options options; ///< start_after: of the whole listing
  std::string uuid;              ///< of the listing
  std::string token;             ///< last name of the page before; empty: first
  size_t page_size = max_page_size; ///< entries [1..max_page_size]
};

struct listed_page {
  std::vector<storage::walk_entry> entries;
  std::string token; ///< empty: the listing is complete
};
using listed_page_ptr = std::shared_ptr<listed_page>;

/// Asks for totals of a bucket.
struct count_bucket {
  bucket_ptr bucket;
  std::string prefix;
};

struct bucket_totals {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t min_bytes = 0;
  uint64_t max_bytes = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_totals& x) {
  return f(x.objects, x.bytes, x.min_bytes, x.max_bytes);
}

// -- interface
// --------------------------------------------------------------------

/// The LISTER actor interface.
using lister_actor = caf::typed_actor<
  // Returns the page; errc::io_error when a mountpath cannot be read: a part is
  // never returned as the whole.
  caf::replies_to<list_page>::with<listed_page_ptr>,
  caf::replies_to<count_bucket>::with<bucket_totals>,
  // Replaces the mountpaths to walk.
  caf::reacts_to<std::vector<mountpath_ptr>>>;

/// Spawns a LISTER.
lister_actor spawn_lister(caf::actor_system& sys, const environment& env);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::list_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::listed_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::count_bucket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<ais::mountpath_ptr>)
