// MessagePack encoder: just what AIStore's fixed list schema needs. Strings are
// `str`, integers take their shortest form. Source: msgpack spec; api-data 3.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ais::http {

class msgpack_writer {
public:
  explicit msgpack_writer(std::string& out) : out_(out) {}

  void map(size_t n) { header(n, 0x80, 16, 0xde, 0xdf); }
  void array(size_t n) { header(n, 0x90, 16, 0xdc, 0xdd); }

  void text(std::string_view x) {
    if (x.size() < 32)
      out_ += static_cast<char>(0xa0 | x.size());
    else if (x.size() < 256)
      tagged(0xd9, static_cast<uint8_t>(x.size()));
    else if (x.size() < 65'536)
      tagged(0xda, static_cast<uint16_t>(x.size()));
    else
      tagged(0xdb, static_cast<uint32_t>(x.size()));
    out_ += x;
  }

  void number(uint64_t x) {
    if (x < 128)
      out_ += static_cast<char>(x);
    else if (x < 256)
      tagged(0xcc, static_cast<uint8_t>(x));
    else if (x < 65'536)
      tagged(0xcd, static_cast<uint16_t>(x));
    else if (x <= UINT32_MAX)
      tagged(0xce, static_cast<uint32_t>(x));
    else
      tagged(0xcf, x);
  }

private:
  template <class T>
  void tagged(uint8_t tag, T x) {
    out_ += static_cast<char>(tag);
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0;
         shift -= 8)
      out_ += static_cast<char>(x >> shift);
  }

  void header(size_t n, uint8_t fix, size_t fix_limit, uint8_t tag16,
              uint8_t tag32) {
    if (n < fix_limit)
      out_ += static_cast<char>(fix | n);
    else if (n < 65'536)
      tagged(tag16, static_cast<uint16_t>(n));
    else
      tagged(tag32, static_cast<uint32_t>(n));
  }

  std::string& out_;
};

} // namespace ais::http
