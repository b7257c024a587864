// Bucket metadata (BMD): the versioned list of a cluster's buckets.
// Source: AIStore core/meta/bmd.go; api-control 7.2.
#pragma once

#include "actors/meta/bprops.hpp"
#include "actors/target/bucket.hpp"

#include <map>

namespace ais {

/// One version of the bucket list: a value, never changed once it was shown.
struct bmd {
  uint64_t version = 0;  ///< counts changes
  std::string uuid;      ///< of the cluster
  uint64_t last_bid = 0; ///< the highest number ever given to a bucket
  std::map<bck, bucket_ptr> buckets;

  /// The bucket, or errc::bucket_not_found (remote_bucket_not_found).
  expected<bucket_ptr> find(const bck& b) const;
};

using bmd_ptr = std::shared_ptr<const bmd>;

/// `x` plus a bucket with these properties and a bid of its own, as the next
/// version. @returns errc::bucket_exists.
expected<bmd_ptr> with_bucket(const bmd& x, const bck& b, bprops props);

/// `x` without the bucket, and without those that belong to it: for unfinished
/// uploads, for former versions; a renaming to it ends. @returns
/// errc::bucket_not_found, conflict.
expected<bmd_ptr> without_bucket(const bmd& x, const bck& b);

/// `x` with other properties for the bucket, and with a bucket for the former
/// versions of its objects, if they are to be kept. @returns
/// errc::bucket_not_found.
expected<bmd_ptr> with_bucket_props(const bmd& x, const bck& b, bprops props);

/// The client's BMD, plus "last_bid".
json::object to_json(const bmd& x);
expected<bmd_ptr> parse_bmd(std::string_view text);
expected<bmd_ptr> parse_bmd(const json::value& v);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::bmd_ptr)
