// Object attributes as they come off a disk.
#include "storage/lom.hpp"
#include "test/fuzz/input.hpp"

#include <cstring>
#include <vector>
#include <xxhash.h>

using namespace ais;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> raw{data, data + size};
  if (size > 10) {
    // With the right checksum the fuzzer gets past the door.
    auto sum = XXH64(raw.data() + 10, raw.size() - 10, 0);
    std::memcpy(raw.data() + 2, &sum, sizeof(sum));
  }
  auto bytes = std::as_bytes(std::span{raw});
  auto decoded = storage::decode_lom(bytes);
  if (!decoded)
    return 0;
  auto again = storage::encode_lom(decoded->attrs, decoded->long_name);
  // Duplicate keys merge, and no format is shorter: the form is never longer.
  FUZZ_CHECK(again || size > storage::max_lom_bytes);
  if (again) {
    auto twice = storage::decode_lom(*again);
    FUZZ_CHECK(twice && twice->attrs == decoded->attrs
               && twice->long_name == decoded->long_name);
  }
  return 0;
}
