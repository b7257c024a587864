#include "http/request_id.hpp"

#include <algorithm>

namespace ais::http {

std::string_view given_request_id(const request& req) {
  auto x = req.find(request_id_header);
  auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  };
  auto good
    = x.size() <= max_request_id && std::all_of(x.begin(), x.end(), plain);
  return good ? x : std::string_view{};
}

std::string make_request_id(uint64_t random) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out(16, '0');
  for (auto i = out.rbegin(); i != out.rend(); ++i, random >>= 4)
    *i = digits[random & 15];
  return out;
}

} // namespace ais::http
