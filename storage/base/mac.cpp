#include "storage/base/mac.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>

namespace ais {

mac hmac_sha256(std::string_view secret, std::span<const std::byte> message) {
  mac out;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
       reinterpret_cast<unsigned char*>(out.data()), nullptr);
  return out;
}

mac hmac_sha256(std::string_view secret, std::string_view message) {
  return hmac_sha256(secret,
                     std::as_bytes(std::span{message.data(), message.size()}));
}

bool same_secret(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size()
         && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool same_secret(std::string_view a, std::string_view b) {
  return same_secret(std::as_bytes(std::span{a}), std::as_bytes(std::span{b}));
}

std::string base64url(std::span<const std::byte> x) {
  static constexpr std::string_view alphabet
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  out.reserve((x.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  int have = 0;
  for (auto b : x) {
    bits = bits << 8 | std::to_integer<uint32_t>(b);
    for (have += 8; have >= 6; have -= 6)
      out += alphabet[bits >> (have - 6) & 63];
  }
  if (have > 0)
    out += alphabet[bits << (6 - have) & 63];
  return out;
}

} // namespace ais
