#include "storage/base/mac.hpp"

#include <openssl/crypto.h>

#include <cstdint>

namespace ais {

namespace {

constexpr size_t block_bytes = 64; ///< of SHA-256

} // namespace

mac_key::mac_key(std::string_view secret)
  : mac_key(std::as_bytes(std::span{secret})) {}

mac_key::mac_key(std::span<const std::byte> key) {
  sha256_digest hashed;
  if (key.size() > block_bytes) {
    sha256_stream x;
    x.update(key);
    hashed = x.finish();
    key = hashed;
  }
  std::array<std::byte, block_bytes> inner, outer;
  inner.fill(std::byte{0x36});
  outer.fill(std::byte{0x5c});
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  inner_.update(inner);
  outer_.update(outer);
}

mac mac_key::sign(std::span<const std::byte> message) const {
  auto inner = inner_;
  inner.update(message);
  auto outer = outer_;
  outer.update(inner.finish());
  return outer.finish();
}

mac mac_key::sign(std::string_view message) const {
  return sign(std::as_bytes(std::span{message}));
}

mac hmac_sha256(std::string_view secret, std::span<const std::byte> message) {
  return mac_key{secret}.sign(message);
}

mac hmac_sha256(std::string_view secret, std::string_view message) {
  return mac_key{secret}.sign(message);
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
