#include "actors/base/environment.hpp"

namespace ais {

std::string make_id(const environment& env) {
  static constexpr std::string_view alphabet
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out(10, 'x');
  auto bits = env.random();
  for (auto& c : out) {
    c = alphabet[bits % alphabet.size()];
    bits /= alphabet.size();
  }
  return out;
}

std::string make_secret(const environment& env) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 4; ++i)
    for (auto bits = env.random(), left = uint64_t{16}; left > 0; --left) {
      out += digits[bits & 15];
      bits >>= 4;
    }
  return out;
}

} // namespace ais
