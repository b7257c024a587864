// ais top: nodes, rates and jobs, drawn again and again.
#include "cli/rates.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <map>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::atomic<bool> interrupted = false;

void interrupt(int) {
  interrupted = true;
}

/// The alternate screen, without echo; the terminal as it was at the end.
class screen {
public:
  screen() {
    if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
      auto raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    say_raw("\033[?1049h\033[?25l");
  }
  ~screen() {
    say_raw("\033[?25h\033[?1049l");
    flush_output();
    if (changed_)
      ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

private:
  termios before_{};
  bool changed_ = false;
};

/// Waits for a key. @returns 0 when the time is over or a signal came.
char key_within(std::chrono::nanoseconds time) {
  pollfd p{STDIN_FILENO, POLLIN, 0};
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  if (::poll(&p, 1, static_cast<int>(ms.count())) <= 0)
    return 0;
  char c = 0;
  return ::read(STDIN_FILENO, &c, 1) == 1 ? c : 'q';
}

std::string disk_text(const sample& s, const node_status& n) {
  auto i = s.busiest.find(n.node.id);
  return i == s.busiest.end() ? "-" : std::to_string(i->second) + '%';
}

std::string per_second(double x) {
  return x > 0 ? fmt::format("{:.{}f}", x, x < 10 ? 1 : 0) : "-";
}

std::string rate(const context& x, double bytes) {
  return bytes > 0 ? x.units.rate(bytes) : "-";
}

/// A line for programs: rates per second.
void draw_json(context& x, const sample& before, const sample& now) {
  rates r{before, now};
  json::array nodes;
  for (auto& n : now.nodes)
    nodes.push_back(
      json::object{{"node", n.node.name()},
                   {"status", n.word()},
                   {"get", json_number(r.of(n, "get.n"))},
                   {"put", json_number(r.of(n, "put.n"))},
                   {"read_bytes", json_number(r.of(n, "get.size"))},
                   {"written_bytes", json_number(r.of(n, "put.size"))},
                   {"errors", json_number(r.errors(n))},
                   {"disk", disk_text(now, n)},
                   {"alerts", n.online() ? alerts_of(n.flags()) : ""}});
  json::array jobs;
  for (auto& j : running_jobs(x))
    jobs.emplace_back(j);
  json::object out{{"time", static_cast<int64_t>(std::time(nullptr))}};
  out["nodes"] = std::move(nodes);
  out["jobs"] = std::move(jobs);
  say(to_text(out));
}

void draw(context& x, const sample& before, const sample& now) {
  auto& map = x.cluster().map();
  rates r{before, now};
  auto wall = std::time(nullptr);
  char when[16];
  std::strftime(when, sizeof(when), "%H:%M:%S", std::localtime(&wall));
  auto online = std::count_if(now.nodes.begin(), now.nodes.end(),
                              [](auto& n) { return n.online(); });
  say(fmt::format("ais top - {}  cluster {}  map v{}  {} of {} nodes online",
                  when, map.uuid, map.version, online, now.nodes.size()));
  double gets = 0, puts = 0, in = 0, out = 0;
  table t{{"NODE", "STATUS", "LOAD", "RSS", "CAP", "DISK", "GET/s", "PUT/s",
           "READ", "WRITE", "ERR/s", "UPTIME", "ALERT"}};
  auto alerts = false;
  for (auto& n : now.nodes) {
    auto g = r.of(n, "get.n"), p = r.of(n, "put.n");
    auto read = r.of(n, "get.size"), written = r.of(n, "put.size");
    if (n.node.target) {
      gets += g;
      puts += p;
      out += read;
      in += written;
    }
    auto errors = r.errors(n);
    auto alert = n.online() ? alerts_of(n.flags()) : "";
    alerts |= !alert.empty();
    auto& sys = n.sysinfo();
    auto& process = object_at(object_at(sys, "proc"), "Mem");
    t.add({n.node.marked_name(),
           {n.word(), n.online() ? colour::none : colour::red},
           n.online()
             ? fmt::format("{:.2f}", real_at(object_at(sys, "load_avg"), "One"))
             : "-",
           n.online() ? x.units.bytes(number_at(process, "Resident"), 0) : "-",
           n.online() && n.node.target ? text_at(n.capacity(), "pct_avg") + '%'
                                       : "-",
           disk_text(now, n),
           per_second(g),
           per_second(p),
           rate(x, read),
           rate(x, written),
           {per_second(errors), errors > 0 ? colour::red : colour::none},
           n.online() ? x.units.duration(
             std::chrono::nanoseconds{number_at(n.tracker(), "up.ns.time")})
                      : "-",
           {alert, red_alert(n.flags()) ? colour::red : colour::cyan}});
  }
  say(fmt::format("targets: {} GET/s, {} PUT/s, read {}, written {}",
                  per_second(gets), per_second(puts), rate(x, out),
                  rate(x, in)));
  say("");
  if (!alerts)
    t.drop("ALERT");
  t.print(true);
  std::string names;
  for (auto& j : running_jobs(x))
    names += "  " + j + '\n';
  say_raw(names.empty() ? "\nno running jobs\n" : "\nrunning jobs:\n" + names);
}

void top(context& x, const arguments& a) {
  auto pause
    = std::max<std::chrono::nanoseconds>(a.duration("refresh", 2s), 1s);
  auto times = a.number("count", UINT64_MAX);
  auto before = take_sample(x);
  auto live
    = stdout_is_terminal() && ::isatty(STDIN_FILENO) == 1 && !a.has("json");
  if (!live) {
    for (uint64_t i = 0; i < times; ++i) {
      ::poll(nullptr, 0, static_cast<int>(pause / 1ms));
      auto now = take_sample(x);
      (a.has("json") ? draw_json : draw)(x, before, now);
      flush_output();
      before = std::move(now);
    }
    return;
  }
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  screen on;
  for (uint64_t i = 0; i < times; ++i) {
    auto now = take_sample(x);
    say_raw("\033[H\033[2J");
    draw(x, before, now);
    say(painted("\nq quits", colour::cyan));
    flush_output();
    before = std::move(now);
    auto until = clock::now() + pause;
    while (!interrupted && clock::now() < until)
      if (auto key = key_within(until - clock::now()); key == 'q')
        return;
    if (interrupted)
      return;
  }
}

} // namespace

command top_command() {
  using namespace flags;
  command c;
  c.name = "top";
  c.summary = "watch nodes, their rates and jobs";
  c.more = "DISK is the use of a target's busiest disk. On a terminal, q or "
           "Ctrl-C quits; else prints again and again.";
  c.run = top;
  c.flags = {refresh,
             count,
             {"json", "j", value_kind::nothing, "",
              "print a line of JSON each"
              " time"}};
  c.refreshes_itself = true;
  c.examples = {"ais top", "ais top --refresh 5s --count 3 | cat"};
  return c;
}

} // namespace ais::cli
