// Lifecycle rules of a bucket: which objects and former versions go after a
// time, and which uploads that were never completed. A value, kept as JSON in
// the bucket property s3.lifecycle; the XML clients speak is in
// http/s3/lifecycle.hpp. Source: Amazon S3 User Guide, "Managing the lifecycle
// of objects".
#pragma once

#include "storage/lom.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::storage {

/// The bucket property.
inline constexpr std::string_view lifecycle_property = "s3.lifecycle";
inline constexpr size_t max_lifecycle_rules = 1000;
/// Of any count of days: some 270 years, far from overflow.
inline constexpr uint64_t max_lifecycle_days = 100'000;
/// Of the JSON; all buckets' properties are in every node's memory [bytes].
inline constexpr size_t max_lifecycle_bytes = 256 << 10;
/// Object tags are custom metadata of this name: "key=value&...", encoded.
inline constexpr const char* object_tags_key = "s3:tags";

inline constexpr int64_t day_ns = 86'400'000'000'000;

/// Numbers that are 0 are not set.
struct lifecycle_rule {
  std::string id; ///< unique within the bucket
  bool enabled = false;
  std::string prefix;
  /// Whether the prefix stood outside a <Filter>, as clients get it back.
  bool old_form = false;
  std::vector<std::string> tags; ///< each "key=value", percent-encoded
  uint64_t larger_than = 0;      ///< [bytes]
  uint64_t smaller_than = 0;     ///< [bytes]
  uint64_t days = 0;             ///< after the last change of content
  std::optional<int64_t> date;   ///< from then on, Unix time [s]
  uint64_t abort_days = 0;       ///< after an upload began
  bool delete_markers = false;   ///< marks of which nothing is left but them
  uint64_t noncurrent_days = 0;  ///< after a newer version came
  uint64_t noncurrent_kept = 0;  ///< so many former ones stay
  bool operator==(const lifecycle_rule&) const = default;
};
using lifecycle_rules = std::vector<lifecycle_rule>;

/// The rules as the property keeps them.
std::string to_text(const lifecycle_rules& x);
/// The inverse. @returns errc::invalid_argument.
expected<lifecycle_rules> parse_lifecycle(std::string_view text);

/// When an object goes.
struct expiry {
  int64_t at_ns = 0; ///< Unix time [ns]
  const lifecycle_rule* rule = nullptr;
};

/// The first moment at which an enabled rule removes the object; none: it
/// stays. With days of 24 hours that is a midnight (UTC), as with AWS.
/// @param day  how long a day of the rules is [ns, > 0]
std::optional<expiry>
expiry_of(const lifecycle_rules& rules, std::string_view name, const lom& x,
          int64_t day = day_ns);

/// The same of an upload: which has a name and a time, nothing else.
std::optional<expiry>
upload_expiry_of(const lifecycle_rules& rules, std::string_view name,
                 int64_t begun_ns, int64_t day = day_ns);

/// A version that is not what clients get of an object.
struct former_version {
  const lom& attrs;
  int64_t since_ns = 0; ///< when a newer one came: Unix time [ns]
  size_t newer = 0;     ///< former versions that are newer
};

/// Whether the rules remove it at that time.
bool version_due(const lifecycle_rules& rules, std::string_view name,
                 const former_version& x, int64_t now_ns, int64_t day = day_ns);

/// The same of the mark of a deletion which is all there is of an object. A
/// rule that removes objects after some days removes such marks, too.
bool mark_due(const lifecycle_rules& rules, std::string_view name,
              const lom& mark, int64_t now_ns, int64_t day = day_ns);

} // namespace ais::storage
