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

} // namespace ais
