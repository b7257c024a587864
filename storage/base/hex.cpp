#include "storage/base/hex.hpp"

namespace ais {

std::string to_hex(std::string_view raw) {
  return to_hex(std::as_bytes(std::span{raw}));
}

std::string to_hex(std::span<const std::byte> raw) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out(raw.size() * 2, '\0');
  for (size_t i = 0; i < raw.size(); ++i) {
    auto u = std::to_integer<unsigned char>(raw[i]);
    out[2 * i] = digits[u >> 4];
    out[2 * i + 1] = digits[u & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view x) {
  auto value = [](char c) {
    if (c >= '0' && c <= '9')
      return c - '0';
    if (c >= 'a' && c <= 'f')
      return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (x.size() % 2 != 0)
    return {};
  std::string out;
  out.reserve(x.size() / 2);
  for (size_t i = 0; i < x.size(); i += 2) {
    auto high = value(x[i]);
    auto low = value(x[i + 1]);
    if (high < 0 || low < 0)
      return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

} // namespace ais
