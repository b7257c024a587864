// The Range header against objects of all sizes.
#include "http/range.hpp"
#include "test/fuzz/input.hpp"

#include <cstring>

using namespace ais;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint64_t object = 0;
  if (size < sizeof(object))
    return 0;
  std::memcpy(&object, data, sizeof(object));
  auto header = text_of(data + sizeof(object), size - sizeof(object));
  if (auto r = http::parse_range(header, object)) {
    FUZZ_CHECK(r->length >= 1);
    FUZZ_CHECK(r->offset < object);
    FUZZ_CHECK(r->length <= object - r->offset);
  }
  return 0;
}
