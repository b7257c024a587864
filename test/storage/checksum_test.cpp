#include "storage/checksum.hpp"

#include <catch2/catch.hpp>

#include <string_view>

using namespace ais;
using namespace ais::storage;

namespace {

std::span<const std::byte> raw(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

} // namespace

TEST_CASE("checksum: known values", "[storage][checksum]") {
  // xxhash2 of "hi\n": storage-semantics 8. The rest: RFC 1321, RFC 3720 B.4,
  // FIPS 180.
  CHECK(cksum_of(cksum_type::xxhash2, raw("hi\n")).value == "d50463dd92503d34");
  CHECK(cksum_of(cksum_type::crc32c, raw("123456789")).value == "e3069283");
  CHECK(cksum_of(cksum_type::md5, raw("abc")).value
        == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(cksum_of(cksum_type::sha256, raw("abc")).value
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(cksum_of(cksum_type::sha512, raw("abc")).value.substr(0, 32)
        == "ddaf35a193617abacc417349ae204131");
  CHECK(cksum_of(cksum_type::none, raw("abc")).value.empty());
}

TEST_CASE("checksum: in pieces as in one", "[storage][checksum]") {
  std::string text(1000, 'x');
  for (size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(i * 7);
  for (auto name :
       {"none", "xxhash", "xxhash2", "md5", "crc32c", "sha256", "sha512"}) {
    auto type = *parse_cksum_type(name);
    CHECK(to_string(type) == name);
    auto whole = cksum_of(type, raw(text));
    CHECK(well_formed(whole));
    for (size_t cut :
         {size_t{0}, size_t{1}, size_t{31}, size_t{32}, size_t{999}}) {
      hasher h{type};
      h.update(raw(std::string_view{text}.substr(0, cut)));
      h.update(raw(std::string_view{text}.substr(cut)));
      CHECK(h.finish() == whole);
    }
  }
  CHECK(parse_cksum_type("crc32").error() == errc::invalid_argument);
}

TEST_CASE("checksum: form", "[storage][checksum]") {
  CHECK(well_formed({cksum_type::crc32c, "e3069283"}));
  CHECK_FALSE(well_formed({cksum_type::crc32c, "E3069283"}));
  CHECK_FALSE(well_formed({cksum_type::crc32c, "e306928"}));
  CHECK_FALSE(well_formed({cksum_type::none, "0"}));
}
