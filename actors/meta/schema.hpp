// A schema is a table of properties: path, type, default, range, scope. Cluster
// configuration and bucket properties are both sets of values over such a
// table, so that parsing, validation, defaults and JSON exist once.
#pragma once

#include "storage/base/errc.hpp"
#include "storage/base/json.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace ais {

/// How a property looks in JSON.
enum class property_kind : uint8_t {
  boolean,  ///< true
  integer,  ///< 42
  mask,     ///< "42": 64 bits as a string of digits
  text,     ///< "abc"
  duration, ///< "1m30s"
  size,     ///< "64MiB"
  tree      ///< any object, kept as it is
};

/// Who may set a property.
enum class property_scope : uint8_t {
  cluster, ///< for all nodes at once, never transiently
  node     ///< also per node, also transiently
};

/// How deep a `tree` may nest: the document that keeps it is read again, with
/// the levels around it, within max_json_depth.
inline constexpr size_t max_tree_depth = max_json_depth / 2;

inline constexpr int64_t no_limit = INT64_MAX / 2; ///< as property::max

struct property {
  std::string_view path; ///< JSON keys joined by dots
  property_kind kind;
  std::string_view otherwise; ///< default, as it would be typed
  /// Limits: of integers their value, of durations [ms], of sizes [bytes]; both
  /// 0: none.
  int64_t min = 0;
  int64_t max = 0;
  std::string_view allowed = {}; ///< of texts: "a|b|c"; empty: any
  property_scope scope = property_scope::cluster;
  bool transient_ok = true; ///< if scope is node: may be set transiently
};

using schema = std::span<const property>;

/// The row of `path` (any case), or null.
const property* find_property(schema s, std::string_view path);

/// Values of all properties of a schema. A value.
class property_set {
public:
  /// All defaults.
  explicit property_set(schema s);

  /// Sets one property from text ("10s", "true", "42").
  /// @returns errc::invalid_argument: unknown property (with the most similar
  ///          name), wrong type, out of range; nothing changes then.
  expected<void> set(std::string_view path, std::string_view text);

  /// Sets what a JSON tree names; null members are skipped.
  /// @returns as set(); on error some may have been set: work on a copy.
  expected<void> set_tree(const json::object& tree);

  bool flag(std::string_view path) const;
  int64_t integer(std::string_view path) const;
  uint64_t mask(std::string_view path) const;
  std::string text(std::string_view path) const;
  std::chrono::nanoseconds duration(std::string_view path) const;
  uint64_t size(std::string_view path) const;
  const json::value& value(std::string_view path) const;

  /// Nested JSON of all properties, in the schema's order.
  json::object to_tree() const;

  schema table() const { return schema_; }
  bool operator==(const property_set& x) const { return values_ == x.values_; }

private:
  expected<void> put(const property& p, const json::value& v);
  expected<void> set_below(const json::object& tree, const std::string& path);
  error unknown(std::string_view path) const;

  schema schema_;
  std::map<std::string_view, json::value> values_; ///< by property::path
};

} // namespace ais
