#include "http/s3/when.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace ais::http::s3 {

namespace {

std::optional<int64_t> parse(std::string_view x, const char* format) {
  if (x.size() > 40)
    return {};
  std::string text{x};
  tm parts{};
  auto* end = ::strptime(text.c_str(), format, &parts);
  if (!end || *end != '\0' || parts.tm_year < 0)
    return {};
  return int64_t{::timegm(&parts)};
}

} // namespace

std::optional<int64_t> parse_http_date(std::string_view x) {
  return parse(x, "%a, %d %b %Y %H:%M:%S GMT");
}

std::optional<int64_t> parse_amz_date(std::string_view x) {
  using namespace std::chrono;
  if (x.size() != 16 || x[8] != 'T' || x[15] != 'Z')
    return {};
  bool digits = true;
  auto number = [&](size_t at, size_t count) {
    int out = 0;
    for (char c : x.substr(at, count)) {
      digits &= c >= '0' && c <= '9';
      out = out * 10 + (c - '0');
    }
    return out;
  };
  auto y = number(0, 4), mo = number(4, 2), d = number(6, 2);
  auto h = number(9, 2), mi = number(11, 2), s = number(13, 2);
  if (!digits)
    return {};
  year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                      day{static_cast<unsigned>(d)}};
  if (!date.ok() || y < 1900 || h > 23 || mi > 59 || s > 60)
    return {};
  auto days = sys_days{date}.time_since_epoch().count();
  return int64_t{days} * 86400 + h * 3600 + mi * 60 + s;
}

std::optional<int64_t> parse_iso_time(std::string_view x) {
  if (x.find('T') == std::string_view::npos)
    return parse(x, "%Y-%m-%d");
  if (auto dot = x.find('.'); dot != std::string_view::npos) {
    auto end = x.find_first_not_of("0123456789", dot + 1);
    if (end == dot + 1
        || x.substr(end == std::string_view::npos ? x.size() : end) != "Z")
      return {};
    return parse(std::string{x.substr(0, dot)} + 'Z', "%Y-%m-%dT%H:%M:%SZ");
  }
  return parse(x, "%Y-%m-%dT%H:%M:%SZ");
}

std::string format_xml_time(int64_t unix_ns) {
  auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  auto n = ::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return {text, n};
}

} // namespace ais::http::s3
