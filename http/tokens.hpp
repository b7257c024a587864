// Lists as headers and parameters have them: "a, b".
#pragma once

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

} // namespace ais::http
