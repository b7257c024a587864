// Texts that may be longer than the terminal.
#pragma once

#include <string>

namespace ais::cli {

class settings;

/// Prints a text; through `more` where it is longer than the terminal, unless
/// the settings say `no_more`.
void page(const std::string& text, const settings& config);

} // namespace ais::cli
