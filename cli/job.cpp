// ais job, show job, show rebalance: what the cluster works on.
// Source: cli.md 4.6; api-control 5.
#include "cli/job.hpp"

#include "cli/nodes.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <set>
#include <thread>

namespace ais::cli {

namespace {

/// Kinds and how they are called here. Source: api-control 5.9.
constexpr std::pair<std::string_view, std::string_view> display_names[] = {
  {"election", "elect-primary"},
  {"lru", "lru-eviction"},
  {"cleanup-store", "cleanup"},
  {"summary-bck", "summary"},
  {"summary-shard", "shard-summary"},
  {"index-shard", "shard-index"},
  {"etl-bck", "etl-bucket"},
  {"etl-listrange", "etl-objects"},
  {"copy-bck", "copy-bucket"},
  {"copy-listrange", "copy-objects"},
  {"move-bck", "rename-bucket"},
  {"ec-encode", "ec-bucket"},
  {"make-n-copies", "mirror"},
  {"promote", "promote-files"},
  {"prefetch-listrange", "prefetch-objects"},
  {"delete-listrange", "delete-objects"},
  {"evict-listrange", "evict-objects"},
  {"evict-remote-bck", "evict-remote-bucket"},
  {"load-lom-cache", "warm-up-metadata"},
};

std::string display_name(const std::string& kind) {
  for (auto& [k, shown] : display_names)
    if (k == kind)
      return std::string{shown};
  return kind;
}

constexpr std::string_view plain_kinds[]
  = {"rebalance", "resilver", "rechunk",    "etl-inline", "ec-get",
     "ec-put",    "ec-resp",  "put-copies", "archive",    "blob-download",
     "download",  "dsort",    "list",       "get-batch",  "create-inventory"};

/// The kind that a name means; empty if it is none.
std::string kind_of(const std::string& name) {
  for (auto& [k, shown] : display_names)
    if (k == name || shown == name)
      return std::string{k};
  for (auto k : plain_kinds)
    if (k == name)
      return name;
  // "copy", "ec", ...: the beginning of a name.
  for (auto& [k, shown] : display_names)
    if (shown.substr(0, name.size() + 1) == name + '-')
      return std::string{k};
  return {};
}

struct snap {
  std::string node;
  json::object said;

