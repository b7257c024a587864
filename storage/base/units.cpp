#include "storage/base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace ais {

namespace {

struct duration_unit {
  std::string_view name;
  int64_t ns;
};

constexpr std::array<duration_unit, 7> duration_units{{
  {"ns", 1},
  {"us", 1'000},
  {"\xc2\xb5s", 1'000}, // micro sign
  {"ms", 1'000'000},
  {"s", 1'000'000'000},
  {"m", 60'000'000'000},
  {"h", 3'600'000'000'000},
}};

bool digit_or_dot(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}

error bad_duration(std::string_view x) {
  return fail(errc::invalid_argument,
              '"' + std::string{x.substr(0, 40)}
                + "\" is not a duration: write, for example, 10s, 1m30s or"
                  " 100ms");
}

/// A decimal fraction without its trailing zeros: (1500, 1000) is "1.5".
std::string fraction(int64_t value, int64_t unit) {
  auto out = std::to_string(value / unit);
  auto rest = value % unit;
  if (rest == 0)
    return out;
  out += '.';
  for (auto place = unit / 10; rest > 0; place /= 10) {
    out += static_cast<char>('0' + rest / place);
    rest %= place;
  }
  return out;
}

std::string format_tm(int64_t unix_ns, const char* format) {
  auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  tm parts;
  ::gmtime_r(&seconds, &parts);
  char out[64];
  auto n = ::strftime(out, sizeof(out), format, &parts);
  return {out, n};
}

} // namespace

expected<std::chrono::nanoseconds> parse_duration(std::string_view x) {
  auto whole = x;
  auto negative = !x.empty() && x.front() == '-';
  if (!x.empty() && (x.front() == '-' || x.front() == '+'))
    x.remove_prefix(1);
  if (x == "0")
    return std::chrono::nanoseconds{0};
  if (x.empty())
    return bad_duration(whole);
  double total = 0;
  while (!x.empty()) {
    size_t n = 0;
    while (n < x.size() && digit_or_dot(x[n]))
      ++n;
    double value = 0;
    auto [end, ec] = std::from_chars(x.data(), x.data() + n, value);
    if (n == 0 || ec != std::errc{} || end != x.data() + n)
      return bad_duration(whole);
    x.remove_prefix(n);
    size_t u = 0;
    while (u < x.size() && !digit_or_dot(x[u]))
      ++u;
    auto name = x.substr(0, u);
    x.remove_prefix(u);
    auto unit = int64_t{0};
    for (auto& candidate : duration_units)
      if (candidate.name == name)
        unit = candidate.ns;
    if (unit == 0)
      return bad_duration(whole);
    total += value * static_cast<double>(unit);
  }
  if (total > 9.2e18)
    return bad_duration(whole);
  auto ns = static_cast<int64_t>(std::llround(total));
  return std::chrono::nanoseconds{negative ? -ns : ns};
}

std::string format_duration(std::chrono::nanoseconds x) {
  auto ns = x.count();
  if (ns < 0)
    return '-' + format_duration(-x);
  if (ns == 0)
    return "0s";
  if (ns < 1'000)
    return std::to_string(ns) + "ns";
  if (ns < 1'000'000)
    return fraction(ns, 1'000) + "\xc2\xb5s";
  if (ns < 1'000'000'000)
    return fraction(ns, 1'000'000) + "ms";
  constexpr int64_t minute = 60'000'000'000;
  std::string out;
  auto minutes = ns / minute;
  if (minutes >= 60)
    out += std::to_string(minutes / 60) + 'h';
  if (minutes > 0)
    out += std::to_string(minutes % 60) + 'm';
  if (ns % minute != 0 || minutes == 0)
    out += fraction(ns % minute, 1'000'000'000) + 's';
  return out;
}

expected<uint64_t> parse_size(std::string_view x) {
  auto bad = [&] {
    return fail(errc::invalid_argument,
                '"' + std::string{x.substr(0, 40)}
                  + "\" is not a size: write, for example, 4096, 64KiB or"
                    " 1GiB");
  };
  size_t n = 0;
  while (n < x.size() && digit_or_dot(x[n]))
    ++n;
  double value = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + n, value);
  if (n == 0 || ec != std::errc{} || end != x.data() + n)
    return bad();
  std::string unit;
  for (char c : x.substr(n))
    if (c != ' ')
      unit += c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  static constexpr std::string_view steps = "kmgtpe";
  int power = 0;
  if (!unit.empty() && unit != "b") {
    auto step = steps.find(unit.front());
    auto rest = std::string_view{unit}.substr(1);
    if (step == std::string_view::npos
        || (!rest.empty() && rest != "b" && rest != "ib" && rest != "i"))
      return bad();
    power = static_cast<int>(step) + 1;
  }
  auto bytes = std::ldexp(value, 10 * power);
  if (bytes >= 9.2e18)
    return bad();
  return static_cast<uint64_t>(bytes);
}

std::string format_size(uint64_t bytes) {
  static constexpr std::array<std::string_view, 7> units{
    "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t u = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && u + 1 < units.size(); ++u)
    value /= 1024;
  return std::to_string(std::llround(value)) + std::string{units[u]};
}

std::string format_rfc3339(int64_t unix_ns) {
  auto out = format_tm(unix_ns, "%Y-%m-%dT%H:%M:%S");
  if (auto rest = unix_ns % 1'000'000'000; rest > 0)
    out += fraction(rest, 1'000'000'000).substr(1);
  return out + 'Z';
}

std::string format_http_date(int64_t unix_ns) {
  return format_tm(unix_ns, "%a, %d %b %Y %H:%M:%S GMT");
}

std::string format_time(int64_t unix_ns, std::string_view go_layout) {
  if (go_layout.empty() || go_layout == "02 Jan 06 15:04 MST")
    return format_tm(unix_ns, "%d %b %y %H:%M UTC");
  if (go_layout == "Mon, 02 Jan 2006 15:04:05 MST")
    return format_tm(unix_ns, "%a, %d %b %Y %H:%M:%S UTC");
  if (go_layout == "2006-01-02T15:04:05Z07:00")
    return format_tm(unix_ns, "%Y-%m-%dT%H:%M:%SZ");
  if (go_layout == "Jan _2 15:04:05.000000") {
    char micros[16];
    std::snprintf(micros, sizeof(micros), ".%06d",
                  static_cast<int>(unix_ns / 1'000 % 1'000'000));
    return format_tm(unix_ns, "%b %e %H:%M:%S") + micros;
  }
  return format_rfc3339(unix_ns);
}

} // namespace ais
