#include "actors/meta/bprops.hpp"

#include "storage/versions.hpp"

#include <array>

namespace ais {

namespace {

using k = property_kind;
constexpr int64_t second = 1'000;
constexpr int64_t hour = 3'600 * second;
constexpr int64_t gib = 1 << 30;
constexpr int64_t tib = gib << 10;
constexpr std::string_view policies = "immediate|delayed|never";

constexpr property table[] = {
  {"durability", k::text, "sync", 0, 0, "sync|none"},
  {"backend_bck.name", k::text, ""},
  {"backend_bck.provider", k::text, ""},
  {"backend_bck.namespace.uuid", k::text, ""},
  {"backend_bck.namespace.name", k::text, ""},
  {"write_policy.data", k::text, "immediate", 0, 0, policies},
  {"write_policy.md", k::text, "immediate", 0, 0, policies},
  {"checksum.type", k::text, "xxhash2", 0, 0,
   "none|xxhash|xxhash2|md5|crc32c|sha256|sha512"},
  {"checksum.validate_cold_get", k::boolean, "false"},
  {"checksum.validate_warm_get", k::boolean, "false"},
  {"checksum.validate_obj_move", k::boolean, "false"},
  {"checksum.enable_read_range", k::boolean, "false"},
  {"rate_limit.backend.interval", k::duration, "1m", second, hour},
  {"rate_limit.backend.max_tokens", k::integer, "1000", 1, no_limit},
  {"rate_limit.backend.enabled", k::boolean, "false"},
  {"rate_limit.backend.num_retries", k::integer, "3", 1, 10},
  {"rate_limit.frontend.interval", k::duration, "1m", second, hour},
  {"rate_limit.frontend.max_tokens", k::integer, "1000", 1, no_limit},
  {"rate_limit.frontend.enabled", k::boolean, "false"},
  {"rate_limit.frontend.burst_size", k::integer, "375", 1, no_limit},
  {"ec.compression", k::text, "never", 0, 0, "never|always"},
  {"ec.bundle_multiplier", k::integer, "2", 1, 16},
  {"ec.burst_buffer", k::integer, "512", 32, 10'000},
  {"ec.objsize_limit", k::integer, "262144", -1, no_limit},
  {"ec.data_slices", k::integer, "2", 1, 32},
  {"ec.parity_slices", k::integer, "2", 1, 32},
  {"ec.enabled", k::boolean, "false"},
  {"ec.disk_only", k::boolean, "false"},
  {"chunks.objsize_limit", k::size, "0B"},
  {"chunks.max_monolithic_size", k::size, "1TiB", gib, tib},
  {"chunks.chunk_size", k::size, "1GiB", 1 << 10, 5 * gib},
  {"mirror.copies", k::integer, "2", 2, 32},
  {"mirror.burst_buffer", k::integer, "512", 0, no_limit},
  {"mirror.enabled", k::boolean, "false"},
  {"lru.dont_evict_time", k::duration, "2h", hour, no_limit},
  {"lru.capacity_upd_time", k::duration, "10m", 10 * second, no_limit},
  {"lru.batch_size", k::integer, "32768", 1024, 524'288},
  {"lru.enabled", k::boolean, "false"},
  {"access", k::mask, "18446744073709551615"},
  {"features", k::mask, "0"},
  {"s3.acl", k::text, ""},          // see http/s3/acl.hpp
  {"s3.cors", k::text, ""},         // see http/s3/cors.hpp
  {"s3.lifecycle", k::text, ""},    // see storage/lifecycle.hpp
  {"s3.owner", k::text, ""},        // see http/s3/access.hpp
  {"s3.ownership", k::text, ""},    // see http/s3/ownership.hpp
  {"s3.policy", k::text, ""},       // see http/s3/policy.hpp
  {"s3.public_block", k::text, ""}, // see http/s3/public_block.hpp
  {"s3.tags", k::text, ""},         // see http/s3/tags.hpp
  {"s3.versioning", k::text, ""},   // see storage/versions.hpp
  {"versioning.enabled", k::boolean, "true"},
  {"versioning.validate_warm_get", k::boolean, "false"},
  {"versioning.synchronize", k::boolean, "false"},
};

/// Keys of Bprops that are not settable properties.
constexpr std::array fixed{"provider", "Renamed", "extra", "bid", "created"};

struct access_name {
  access bit;
  std::string_view name;
};
constexpr access_name access_names[] = {
  {access::get, "GET"},
  {access::head_object, "HEAD-OBJECT"},
  {access::put, "PUT"},
  {access::append, "APPEND"},
  {access::delete_object, "DELETE-OBJECT"},
  {access::move_object, "MOVE-OBJECT"},
  {access::promote, "PROMOTE"},
  {access::update_object, "UPDATE-OBJECT"},
  {access::head_bucket, "HEAD-BUCKET"},
  {access::list_objects, "LIST-OBJECTS"},
  {access::patch, "PATCH"},
  {access::set_acl, "SET-BUCKET-ACL"},
  {access::list_buckets, "LIST-BUCKETS"},
  {access::show_cluster, "SHOW-CLUSTER"},
  {access::create_bucket, "CREATE-BUCKET"},
  {access::destroy_bucket, "DESTROY-BUCKET"},
  {access::move_bucket, "MOVE-BUCKET"},
  {access::admin, "ADMIN"},
};

expected<void> check_rules(const property_set& x) {
  if (x.flag("ec.enabled"))
    return fail(errc::invalid_argument,
                "erasure coding is not available: it needs more targets than"
                " this cluster has");
  if (x.flag("lru.enabled"))
    return fail(errc::invalid_argument,
                "LRU eviction is only for buckets with a remote backend");
  if (!x.text("backend_bck.name").empty())
    return fail(errc::invalid_argument,
                "backend_bck: this cluster has no remote backends");
  if (x.integer("rate_limit.frontend.burst_size")
      > x.integer("rate_limit.frontend.max_tokens") / 2)
    return fail(errc::invalid_argument,
                "rate_limit.frontend.burst_size must not exceed half of"
                " max_tokens");
  auto keeping = x.text(storage::versioning_property);
  if (keeping != to_string(storage::parse_keeping(keeping)))
    return fail(errc::invalid_argument,
                "s3.versioning must be Enabled, Suspended or empty");
  return caf::unit;
}

} // namespace

std::string_view to_string(access x) {
  for (auto& a : access_names)
    if (a.bit == x)
      return a.name;
  return "?";
}

schema bprops_schema() {
  return table;
}

storage::cksum_type bprops::cksum() const {
  return *storage::parse_cksum_type(values.text("checksum.type"));
}

storage::durability bprops::durability() const {
  return *storage::parse_durability(values.text("durability"));
}

unsigned bprops::copies() const {
  return values.flag("mirror.enabled")
           ? static_cast<unsigned>(values.integer("mirror.copies"))
           : 1;
}

expected<void> check_access(const bprops& x, const bck& b, access wanted) {
  constexpr auto changes
    = uint64_t(access::put) | uint64_t(access::append)
      | uint64_t(access::delete_object) | uint64_t(access::move_object)
      | uint64_t(access::promote) | uint64_t(access::update_object)
      | uint64_t(access::patch) | uint64_t(access::destroy_bucket)
      | uint64_t(access::move_bucket);
  if (!x.renamed.empty() && (changes & static_cast<uint64_t>(wanted)) != 0)
    return fail(errc::conflict,
                "bucket " + cname_of(b)
                  + " is being renamed, use its new name: " + x.renamed);
  auto mask = x.access_mask();
  // Reading and changing properties stay possible, or nobody could mend them.
  constexpr auto always
    = static_cast<uint64_t>(access::get) | uint64_t(access::head_object)
      | uint64_t(access::head_bucket) | uint64_t(access::list_objects)
      | uint64_t(access::patch) | uint64_t(access::set_acl);
  if (((mask | always) & static_cast<uint64_t>(wanted)) != 0)
    return caf::unit;
  std::string allowed;
  for (auto& a : access_names)
    if (mask & static_cast<uint64_t>(a.bit))
      allowed += (allowed.empty() ? "" : ",") + std::string{a.name};
  return fail(errc::access_denied,
              "bucket " + cname_of(b) + ": " + std::string{to_string(wanted)}
                + " access denied (allowed: [" + allowed
                + "]); change the bucket property `access` to allow it");
}

bprops default_bprops(const cluster_config& config) {
  bprops out;
  for (auto& p : table) {
    // The cluster's durability is a section, as all of its configuration.
    auto path
      = p.path == "durability" ? std::string_view{"durability.type"} : p.path;
    auto* inherited = find_property(config_schema(), path);
    if (!inherited || p.path == "features" || p.path == "ec.enabled"
        || p.path == "lru.enabled")
      continue;
    auto& v = config.values.value(inherited->path);
    auto text = v.is_string() ? std::string{v.as_string().c_str()} : to_text(v);
    static_cast<void>(out.values.set(p.path, text)); // same kind and range
  }
  return out;
}

bprops with_defaults(const bprops& x, const cluster_config& config) {
  auto out = x;
  out.values = default_bprops(config).values;
  for (auto* kept : {"s3.acl", "s3.owner", "s3.ownership", "s3.policy",
                     "s3.public_block", "s3.versioning"})
    static_cast<void>(out.values.set(kept, x.values.text(kept)));
  return out;
}

expected<bprops> with_props(const bprops& x, const json::object& tree) {
  auto next = x;
  auto changes = tree;
  changes.erase("force"); // asks to skip soft checks; there are none yet
  if (auto* extra = changes.if_contains("extra"); extra && extra->is_object())
    changes.erase("extra"); // settings of cloud providers
  if (auto ok = next.values.set_tree(changes); !ok)
    return ok.error();
  if (auto ok = check_rules(next.values); !ok)
    return ok.error();
  return next;
}

json::object to_json(const bprops& x, const bck& b) {
  auto out = x.values.to_tree();
  out["provider"] = to_string(b.provider);
  out["Renamed"] = x.renamed;
  out["extra"] = {
    {"aws", json::object{}}, {"gcp", json::object{}}, {"oci", json::object{}}};
  out["bid"] = std::to_string(x.bid);
  out["created"] = std::to_string(x.created_ns);
  return out;
}

expected<bprops> parse_bprops(const json::object& tree) {
  bprops out;
  auto bid = unsigned_member(tree, "bid", 0);
  auto created = integer_member(tree, "created", 0);
  auto renamed = text_member(tree, "Renamed");
  if (!bid || !created || !renamed || *bid == 0)
    return fail(errc::invalid_argument, "bucket properties without bid");
  out.bid = *bid;
  out.created_ns = *created;
  out.renamed = std::move(*renamed);
  auto rest = tree;
  for (auto key : fixed)
    rest.erase(key);
  if (auto ok = out.values.set_tree(rest); !ok)
    return ok.error();
  return out;
}

} // namespace ais
