// ais performance: what targets did, as rates or totals. Source: cli.md 4.8;
// names of metrics: api-control 7.7.
#include "cli/mountpath.hpp"
#include "cli/regex.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <regex>
#include <set>
#include <thread>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto default_interval = 5s;

/// All targets' metrics at one time.
struct sample {
  clock::time_point when;
  std::vector<node_status> nodes;

  uint64_t value(size_t node, std::string_view metric) const {
    return number_at(nodes[node].tracker(), metric);
  }
};

using kinds = std::map<std::string, std::string>; ///< metric -> kind

sample take_sample(context& x, const arguments& a) {
  sample out;
  out.nodes = ask_nodes(x, chosen_targets(x, a));
  out.when = clock::now();
  return out;
}

kinds metric_kinds(context& x, const sample& s) {
  kinds out;
  for (auto& n : s.nodes) {
    if (!n.online())
      continue;
    auto got = x.cluster().node_query(n.node, "metrics");
    if (auto* o = got.if_object())
      for (auto& m : *o)
        out[std::string{m.key().data(), m.key().size()}]
          = plain_text(m.value());
    break;
  }
  return out;
}

bool ends_with(std::string_view x, std::string_view end) {
  return x.size() >= end.size() && x.substr(x.size() - end.size()) == end;
}

/// "get.ns.total" -> "GET" + suffix.
std::string column_name(std::string metric, std::string_view suffix) {
  for (auto end : {".ns.total", ".bps", ".size", ".ns", ".n"})
    if (ends_with(metric, end)) {
      metric.resize(metric.size() - std::string_view{end}.size());
      break;
    }
  if (metric.rfind("lru.", 0) == 0)
    metric.erase(0, 4);
  for (auto [stream, shown] :
       {std::pair{"stream.in", "rx"}, {"stream.out", "tx"}})
    if (auto at = metric.find(stream); at != metric.npos)
      metric.replace(at, std::string_view{stream}.size(), shown);
  std::string out, word;
  auto add = [&] {
    if (word == "lst")
      word = "list";
    else if (word == "del")
      word = "delete";
    else if (word == "ren")
      word = "rename";
    else if (word == "ver")
      word = "version";
    out += (out.empty() ? "" : "-") + word;
    word.clear();
  };
  for (char c : metric)
    if (c == '.')
      add();
    else
      word += c;
  add();
  for (auto& c : out)
    c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
  return out + std::string{suffix};
}

bool is_error(std::string_view metric) {
  return metric.rfind("err.", 0) == 0;
}

/// A column: how to compute and to show one metric of a node.
struct column {
  std::string name;
  bool error = false;
  std::function<double(size_t node)> value;
  std::function<std::string(double)> text;
  bool adds_up = true; ///< a total over nodes makes sense
};

/// The columns that are asked for, and that say something.
std::vector<column>
chosen_of(const arguments& a, const sample& s, std::vector<column> columns) {
  std::stable_sort(columns.begin(), columns.end(),
                   [](auto& p, auto& q) { return p.error < q.error; });
  if (a.has("regex")) {
    auto wanted
      = parse_regex(a.get("regex"), std::regex::ECMAScript | std::regex::icase);
    std::erase_if(columns,
                  [&](auto& c) { return !std::regex_search(c.name, wanted); });
  }
  if (!a.has("all-columns"))
    std::erase_if(columns, [&](auto& c) {
      for (size_t i = 0; i < s.nodes.size(); ++i)
        if (c.value(i) > 0)
          return false;
      return true;
    });
  return columns;
}

json::object json_of(const sample& s, const std::vector<column>& columns) {
  json::object out;
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    json::object row;
    for (auto& c : columns)
      row[c.name] = json_number(c.value(i));
    out[s.nodes[i].node.id] = std::move(row);
  }
  return out;
}

