// XML bodies.
#include "http/s3/xml.hpp"
#include "test/fuzz/input.hpp"

using namespace ais::http::s3;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto doc = parse_xml(text_of(data, size), "Delete");
  if (!doc)
    return 0;
  for (auto& x : (*doc)->document_element().children()) {
    auto key = child_text(x, "Key");
    FUZZ_CHECK(key.size() <= size);
    xml_writer out{"R"};
    FUZZ_CHECK(out.text("Key", key).finish().find("<Key>")
               != std::string::npos);
  }
  return 0;
}
