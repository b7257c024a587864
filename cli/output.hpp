// What a person sees: colours, tables, quantities, questions.
#pragma once

#include "storage/base/json.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::cli {

// -- colours ------------------------------------------------------------------

enum class colour { none, red, green, cyan, blue, bright_red, bright_cyan };

/// Which streams take colours: terminals by their TERM, unless NO_COLOR is set
/// or the configuration says no.
void choose_colours(bool forbidden);

bool stdout_is_terminal();
bool stdout_takes_colours();
/// Columns of the terminal; 100 where there is none.
size_t terminal_width();
/// Lines of the terminal; 24 where there is none.
size_t terminal_height();

/// `text` in a colour, if stdout takes colours.
std::string painted(std::string_view text, colour c);

/// How many characters, not bytes.
size_t width_of(std::string_view text);
/// As many characters from the front, at most.
std::string_view first_characters(std::string_view text, size_t most);

// -- lines --------------------------------------------------------------------

/// One line on stdout.
void say(std::string_view line);
/// Text on stdout as it is.
void say_raw(std::string_view text);
void flush_output();

/// Whether all that was said so far went out. A full disk is no success.
bool output_written();
/// A caption over a table, on stdout.
void say_caption(std::string_view line);
/// "Warning: ...", on stderr.
void warn(std::string_view line);
/// "Note: ...", on stderr.
void note(std::string_view line);
/// "Error: ...", on stderr.
void report_error(std::string_view line);
/// How a command is used, on stderr; the first line is coloured.
void report_misuse(std::string_view text);

/// Prints JSON for people: indented by 4.
void say_json(const json::value& x);
/// 27 for 27.0, which JSON would show as 2.7E1.
json::value json_number(double x);

// -- quantities ---------------------------------------------------------------

/// Now [Unix time, ns].
int64_t now_ns();

enum class unit_system { iec, si, raw };

/// @returns errc::invalid_argument naming the three.
expected<unit_system> parse_units(std::string_view x);

/// Quantities as text and back, in one system of units.
class quantities {
public:
  unit_system system = unit_system::iec;

  /// "1000B", "5.86KiB"; of raw units, digits.
  std::string bytes(uint64_t x, int digits = 2) const;
  /// "5.86KiB/s".
  std::string rate(double bytes_per_second) const;
  /// Rounded to what matters: "1.52s", "2m3s"; of raw units, "<n>ns".
  std::string duration(std::chrono::nanoseconds x) const;
  /// Reads "4k", "1MiB", "1024"; of SI units, "4k" is 4000.
  expected<uint64_t> parse_bytes(std::string_view x) const;
};

/// Go's syntax, or a bare number of seconds.
expected<std::chrono::nanoseconds> parse_seconds(std::string_view x);

/// "1,234,567".
std::string with_commas(uint64_t x);

/// "1 object", "2 objects".
std::string counted(uint64_t n, std::string_view thing);

// -- tables -------------------------------------------------------------------

/// A text with its colour; in a table, what stands in a row and column.
struct cell {
  cell(std::string x = {}, colour c = colour::none) // NOLINT: a text is a cell
    : text(std::move(x)), paint(c) {}
  cell(const char* x) : text(x) {} // NOLINT
  std::string text;
  colour paint = colour::none;
};

/// One line: texts, one behind the other.
using styled_line = std::vector<cell>;

/// Lines on stdout.
void say_lines(const std::vector<styled_line>& lines);

/// Columns that are as wide as their widest cell.
class table {
public:
  explicit table(std::vector<std::string> header)
    : header_(std::move(header)) {}

  void add(std::vector<cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }

  /// Leaves out a column whose cells are all `text`.
  void drop_if_all(std::string_view column, std::string_view text);
  void drop(std::string_view column);
  /// Keeps rows whose cell in that column `fits`. @returns false: there is no
  /// such column.
  bool keep(std::string_view column,
            const std::function<bool(const std::string&)>& fits);

  std::vector<styled_line> lines(bool with_header) const;
  void print(bool with_header) const { say_lines(lines(with_header)); }

private:
  std::vector<std::string> header_;
  std::vector<std::vector<cell>> rows_;
};

// -- questions ----------------------------------------------------------------

/// Asks "<question> [Y/N]: " until the answer is one; none is No. With `yes`
/// does not ask. After No says that the operation is canceled.
bool confirmed(std::string_view question, bool yes);

/// Demands that `word` is typed; anything else is No.
bool confirmed_by_word(std::string_view question, std::string_view word,
                       bool yes);

} // namespace ais::cli
