// Bucket, namespace and object names, and what paths they become.
#include "storage/mountpath.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = text_of(data, size);
  if (auto parsed = parse_uname(text)) {
    auto again = parse_uname(uname_of(parsed->first, parsed->second));
    FUZZ_CHECK(again && *again == *parsed);
    FUZZ_CHECK(check_bucket_name(parsed->first.name));
  }
  static_cast<void>(parse_ns(text));
  static_cast<void>(parse_provider(text));
  if (check_bucket_name(text, true)) {
    FUZZ_CHECK(text.find('/') == std::string_view::npos);
    FUZZ_CHECK(text != "." && text != "..");
  }
  if (check_object_name(text)) {
    FUZZ_CHECK(valid_utf8(text));
    FUZZ_CHECK(text.find('\0') == std::string_view::npos);
    // A name that is a path of its own has no component that leaves it.
    if (!storage::mountpath::hashed(text)) {
      auto wrapped = '/' + std::string{text} + '/';
      FUZZ_CHECK(wrapped.find("/../") == std::string::npos);
      FUZZ_CHECK(wrapped.find("/./") == std::string::npos);
      FUZZ_CHECK(wrapped.find("//") == std::string::npos);
    }
  }
  return 0;
}