  std::string text(const char* key) const { return text_at(said, key); }
  uint64_t stat(const char* key) const {
    return number_at(object_at(said, "stats"), key);
  }
  bool yes(const char* key) const {
    auto* v = said.if_contains(key);
    return v && v->is_bool() && v->get_bool();
  }
  bool ended() const {
    auto t = text("end-time");
    return !t.empty() && t.substr(0, 4) != "0001";
  }
  std::string state() const {
    if (yes("aborted")) {
      auto why = text("abort-err");
      return why.empty() ? "Aborted" : fmt::format("Aborted: \"{}\"", why);
    }
    if (ended())
      return text("err").empty() ? "Finished" : "Finished with errors";
    return yes("is_idle") ? "Idle" : "Running";
  }
};

std::vector<snap> query_jobs(context& x, const std::string& id,
                             const std::string& kind, bool running_only) {
  json::object body{{"id", id},
                    {"kind", kind},
                    {"bck",
                     {{"name", ""},
                      {"provider", ""},
                      {"namespace", {{"uuid", ""}, {"name", ""}}}}}};
  if (running_only && id.empty())
    body["show_active"] = true;
  else
    body["show_active"] = nullptr;
  auto got = x.cluster().get("/v1/cluster", {{"what", "qryxstats"}}, body);
  std::vector<snap> out;
  if (auto* targets = got.if_object())
    for (auto& m : *targets)
      if (auto* list = m.value().if_array())
        for (auto& s : *list)
          if (auto* o = s.if_object())
            out.push_back({std::string{m.key().data(), m.key().size()}, *o});
  return out;
}

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

bool rebalance_kind(const std::string& kind) {
  return kind == "rebalance";
}

/// One job, all targets.
void print_job(context& x, const arguments& a, const std::vector<snap>& snaps) {
  auto& first = snaps.front();
  auto kind = first.text("kind");
  auto control = first.text("ctlmsg");
  say_caption(fmt::format("{}[{}]{}", display_name(kind), first.text("id"),
                          control.empty() || !a.has("verbose")
                            ? ""
                            : fmt::format(" (ctl: {})", control)));
  auto moves = rebalance_kind(kind);
  std::vector<std::string> header{"NODE", "ID", "KIND", "BUCKET"};
  if (moves)
    header.insert(header.end(),
                  {"TX OBJECTS", "TX BYTES", "RX OBJECTS", "RX BYTES"});
  else
    header.insert(header.end(), {"OBJECTS", "BYTES"});
  header.insert(header.end(), {"START", "END", "STATE"});
  table out{header};
  uint64_t objects = 0, bytes = 0;
  auto dates = a.has("date-time");
  for (auto& s : snaps) {
    auto bucket = bucket_of(object_at(s.said, "bck"));
    std::vector<cell> row{s.node, s.text("id"), display_name(kind), bucket};
    if (moves) {
      row.emplace_back(number_or_dash(s.stat("out-objs")));
      row.emplace_back(bytes_or_dash(x, s.stat("out-bytes")));
      row.emplace_back(number_or_dash(s.stat("in-objs")));
      row.emplace_back(bytes_or_dash(x, s.stat("in-bytes")));
    } else {
      row.emplace_back(number_or_dash(s.stat("loc-objs")));
      row.emplace_back(bytes_or_dash(x, s.stat("loc-bytes")));
    }
    objects += s.stat("loc-objs");
    bytes += s.stat("loc-bytes");
    row.emplace_back(clock_of(s.text("start-time"), dates));
    row.emplace_back(clock_of(s.text("end-time"), dates));
    auto state = s.state();
    row.emplace_back(state, state.substr(0, 5) == "Abort" ? colour::red
                                                          : colour::none);
    out.add(std::move(row));
  }
  if (snaps.size() > 1 && !moves && objects + bytes > 0) {
    auto done = std::all_of(snaps.begin(), snaps.end(),
                            [](auto& s) { return s.ended(); });
    out.add({"", "", "", "Total:", number_or_dash(objects),
             bytes_or_dash(x, bytes) + (done ? " \u2713" : ""), "", "", ""});
  }
  out.drop_if_all("BUCKET", "");
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
  std::string id, kind, name;
  if (!a.operands.empty()) {
    name = a.operands[0];
    kind = kind_of(name);
    if (kind.empty())
      id = name;
    else if (a.operands.size() > 1)
      id = a.operands[1];
  }
  std::vector<snap> snaps;
  try {
    snaps = query_jobs(x, id, kind, !a.has("all"));
  } catch (const refusal& e) {
    if (e.status() != 404)
      throw;
    throw failure(fmt::format("job \"{}\" does not exist (see 'ais show job"
                              " --all')",
                              id));
  }
  if (!id.empty() && snaps.empty())
    throw failure(fmt::format("job \"{}\" does not exist (see 'ais show job"
                              " --all')",
                              id));
  if (snaps.empty() && !a.has("json")) {
    auto what = kind.empty() ? "" : fmt::format("'{}' ", display_name(kind));
    if (a.has("all"))
      say(fmt::format("No {}jobs.", what));
    else
      say(fmt::format("No running {}jobs. Use '--all' to show all, '--help'"
                      " for details.",
                      what));
    return;
  }
  print_jobs(x, a, std::move(snaps));
}

void rebalance(context& x, const arguments& a) {
  auto id = a.operands.empty() ? "" : a.operands[0];
  std::vector<snap> snaps;
  try {
    snaps = query_jobs(x, id, "rebalance", !a.has("all"));
  } catch (const refusal& e) {
    if (e.status() != 404)
      throw;
    throw failure(fmt::format("rebalance \"{}\" does not exist", id));
  }
  if (a.has("json"))
    return say_json(json_of(snaps));
  if (snaps.empty()) {
    say(a.has("all") ? "There has been no rebalance."
                     : "Global rebalance is not running. Use '--all' to show"
                       " history, '--help' for details.");
    return;
  }
  table out{{"REB ID", "NODE", "TX OBJECTS", "TX BYTES", "RX OBJECTS",
             "RX BYTES", "START", "END", "STATE"}};
  std::map<std::string, std::pair<uint64_t, uint64_t>> totals;
  for (auto& s : snaps) {
    auto job = s.text("id");
    totals[job].first += s.stat("out-objs");
    totals[job].second += s.stat("out-bytes");
    out.add({job, s.node, number_or_dash(s.stat("out-objs")),
             bytes_or_dash(x, s.stat("out-bytes")),
             number_or_dash(s.stat("in-objs")),
             bytes_or_dash(x, s.stat("in-bytes")),
             clock_of(s.text("start-time"), a.has("date-time")),
             clock_of(s.text("end-time"), a.has("date-time")), s.state()});
  }
  out.print(headers(a));
  for (auto& [job, sum] : totals)
    if (sum.first > 0)
      say(fmt::format("{}: {} migrated (total size {})", job,
                      counted(sum.first, "object"), x.units.bytes(sum.second)));
}

// -- start, stop, wait --------------------------------------------------------

void say_started(const arguments& a, const char* kind, const std::string& id) {
  if (a.has("non-verbose"))
    return say(id);
  say(fmt::format("Started {}[{}]. To monitor the progress, run 'ais show job"
                  " {}'",
                  kind, id, id));
}

void begin_rebalance(context& x, const arguments& a) {
  say_started(a, "rebalance", start_job(x, "rebalance"));
}

void begin_resilver(context& x, const arguments& a) {
  for (auto& n : chosen_targets(x, a))
    if (!n.inactive())
      say_started(a, "resilver", start_job(x, "resilver", n.id));
}

/// What the operands name: a kind, an id, or both, in any order.
struct named_job {
  std::string kind;
  std::string id;
};

named_job job_named(const arguments& a) {
  named_job out;
  for (auto& text : a.operands) {
    auto kind = kind_of(text);
    auto& to = kind.empty() ? out.id : out.kind;
    if (!to.empty())
      throw misuse(fmt::format("\"{}\" and \"{}\": name one job", to, text));
    to = kind.empty() ? text : kind;
  }
  return out;
}

std::vector<snap> jobs_of(context& x, const named_job& which, bool running) {
  try {
    return query_jobs(x, which.id, which.kind, running);
  } catch (const refusal& e) {
    if (e.status() != 404)
      throw;
    throw failure(fmt::format("invalid xaction (job) UUID \"{}\": see 'ais show"
                              " job --all'",
                              which.id));
  }
}

void stop_jobs(context& x, const arguments& a) {
  auto which = job_named(a);
  auto running = jobs_of(x, which, true);
  std::erase_if(running, [](auto& s) { return s.ended(); });
  if (running.empty()) {
    say(which.id.empty()
          ? fmt::format("No running '{}' jobs, nothing to do",
                        display_name(which.kind))
          : fmt::format("Job {} has ended already, nothing to do", which.id));
    return;
  }
  std::map<std::string, std::string> found; // by id
  for (auto& s : running)
    found[s.text("id")] = s.text("kind");
  for (auto& [id, kind] : found)
    // They serve reads and writes of what has not moved yet.
    if (kind == "rebalance" || kind == "resilver")
      throw failure(fmt::format("{}[{}] cannot be stopped: it ends when all"
                                " objects are in their places",
                                kind, id));
  for (auto& [id, kind] : found) {
    x.cluster().act("PUT", "/v1/cluster", {}, "stop",
                    json::object{{"ID", id}, {"Kind", kind}});
    say(fmt::format("Stopped {}[{}]", display_name(kind), id));
  }
}

constexpr auto poll_pause = std::chrono::milliseconds{500};

/// Until they have ended. @returns what became of them on each node.
std::vector<snap>
wait_for(context& x, const named_job& which, std::chrono::nanoseconds limit) {
  auto start = std::chrono::steady_clock::now();
  std::set<std::string> ids; // of those that ran when we began
  for (;;) {
    std::vector<snap> all;
    if (!which.id.empty()) {
      all = jobs_of(x, which, false);
    } else {
      for (auto& s : jobs_of(x, which, ids.empty()))
        if (ids.empty() || ids.count(s.text("id")))
          all.push_back(s);
      for (auto& s : all)
        ids.insert(s.text("id"));
    }
    auto running = std::any_of(all.begin(), all.end(), [](auto& s) {
      return !s.ended() && !s.yes("is_idle");
    });
    if (!running) {
      for (auto& s : all)
        if (s.yes("aborted") || !s.text("err").empty())
          throw failure(fmt::format("{}[{}] on {}: {} {}",
                                    display_name(s.text("kind")), s.text("id"),
                                    s.node, s.state(), s.text("err")));
      return all;
    }
    if (std::chrono::steady_clock::now() - start > limit)
      throw failure("timed out: it runs still");
    std::this_thread::sleep_for(poll_pause);
  }
}

void wait_for_jobs(context& x, const arguments& a) {
  auto which = job_named(a);
  auto all
    = wait_for(x, which, a.duration("timeout", std::chrono::hours{24 * 365}));
  if (all.empty())
    return say(fmt::format("No running '{}' jobs, nothing to wait for",
                           display_name(which.kind)));
  say("Done.");
}

void begin_cleanup(context& x, const arguments& a) {
  auto id = start_job(x, "cleanup-store");
  if (!a.has("wait"))
    return say_started(a, "cleanup", id);
  wait_for_job(x, id, a.duration("timeout", std::chrono::hours{24 * 365}));
  say("Done.");
}

using namespace flags;

constexpr flag non_verbose{"non-verbose", "nv", value_kind::nothing, "",
                           "print the job's ID only"};
constexpr flag all_jobs{"all", "", value_kind::nothing, "",
                        "also those that have ended"};
constexpr flag date_time{"date-time", "", value_kind::nothing, "",
                         "times with their dates"};

} // namespace

std::string start_job(context& x, const char* kind, const std::string& node) {
  return x.cluster().act(
    "PUT", "/v1/cluster", {}, "start",
    json::object{{"ID", ""}, {"Kind", kind}, {"DaemonID", node}});
}

job_totals wait_for_job(context& x, const std::string& id,
                        std::chrono::nanoseconds limit) {
  job_totals out;
  for (auto& s : wait_for(x, {{}, id}, limit)) {
    out.objects += s.stat("loc-objs");
    out.bytes += s.stat("loc-bytes");
  }
  return out;
}

command show_jobs(const char* name) {
  command c;
  c.name = name;
  c.summary = "show jobs";
  c.usage = "[NAME|JOB_ID] [JOB_ID]";
  c.run = show;
  c.operands = {operand::job};
  c.flags
    = {all_jobs,   {"top", "", value_kind::number, "N", "only the first N"},
       date_time,  json,
       no_headers, verbose,
       refresh,    count};
  c.examples = {"ais show job", "ais show job rebalance --all"};
  return c;
}

command show_rebalance(const char* name) {
  command c;
  c.name = name;
  c.summary = "show how far moving objects between targets is";
  c.usage = "[REBALANCE_ID]";
  c.run = rebalance;
  c.operands = {operand::job};
  c.flags = {all_jobs, date_time, json, no_headers, refresh, count};
  return c;
}

command start_rebalance(const char* name) {
  command c;
  c.name = name;
  c.summary = "move objects to the targets where they belong";
  c.run = begin_rebalance;
  c.flags = {non_verbose};
  return c;
}

command start_resilver(const char* name) {
  command c;
  c.name = name;
  c.summary = "move objects to the mountpaths where they belong";
  c.usage = "[TARGET...]";
  c.run = begin_resilver;
  c.operands = {operand::target};
  c.flags = {non_verbose};
  return c;
}

command start_cleanup(const char* name) {
  command c;
  c.name = name;
  c.summary = "remove trash, unfinished writes and buckets that do not exist"
              " from the disks";
  c.run = begin_cleanup;
  c.flags = {wait_flag, timeout_flag, non_verbose};
  return c;
}

command job_commands() {
  command start;
  start.name = "start";
  start.summary = "start a job";
  start.children
    = {start_rebalance("rebalance"),
       start_resilver("resilver"),
       start_cleanup("cleanup"),
       later("lru", "ais job start lru [BUCKET...]"),
       later("copy-bucket", "ais bucket cp SRC_BUCKET DST_BUCKET"),
       later("mirror", "ais job start mirror BUCKET --copies N"),
       later("dsort", "ais start dsort [SRC_BUCKET] [DST_BUCKET] -f SPEC|-"),
       later("download", "ais start download SOURCE DESTINATION [--wait]"),
       later("blob-download", "ais start blob-download BUCKET/OBJECT"),
       later("prefetch", "ais start prefetch BUCKET[/OBJECT_or_TEMPLATE]")};
  command stop_c;
  stop_c.name = "stop";
  stop_c.summary = "end jobs: those of a name, or one by its ID";
  stop_c.usage = "NAME|JOB_ID [JOB_ID]";
  stop_c.run = stop_jobs;
  stop_c.operands = {operand::job};
  command wait_c;
  wait_c.name = "wait";
  wait_c.summary = "wait until jobs have ended; fails if one of them did";
  wait_c.usage = "NAME|JOB_ID [JOB_ID]";
  wait_c.run = wait_for_jobs;
  wait_c.operands = {operand::job};
  wait_c.flags = {
    {"timeout", "", value_kind::duration, "DURATION", "give up after so long"}};
  wait_c.examples = {"ais job wait rebalance --timeout 10m"};
  command c;
  c.name = "job";
  c.summary = "show what the cluster works on; start, stop, wait for it";
  c.children = {show_jobs("show"), start, stop_c, wait_c,
                later("rm", "ais job rm download|dsort JOB_ID")};
  return c;
}

} // namespace ais::cli
