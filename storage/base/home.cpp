#include "storage/base/home.hpp"

#include "storage/base/hrw.hpp"

#include <charconv>

namespace ais {

namespace {

constexpr std::string_view former_mark = "\x01/"; ///< ends an object's name
constexpr size_t hex16_chars = 16;

std::optional<uint64_t> parse_hex16(std::string_view x) {
  uint64_t out = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), out, 16);
  if (x.size() != hex16_chars || ec != std::errc{}
      || end != x.data() + x.size())
    return {};
  return out;
}

} // namespace

const ns& uploads_ns() {
  static const ns out{{}, "s3-uploads"};
  return out;
}

const ns& versions_ns() {
  static const ns out{{}, "s3-versions"};
  return out;
}

bool of_others(const ns& x) {
  return x == uploads_ns() || x == versions_ns();
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

std::string former_prefix(uint64_t bid, std::string_view object) {
  return hex16(bid).append("/").append(object).append(former_mark);
}

std::string to_text(const former_name& x) {
  return former_prefix(x.bid, x.object).append(x.id).append(hex16(x.home));
}

std::optional<former_name> parse_former_name(std::string_view name) {
  constexpr auto tail = version_id_chars + hex16_chars;
  constexpr auto least = hex16_chars + 1 + former_mark.size() + tail;
  if (name.size() < least || name[hex16_chars] != '/')
    return {};
  auto end = name.size() - tail - former_mark.size();
  auto bid = parse_hex16(name.substr(0, hex16_chars));
  auto home = parse_hex16(name.substr(name.size() - hex16_chars));
  if (!bid || !home || name.substr(end, former_mark.size()) != former_mark)
    return {};
  return former_name{*bid, name.substr(hex16_chars + 1, end - hex16_chars - 1),
                     name.substr(name.size() - tail, version_id_chars), *home};
}

uint64_t home_digest(const bck& b, std::string_view object) {
  if (b.ns == uploads_ns()) {
    auto id = object.find('/');
    auto bid_and_home = id == std::string_view::npos
                          ? std::string_view{}
                          : object.substr(id + 1).substr(0, 2 * hex16_chars);
    if (bid_and_home.size() == 2 * hex16_chars)
      if (auto home = parse_hex16(bid_and_home.substr(hex16_chars)))
        return *home;
  }
  return disk_digest(b, object);
}

uint64_t disk_digest(const bck& b, std::string_view object) {
  if (b.ns == versions_ns())
    if (auto former = parse_former_name(object))
      return former->home;
  return placement_digest(uname_of(b, object));
}

} // namespace ais
