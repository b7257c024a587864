// A bucket as the data path sees it: one immutable object per bucket and
// version of its properties, shared by everyone who handles its objects.
#pragma once

#include "storage/lifecycle.hpp"
#include "storage/versions.hpp"

#include <memory>

namespace ais {

struct bprops;

struct bucket {
  storage::bucket_ref ref;
  storage::cksum_type cksum = storage::cksum_type::xxhash2;
  storage::durability durability = storage::durability::sync;
  bool versioned = true;
  unsigned copies = 1; ///< of each object, on as many mountpaths (mirror)
  /// What becomes of versions that are replaced or deleted (S3).
  storage::keeping keeping = storage::keeping::off;
  uint64_t versions_bid = 0; ///< of the bucket that has them; 0: there is none
  /// When its objects go (S3); null: no rules.
  std::shared_ptr<const storage::lifecycle_rules> lifecycle;
  /// All properties; null only in tests of single actors.
  std::shared_ptr<const bprops> props;
};

using bucket_ptr = std::shared_ptr<const bucket>;

} // namespace ais