void print_columns(const arguments& a, const sample& s,
                   const std::vector<column>& columns) {
  std::vector<std::string> header{"TARGET"};
  for (auto& c : columns)
    header.push_back(c.name);
  header.emplace_back("STATUS");
  header.emplace_back("");
  table out{header};
  std::vector<double> sums(columns.size());
  auto all_online = true;
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    std::vector<cell> row{s.nodes[i].node.marked_name()};
    auto errors = false;
    for (size_t k = 0; k < columns.size(); ++k) {
      auto v = columns[k].value(i);
      sums[k] += v;
      errors |= columns[k].error && v > 0;
      row.emplace_back(v > 0 ? columns[k].text(v) : "-");
    }
    auto word = s.nodes[i].word();
    all_online &= word == "online";
    row.emplace_back(word);
    row.push_back(errors ? cell{"<<<", colour::red} : cell{});
    out.add(std::move(row));
  }
  std::vector<cell> totals{{"--- Cluster:", colour::cyan}};
  for (size_t k = 0; k < columns.size(); ++k) {
    auto n = static_cast<double>(s.nodes.size());
    auto v = columns[k].adds_up ? sums[k] : sums[k] / std::max(n, 1.0);
    totals.emplace_back(v > 0 ? columns[k].text(v) : "-");
  }
  if (columns.empty())
    totals.emplace_back("(idle)", colour::green);
  if ((s.nodes.size() > 1 || columns.empty()) && !a.has("no-footers"))
    out.add(std::move(totals));
  if (all_online && !columns.empty())
    out.drop("STATUS");
  out.print(headers(a));
}

// -- totals -------------------------------------------------------------------

std::vector<column> counter_columns(context& x, const arguments& a,
                                    const sample& s, const kinds& known) {
  std::vector<column> columns;
  for (auto& entry : known) {
    auto& metric = entry.first;
    auto counter = entry.second == "counter";
    if (!counter && entry.second != "size")
      continue;
    column c;
    c.error = is_error(metric);
    c.value = [&s, metric](size_t i) {
      return static_cast<double>(s.value(i, metric));
    };
    auto count_of = metric.substr(0, metric.rfind('.')) + ".n";
    if (counter) {
      c.name = column_name(metric, "(n)");
      c.text = [](double v) {
        return std::to_string(uint64_t(v));
      };
    } else if (a.has("average-size") && known.count(count_of) > 0) {
      c.name = column_name(metric, "(avg size)");
      c.adds_up = false;
      c.value = [&s, metric, count_of](size_t i) {
        auto n = s.value(i, count_of);
        return n ? static_cast<double>(s.value(i, metric))
                     / static_cast<double>(n)
                 : 0.0;
      };
      c.text = [&x](double v) {
        return x.units.bytes(uint64_t(v));
      };
    } else {
      c.name = column_name(metric, "(size)");
      c.text = [&x](double v) {
        return x.units.bytes(uint64_t(v));
      };
    }
    columns.push_back(std::move(c));
  }
  return columns;
}

// -- rates --------------------------------------------------------------------

double growth(const sample& before, const sample& now, size_t i,
              std::string_view metric) {
  if (i >= before.nodes.size()
      || before.nodes[i].node.id != now.nodes[i].node.id)
    return 0;
  auto was = before.value(i, metric), is = now.value(i, metric);
  return is > was ? static_cast<double>(is - was) : 0; // it may be reset
}

std::vector<column> throughput_columns(context& x, const sample& before,
                                       const sample& now, const kinds& known) {
  auto seconds = std::chrono::duration<double>(now.when - before.when).count();
  std::vector<column> columns;
  for (auto& entry : known) {
    auto& metric = entry.first;
    auto cumulative = entry.second == "bw";
    if (!cumulative && entry.second != "compbw")
      continue;
    column c;
    c.name = column_name(metric, "(bw)");
    c.value = [&, metric, cumulative, seconds](size_t i) {
      return cumulative ? growth(before, now, i, metric) / seconds
                        : static_cast<double>(now.value(i, metric));
    };
    c.text = [&x](double v) {
      return x.units.rate(v);
    };
    columns.push_back(std::move(c));
  }
  return columns;
}

std::vector<column> latency_columns(context& x, const sample& before,
                                    const sample& now, const kinds& known) {
  std::vector<column> columns;
  for (auto& entry : known) {
    auto& metric = entry.first;
    if (entry.second != "total" || !ends_with(metric, ".ns.total"))
      continue;
    auto count_of
      = metric.substr(0, metric.size() - std::string_view{".ns.total"}.size())
        + ".n";
    column c;
    c.name = column_name(metric, "(t)");
    c.adds_up = false;
    c.value = [&, metric, count_of](size_t i) {
      auto n = growth(before, now, i, count_of);
      return n > 0 ? growth(before, now, i, metric) / n : 0.0;
    };
    c.text = [&x](double v) {
      return x.units.duration(
        std::chrono::microseconds{static_cast<int64_t>(v / 1000)});
    };
    columns.push_back(std::move(c));
  }
  return columns;
}

// -- commands -----------------------------------------------------------------

enum class what { counters, throughput, latency, intra_data, everything };

/// What targets send each other.
kinds of_streams(kinds all) {
  std::erase_if(
    all, [](auto& x) { return x.first.find("stream.") == std::string::npos; });
  return all;
}

