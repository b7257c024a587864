// The node's log for clients. Source: api-control 3.3.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// Whether lines of a severity, by its first letter, are fewer than all of
/// them: 'w' for warnings and errors, 'e' for errors.
bool chooses_lines(std::string_view severity);

/// Those lines of a log, as text or as JSON; whole ones.
std::string lines_of_log(std::istream& in, std::string_view severity);

/// GET what=log of this node: its text from `offset`, or with `all` the whole
/// rotated set as tar.gz.
task<> log_of(edge& e, call& c, snode node);

} // namespace ais::http::v1
