#include "cli/output.hpp"

#include "storage/base/units.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ais::cli {

namespace {

bool colour_out = false;
bool colour_err = false;

std::string_view code_of(colour c) {
  switch (c) {
    case colour::none:
      return "";
    case colour::red:
      return "\033[31m";
    case colour::green:
      return "\033[32m";
    case colour::cyan:
      return "\033[36m";
    case colour::blue:
      return "\033[34m";
    case colour::bright_red:
      return "\033[91m";
    case colour::bright_cyan:
      return "\033[96m";
  }
  return "";
}

std::string paint(std::string_view text, colour c, bool on) {
  if (!on || c == colour::none || text.empty())
    return std::string{text};
  return fmt::format("{}{}\033[0m", code_of(c), text);
}

void tell(std::string_view prefix, colour c, std::string_view line) {
  std::fflush(stdout); // in the order of what happened
  auto text = paint(prefix, c, colour_err) + std::string{line} + '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

/// Of UTF-8: bytes that continue a character do not count.
bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

/// Reads a line; false at the end of the input.
bool read_line(std::string& out) {
  std::fflush(stdout);
  return static_cast<bool>(std::getline(std::cin, out));
}

std::string trimmed(std::string x) {
  auto first = x.find_first_not_of(" \t\r");
  auto last = x.find_last_not_of(" \t\r");
  return first == x.npos ? "" : x.substr(first, last - first + 1);
}

bool one_of(std::string_view x, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

} // namespace

// -- colours ------------------------------------------------------------------

void choose_colours(bool forbidden) {
  auto* no_color = std::getenv("NO_COLOR");
  auto* terminal = std::getenv("TERM");
  auto plain = !terminal || !*terminal || std::string_view{terminal} == "dumb";
  auto never = forbidden || plain || (no_color && *no_color);
  colour_out = !never && ::isatty(STDOUT_FILENO) == 1;
  colour_err = !never && ::isatty(STDERR_FILENO) == 1;
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool stdout_takes_colours() {
  return colour_out;
}

size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 100;
}

size_t terminal_height() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
    return size.ws_row;
  return 24;
}

std::string painted(std::string_view text, colour c) {
  return paint(text, c, colour_out);
}

size_t width_of(std::string_view x) {
  return static_cast<size_t>(
    std::count_if(x.begin(), x.end(), begins_character));
}

std::string_view first_characters(std::string_view x, size_t most) {
  for (size_t i = 0; i < x.size(); ++i)
    if (begins_character(x[i]) && most-- == 0)
      return x.substr(0, i);
  return x;
}

// -- lines --------------------------------------------------------------------

void say(std::string_view line) {
  say_raw(line);
  std::fputc('\n', stdout);
}

void say_raw(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void flush_output() {
  std::fflush(stdout);
}

bool output_written() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

void say_caption(std::string_view line) {
  say(painted(line, colour::bright_cyan));
}

void warn(std::string_view line) {
  tell("Warning: ", colour::bright_cyan, line);
}

void note(std::string_view line) {
  tell("Note: ", colour::blue, line);
}

void report_error(std::string_view line) {
  tell("Error: ", colour::bright_red, line);
}

void report_misuse(std::string_view text) {
  auto end = std::min(text.find('\n'), text.size());
  tell(text.substr(0, end), colour::bright_red, text.substr(end));
}

void say_json(const json::value& x) {
  say_raw(to_pretty_text(x, 4));
}

json::value json_number(double x) {
  constexpr auto exact = 9007199254740992.0; // 2^53
  if (std::trunc(x) == x && std::abs(x) <= exact)
    return static_cast<int64_t>(x);
  return x;
}

// -- quantities ---------------------------------------------------------------

int64_t now_ns() {
  using namespace std::chrono;
  auto t = system_clock::now().time_since_epoch();
  return duration_cast<nanoseconds>(t).count();
}

expected<unit_system> parse_units(std::string_view x) {
  if (x.empty() || x == "iec")
    return unit_system::iec;
  if (x == "si")
    return unit_system::si;
  if (x == "raw")
    return unit_system::raw;
  return fail(errc::invalid_argument,
              fmt::format("--units={} is invalid: invalid \"{}\" (expecting one"
                          " of: iec, si, raw or \"\")",
                          x, x));
}

std::string quantities::bytes(uint64_t x, int digits) const {
  static constexpr std::array<const char*, 6> iec{"KiB", "MiB", "GiB",
                                                  "TiB", "PiB", "EiB"};
  static constexpr std::array<const char*, 6> si{"KB", "MB", "GB",
                                                 "TB", "PB", "EB"};
  if (system == unit_system::raw)
    return std::to_string(x);
  auto base = system == unit_system::si ? 1000.0 : 1024.0;
  auto value = static_cast<double>(x);
  if (value < base)
    return fmt::format("{}B", x);
  size_t unit = 0;
  for (value /= base; value >= base && unit + 1 < iec.size(); ++unit)
    value /= base;
  return fmt::format("{:.{}f}{}", value, digits,
                     system == unit_system::si ? si[unit] : iec[unit]);
}

std::string quantities::rate(double bytes_per_second) const {
  return bytes(static_cast<uint64_t>(std::max(bytes_per_second, 0.0))) + "/s";
}

std::string quantities::duration(std::chrono::nanoseconds x) const {
  using namespace std::chrono_literals;
  if (system == unit_system::raw)
    return fmt::format("{}ns", x.count());
  auto step = x < 100ms  ? 1ns
              : x < 1s   ? 1ms
              : x < 10s  ? 10ms
              : x < 100s ? 100ms
                         : 1s;
  auto half = std::chrono::nanoseconds{step} / 2;
  return format_duration((x + half) / step * step);
}

expected<uint64_t> quantities::parse_bytes(std::string_view x) const {
  auto out = parse_size(x);
  auto decimal = system == unit_system::si && x.find_first_of("iI") == x.npos;
  if (!out || !decimal)
    return out;
  // What was read as powers of 1024 is meant as powers of 1000.
  auto unit = x.find_first_not_of("0123456789.");
  if (unit == x.npos)
    return out;
  static constexpr std::string_view letters = "kmgtpe";
  auto power = letters.find(lower(std::string{x.substr(unit, 1)}));
  auto value = static_cast<double>(*out);
  for (size_t i = 0; power != letters.npos && i <= power; ++i)
    value = value / 1024 * 1000;
  return static_cast<uint64_t>(std::llround(value));
}

expected<std::chrono::nanoseconds> parse_seconds(std::string_view x) {
  auto bare = !x.empty() && x.find_first_not_of("0123456789.") == x.npos;
  return parse_duration(bare ? std::string{x} + 's' : std::string{x});
}

std::string with_commas(uint64_t x) {
  auto out = std::to_string(x);
  for (auto i = out.size(); i > 3; i -= 3)
    out.insert(i - 3, 1, ',');
  return out;
}

std::string counted(uint64_t n, std::string_view thing) {
  return fmt::format("{} {}{}", with_commas(n), thing, n == 1 ? "" : "s");
}

// -- tables -------------------------------------------------------------------

void table::drop_if_all(std::string_view column, std::string_view text) {
  auto found = std::find(header_.begin(), header_.end(), column);
  auto at = static_cast<size_t>(found - header_.begin());
  for (auto& row : rows_)
    if (at < row.size() && row[at].text != text)
      return;
  drop(column);
}

void table::drop(std::string_view column) {
  auto found = std::find(header_.begin(), header_.end(), column);
  if (found == header_.end())
    return;
  auto at = found - header_.begin();
  header_.erase(found);
  for (auto& row : rows_)
    if (static_cast<size_t>(at) < row.size())
      row.erase(row.begin() + at);
}

bool table::keep(std::string_view column,
                 const std::function<bool(const std::string&)>& fits) {
  auto found = std::find(header_.begin(), header_.end(), column);
  if (found == header_.end())
    return false;
  auto at = static_cast<size_t>(found - header_.begin());
  std::erase_if(
    rows_, [&](auto& row) { return at >= row.size() || !fits(row[at].text); });
  return true;
}

void say_lines(const std::vector<styled_line>& lines) {
  for (auto& line : lines) {
    for (auto& part : line)
      say_raw(painted(part.text, part.paint));
    say("");
  }
}

std::vector<styled_line> table::lines(bool with_header) const {
  std::vector<size_t> widths(header_.size());
  auto widen = [&](size_t i, std::string_view x) {
    if (i < widths.size())
      widths[i] = std::max(widths[i], width_of(x));
  };
  for (size_t i = 0; with_header && i < header_.size(); ++i)
    widen(i, header_[i]);
  for (auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i)
      widen(i, row[i].text);
  std::vector<styled_line> out;
  auto add_line = [&](const std::vector<cell>& cells) {
    auto& line = out.emplace_back();
    size_t gap = 0; // no blanks behind the last text
    for (size_t i = 0; i < cells.size(); ++i) {
      auto& x = cells[i];
      if (!x.text.empty()) {
        if (gap > 0)
          line.emplace_back(std::string(gap, ' '));
        line.push_back(x);
        gap = 0;
      }
      auto width = i < widths.size() ? widths[i] : 0;
      gap += width - std::min(width, width_of(x.text)) + 3;
    }
  };
  if (with_header)
    add_line({header_.begin(), header_.end()});
  for (auto& row : rows_)
    add_line(row);
  return out;
}

// -- questions ----------------------------------------------------------------

bool confirmed(std::string_view question, bool yes) {
  if (yes)
    return true;
  for (std::string answer;;) {
    say_raw(fmt::format("{} [Y/N]: ", question));
    auto any = read_line(answer);
    answer = lower(trimmed(std::move(answer)));
    if (any && one_of(answer, {"y", "yes", "true", "1", "on"}))
      return true;
    if (!any)
      say("");
    if (!any || answer.empty()
        || one_of(answer, {"n", "no", "false", "0", "off"})) {
      say("Operation canceled.");
      return false;
    }
    say("Invalid input! Choose 'Y' for 'Yes' or 'N' for 'No'");
  }
}

bool confirmed_by_word(std::string_view question, std::string_view word,
                       bool yes) {
  if (yes)
    return true;
  say_raw(fmt::format("{}\nType '{}' to confirm (or 'N' to cancel): ", question,
                      word));
  std::string answer;
  auto any = read_line(answer);
  if (any && trimmed(answer) == word)
    return true;
  if (!any)
    say("");
  say("Operation canceled.");
  return false;
}

} // namespace ais::cli
