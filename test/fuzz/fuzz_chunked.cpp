// Chunked bodies, in whatever pieces they arrive and into blocks of any size.
#include "http/parser.hpp"
#include "test/fuzz/input.hpp"

#include <algorithm>
#include <array>

using namespace ais;
using namespace ais::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  size_t piece = 1 + data[0];
  size_t room = 1 + data[1];
  auto text = text_of(data + 2, size - 2);
  static const limits lims;
  static constexpr std::string_view head
    = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  parser p{lims};
  request req;
  FUZZ_CHECK(p.parse_header({head.data(), head.size()}, req)
             == parser::state::done);
  std::array<std::byte, 256> block;
  size_t sum = 0;
  size_t have = 0; // bytes of text that came in
  size_t at = 0;   // bytes of text that were eaten
  while (!p.is_done()) {
    size_t got = 0;
    parser::error_code ec;
    auto eaten = p.decode_chunked({text.data() + at, have - at},
                                  {block.data(), room}, got, ec);
    FUZZ_CHECK(got <= room && eaten <= have - at);
    sum += got;
    at += eaten;
    if (ec)
      return 0;
    if (eaten > 0 || got > 0)
      continue;
    if (have == text.size())
      return 0;
    have = std::min(have + piece, text.size());
  }
  FUZZ_CHECK(sum <= at);
  return 0;
}
