// Lists and numbers as headers and parameters have them: "a, b", "17".
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ais::http {

/// Calls `f` with each token of a list, without the spaces around it; empty
/// ones are skipped. Stops when `f` returns false.
/// @returns whether it went through all.
template <class F>
bool each_token(std::string_view list, F f) {
  while (!list.empty()) {
    auto comma = list.find(',');
    auto part = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{}
                                           : list.substr(comma + 1);
    while (!part.empty() && part.front() == ' ')
      part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ')
      part.remove_suffix(1);
    if (!part.empty() && !f(part))
      return false;
  }
  return true;
}

/// A number, nothing else: digits without a sign.
inline std::optional<uint64_t> whole_number(std::string_view x) {
  uint64_t n = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), n);
  if (x.empty() || ec != std::errc{} || end != x.data() + x.size())
    return {};
  return n;
}

} // namespace ais::http
