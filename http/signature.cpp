#include "http/signature.hpp"

#include "storage/base/mac.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace ais::http {

namespace {

/// What is signed: every part ends with a NUL, which none can contain.
std::string signed_text(std::string_view method, std::string_view path,
                        std::span<const std::pair<std::string, std::string>> q,
                        std::string_view pid, std::string_view utm) {
  std::string out;
  auto add = [&](std::string_view x) {
    out.append(x);
    out += '\0';
  };
  add(method);
  add(path);
  for (auto& [key, value] : q) {
    add(key);
    add(value);
  }
  add("pid");
  add(pid);
  add("utm");
  add(utm);
  return out;
}

} // namespace

size_t redirects_of(const query& q) {
  return static_cast<size_t>(std::count_if(
    q.all().begin(), q.all().end(), [](auto& x) { return x.first == "pid"; }));
}

std::string sent_on(std::string_view method, std::string_view target,
                    std::string_view path, const query& q, std::string_view pid,
                    int64_t now_ns, std::string_view secret) {
  char when[16];
  std::string_view utm{when, std::to_chars(when, when + sizeof(when),
                                           static_cast<uint64_t>(now_ns), 36)
                               .ptr};
  std::string out{target};
  out += target.find('?') == std::string_view::npos ? '?' : '&';
  out.append("pid=").append(pid).append("&utm=").append(utm);
  if (!secret.empty())
    out.append("&u=").append(base64url(
      hmac_sha256(secret, signed_text(method, path, q.all(), pid, utm))));
  return out;
}

expected<void>
check_sent_on(std::string_view method, std::string_view path, const query& q,
              int64_t now_ns, int64_t window_ns, std::string_view secret) {
  std::span all{q.all()};
  if (all.size() < 3 || all[all.size() - 3].first != "pid"
      || all[all.size() - 2].first != "utm" || all.back().first != "u")
    return fail(errc::access_denied,
                "requests for objects must be redirected here by a proxy, with"
                " its signature: send them to a proxy");
  auto& pid = all[all.size() - 3].second;
  auto& utm = all[all.size() - 2].second;
  auto& given = all.back().second;
  auto proof = base64url(hmac_sha256(
    secret, signed_text(method, path, all.first(all.size() - 3), pid, utm)));
  if (!same_secret(given, proof))
    return fail(errc::access_denied,
                "the redirect's signature does not fit the request");
  uint64_t at = 0;
  auto [end, ec] = std::from_chars(utm.data(), utm.data() + utm.size(), at, 36);
  if (ec != std::errc{} || end != utm.data() + utm.size()
      || std::llabs(now_ns - static_cast<int64_t>(at)) > window_ns)
    return fail(errc::access_denied,
                "the redirect has expired: send the request to a proxy again,"
                " and compare the clocks of the nodes if that does not help");
  return caf::unit;
}

} // namespace ais::http
