#include "cli/screen.hpp"

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1
#include <curses.h>
#include <term.h>
#undef lines // of <term.h>: a macro

namespace ais::cli {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) {
  interrupted = 1;
}

/// Signals that end a wait; blocked at all other times, so that none comes
/// between a look and the wait.
sigset_t events() {
  sigset_t out;
  ::sigemptyset(&out);
  for (auto s : {SIGINT, SIGTERM, SIGWINCH})
    ::sigaddset(&out, s);
  return out;
}

/// Whether the terminal can be drawn on.
bool drawable() {
  if (!stdout_is_terminal() || ::isatty(STDIN_FILENO) != 1)
    return false;
  auto* name = std::getenv("TERM");
  auto why = 0;
  if (!name || ::setupterm(name, STDOUT_FILENO, &why) != OK)
    return false;
  auto* moves = ::tigetstr("cup");
  return moves && moves != reinterpret_cast<char*>(-1);
}

/// Pairs of the colours of ours that are not `none`.
constexpr struct {
  colour ours;
  short theirs;
  bool bright;
} palette[] = {{colour::red, COLOR_RED, false},
               {colour::green, COLOR_GREEN, false},
               {colour::cyan, COLOR_CYAN, false},
               {colour::blue, COLOR_BLUE, false},
               {colour::bright_red, COLOR_RED, true},
               {colour::bright_cyan, COLOR_CYAN, true}};

attr_t attributes_of(colour c) {
  if (!stdout_takes_colours() || ::has_colors() == 0)
    return A_NORMAL;
  for (short i = 0; auto& p : palette) {
    ++i;
    if (p.ours == c)
      return static_cast<attr_t>(COLOR_PAIR(i)) | (p.bright ? A_BOLD : 0);
  }
  return A_NORMAL;
}

} // namespace

std::unique_ptr<screen> screen::open() {
  if (!drawable())
    return nullptr;
  return std::unique_ptr<screen>{new screen};
}

screen::screen() {
  flush_output();
  std::setlocale(LC_CTYPE, ""); // how characters are encoded
  // Before ncurses, which would leave by exit() for those that nobody handles.
  struct sigaction act {};
  act.sa_handler = interrupt;
  ::sigaction(SIGINT, &act, &int_before_);
  ::sigaction(SIGTERM, &act, &term_before_);
  auto block = events();
  ::sigprocmask(SIG_BLOCK, &block, &before_);
  waiting_ = before_;
  for (auto s : {SIGINT, SIGTERM, SIGWINCH})
    ::sigdelset(&waiting_, s);
  ::initscr();
  ::cbreak();
  ::noecho();
  ::nodelay(stdscr, true);
  ::keypad(stdscr, true);
  ::curs_set(0);
  if (stdout_takes_colours() && ::has_colors() != 0 && ::start_color() == OK
      && ::use_default_colors() == OK)
    for (short i = 0; auto& p : palette)
      ::init_pair(++i, p.theirs, -1);
}

screen::~screen() {
  ::endwin();
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  ::sigaction(SIGINT, &int_before_, nullptr);
  ::sigaction(SIGTERM, &term_before_, nullptr);
}

void screen::draw(const std::vector<styled_line>& lines) {
  auto height = static_cast<size_t>(std::max(::getmaxy(stdscr), 0));
  auto width = static_cast<size_t>(std::max(::getmaxx(stdscr), 0));
  ::werase(stdscr);
  for (size_t y = 0; y < std::min(lines.size(), height); ++y) {
    auto left = width;
    ::wmove(stdscr, static_cast<int>(y), 0);
    for (auto& part : lines[y]) {
      auto text = first_characters(part.text, left);
      ::wattrset(stdscr, static_cast<int>(attributes_of(part.paint)));
      ::waddnstr(stdscr, text.data(), static_cast<int>(text.size()));
      left -= width_of(text);
    }
  }
  ::wattrset(stdscr, A_NORMAL);
  ::wrefresh(stdscr);
}

screen_event screen::wait(std::chrono::nanoseconds time, int& key) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  time = std::max(time, std::chrono::nanoseconds{0});
  auto whole = duration_cast<seconds>(time);
  timespec limit{whole.count(), (time - whole).count()};
  pollfd in{STDIN_FILENO, POLLIN, 0};
  auto ready = ::ppoll(&in, 1, &limit, &waiting_);
  if (interrupted)
    return screen_event::interrupted;
  if (ready == 0)
    return screen_event::time;
  // After SIGWINCH ncurses has a "key" of its own.
  key = ::wgetch(stdscr);
  if (key == KEY_RESIZE)
    return screen_event::resized;
  if (key == ERR && ready < 0)
    return screen_event::time;
  if (key == ERR)
    key = 'q';
  return screen_event::key;
}

} // namespace ais::cli
