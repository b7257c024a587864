#include "http/s3/virtual_host.hpp"

#include "storage/base/words.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr size_t max_domain = 253; ///< RFC 1035

} // namespace

expected<std::string> parse_domain(std::string_view x) {
  auto out = lower(x);
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '.';
  };
  if (out.empty() || out.size() > max_domain || out.front() == '.'
      || out.back() == '.' || out.find("..") != std::string::npos
      || !std::all_of(out.begin(), out.end(), good))
    return fail(errc::invalid_argument,
                "\"" + out.substr(0, 64)
                  + "\" is no domain: give a name like s3.example.com, without"
                    " port or wildcard");
  return out;
}

std::optional<std::string>
bucket_of_host(std::string_view host, const std::vector<std::string>& domains) {
  if (domains.empty() || host.size() > 2 * max_domain)
    return {};
  auto name = lower(host.substr(0, host.rfind(':')));
  std::optional<std::string> out;
  for (auto& domain : domains) {
    auto dot = name.size() - std::min(name.size(), domain.size() + 1);
    if (dot > 0 && name[dot] == '.' && name.substr(dot + 1) == domain
        && (!out || dot < out->size()))
      out = name.substr(0, dot);
  }
  return out;
}

} // namespace ais::http::s3
