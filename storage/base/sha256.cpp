// The functions that work on a plain state; they use the processor's
// instructions for SHA as the others do.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "storage/base/sha256.hpp"

namespace ais {

sha256_stream::sha256_stream() {
  SHA256_Init(&state_);
}

void sha256_stream::update(std::span<const std::byte> in) {
  SHA256_Update(&state_, in.data(), in.size());
}

void sha256_stream::update(std::string_view in) {
  SHA256_Update(&state_, in.data(), in.size());
}

sha256_digest sha256_stream::finish() {
  sha256_digest out;
  SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), &state_);
  return out;
}

sha256_digest sha256_of(std::string_view text) {
  sha256_stream out;
  out.update(text);
  return out.finish();
}

} // namespace ais
