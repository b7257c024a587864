// List requests and the msgpack and JSON pages that answer them.
#include "actors/target/lister.hpp"
#include "http/v1/list_request.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;
using namespace ais::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto parsed = parse_json(text_of(data, size));
  if (!parsed)
    return 0;
  auto req = v1::parse_list_request(*parsed);
  if (!req)
    return 0;
  FUZZ_CHECK(req->page_size >= 1 && req->page_size <= max_page_size);
  v1::list_reply page{"uuid", req->token, {}};
  page.entries.push_back({req->options.prefix, false, {}, 0});
  page.entries.back().attrs.version = req->options.start_after;
  page.entries.back().attrs.custom["k"] = req->time_format;
  v1::to_msgpack(page, *req, {"t[x]"});
  v1::to_json_text(page, *req, {"t[x]"});
  return 0;
}
