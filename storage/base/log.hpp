// The node's log: leveled lines, kept apart from the library that writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ais {

enum class log_level { debug, info, warning, error };

/// Writes one line; any thread. Until open_log() lines go to stderr.
void log(log_level level, std::string_view line);

inline void log_info(std::string_view line) {
  log(log_level::info, line);
}
inline void log_warning(std::string_view line) {
  log(log_level::warning, line);
}
inline void log_error(std::string_view line) {
  log(log_level::error, line);
}

inline constexpr size_t max_rotated_logs = 4;

/// Sends lines to `path` (rotated at 64 MiB to name.1.ext and so on), or to
/// stderr when empty. Lines below `least` are dropped.
void open_log(const char* path, log_level least);

/// Drops lines below `least` from now on; any thread.
void set_log_level(log_level least);

/// Warnings that anybody outside can cause: a line a second, the others are
/// counted. One thread.
class rare_warnings {
public:
  /// @param now_ns  on a clock that only goes forward.
  void warn(int64_t now_ns, std::string_view line);

private:
  int64_t next_ns_ = INT64_MIN;
  size_t held_back_ = 0;
};

/// Writes out what is buffered.
void flush_log();

} // namespace ais
