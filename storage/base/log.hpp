// The node's log: leveled lines, as text or as JSON, kept apart from the
// library that writes them.
#pragma once

#include "storage/base/errc.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ais {

enum class log_level { debug, info, warning, error };
enum class log_format { text, json };

/// A named value of a line: " name=value" behind a text, a member in JSON.
struct log_field {
  log_field(std::string_view n, std::string_view v) : name(n), value(v) {}
  log_field(std::string_view n, int64_t v)
    : name(n), value(std::to_string(v)), number(true) {}

  std::string_view name; ///< of letters and '_'; not ts, level, msg
  std::string value;
  bool number = false;
};
using log_fields = std::initializer_list<log_field>;

/// `x` without control characters, and ASCII only unless it is UTF-8: what a
/// client sent may be in it.
std::string one_line(std::string_view x);

/// Writes one line; any thread. Until open_log() lines go to stderr.
void log(log_level level, std::string_view line, log_fields more = {});

inline void log_info(std::string_view line, log_fields more = {}) {
  log(log_level::info, line, more);
}
inline void log_warning(std::string_view line, log_fields more = {}) {
  log(log_level::warning, line, more);
}
inline void log_error(std::string_view line, log_fields more = {}) {
  log(log_level::error, line, more);
}

/// One line as it is written, without its end.
///   I 2026-11-21 21:04:05.123456 a line request=9F30  (local time)
///   {"ts":"2026-11-21T20:04:05.123456Z","level":"info","msg":"a line",...}
/// Nothing in it can begin another line: what is no text is replaced.
std::string log_line(log_format format, log_level level, int64_t unix_ns,
                     std::string_view line, log_fields more = {});

/// How large a log may become before it is rotated (to name.1.ext and so on),
/// and with those it was rotated to.
struct log_limits {
  uint64_t file_bytes = 64 << 20;
  uint64_t total_bytes = 512 << 20;

  /// Files it is rotated to at most: 1..max_rotated_logs.
  size_t rotated() const;
  bool operator==(const log_limits&) const = default;
};
inline constexpr size_t max_rotated_logs = 64;

/// Takes them over, removes what was rotated and is too much; any thread.
void set_log_limits(const log_limits& x);
log_limits current_log_limits();

/// Sends lines to `path`, or to stderr when empty; any thread.
/// @returns errc::io_error: it cannot be written; all is as before.
expected<void> open_log(const std::string& path);

/// Opens the file of that name again: somebody may have moved it away.
/// @returns as open_log().
expected<void> reopen_log();

/// How lines look from now on; any thread.
void set_log_format(log_format x);

/// Drops lines below `least` from now on; any thread.
void set_log_level(log_level least);

/// The same, whatever set_log_level() says, until it is none again.
void hold_log_level(std::optional<log_level> least);

/// Warnings that anybody outside can cause: a line a second, the others are
/// counted. One thread.
class rare_warnings {
public:
  /// @param now_ns  on a clock that only goes forward.
  void warn(int64_t now_ns, std::string_view line, log_fields more = {});

private:
  int64_t next_ns_ = INT64_MIN;
  size_t held_back_ = 0;
};

/// Writes out what is buffered.
void flush_log();

} // namespace ais
