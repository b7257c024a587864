// Words: in lower case, which one was meant, text in columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ais {

/// With a to z for A to Z; all other bytes as they are.
std::string lower(std::string_view x);

/// How many changes of one letter make `b` of `a`; swapping two neighbours is
/// one (Damerau-Levenshtein). O(a * b) time and memory: limit what others send.
size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `known` that was most likely meant by `word`; empty: none.
std::string
nearest(std::string_view word, const std::vector<std::string>& known);

/// `text` broken at blanks into lines that fit beside `indent` columns; all but
/// the first begin with that many blanks.
std::string wrapped(std::string_view text, size_t indent, size_t width);

} // namespace ais
