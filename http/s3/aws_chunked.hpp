// The aws-chunked encoding of bodies: chunks with or without signatures, with
// or without trailers. A state machine of bounded size that works in place.
// Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks"
// and "Including Trailing Headers".
#pragma once

#include "http/s3/fault.hpp"
#include "storage/base/mac.hpp"
#include "storage/checksum.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ais::http::s3 {

/// The largest object, or part, one PUT may bring [bytes].
inline constexpr uint64_t max_put_bytes = uint64_t{5} << 30;
inline constexpr size_t max_chunk_line = 1024; ///< [bytes]
inline constexpr size_t max_trailers = 8;

/// What signs chunks: each one's signature is part of the next one's text.
struct chunk_signer {
  mac_key key;          ///< signing_key()
  std::string time;     ///< of the request
  std::string scope;    ///< of the request
  std::string previous; ///< signature; first: the request's
};

class chunk_decoder {
public:
  /// @param signer  verifies chunks and trailer; none: signatures are ignored
  explicit chunk_decoder(std::optional<chunk_signer> signer);

  /// Decodes the next bytes in place. @returns how many bytes of content are at
  /// the front of `io` now; incomplete_body, signature_mismatch.
  outcome<size_t> pass(std::span<std::byte> io);

  /// The body is over. @returns incomplete_body unless it was complete.
  checked finish();

  /// The trailing headers, names in lower case; after finish().
  const std::vector<std::pair<std::string, std::string>>& trailers() const {
    return trailers_;
  }

private:
  enum class state { size, data, data_end, trailer, done };

  /// Takes a byte of a line. @returns true when the line is complete.
  outcome<bool> take(char c);
  checked on_size();
  checked on_chunk_end();
  checked on_trailer();
  checked verify(std::string_view kind, const std::string& hash,
                 const std::string& given);

  std::optional<chunk_signer> signer_;
  state state_ = state::size;
  std::string line_;
  uint64_t left_ = 0; ///< of the current chunk [bytes]
  bool gap_ = false;  ///< an empty line before the trailer's signature
  std::optional<storage::hasher> hash_;
  std::string signature_; ///< of the current chunk, as given
  bool trailer_signed_ = false;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

} // namespace ais::http::s3
