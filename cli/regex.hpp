// Regular expressions that people type.
#pragma once

#include "cli/failure.hpp"

#include <regex>
#include <string>

namespace ais::cli {

/// @throws failure with what is wrong.
inline std::regex
parse_regex(const std::string& text,
            std::regex::flag_type how = std::regex::ECMAScript) {
  try {
    return std::regex{text, how};
  } catch (const std::regex_error& e) {
    throw failure("invalid regular expression \"" + text + "\": " + e.what());
  }
}

} // namespace ais::cli
