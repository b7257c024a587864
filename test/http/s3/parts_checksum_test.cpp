#include "http/s3/parts_checksum.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;

namespace {

std::string sum_of(s3::algorithm a, std::string_view x) {
  s3::digester d{a};
  d.update(std::as_bytes(std::span{x.data(), x.size()}));
  return s3::to_base64(d.finish());
}

} // namespace

TEST_CASE("s3 checksums of parts: the full object's", "[http][s3]") {
  std::string text(300'000, 'x');
  for (size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(i * 2654435761u >> 13);
  for (auto a : {s3::algorithm::crc32, s3::algorithm::crc32c,
                 s3::algorithm::crc64nvme}) {
    for (size_t first : {0, 1, 255, 65'536, 299'999, 300'000}) {
      auto head = std::string_view{text}.substr(0, first);
      auto tail = std::string_view{text}.substr(first);
      auto joined
        = s3::join_checksums({a, true}, {{sum_of(a, head), head.size()},
                                         {sum_of(a, tail), tail.size()}});
      CHECK(joined == sum_of(a, text));
    }
  }
}

TEST_CASE("s3 checksums of parts: composite", "[http][s3]") {
  auto a = s3::algorithm::sha1;
  auto one = sum_of(a, "one");
  auto two = sum_of(a, "two");
  auto raw = *s3::from_base64(one) + *s3::from_base64(two);
  CHECK(s3::join_checksums({a, false}, {{one, 3}, {two, 3}})
        == sum_of(a, raw) + "-2");
  CHECK_FALSE(s3::join_checksums({a, false}, {{one, 3}, {"", 3}}));
}

TEST_CASE("s3 checksums of parts: what is asked for", "[http][s3]") {
  auto of = [](std::string_view name, std::string_view kind) -> std::string {
    request req;
    if (!name.empty())
      req.headers.push_back({"x-amz-checksum-algorithm", name});
    if (!kind.empty())
      req.headers.push_back({"x-amz-checksum-type", kind});
    auto x = s3::wanted_checksum(req);
    if (!x)
      return std::string{x.why().code.name};
    if (!*x)
      return "none";
    CHECK(s3::parse_parts_checksum(s3::to_text(**x)) == **x);
    return s3::to_text(**x);
  };
  CHECK(of("", "") == "none");
  CHECK(of("sha256", "") == "SHA256/COMPOSITE");
  CHECK(of("CRC64NVME", "") == "CRC64NVME/FULL_OBJECT");
  CHECK(of("CRC32", "") == "CRC32/COMPOSITE");
  CHECK(of("CRC32C", "FULL_OBJECT") == "CRC32C/FULL_OBJECT");
  CHECK(of("SHA1", "FULL_OBJECT") == "InvalidRequest");
  CHECK(of("CRC64NVME", "COMPOSITE") == "InvalidRequest");
  CHECK(of("MD5", "") == "InvalidRequest");
  CHECK(of("", "COMPOSITE") == "InvalidRequest");
  CHECK_FALSE(s3::parse_parts_checksum("x/FULL_OBJECT"));
}
