#include "storage/lom.hpp"

#include "storage/base/hex.hpp"
#include "storage/base/packed.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <xxhash.h>

namespace ais::storage {

namespace {

constexpr uint8_t format = 2;
constexpr uint8_t wide_format = 1;     ///< of versions before
constexpr size_t header_bytes = 2 + 8; ///< format, flags, checksum
constexpr uint8_t has_generation = 1;
constexpr uint8_t has_volume = 2;
constexpr uint8_t has_copies = 4;
constexpr uint8_t all_flags = has_generation | has_volume | has_copies;

error corrupted() {
  return fail(errc::corrupted, "the object's attributes are corrupted");
}

} // namespace

expected<bytes> encode_lom(const lom& x, std::string_view long_name) {
  if (!well_formed(x.cksum))
    return fail(errc::invalid_argument,
                '"' + x.cksum.value + "\" is no checksum of its kind");
  bytes out;
  out.reserve(128);
  pack(out, format);
  auto flags = (x.generation > 0 ? has_generation : 0)
               | (x.volume > 0 ? has_volume : 0)
               | (x.copies > 0 ? has_copies : 0);
  pack(out, static_cast<uint8_t>(flags));
  pack(out, uint64_t{0}); // checksum, below
  pack_varint(out, x.size_bytes);
  pack_varint(out, std::rotl(x.bid, 1)); // of ours the highest bit is set
  pack(out, static_cast<uint8_t>(x.cksum.type));
  pack_short(out, *from_hex(x.cksum.value));
  pack_short(out, x.version);
  pack_short(out, long_name);
  pack_varint(out, x.custom.size());
  for (auto& [k, v] : x.custom) {
    pack_short(out, k);
    pack_short(out, v);
  }
  if (x.generation > 0)
    pack_varint(out, x.generation);
  if (x.volume > 0)
    pack_varint(out, x.volume);
  if (x.copies > 0)
    pack(out, x.copies);
  if (out.size() > max_lom_bytes)
    return fail(errc::too_large, "name and custom metadata of the object take "
                                   + std::to_string(out.size())
                                   + " bytes, more than a file can keep ("
                                   + std::to_string(max_lom_bytes) + ")");
  auto sum = XXH64(out.data() + header_bytes, out.size() - header_bytes, 0);
  for (size_t i = 0; i < 8; ++i)
    out[2 + i] = static_cast<std::byte>(sum >> (8 * i));
  return out;
}

expected<decoded_lom> decode_lom(std::span<const std::byte> raw) {
  if (raw.size() < header_bytes)
    return corrupted();
  unpacker in{raw};
  auto its_format = in.number<uint8_t>();
  auto flags = in.number<uint8_t>();
  auto sum = in.number<uint64_t>();
  auto wide = its_format == wide_format;
  if ((!wide && its_format != format) || (flags & ~all_flags) != 0
      || sum != XXH64(raw.data() + header_bytes, raw.size() - header_bytes, 0))
    return corrupted();
  auto number = [&] {
    return wide ? in.number<uint64_t>() : in.varint();
  };
  auto text = [&] {
    return wide ? in.text() : in.short_text();
  };
  decoded_lom out;
  out.attrs.size_bytes = number();
  auto bid = number();
  out.attrs.bid = wide ? bid : std::rotr(bid, 1);
  auto type = in.number<uint8_t>();
  if (type > static_cast<uint8_t>(cksum_type::sha512))
    return corrupted();
  out.attrs.cksum.type = static_cast<cksum_type>(type);
  out.attrs.cksum.value = wide ? text() : to_hex(text());
  out.attrs.version = text();
  out.long_name = text();
  auto count = wide ? in.number<uint16_t>() : in.varint();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    auto key = text();
    auto value = text();
    out.attrs.custom.emplace(std::move(key), std::move(value));
  }
  if (flags & has_generation)
    out.attrs.generation = number();
  if (flags & has_volume)
    out.attrs.volume = number();
  if (flags & has_copies)
    out.attrs.copies = in.number<uint8_t>();
  if (!in.complete() || !well_formed(out.attrs.cksum))
    return corrupted();
  return out;
}

order order_of(const lom& x, const lom& y) {
  auto number = [](const std::string& version) {
    uint64_t n = 0;
    std::from_chars(version.data(), version.data() + version.size(), n);
    return n;
  };
  // Of two kinds (the bucket's may have changed), checksums tell nothing.
  auto comparable
    = x.cksum.type == y.cksum.type && x.cksum.type != cksum_type::none;
  if (x.version == y.version && x.size_bytes == y.size_bytes
      && x.custom == y.custom
      && (comparable ? x.cksum == y.cksum : x.mtime_ns == y.mtime_ns))
    return order::same;
  if (x.generation != y.generation)
    return x.generation < y.generation ? order::older : order::newer;
  if (x.volume != y.volume)
    return x.volume < y.volume ? order::older : order::newer;
  auto numbered = !x.version.empty() && !y.version.empty();
  auto nx = numbered ? number(x.version) : 0;
  auto ny = numbered ? number(y.version) : 0;
  if (nx <= ny && x.mtime_ns <= y.mtime_ns
      && (nx != ny || x.mtime_ns != y.mtime_ns))
    return order::older;
  if (nx >= ny && x.mtime_ns >= y.mtime_ns
      && (nx != ny || x.mtime_ns != y.mtime_ns))
    return order::newer;
  return order::unclear;
}

std::string etag_of(const lom& x) {
  if (auto own = x.custom.find("ETag"); own != x.custom.end())
    return own->second;
  if (x.cksum.type == cksum_type::md5)
    return x.cksum.value;
  char mtime[20];
  auto [end, ec] = std::to_chars(mtime, mtime + sizeof(mtime), x.mtime_ns, 36);
  auto when = std::string{mtime, ec == std::errc{} ? end : mtime};
  auto what
    = x.cksum.value.empty() ? std::to_string(x.size_bytes) : x.cksum.value;
  return "v1-" + what + '-' + when;
}

bool of_content(std::string_view key) {
  constexpr std::string_view checksums = "X-Amz-Checksum-";
  constexpr std::string_view parts = "s3:part"; // s3:parts, s3:part-sums
  return key == "ETag" || key.substr(0, checksums.size()) == checksums
         || key.substr(0, parts.size()) == parts;
}

bool internal(std::string_view key) {
  return key.substr(0, 3) == "s3:";
}

expected<void> check_custom(const custom_map& x) {
  size_t total = 0;
  auto control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  };
  for (auto& [k, v] : x) {
    if (!internal(k))
      total += k.size() + v.size();
    if (k.empty() || k.find('=') != std::string::npos)
      return fail(errc::invalid_argument,
                  "custom metadata needs non-empty keys without '='");
    if (std::any_of(k.begin(), k.end(), control)
        || std::any_of(v.begin(), v.end(), control))
      return fail(errc::invalid_argument,
                  "custom metadata must not contain control characters");
  }
  if (total > max_custom_bytes)
    return fail(errc::invalid_argument,
                "custom metadata takes " + std::to_string(total)
                  + " bytes; at most " + std::to_string(max_custom_bytes)
                  + " are allowed");
  return caf::unit;
}

} // namespace ais::storage
