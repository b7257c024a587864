// ais show dashboard: the cluster's health and performance on half a screen.
// Source: cli.md 4.4.
#include "cli/rates.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <set>
#include <thread>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

/// Between the two looks that make a rate.
constexpr auto interval = 1s;

struct line {
  const char* name;
  std::string text;
  colour paint = colour::none;
};

/// Least, mean and greatest of some numbers.
struct spread {
  double least = 0, mean = 0, greatest = 0;
};

spread spread_of(const std::vector<double>& all) {
  spread out;
  if (all.empty())
    return out;
  auto [low, high] = std::minmax_element(all.begin(), all.end());
  double sum = 0;
  for (auto x : all)
    sum += x;
  return {*low, sum / static_cast<double>(all.size()), *high};
}

/// "min 1.0, avg 2.5, max 4.0"
std::string
text_of(const std::vector<double>& all, const char* unit, int digits) {
  auto s = spread_of(all);
  return all.empty()
           ? "-"
           : fmt::format("min {:.{}f}{}, avg {:.{}f}{}, max {:.{}f}{}", s.least,
                         digits, unit, s.mean, digits, unit, s.greatest, digits,
                         unit);
}

line state_line(const sample& now) {
  std::string odd;
  auto red = false;
  for (auto& n : now.nodes) {
    auto what = n.online() ? alerts_of(n.flags()) : n.word();
    red |= n.word() == "n/a" || (n.online() && red_alert(n.flags()));
    if (!what.empty())
      odd += fmt::format("{}{}: {}", odd.empty() ? "" : ", ", n.node.name(),
                         what);
  }
  return odd.empty() ? line{"State", "Operational", colour::green}
                     : line{"State", odd, red ? colour::red : colour::cyan};
}

line throughput_line(const context& x, const sample& now, const rates& r) {
  double read = 0, written = 0, gets = 0, puts = 0;
  for (auto& n : now.nodes)
    if (n.node.target) {
      read += r.of(n, "get.size");
      written += r.of(n, "put.size");
      gets += r.of(n, "get.n");
      puts += r.of(n, "put.n");
    }
  auto text
    = fmt::format("GET {} ({:.0f}/s), PUT {} ({:.0f}/s)", x.units.rate(read),
                  gets, x.units.rate(written), puts);
  return gets + puts > 0 ? line{"Throughput", text}
                         : line{"Throughput", "(idle)", colour::green};
}

/// Errors of disks since the nodes' statistics began.
line errors_line(const sample& now) {
  uint64_t sum = 0;
  std::string where;
  for (auto& n : now.nodes) {
    uint64_t here = 0;
    for (auto& m : n.tracker()) {
      std::string_view name{m.key().data(), m.key().size()};
      if (name.starts_with("err.io."))
        here += number_at(n.tracker(), name);
    }
    sum += here;
    if (here > 0)
      where += fmt::format("{}{}: {}", where.empty() ? "" : ", ", n.node.name(),
                           here);
  }
  return sum == 0 ? line{"I/O Errors", "none"}
                  : line{"I/O Errors", where, colour::red};
}

line network_line(const sample& now) {
  constexpr std::string_view trouble = "keep-alive-errors";
  std::string bad;
  for (auto& n : now.nodes)
    if (!n.node.inactive()
        && (!n.why.empty()
            || alerts_of(n.flags()).find(trouble) != std::string::npos))
      bad += (bad.empty() ? "" : ", ") + n.node.name();
  return bad.empty()
           ? line{"Network", "all nodes answer"}
           : line{"Network", "no answer, or late: " + bad, colour::red};
}

/// How full disks are, how many mountpaths, on which file systems.
void add_storage(const sample& now, std::vector<line>& out) {
  std::vector<double> used;
  std::map<std::string, uint64_t> file_systems;
  uint64_t paths = 0;
  std::string bad;
  for (auto& n : now.nodes) {
    if (!n.node.target || !n.online())
      continue;
    for (auto& m : object_at(n.capacity(), "mountpaths")) {
      auto* cdf = m.value().if_object();
      if (!cdf)
        continue;
      ++paths;
      used.push_back(static_cast<double>(number_at(*cdf, "pct_used")));
      ++file_systems[text_at(object_at(*cdf, "fs"), "FsType")];
    }
    if (auto why = text_at(n.capacity(), "cs_err"); !why.empty())
      bad
        += fmt::format("{}{}: {}", bad.empty() ? "" : ", ", n.node.name(), why);
  }
  out.push_back({"Disk Usage", text_of(used, "%", 0)});
  auto text = counted(paths, "mountpath");
  out.push_back(bad.empty() ? line{"Storage", text}
                            : line{"Storage", text + "; " + bad, colour::red});
  std::string types;
  for (auto& [type, n] : file_systems)
    types += fmt::format("{}{}({})", types.empty() ? "" : " ", type, n);
  out.push_back({"Filesystems", types.empty() ? "-" : types});
}

std::vector<line>
lines_of(context& x, const sample& before, const sample& now) {
  std::vector<double> load, busy;
  for (auto& n : now.nodes)
    if (n.online())
      load.push_back(real_at(object_at(n.sysinfo(), "load_avg"), "One"));
  for (auto& [id, percent] : now.busiest)
    busy.push_back(static_cast<double>(percent));
  std::vector<line> out{state_line(now),
                        throughput_line(x, now, rates{before, now}),
                        errors_line(now),
                        {"Load Avg", text_of(load, "", 1)},
                        {"Disks busy", text_of(busy, "%", 0)},
                        network_line(now)};
  add_storage(now, out);
  auto jobs = running_jobs(x);
  out.push_back({"Running Jobs", jobs.empty()
                                   ? "none"
                                   : fmt::format("{}", fmt::join(jobs, ", "))});
  return out;
}

std::vector<node_status> half_of(const sample& s, bool targets) {
  std::vector<node_status> out;
  std::copy_if(s.nodes.begin(), s.nodes.end(), std::back_inserter(out),
               [&](auto& n) { return n.node.target == targets; });
  return out;
}

void show(context& x, const arguments& a) {
  auto before = take_sample(x);
  std::this_thread::sleep_for(interval);
  auto now = take_sample(x);
  auto lines = lines_of(x, before, now);
  if (a.has("json")) {
    json::object out;
    for (auto& l : lines)
      out[l.name] = l.text;
    return say_json(out);
  }
  say_caption("Performance and Health:");
  for (auto& l : lines)
    say(fmt::format("   {:<16} {}", std::string{l.name} + ':',
                    painted(l.text, l.paint)));
  say("");
  say_cluster_summary(x, half_of(now, false), half_of(now, true));
}

} // namespace

command dashboard() {
  command c;
  c.name = "dashboard";
  c.summary = "show the cluster's health and performance on half a screen";
  c.run = show;
  c.flags = {flags::json, flags::refresh, flags::count};
  c.examples = {"ais show dashboard", "ais show dashboard --refresh 10s"};
  return c;
}

} // namespace ais::cli
