#include "http/s3/digest.hpp"

#include "http/request.hpp"
#include "storage/base/assert.hpp"
#include "storage/base/mac.hpp"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace ais::http::s3 {

namespace {

struct algorithm_names {
  std::string_view name, header, key, element;
  size_t bytes;
};

constexpr std::array<algorithm_names, 5> names{{
  {"CRC32", "x-amz-checksum-crc32", "X-Amz-Checksum-Crc32", "ChecksumCRC32", 4},
  {"CRC32C", "x-amz-checksum-crc32c", "X-Amz-Checksum-Crc32c", "ChecksumCRC32C",
   4},
  {"CRC64NVME", "x-amz-checksum-crc64nvme", "X-Amz-Checksum-Crc64nvme",
   "ChecksumCRC64NVME", 8},
  {"SHA1", "x-amz-checksum-sha1", "X-Amz-Checksum-Sha1", "ChecksumSHA1", 20},
  {"SHA256", "x-amz-checksum-sha256", "X-Amz-Checksum-Sha256", "ChecksumSHA256",
   32},
}};

const algorithm_names& names_of(algorithm x) {
  return names[static_cast<size_t>(x)];
}

template <class T>
std::string big_endian(T x) {
  std::string out(sizeof(T), '\0');
  for (size_t i = 0; i < sizeof(T); ++i)
    out[i] = static_cast<char>(x >> (8 * (sizeof(T) - 1 - i)));
  return out;
}

/// Eight tables: one look-up per byte of a word, all words in one step.
using crc64_tables = std::array<std::array<uint64_t, 256>, 8>;

crc64_tables make_tables() {
  constexpr uint64_t reflected = 0x9a6c'9329'ac4b'c9b5;
  crc64_tables out{};
  for (uint64_t i = 0; i < 256; ++i) {
    auto x = i;
    for (int k = 0; k < 8; ++k)
      x = (x >> 1) ^ ((x & 1) != 0 ? reflected : 0);
    out[0][i] = x;
  }
  for (size_t i = 0; i < 256; ++i)
    for (size_t k = 1; k < 8; ++k)
      out[k][i] = (out[k - 1][i] >> 8) ^ out[0][out[k - 1][i] & 0xff];
  return out;
}

struct digest_free {
  void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
};

} // namespace

std::string_view to_string(algorithm x) {
  return names_of(x).name;
}
std::string_view header_of(algorithm x) {
  return names_of(x).header;
}
std::string_view metadata_key(algorithm x) {
  return names_of(x).key;
}
std::string_view element_of(algorithm x) {
  return names_of(x).element;
}
size_t digest_bytes(algorithm x) {
  return names_of(x).bytes;
}

std::optional<algorithm> parse_algorithm(std::string_view x) {
  for (auto a : algorithms)
    if (same_name(x, to_string(a)))
      return a;
  return {};
}

std::optional<algorithm> algorithm_of_header(std::string_view name) {
  for (auto a : algorithms)
    if (same_name(name, header_of(a)))
      return a;
  return {};
}

// -- digester
// --------------------------------------------------------------------

struct digester::impl {
  algorithm type;
  uint32_t crc32 = 0;
  uint64_t crc64 = 0;
  std::optional<storage::hasher> hash;
  std::unique_ptr<EVP_MD_CTX, digest_free> sha1;
};

digester::digester(algorithm x) : impl_(std::make_unique<impl>()) {
  impl_->type = x;
  if (x == algorithm::crc32c)
    impl_->hash.emplace(storage::cksum_type::crc32c);
  else if (x == algorithm::sha256)
    impl_->hash.emplace(storage::cksum_type::sha256);
  else if (x == algorithm::sha1) {
    impl_->sha1.reset(EVP_MD_CTX_new());
    AIS_ASSERT(impl_->sha1
               && EVP_DigestInit_ex(impl_->sha1.get(), EVP_sha1(), nullptr)
                    == 1);
  }
}

digester::~digester() = default;
digester::digester(digester&&) noexcept = default;
digester& digester::operator=(digester&&) noexcept = default;

algorithm digester::type() const {
  return impl_->type;
}

void digester::update(std::span<const std::byte> in) {
  auto& x = *impl_;
  if (in.empty())
    return;
  switch (x.type) {
    case algorithm::crc32:
      x.crc32 = crc32_gzip_refl(
        x.crc32, reinterpret_cast<const unsigned char*>(in.data()), in.size());
      break;
    case algorithm::crc64nvme:
      x.crc64 = crc64nvme(x.crc64, in);
      break;
    case algorithm::sha1:
      AIS_ASSERT(EVP_DigestUpdate(x.sha1.get(), in.data(), in.size()) == 1);
      break;
    case algorithm::crc32c:
    case algorithm::sha256:
      x.hash->update(in);
      break;
  }
}

std::string digester::finish() {
  auto& x = *impl_;
  switch (x.type) {
    case algorithm::crc32:
      return big_endian(x.crc32);
    case algorithm::crc64nvme:
      return big_endian(x.crc64);
    case algorithm::sha1: {
      std::string out(digest_bytes(x.type), '\0');
      AIS_ASSERT(
        EVP_DigestFinal_ex(
          x.sha1.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr)
        == 1);
      return out;
    }
    default:
      return from_hex(x.hash->finish().value).value();
  }
}

uint64_t crc64nvme(uint64_t crc, std::span<const std::byte> in) {
  static const auto tables = make_tables();
  crc = ~crc;
  auto at = [&](size_t i) {
    return std::to_integer<uint64_t>(in[i]);
  };
  while (in.size() >= 8) {
    for (size_t i = 0; i < 8; ++i)
      crc ^= at(i) << (8 * i);
    uint64_t next = 0;
    for (size_t i = 0; i < 8; ++i)
      next ^= tables[7 - i][(crc >> (8 * i)) & 0xff];
    crc = next;
    in = in.subspan(8);
  }
  for (size_t i = 0; i < in.size(); ++i)
    crc = (crc >> 8) ^ tables[0][(crc ^ at(i)) & 0xff];
  return ~crc;
}

// -- encodings
// --------------------------------------------------------------------

std::string to_base64(std::string_view raw) {
  std::string out((raw.size() + 2) / 3 * 4 + 1, '\0');
  auto n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                           reinterpret_cast<const unsigned char*>(raw.data()),
                           static_cast<int>(raw.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

std::optional<std::string> from_base64(std::string_view x) {
  if (x.size() % 4 != 0 || x.size() > (1 << 20))
    return {};
  auto padding = x.size() - std::min(x.find('='), x.size());
  auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  auto body = x.substr(0, x.size() - padding);
  if (padding > 2 || !std::all_of(body.begin(), body.end(), letter)
      || x.find_first_not_of('=', body.size()) != std::string_view::npos)
    return {};
  std::string out(x.size() / 4 * 3, '\0');
  auto n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                           reinterpret_cast<const unsigned char*>(x.data()),
                           static_cast<int>(x.size()));
  if (n < 0)
    return {};
  out.resize(static_cast<size_t>(n) - padding);
  return out;
}

std::string hmac_sha1(std::string_view key, std::string_view text) {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  auto* done = ::HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      text.size(), raw, &size);
  AIS_ASSERT(done != nullptr);
  return {reinterpret_cast<const char*>(raw), size};
}

} // namespace ais::http::s3
