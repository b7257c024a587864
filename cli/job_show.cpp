// ais show job, show rebalance: what the cluster works on.
// Source: cli.md 4.6.
#include "cli/job.hpp"
#include "cli/regex.hpp"
#include "cli/snaps.hpp"
#include "storage/base/units.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <regex>

namespace ais::cli {

namespace {

/// "hh:mm:ss" of "2026-11-21T01:45:43.27Z"; with the date if asked.
std::string clock_of(const std::string& rfc3339, bool with_date) {
  if (rfc3339.size() < 19 || rfc3339.substr(0, 4) == "0001")
    return "-";
  auto time = rfc3339.substr(11, 8);
  return with_date ? rfc3339.substr(0, 10) + ' ' + time : time;
}

std::string bucket_of(const json::object& b) {
  auto name = text_at(b, "name");
  if (name.empty())
    return {};
  auto provider = parse_provider(text_at(b, "provider"));
  auto& space = object_at(b, "namespace");
  return cname_of(bck{provider ? *provider : provider::ais,
                      {text_at(space, "uuid"), text_at(space, "name")},
                      name});
}

std::string number_or_dash(uint64_t n) {
  return n ? std::to_string(n) : "-";
}

std::string bytes_or_dash(const context& x, uint64_t n) {
  return n ? x.units.bytes(n) : "-";
}

/// Columns that tell jobs of a kind apart.
enum class job_shape { plain, sends, copies };

job_shape shape_of(const snap& s) {
  if (s.text("kind") == "rebalance")
    return job_shape::sends;
  return bucket_of(object_at(s.said, "dst-bck")).empty() ? job_shape::plain
                                                         : job_shape::copies;
}

std::vector<std::string> header_of(job_shape shape) {
  std::vector<std::string> out{"NODE", "ID", "KIND"};
  if (shape == job_shape::copies)
    out.insert(out.end(), {"SRC BUCKET", "DST BUCKET"});
  else
    out.insert(out.end(), {"BUCKET"});
  if (shape == job_shape::sends)
    out.insert(out.end(), {"TX OBJECTS", "TX BYTES", "RX OBJECTS", "RX BYTES"});
  else
    out.insert(out.end(), {"OBJECTS", "BYTES"});
  out.insert(out.end(), {"START", "END", "STATE", "PROGRESS"});
  return out;
}

/// Objects and bytes of one direction: "loc", "out", "in".
void add_amounts(const context& x, const snap& s, const char* direction,
                 std::vector<cell>& row) {
  std::string front{direction};
  row.emplace_back(number_or_dash(s.stat((front + "-objs").c_str())));
  row.emplace_back(bytes_or_dash(x, s.stat((front + "-bytes").c_str())));
}

std::vector<cell>
row_of(const context& x, const arguments& a, const snap& s, job_shape shape) {
  std::vector<cell> row{s.node, s.text("id"), display_name(s.text("kind"))};
  row.emplace_back(bucket_of(object_at(s.said, "bck")));
  if (shape == job_shape::copies)
    row.emplace_back(bucket_of(object_at(s.said, "dst-bck")));
  add_amounts(x, s, shape == job_shape::sends ? "out" : "loc", row);
  if (shape == job_shape::sends)
    add_amounts(x, s, "in", row);
  row.emplace_back(clock_of(s.text("start-time"), a.has("date-time")));
  row.emplace_back(clock_of(s.text("end-time"), a.has("date-time")));
  auto state = s.state();
  auto aborted = state.starts_with("Abort");
  row.emplace_back(state, aborted ? colour::red : colour::none);
  row.emplace_back(progress_text_of(x, s));
  return row;
}

/// The row below all others, if there is something to add up.
void add_total(const context& x, const std::vector<snap>& snaps,
               job_shape shape, table& out) {
  uint64_t objects = 0, bytes = 0;
  for (auto& s : snaps) {
    objects += s.stat("loc-objs");
    bytes += s.stat("loc-bytes");
  }
  if (snaps.size() < 2 || shape == job_shape::sends || objects + bytes == 0)
    return;
  auto done = std::all_of(snaps.begin(), snaps.end(),
                          [](auto& s) { return s.ended(); });
  std::vector<cell> row(shape == job_shape::copies ? 4 : 3);
  row.emplace_back("Total:");
  row.emplace_back(number_or_dash(objects));
  row.emplace_back(bytes_or_dash(x, bytes) + (done ? " \u2713" : ""));
  row.resize(row.size() + 4);
  out.add(std::move(row));
}

/// Keeps rows that fit "COL=REGEX".
void filter(const std::string& text, table& out) {
  auto eq = std::min(text.find('='), text.size());
  auto column = text.substr(0, eq);
  for (auto& c : column)
    c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
  if (eq == text.size())
    throw misuse("--filter needs a column and what it has to match, for example"
                 " STATE=Running");
  auto wanted = parse_regex(text.substr(eq + 1));
  if (!out.keep(column, [&](auto& x) { return std::regex_search(x, wanted); }))
    throw misuse(fmt::format("--filter: there is no column {}", column));
}

/// One job, all targets.
void print_job(context& x, const arguments& a, const std::vector<snap>& snaps) {
  auto& first = snaps.front();
  auto control = first.text("ctlmsg");
  say_caption(fmt::format(
    "{}[{}]{}", display_name(first.text("kind")), first.text("id"),
    control.empty() || !a.has("verbose") ? ""
                                         : fmt::format(" (ctl: {})", control)));
  auto shape = shape_of(first);
  table out{header_of(shape)};
  for (auto& s : snaps)
    out.add(row_of(x, a, s, shape));
  if (a.has("filter"))
    filter(a.get("filter"), out);
  else if (!a.has("no-footers"))
    add_total(x, snaps, shape, out);
  out.drop_if_all("BUCKET", "");
  out.drop_if_all("PROGRESS", "");
  out.print(headers(a));
}

json::value json_of(const std::vector<snap>& snaps) {
  json::object out;
  for (auto& s : snaps) {
    auto& list = out[s.node];
    if (!list.is_array())
      list = json::array{};
    list.get_array().push_back(s.said);
  }
  return out;
}

/// Appends what is known of the jobs to a file: a line of JSON each time.
void log_jobs(const std::string& path, const std::vector<snap>& snaps) {
  json::object line{{"time", format_rfc3339(now_ns())}};
  line["jobs"] = json_of(snaps);
  std::ofstream to{path, std::ios::app};
  to << to_text(line) << '\n';
  to.close();
  if (!to)
    throw failure(fmt::format("cannot write {}: check its directory and"
                              " permissions",
                              path));
}

void print_jobs(context& x, const arguments& a, std::vector<snap> snaps) {
  if (a.has("json"))
    return say_json(json_of(snaps));
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<snap>>
    by_job;
  for (auto& s : snaps)
    by_job[{s.text("kind"), s.text("start-time").substr(0, 19), s.text("id")}]
      .push_back(std::move(s));
  // Targets start the same job at slightly different times.
  std::map<std::string, std::vector<snap>> merged;
  std::vector<std::string> order;
  for (auto& [key, list] : by_job) {
    auto& id = std::get<2>(key);
    if (merged[id].empty())
      order.push_back(id);
    for (auto& s : list)
      merged[id].push_back(std::move(s));
  }
  auto left = a.number("top", UINT64_MAX);
  for (auto& id : order) {
    if (left-- == 0)
      break;
    print_job(x, a, merged[id]);
  }
}

void show(context& x, const arguments& a) {
  if (a.has("progress"))
    return wait_for_jobs(x, a);
  auto which = chosen_job(x, a.operands);
  auto snaps = query_jobs(x.cluster(), which, !a.has("all"));
  keep_matching(a, snaps);
  if (a.has("log"))
    log_jobs(a.get("log"), snaps);
  if (!snaps.empty() || a.has("json"))
    return print_jobs(x, a, std::move(snaps));
  if (a.has("all"))
    say(fmt::format("No {}jobs.", which.quoted_kind()));
  else
    say(fmt::format("No running {}jobs. Use '--all' to show all, '--help' for"
                    " details.",
                    which.quoted_kind()));
}

void rebalance(context& x, const arguments& a) {
  auto which = chosen_job(x, a.operands);
  which.kind = "rebalance";
  auto snaps = query_jobs(x.cluster(), which, !a.has("all"));
  if (a.has("json"))
    return say_json(json_of(snaps));
  if (snaps.empty()) {
    say(a.has("all") ? "There has been no rebalance."
                     : "Global rebalance is not running. Use '--all' to show"
                       " history, '--help' for details.");
    return;
  }
  table out{{"REB ID", "NODE", "TX OBJECTS", "TX BYTES", "RX OBJECTS",
             "RX BYTES", "START", "END", "STATE", "PROGRESS"}};
  std::map<std::string, std::pair<uint64_t, uint64_t>> totals;
  for (auto& s : snaps) {
    auto job = s.text("id");
    totals[job].first += s.stat("out-objs");
    totals[job].second += s.stat("out-bytes");
    std::vector<cell> row{job, s.node};
    add_amounts(x, s, "out", row);
    add_amounts(x, s, "in", row);
    row.emplace_back(clock_of(s.text("start-time"), a.has("date-time")));
    row.emplace_back(clock_of(s.text("end-time"), a.has("date-time")));
    row.emplace_back(s.state());
    row.emplace_back(progress_text_of(x, s));
    out.add(std::move(row));
  }
  out.drop_if_all("PROGRESS", "");
  out.print(headers(a));
  for (auto& [job, sum] : totals)
    if (sum.first > 0 && !a.has("no-footers"))
      say(fmt::format("{}: {} migrated (total size {})", job,
                      counted(sum.first, "object"), x.units.bytes(sum.second)));
}

using namespace flags;

constexpr flag all_jobs{"all", "", value_kind::nothing, "",
                        "also those that have ended"};
constexpr flag date_time{"date-time", "", value_kind::nothing, "",
                         "times with their dates"};

} // namespace

command show_jobs(const char* name) {
  command c;
  c.name = name;
  c.summary = "show jobs";
  c.usage = "[NAME] [JOB_ID] [TARGET] [BUCKET]";
  c.run = show;
  c.operands = {operand::job};
  c.flags
    = {all_jobs,
       {"top", "", value_kind::number, "N", "only the first N"},
       date_time,
       {"filter", "", value_kind::text, "COLUMN=REGEX",
        "only rows that match in that column"},
       {"regex", "", value_kind::text, "REGEX", "only jobs whose names match"},
       {"log", "", value_kind::text, "FILE",
        "append what is shown to this file, too: a line of JSON each time"},
       {"progress", "", value_kind::nothing, "",
        "wait until they have ended, and show how far they are"},
       json,
       no_headers,
       no_footers,
       verbose,
       refresh,
       count};
  for (auto other : {"all", "filter", "json", "log", "refresh", "regex", "top"})
    c.exclusive.push_back({"progress", other});
  c.more = "Operands may stand in any order.";
  c.examples = {"ais show job", "ais show job rebalance --all",
                "ais show job copy-bucket ais://data --refresh 2s"};
  return c;
}

command show_rebalance(const char* name) {
  command c;
  c.name = name;
  c.summary = "show how far moving objects between targets is";
  c.usage = "[REBALANCE_ID]";
  c.run = rebalance;
  c.operands = {operand::job};
  c.flags = {all_jobs, date_time, json, no_headers, no_footers, refresh, count};
  return c;
}

} // namespace ais::cli
