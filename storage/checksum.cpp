#include "storage/checksum.hpp"

#include "storage/base/assert.hpp"
#include "storage/base/hex.hpp"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#define XXH_STATIC_LINKING_ONLY // for the size of its state
#include <algorithm>
#include <array>
#include <variant>
#include <xxhash.h>

namespace ais::storage {

namespace {

struct cksum_names {
  cksum_type type;
  std::string_view name;
  size_t hex_digits;
};

constexpr std::array<cksum_names, 7> types{{
  {cksum_type::none, "none", 0},
  {cksum_type::xxhash, "xxhash", 16},
  {cksum_type::xxhash2, "xxhash2", 16},
  {cksum_type::md5, "md5", 32},
  {cksum_type::crc32c, "crc32c", 8},
  {cksum_type::sha256, "sha256", 64},
  {cksum_type::sha512, "sha512", 128},
}};

template <class T>
std::string big_endian_hex(T x) {
  std::array<std::byte, sizeof(T)> raw;
  for (size_t i = 0; i < sizeof(T); ++i)
    raw[i] = static_cast<std::byte>(x >> (8 * (sizeof(T) - 1 - i)));
  return to_hex(raw);
}

struct digest_free {
  void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
};
using digest_ptr = std::unique_ptr<EVP_MD_CTX, digest_free>;

digest_ptr start_digest(const EVP_MD* algorithm) {
  digest_ptr out{EVP_MD_CTX_new()};
  AIS_ASSERT(out && EVP_DigestInit_ex(out.get(), algorithm, nullptr) == 1);
  return out;
}

/// ISA-L leaves the inversions of CRC-32C to the caller.
constexpr uint32_t crc_start = 0xffffffff;

} // namespace

// -- hasher
// -----------------------------------------------------------------------

struct hasher::impl {
  cksum_type type = cksum_type::none;
  std::variant<std::monostate, XXH64_state_t, uint32_t, digest_ptr> state;
};

hasher::hasher(cksum_type type) : impl_(std::make_unique<impl>()) {
  impl_->type = type;
  switch (type) {
    case cksum_type::none:
      break;
    case cksum_type::xxhash:
    case cksum_type::xxhash2:
      XXH64_reset(&impl_->state.emplace<XXH64_state_t>(), 0);
      break;
    case cksum_type::crc32c:
      impl_->state = crc_start;
      break;
    case cksum_type::md5:
      impl_->state = start_digest(EVP_md5());
      break;
    case cksum_type::sha256:
      impl_->state = start_digest(EVP_sha256());
      break;
    case cksum_type::sha512:
      impl_->state = start_digest(EVP_sha512());
      break;
  }
}

hasher::~hasher() = default;
hasher::hasher(hasher&&) noexcept = default;
hasher& hasher::operator=(hasher&&) noexcept = default;

cksum_type hasher::type() const noexcept {
  return impl_->type;
}

void hasher::update(std::span<const std::byte> bytes) {
  if (bytes.empty())
    return;
  auto& state = impl_->state;
  if (auto* xx = std::get_if<XXH64_state_t>(&state)) {
    XXH64_update(xx, bytes.data(), bytes.size());
  } else if (auto* crc = std::get_if<uint32_t>(&state)) {
    auto* p = const_cast<unsigned char*>( // ISA-L only reads
      reinterpret_cast<const unsigned char*>(bytes.data()));
    constexpr size_t step = 1 << 30; // its length is an int
    for (size_t left = bytes.size(); left > 0;) {
      auto n = std::min(left, step);
      *crc = crc32_iscsi(p, static_cast<int>(n), *crc);
      p += n;
      left -= n;
    }
  } else if (auto* md = std::get_if<digest_ptr>(&state)) {
    AIS_ASSERT(EVP_DigestUpdate(md->get(), bytes.data(), bytes.size()) == 1);
  }
}

cksum hasher::finish() {
  auto& state = impl_->state;
  cksum out{impl_->type, {}};
  if (auto* xx = std::get_if<XXH64_state_t>(&state)) {
    out.value = big_endian_hex(uint64_t{XXH64_digest(xx)});
  } else if (auto* crc = std::get_if<uint32_t>(&state)) {
    out.value = big_endian_hex(*crc ^ crc_start);
  } else if (auto* md = std::get_if<digest_ptr>(&state)) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw;
    unsigned n = 0;
    AIS_ASSERT(EVP_DigestFinal_ex(md->get(), raw.data(), &n) == 1);
    out.value = to_hex(std::as_bytes(std::span{raw.data(), n}));
  }
  return out;
}

// -- functions
// --------------------------------------------------------------------

std::string_view to_string(cksum_type x) {
  return types[static_cast<size_t>(x)].name;
}

expected<cksum_type> parse_cksum_type(std::string_view x) {
  for (auto& t : types)
    if (t.name == x)
      return t.type;
  return fail(errc::invalid_argument,
              "unknown checksum type \"" + std::string{x.substr(0, 40)}
                + "\": use none, xxhash, xxhash2, md5, crc32c, sha256 or"
                  " sha512");
}

cksum cksum_of(cksum_type type, std::span<const std::byte> bytes) {
  if (type == cksum_type::xxhash || type == cksum_type::xxhash2)
    return {type,
            big_endian_hex(uint64_t{XXH64(bytes.data(), bytes.size(), 0)})};
  hasher h{type};
  h.update(bytes);
  return h.finish();
}

bool well_formed(const cksum& x) {
  auto hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  return x.value.size() == types[static_cast<size_t>(x.type)].hex_digits
         && std::all_of(x.value.begin(), x.value.end(), hex);
}

} // namespace ais::storage
