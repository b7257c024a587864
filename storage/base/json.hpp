// JSON at the project's edges: bounded parsing without exceptions, lookups that
// say what is wrong. Source: api-control 0.1 (case-insensitive message keys).
#pragma once

#include "storage/base/errc.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ais {

namespace json = boost::json;

inline constexpr size_t max_json_depth = 32;

/// Parses one document and nothing behind it.
/// @param max_depth  how deep arrays and objects may nest.
/// @returns errc::invalid_argument with the position.
expected<json::value>
parse_json(std::string_view text, size_t max_depth = max_json_depth);

/// The same for a document that a person wrote: errors name line and column.
expected<json::value> parse_json_file(std::string_view text);

/// Serialises without insignificant space.
std::string to_text(const json::value& x);

/// Serialises with indentation by `step` spaces, for people.
std::string to_pretty_text(const json::value& x, size_t step = 2);

/// The member of that name, ASCII case ignored; null if there is none.
const json::value* find_member(const json::object& x, std::string_view name);

/// A string member; empty if absent or null.
/// @returns errc::invalid_argument when it is something else.
expected<std::string> text_member(const json::object& x, std::string_view name);

/// A whole number, bare or quoted; `otherwise` if absent, null or "".
expected<int64_t>
integer_member(const json::object& x, std::string_view name, int64_t otherwise);
expected<uint64_t> unsigned_member(const json::object& x, std::string_view name,
                                   uint64_t otherwise);

/// A boolean; false if absent or null.
expected<bool> bool_member(const json::object& x, std::string_view name);

} // namespace ais
