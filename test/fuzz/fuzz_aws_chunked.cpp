// aws-chunked bodies, in whatever pieces they arrive.
#include "http/s3/aws_chunked.hpp"
#include "test/fuzz/input.hpp"

#include <cstring>
#include <vector>

using namespace ais::http::s3;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  size_t step = 1 + data[0];
  std::optional<chunk_signer> signer;
  if (data[1] % 2 == 1)
    signer = chunk_signer{ais::mac_key{"key"}, "time", "scope", "previous"};
  data += 2;
  size -= 2;
  chunk_decoder d{std::move(signer)};
  size_t content = 0;
  for (size_t at = 0; at < size; at += step) {
    std::vector<std::byte> piece(std::min(step, size - at));
    std::memcpy(piece.data(), data + at, piece.size());
    auto n = d.pass(piece);
    if (!n)
      return 0;
    FUZZ_CHECK(*n <= piece.size());
    content += *n;
    FUZZ_CHECK(d.trailers().size() <= max_trailers);
  }
  FUZZ_CHECK(content <= size);
  static_cast<void>(d.finish());
  return 0;
}