void caption(const char* text) {
  auto now = std::chrono::system_clock::now();
  auto seconds = std::chrono::system_clock::to_time_t(now);
  std::tm at{};
  ::localtime_r(&seconds, &at);
  auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                  now.time_since_epoch())
                  .count()
                % 1'000'000;
  say_caption(fmt::format("{} --------------- {:02}:{:02}:{:02}.{:06}", text,
                          at.tm_hour, at.tm_min, at.tm_sec, micros));
}

/// Capacity and disks: printed, or added to what is to be printed as JSON.
void add_storage(context& x, const arguments& a, const sample& now,
                 json::object& raw) {
  if (!a.has("json")) {
    caption("capacity");
    storage_capacity().run(x, a);
    caption("disk");
    storage_disk("disk").run(x, a);
    return;
  }
  json::object capacity, disks;
  for (auto& n : now.nodes)
    if (n.online()) {
      capacity[n.node.id] = n.capacity();
      disks[n.node.id] = query_target(x, n.node, "disk");
    }
  raw["capacity"] = std::move(capacity);
  raw["disk"] = std::move(disks);
}

void show(context& x, const arguments& a, what w) {
  auto rates = w != what::counters && w != what::intra_data;
  auto refreshing = a.has("refresh");
  auto pause = refreshing ? std::max<std::chrono::nanoseconds>(
                 a.duration("refresh", default_interval), 1s)
                          : std::chrono::nanoseconds{default_interval};
  auto times = refreshing ? a.number("count", UINT64_MAX) : 1;
  auto before = take_sample(x, a);
  auto known = metric_kinds(x, before);
  if (rates && !refreshing)
    warn("for better results, use '--refresh' option and/or run several"
         " iterations");
  for (uint64_t i = 0; i < times; ++i) {
    if (rates || i > 0)
      std::this_thread::sleep_for(pause);
    auto now = rates || i > 0 ? take_sample(x, a) : before;
    std::vector<std::pair<const char*, std::vector<column>>> views;
    auto all = w == what::everything;
    if (all || w == what::counters)
      views.emplace_back("counters", counter_columns(x, a, now, known));
    if (all || w == what::intra_data)
      views.emplace_back("intra-data",
                         counter_columns(x, a, now, of_streams(known)));
    if (all || w == what::throughput)
      views.emplace_back("throughput",
                         throughput_columns(x, before, now, known));
    if (all || w == what::latency)
      views.emplace_back("latency", latency_columns(x, before, now, known));
    json::object raw;
    if (i > 0)
      say("----------------");
    for (auto& [name, columns] : views) {
      columns = chosen_of(a, now, std::move(columns));
      if (a.has("json")) {
        raw[name] = json_of(now, columns);
        continue;
      }
      if (all)
        caption(name);
      print_columns(a, now, columns);
    }
    // Those have no columns to choose from.
    if (all && !a.has("regex"))
      add_storage(x, a, now, raw);
    if (a.has("json"))
      say_json(all ? json::value(raw) : raw.begin()->value());
    flush_output();
    before = std::move(now);
  }
}

void counters(context& x, const arguments& a) {
  show(x, a, what::counters);
}
void throughput(context& x, const arguments& a) {
  show(x, a, what::throughput);
}
void latency(context& x, const arguments& a) {
  show(x, a, what::latency);
}
void intra_data(context& x, const arguments& a) {
  show(x, a, what::intra_data);
}
void everything(context& x, const arguments& a) {
  show(x, a, what::everything);
}

using namespace flags;

command view(const char* name, const char* summary, handler run) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = "[TARGET...]";
  c.run = run;
  c.operands = {operand::target};
  c.flags = {refresh,
             count,
             regex,
             json,
             no_headers,
             no_footers,
             {"average-size", "", value_kind::nothing, "",
              "average sizes instead of their sums"},
             {"all-columns", "", value_kind::nothing, "",
              "also columns that are zero everywhere"}};
  c.refreshes_itself = true;
  return c;
}

} // namespace

command performance_commands() {
  auto c = view("performance",
                "show what targets do: counters, throughput, latency,"
                " capacity, disks",
                everything);
  c.children
    = {view("counters", "show how often and how much", counters),
       view("throughput", "show bytes per second", throughput),
       view("latency", "show how long requests take", latency),
       storage_capacity(),
       storage_disk("disk"),
       view("intra-data", "show what targets sent each other", intra_data)};
  c.examples = {"ais performance throughput --refresh 10s",
                "ais performance counters --regex get"};
  return c;
}

} // namespace ais::cli
