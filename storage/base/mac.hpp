// Message authentication: proves that whoever wrote a text knows a secret.
#pragma once

#include "storage/base/sha256.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ais {

inline constexpr size_t mac_bytes = sha256_bytes;
using mac = sha256_digest;

/// A secret that is made ready to sign many texts.
class mac_key {
public:
  explicit mac_key(std::span<const std::byte> secret);
  explicit mac_key(std::string_view secret);
  /// HMAC-SHA256; RFC 2104.
  mac sign(std::span<const std::byte> message) const;
  mac sign(std::string_view message) const;

private:
  sha256_stream inner_, outer_; ///< behind the padded secret
};

/// HMAC-SHA256 by a secret that is used once.
mac hmac_sha256(std::string_view secret, std::span<const std::byte> message);
mac hmac_sha256(std::string_view secret, std::string_view message);

/// Compares in a time that does not tell where the difference is.
bool same_secret(std::span<const std::byte> a, std::span<const std::byte> b);
bool same_secret(std::string_view a, std::string_view b);

/// Unpadded base64 with '-' and '_'; RFC 4648 section 5.
std::string base64url(std::span<const std::byte> x);

} // namespace ais
