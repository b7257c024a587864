// The command line of aisnode: options of the table in node_settings, and those
// that ask for something else than a node.
#pragma once

#include "http/node_settings.hpp"

namespace ais::http {

enum class wanted { node, help, reference, version, settings };

struct command_line {
  wanted what = wanted::node;
  std::string config_file; ///< empty: none
  given_options options;
};

/// @returns errc::invalid_argument: an option that there is not, or that lacks
/// its value.
expected<command_line> parse_command_line(int argc, const char* const* argv);

} // namespace ais::http
