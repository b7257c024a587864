// Bucket properties: what a bucket inherits from the cluster's configuration
// when it is created and its owner may change.
// Source: AIStore cmn/bck_props.go; api-control 7.3, api-data 1.3, 5.2.
#pragma once

#include "actors/meta/cluster_config.hpp"
#include "storage/mountpath.hpp"

#include <string>

namespace ais {

// -- access
// -----------------------------------------------------------------------

/// Bits of the `access` property.
enum class access : uint64_t {
  get = 1,
  head_object = 2,
  put = 4,
  append = 8,
  delete_object = 16,
  move_object = 32,
  promote = 64,
  update_object = 128,
  head_bucket = 256,
  list_objects = 512,
  patch = 1024,
  set_acl = 2048,
  list_buckets = 4096,
  show_cluster = 8192,
  create_bucket = 16384,
  destroy_bucket = 32768,
  move_bucket = 65536,
  admin = 131072,
};
std::string_view to_string(access x);

// -- properties
// ---------------------------------------------------------------------

/// Every settable bucket property.
schema bprops_schema();

struct bprops {
  uint64_t bid = 0;       ///< incarnation: unique in the cluster, never reused
  int64_t created_ns = 0; ///< Unix time [ns]
  property_set values{bprops_schema()};

  storage::cksum_type cksum() const;
  storage::durability durability() const;
  bool versioned() const { return values.flag("versioning.enabled"); }
  /// Of each object, on as many mountpaths; 1: no mirroring.
  unsigned copies() const;
  uint64_t access_mask() const { return values.mask("access"); }
};

/// errc::access_denied unless the mask has the bit; `b` is for the message.
expected<void> check_access(const bprops& x, const bck& b, access wanted);

/// What a new bucket gets.
bprops default_bprops(const cluster_config& config);

/// `x` with what a new bucket gets, but who it is for: its owner, lists and
/// policies stay, or a reset would open it to others.
bprops with_defaults(const bprops& x, const cluster_config& config);

/// `x` with what the tree (BpropsToSet) names.
/// @returns errc::invalid_argument.
expected<bprops> with_props(const bprops& x, const json::object& tree);

/// The client's Bprops; `durability` is this project's own key.
json::object to_json(const bprops& x, const bck& b);

/// Reads what to_json wrote.
expected<bprops> parse_bprops(const json::object& tree);

} // namespace ais
