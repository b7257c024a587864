// ais top: nodes, rates and jobs, drawn again and again.
#include "cli/rates.hpp"
#include "cli/screen.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <poll.h>
#include <unistd.h>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

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
void say_line_of_json(context& x, const sample& before, const sample& now) {
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

std::vector<styled_line>
picture_of(context& x, const sample& before, const sample& now) {
  auto& map = x.cluster().map();
  rates r{before, now};
  auto wall = std::time(nullptr);
  char when[16];
  std::strftime(when, sizeof(when), "%H:%M:%S", std::localtime(&wall));
  auto online = std::count_if(now.nodes.begin(), now.nodes.end(),
                              [](auto& n) { return n.online(); });
  std::vector<styled_line> out;
  auto add = [&out](std::string text) {
    out.push_back({std::move(text)});
  };
  add(fmt::format("ais top - {}  cluster {}  map v{}  {} of {} nodes online",
                  when, map.uuid, map.version, online, now.nodes.size()));
  double gets = 0, puts = 0, received = 0, sent = 0;
  table t{{"NODE", "STATUS", "LOAD", "RSS", "CAP", "DISK", "GET/s", "PUT/s",
           "READ", "WRITE", "ERR/s", "UPTIME", "ALERT"}};
  auto alerts = false;
  for (auto& n : now.nodes) {
    auto g = r.of(n, "get.n"), p = r.of(n, "put.n");
    auto read = r.of(n, "get.size"), written = r.of(n, "put.size");
    if (n.node.target) {
      gets += g;
      puts += p;
      sent += read;
      received += written;
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
  add(fmt::format("targets: {} GET/s, {} PUT/s, read {}, written {}",
                  per_second(gets), per_second(puts), rate(x, sent),
                  rate(x, received)));
  add("");
  if (!alerts)
    t.drop("ALERT");
  std::ranges::move(t.lines(true), std::back_inserter(out));
  add("");
  auto jobs = running_jobs(x);
  add(jobs.empty() ? "no running jobs" : "running jobs:");
  for (auto& j : jobs)
    add("  " + j);
  return out;
}

void stop(int) {
  ::_exit(0);
}

/// Prints again and again.
void report(context& x, bool as_json, std::chrono::nanoseconds pause,
            uint64_t times) {
  std::signal(SIGINT, stop);
  auto before = take_sample(x);
  for (uint64_t i = 0; i < times; ++i) {
    ::poll(nullptr, 0, static_cast<int>(pause / 1ms));
    auto now = take_sample(x);
    if (as_json)
      say_line_of_json(x, before, now);
    else
      say_lines(picture_of(x, before, now));
    flush_output();
    before = std::move(now);
  }
}

/// Draws in place, until somebody has seen enough.
void watch(context& x, screen& on, std::chrono::nanoseconds pause,
           uint64_t times) {
  auto before = take_sample(x);
  for (uint64_t i = 0; i < times; ++i) {
    auto now = take_sample(x);
    auto picture = picture_of(x, before, now);
    picture.push_back({});
    picture.push_back({{"q quits", colour::cyan}});
    on.draw(picture);
    before = std::move(now);
    auto until = clock::now() + pause;
    for (auto key = 0; clock::now() < until;) {
      auto what = on.wait(until - clock::now(), key);
      if (what == screen_event::interrupted
          || (what == screen_event::key && key == 'q'))
        return;
      if (what == screen_event::resized)
        on.draw(picture);
    }
  }
}

void top(context& x, const arguments& a) {
  auto pause
    = std::max<std::chrono::nanoseconds>(a.duration("refresh", 2s), 1s);
  auto times = a.number("count", UINT64_MAX);
  auto as_json = a.has("json");
  x.cluster().map(); // who cannot be reached is no reason for a screen
  if (auto on = as_json ? nullptr : screen::open())
    watch(x, *on, pause, times);
  else
    report(x, as_json, pause, times);
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
