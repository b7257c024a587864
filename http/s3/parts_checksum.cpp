#include "http/s3/parts_checksum.hpp"

#include "storage/base/assert.hpp"

#include <array>

namespace ais::http::s3 {

namespace {

bool is_crc(algorithm x) {
  return x == algorithm::crc32 || x == algorithm::crc32c
         || x == algorithm::crc64nvme;
}

/// Reflected.
uint64_t polynomial(algorithm x) {
  switch (x) {
    case algorithm::crc32:
      return 0xedb8'8320;
    case algorithm::crc32c:
      return 0x82f6'3b78;
    default:
      return 0x9a6c'9329'ac4b'c9b5;
  }
}

/// A linear map over GF(2): the image of each bit.
using matrix = std::array<uint64_t, 64>;

uint64_t times(const matrix& m, uint64_t x) {
  uint64_t out = 0;
  for (size_t i = 0; x != 0; ++i, x >>= 1)
    if ((x & 1) != 0)
      out ^= m[i];
  return out;
}

matrix squared(const matrix& m) {
  matrix out;
  for (size_t i = 0; i < m.size(); ++i)
    out[i] = times(m, m[i]);
  return out;
}

} // namespace

std::string_view kind_of(const parts_checksum& x) {
  return x.full ? "FULL_OBJECT" : "COMPOSITE";
}

std::string to_text(const parts_checksum& x) {
  return std::string{to_string(x.type)} + '/' + std::string{kind_of(x)};
}

std::optional<parts_checksum> parse_parts_checksum(std::string_view x) {
  auto type = parse_algorithm(x.substr(0, x.find('/')));
  if (!type)
    return {};
  parts_checksum out{*type, false};
  out.full = x == to_text({*type, true});
  return out;
}

outcome<std::optional<parts_checksum>> wanted_checksum(const request& req) {
  auto name = req.find("x-amz-checksum-algorithm");
  auto kind = req.find("x-amz-checksum-type");
  if (name.empty() && kind.empty())
    return std::optional<parts_checksum>{};
  auto type = parse_algorithm(name);
  auto full = same_name(kind, "FULL_OBJECT");
  if (!type || (!kind.empty() && !full && !same_name(kind, "COMPOSITE")))
    return fault{invalid_request,
                 "x-amz-checksum-algorithm must be CRC32, CRC32C, CRC64NVME,"
                 " SHA1 or SHA256, and x-amz-checksum-type FULL_OBJECT or"
                 " COMPOSITE",
                 {}};
  if (kind.empty())
    full = type == algorithm::crc64nvme;
  if (full ? !is_crc(*type) : type == algorithm::crc64nvme)
    return fault{invalid_request,
                 "checksums of the full object are for CRC32, CRC32C and"
                 " CRC64NVME, composite ones for all but CRC64NVME",
                 {}};
  return std::optional{parts_checksum{*type, full}};
}

// The first piece's register goes on over zeros for the length of the second;
// zeros are a linear map, and its powers are made by squaring.
uint64_t
join_crcs(algorithm x, uint64_t first, uint64_t second, uint64_t second_size) {
  AIS_ASSERT(is_crc(x));
  auto bits = digest_bytes(x) * 8;
  matrix step{}; // one zero bit
  step[0] = polynomial(x);
  for (size_t i = 1; i < bits; ++i)
    step[i] = uint64_t{1} << (i - 1);
  for (int i = 0; i < 3; ++i)
    step = squared(step); // one zero byte
  for (; second_size != 0; second_size >>= 1, step = squared(step))
    if ((second_size & 1) != 0)
      first = times(step, first);
  return first ^ second;
}

std::optional<std::string>
join_checksums(const parts_checksum& how,
               const std::vector<summed_part>& parts) {
  digester all{how.type};
  uint64_t crc = 0;
  for (auto& x : parts) {
    auto raw = from_base64(x.value);
    if (!raw || raw->size() != digest_bytes(how.type))
      return {};
    all.update(std::as_bytes(std::span{raw->data(), raw->size()}));
    uint64_t own = 0;
    if (how.full)
      for (char c : *raw)
        own = own << 8 | static_cast<unsigned char>(c);
    if (how.full)
      crc = join_crcs(how.type, crc, own, x.size);
  }
  if (!how.full)
    return to_base64(all.finish()) + '-' + std::to_string(parts.size());
  std::string raw(digest_bytes(how.type), '\0');
  for (auto i = raw.rbegin(); i != raw.rend(); ++i, crc >>= 8)
    *i = static_cast<char>(crc);
  return to_base64(raw);
}

} // namespace ais::http::s3
