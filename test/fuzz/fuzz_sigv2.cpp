// What requests claim in the old way: the Authorization header, and the query
// of a presigned URL. Whatever comes in, a claim that holds is not found by
// chance.
#include "http/s3/sigv2.hpp"
#include "test/fuzz/input.hpp"

using namespace ais::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = text_of(data, size);
  auto cut = text.find('\n');
  auto q = query::parse(text.substr(0, cut), 100);
  if (!q)
    return 0;
  request req;
  req.method = "GET";
  req.headers = {{"Host", "h"}, {"Date", "Fri, 24 May 2013 00:00:00 GMT"}};
  if (cut != std::string_view::npos)
    req.headers.push_back({"Authorization", text.substr(cut + 1)});
  s3::signed_request x{req, "/b/k", *q};
  auto claim = s3::parse_old_claim(x);
  if (!claim || !*claim)
    return 0;
  FUZZ_CHECK(!(*claim)->access_key.empty());
  FUZZ_CHECK(!s3::check_old_claim(**claim, x, "", "a secret nobody knows",
                                  1'369'353'600));
  return 0;
}
