// Properties, of buckets and of the configuration: reading what was typed,
// showing what there is.
#pragma once

#include "cli/output.hpp"
#include "storage/base/json.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::cli {

using property_list = std::vector<std::pair<std::string, std::string>>;

/// Reads "k=v k2=v2", "k v" or one JSON object. @throws failure
property_list parse_properties(const std::vector<std::string>& words);

/// Splits "k=v k2=v2", as --props takes it; JSON stays whole.
std::vector<std::string> split_words(std::string_view text);

/// The value of a property in JSON: of the type that it has in `like`; by its
/// looks if it is not there.
json::value typed_value(const json::object& like, const std::string& key,
                        const std::string& value);

/// Names of permissions, from bit 0. Source: api-control 7.3.
const std::vector<std::string_view>& permission_names();
/// "GET,PUT" -> bits; also ro, rw, su and numbers. @throws failure
uint64_t parse_access(std::string_view text);
/// The names, or "all".
std::string access_text(uint64_t bits);

struct feature {
  std::string_view name;
  bool of_buckets; ///< may also be set per bucket
};
/// Feature flags, from bit 0. Source: api-control 7.3.
const std::vector<feature>& feature_names();
/// "A,B" or "none" -> bits; numbers, too. @throws failure
uint64_t parse_features(std::string_view text);
/// The names, or "none".
std::string features_text(uint64_t bits);

/// A value as it is shown: names for bits, "-" for nothing.
std::string shown_value(std::string_view key, const std::string& value);

/// PROPERTY VALUE of what begins with `prefix`. Values in `usual` that differ
/// are coloured.
table property_table(const json::object& props, std::string_view prefix,
                     const json::object& usual);

} // namespace ais::cli
