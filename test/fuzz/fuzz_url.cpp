// Request heads, targets, queries and percent-encoding.
#include "http/parser.hpp"
#include "http/url.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;
using namespace ais::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = text_of(data, size);
  if (auto decoded = percent_decode(text)) {
    auto again = percent_decode(percent_encode(*decoded));
    FUZZ_CHECK(again && *again == *decoded);
  }
  if (auto q = query::parse(text, 100))
    FUZZ_CHECK(q->all().size() <= 100);
  if (auto t = split_target(text))
    FUZZ_CHECK(t->path == "*" || t->path.front() == '/');
  static const limits lims;
  parser p{lims};
  request req;
  if (p.parse_header({text.data(), text.size()}, req) == parser::state::done) {
    FUZZ_CHECK(p.used <= size);
    FUZZ_CHECK(!(req.chunked && req.content_length));
    FUZZ_CHECK(req.headers.size() <= lims.header_count);
  }
  return 0;
}
