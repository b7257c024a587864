// Lifecycle rules, as XML and as they are kept: what is accepted means the same
// in both forms.
#include "http/s3/lifecycle.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;
using namespace ais::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = text_of(data, size);
  if (auto rules = s3::parse_lifecycle_body(text)) {
    auto again = s3::parse_lifecycle_body(s3::to_xml(*rules));
    FUZZ_CHECK(again);
    FUZZ_CHECK(again->size() == rules->size());
    auto kept = storage::to_text(*rules);
    if (kept.size() <= storage::max_lifecycle_bytes)
      FUZZ_CHECK(storage::parse_lifecycle(kept));
    storage::lom x;
    s3::expiration_header(*rules, "key", x);
  }
  if (auto rules = storage::parse_lifecycle(text)) {
    storage::lom x;
    x.custom[storage::object_tags_key] = "a=b&c=d";
    storage::expiry_of(*rules, "key", x);
    storage::upload_expiry_of(*rules, "key", 0);
  }
  return 0;
}
