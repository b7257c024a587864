#include "http/range.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace ais::http {

namespace {

/// A decimal number that fills `x`; too large ones saturate.
std::optional<uint64_t> number(std::string_view x) {
  uint64_t out = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), out);
  if (x.empty() || end != x.data() + x.size())
    return std::nullopt;
  if (ec == std::errc::result_out_of_range)
    return UINT64_MAX;
  return ec == std::errc{} ? std::optional{out} : std::nullopt;
}

} // namespace

expected<byte_range> parse_range(std::string_view header, uint64_t size) {
  auto refuse = [&](const char* why) {
    return fail(errc::range_not_satisfiable,
                "range \"" + std::string{header.substr(0, 80)}
                  + "\" is not satisfiable (object size " + std::to_string(size)
                  + "): " + why);
  };
  constexpr std::string_view unit = "bytes=";
  if (header.substr(0, unit.size()) != unit)
    return refuse("use bytes=first-last, bytes=first- or bytes=-count");
  auto spec = header.substr(unit.size());
  if (spec.find(',') != std::string_view::npos)
    return refuse("several ranges are not supported");
  auto dash = spec.find('-');
  if (dash == std::string_view::npos)
    return refuse("use bytes=first-last, bytes=first- or bytes=-count");
  auto first = spec.substr(0, dash);
  auto last = spec.substr(dash + 1);
  if (first.empty()) {
    auto n = number(last);
    if (!n)
      return refuse("the count is not a number");
    if (*n == 0 || size == 0)
      return refuse("it is empty");
    auto length = std::min(*n, size);
    return byte_range{size - length, length};
  }
  auto from = number(first);
  auto to = last.empty() ? std::optional{UINT64_MAX} : number(last);
  if (!from || !to)
    return refuse("first and last must be numbers");
  if (*from > *to)
    return refuse("its end lies before its start");
  if (*from >= size)
    return refuse("it starts behind the end");
  return byte_range{*from, std::min(*to, size - 1) - *from + 1};
}

} // namespace ais::http
