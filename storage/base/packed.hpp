// Packed values: numbers little-endian, texts as a u16 length and their bytes.
// The form of what is small, binary and must be read from anybody's bytes.
// Where bytes count: numbers as varints, seven bits a byte, the lowest first.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ais {

inline constexpr size_t max_packed_text = 0xffff; ///< [bytes]

template <std::integral T>
void pack(std::vector<std::byte>& out, T x) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<std::byte>(x >> (8 * i)));
}

/// At most max_packed_text bytes: the rest would be cut off.
inline void pack(std::vector<std::byte>& out, std::string_view x) {
  x = x.substr(0, max_packed_text);
  pack(out, static_cast<uint16_t>(x.size()));
  auto* p = reinterpret_cast<const std::byte*>(x.data());
  out.insert(out.end(), p, p + x.size());
}

inline void pack_varint(std::vector<std::byte>& out, uint64_t x) {
  for (; x >= 0x80; x >>= 7)
    out.push_back(static_cast<std::byte>(x | 0x80));
  out.push_back(static_cast<std::byte>(x));
}

/// A text with its length as a varint.
inline void pack_short(std::vector<std::byte>& out, std::string_view x) {
  pack_varint(out, x.size());
  auto* p = reinterpret_cast<const std::byte*>(x.data());
  out.insert(out.end(), p, p + x.size());
}

/// Reads values off the front of a span; after a failure everything fails.
class unpacker {
public:
  explicit unpacker(std::span<const std::byte> in) : in_(in) {}

  template <class T>
  T number() {
    T x = 0;
    auto raw = take(sizeof(T));
    for (size_t i = 0; i < raw.size(); ++i)
      x = static_cast<T>(
        x | (static_cast<T>(std::to_integer<uint8_t>(raw[i])) << (8 * i)));
    return x;
  }

  std::string text() {
    auto raw = take(number<uint16_t>());
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }

  uint64_t varint() {
    uint64_t x = 0;
    for (unsigned shift = 0;; shift += 7) {
      auto part = number<uint8_t>();
      x |= uint64_t{part & 0x7fu} << shift;
      if (part < 0x80)
        return x;
      if (shift == 63) {
        ok_ = false;
        in_ = {};
        return 0;
      }
    }
  }

  std::string short_text() {
    auto raw = take(varint());
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }

  /// `n` bytes as they are; empty if they are not there.
  std::span<const std::byte> take(size_t n) {
    if (in_.size() < n) {
      ok_ = false;
      in_ = {};
      return {};
    }
    auto out = in_.first(n);
    in_ = in_.subspan(n);
    return out;
  }

  /// Everything was there so far.
  bool ok() const { return ok_; }

  /// Everything was there and nothing is left.
  bool complete() const { return ok_ && in_.empty(); }

private:
  std::span<const std::byte> in_;
  bool ok_ = true;
};

} // namespace ais
