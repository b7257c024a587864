// SHA-256 as a value: where many short texts are hashed, OpenSSL's general
// interface costs several times what the hash itself does.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace ais {

inline constexpr size_t sha256_bytes = 32;
using sha256_digest = std::array<std::byte, sha256_bytes>;

/// A hash that is under way; a copy goes on from the same place.
class sha256_stream {
public:
  sha256_stream();
  void update(std::span<const std::byte> in);
  void update(std::string_view in);
  /// Ends the stream, call once.
  sha256_digest finish();

private:
  SHA256_CTX state_;
};

sha256_digest sha256_of(std::string_view text);

} // namespace ais
