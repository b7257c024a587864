#include "storage/base/home.hpp"

#include "storage/base/hrw.hpp"

#include <charconv>

namespace ais {

const ns& uploads_ns() {
  static const ns out{{}, "s3-uploads"};
  return out;
}

std::string hex16(uint64_t x) {
  char text[16];
  auto end = std::to_chars(text, text + sizeof(text), x, 16).ptr;
  auto digits = static_cast<size_t>(end - text);
  return std::string(16 - digits, '0').append(text, digits);
}

std::string
make_upload_id(uint64_t bid, uint64_t object_home, uint64_t random) {
  return hex16(bid) + hex16(object_home) + hex16(random);
}

uint64_t home_digest(const bck& b, std::string_view object) {
  if (b.ns == uploads_ns()) {
    auto id = object.find('/');
    auto home = id == std::string_view::npos
                  ? std::string_view{}
                  : object.substr(id + 1).substr(0, 32);
    if (home.size() == 32) {
      home.remove_prefix(16);
      uint64_t out = 0;
      auto [end, ec]
        = std::from_chars(home.data(), home.data() + home.size(), out, 16);
      if (ec == std::errc{} && end == home.data() + home.size())
        return out;
    }
  }
  return placement_digest(uname_of(b, object));
}

} // namespace ais
