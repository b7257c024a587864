// Bytes as hex digits.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ais {

/// In lower case.
std::string to_hex(std::string_view raw);
std::string to_hex(std::span<const std::byte> raw);

/// Lower or upper case; none unless all are pairs of hex digits.
std::optional<std::string> from_hex(std::string_view x);

} // namespace ais
