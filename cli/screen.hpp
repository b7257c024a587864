// The whole terminal, for views that are drawn in place (ncurses).
#pragma once

#include "cli/output.hpp"

#include <chrono>
#include <csignal>
#include <memory>

namespace ais::cli {

/// What a wait on the screen ended with.
enum class screen_event { time, key, resized, interrupted };

/// From its construction to its end the terminal shows what is drawn here,
/// neither echoes nor waits for ends of lines, and SIGINT and SIGTERM are
/// events. Then all is as before.
///
/// **Concurrency**: one at a time, from one thread.
class screen {
public:
  /// @returns null where there is none to draw on: stdin or stdout are no
  /// terminal, TERM is not set, not known, or cannot move the cursor.
  static std::unique_ptr<screen> open();

  ~screen();
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  /// Draws lines from the top; what does not fit is cut off.
  void draw(const std::vector<styled_line>& lines);

  /// Waits for something to happen, at most for `time`. Of a key, `key` is its
  /// character; 'q' at the end of the input.
  screen_event wait(std::chrono::nanoseconds time, int& key);

private:
  screen();

  struct sigaction int_before_ {};
  struct sigaction term_before_ {};
  sigset_t before_{};  ///< signals blocked
  sigset_t waiting_{}; ///< the same while waiting
};

} // namespace ais::cli
