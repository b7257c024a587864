#include "http/url.hpp"

#include <algorithm>

namespace ais::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
         || c == '~';
}

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool equal_nocase(std::string_view a, std::string_view b) {
  auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

expected<std::string> percent_decode(std::string_view x, bool plus_is_space) {
  std::string out;
  out.reserve(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (x[i] != '%') {
      if (control(x[i]))
        return fail(errc::invalid_argument,
                    "the URL has a control character; escape it as \"%XX\"");
      out += x[i];
    } else {
      int high = i + 2 < x.size() ? hex_value(x[i + 1]) : -1;
      int low = i + 2 < x.size() ? hex_value(x[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(errc::invalid_argument,
                    "the URL has a '%' that two hex digits do not follow;"
                    " write a literal '%' as \"%25\"");
      // File names and C interfaces end at a NUL: nobody may smuggle one in.
      if (high == 0 && low == 0)
        return fail(errc::invalid_argument, "the URL has \"%00\"");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view x, std::string_view keep) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(x.size());
  for (char c : x) {
    if (unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      auto u = static_cast<unsigned char>(c);
      out += '%';
      out += digits[u >> 4];
      out += digits[u & 15];
    }
  }
  return out;
}

bool is_plain(std::string_view x, std::string_view keep) {
  return std::all_of(x.begin(), x.end(), [&](char c) {
    return unreserved(c) || keep.find(c) != std::string_view::npos;
  });
}

expected<query> query::parse(std::string_view raw, size_t max_params) {
  query out;
  while (!raw.empty()) {
    auto end = raw.find('&');
    auto part = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view{}
                                        : raw.substr(end + 1);
    if (part.empty())
      continue;
    if (out.params_.size() == max_params)
      return fail(errc::invalid_argument, "the URL has more than "
                                            + std::to_string(max_params)
                                            + " query parameters");
    auto eq = part.find('=');
    auto key = percent_decode(part.substr(0, eq), true);
    auto value = percent_decode(
      eq == std::string_view::npos ? std::string_view{} : part.substr(eq + 1),
      true);
    if (!key)
      return key.error();
    if (!value)
      return value.error();
    out.params_.emplace_back(std::move(*key), std::move(*value));
  }
  return out;
}

std::optional<std::string_view> query::find(std::string_view key) const {
  for (auto& [k, v] : params_)
    if (k == key)
      return std::string_view{v};
  return std::nullopt;
}

std::string_view query::get(std::string_view key) const {
  return find(key).value_or(std::string_view{});
}

bool query::flag(std::string_view key) const {
  auto value = get(key);
  for (std::string_view yes : {"1", "t", "true", "y", "yes", "on"})
    if (equal_nocase(value, yes))
      return true;
  return false;
}

expected<target> split_target(std::string_view raw) {
  target out;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!equal_nocase(raw.substr(0, scheme.size()), scheme))
      continue;
    raw.remove_prefix(scheme.size());
    auto end = std::min(raw.find_first_of("/?"), raw.size());
    out.host = raw.substr(0, end);
    raw.remove_prefix(end);
    if (out.host.empty())
      return fail(errc::invalid_argument, "the request target has no host");
    if (raw.empty() || raw.front() == '?') {
      out.path = "/";
      out.query = raw.empty() ? raw : raw.substr(1);
      return out;
    }
    break;
  }
  if (raw.empty() || (raw.front() != '/' && raw != "*"))
    return fail(errc::invalid_argument,
                "the request target must begin with '/'");
  auto mark = raw.find('?');
  out.path = raw.substr(0, mark);
  if (mark != std::string_view::npos)
    out.query = raw.substr(mark + 1);
  return out;
}

} // namespace ais::http
