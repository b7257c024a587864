// ais job: starts jobs, ends them, waits for them. Source: cli.md 4.6;
// api-control 5.
#include "cli/job.hpp"

#include "cli/nodes.hpp"
#include "cli/snaps.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <set>
#include <thread>

namespace ais::cli {

namespace {

/// A job takes names in one request [bytes of names].
constexpr size_t max_names_bytes = 1 << 20;

// -- start --------------------------------------------------------------------

void say_started(const arguments& a, const char* kind, const std::string& id) {
  if (a.has("non-verbose"))
    return say(id);
  say(fmt::format("Started {}[{}]. To monitor the progress, run 'ais show job"
                  " {}'",
                  kind, id, id));
}

/// Waits for them if the options say so.
void wait_if_asked(context& x, const arguments& a,
                   const std::vector<std::string>& ids) {
  if (!waits(a) || ids.empty())
    return;
  flush_output();
  for (auto& id : ids)
    wait_for_job(x, a, id);
  say("Done.");
}

} // namespace

void started(context& x, const arguments& a, const char* name,
             const std::vector<std::string>& ids) {
  for (auto& id : ids)
    say_started(a, name, id);
  wait_if_asked(x, a, ids);
}

namespace {

/// Options that would make it another one than there is.
void check_whole(const arguments& a) {
  std::string part = a.operands.empty() ? "" : a.operands[0];
  if (a.has("prefix"))
    part += (part.empty() ? "" : "/") + a.get("prefix");
  if (!part.empty())
    throw failure(fmt::format(
      "a rebalance moves the objects of all buckets, not only those of \"{}\""
      "\n(Tip: leave that out; what is in its place already is not moved)",
      part));
  if (a.has("cleanup"))
    throw failure("there is no rebalance that only removes: an object leaves"
                  " its former target when the new one has it\n(Tip: leave"
                  " --cleanup out; 'ais storage cleanup' removes what nobody"
                  " can read)");
}

void begin_rebalance(context& x, const arguments& a) {
  check_whole(a);
  started(x, a, "rebalance", {start_job(x, "rebalance")});
}

void begin_resilver(context& x, const arguments& a) {
  std::vector<std::string> ids;
  for (auto& n : chosen_targets(x, a))
    if (!n.inactive())
      ids.push_back(start_job(x, "resilver", n.id));
  started(x, a, "resilver", ids);
}

void begin_mirror(context& x, const arguments& a) {
  auto b = parse_bare_bucket(a.operands[0]);
  auto copies = a.number("copies", 2);
  if (copies == 0)
    throw misuse("--copies must be at least 1 (1: no mirroring)");
  auto id = x.cluster().act("POST", x.cluster().bucket_path(b),
                            x.cluster().bucket_query(b), "make-n-copies",
                            static_cast<int64_t>(copies));
  if (a.has("non-verbose"))
    say(id);
  else
    say(fmt::format(
      "Configured {} as {}. To monitor the progress, run 'ais"
      " show job {}'",
      cname_of(b),
      copies == 1 ? "not mirrored" : fmt::format("{}-way mirror", copies), id));
  wait_if_asked(x, a, {id});
}

// -- stop, wait ---------------------------------------------------------------

void stop_jobs(context& x, const arguments& a) {
  auto many = a.has("all") || a.has("regex");
  if (a.operands.empty() != many)
    throw misuse(many ? "--all and --regex take no names"
                      : "missing \"NAME|JOB_ID\" argument");
  auto which = chosen_job(x, a.operands);
  if (!which.node.empty())
    throw misuse("a job is stopped on all targets: leave the target out");
  auto running = query_jobs(x.cluster(), which, true);
  std::erase_if(running, [](auto& s) { return s.ended(); });
  keep_matching(a, running);
  if (running.empty()) {
    say(which.id.empty()
          ? fmt::format("No running {}jobs, nothing to do", which.quoted_kind())
          : fmt::format("Job {} has ended already, nothing to do", which.id));
    return;
  }
  std::map<std::string, std::string> found; // by id
  for (auto& s : running)
    found[s.text("id")] = s.text("kind");
  // They serve reads and writes of what has not moved yet.
  auto stays = [](const auto& job) {
    return job.second == "rebalance" || job.second == "resilver";
  };
  if (many)
    std::erase_if(found, stays);
  for (auto& job : found)
    if (stays(job))
      throw failure(fmt::format("{}[{}] cannot be stopped: it ends when all"
                                " objects are in their places",
                                job.second, job.first));
  for (auto& [id, kind] : found) {
    x.cluster().act("PUT", "/v1/cluster", {}, "stop",
                    json::object{{"ID", id}, {"Kind", kind}});
    say(fmt::format("Stopped {}[{}]", display_name(kind), id));
  }
}

void end_rebalance(context& x, const arguments& a) {
  auto named = a;
  named.operands = {"rebalance"};
  stop_jobs(x, named);
}

using clock = std::chrono::steady_clock;
constexpr auto poll_pause = std::chrono::milliseconds{500};
/// A job that was just started may not be known to a target yet.
constexpr auto birth = std::chrono::seconds{10};

/// Jobs that are waited for: of that name or ID when we began.
class job_wait {
public:
  job_wait(context& x, const arguments& a, job_choice which)
    : x_(x), a_(a), which_(std::move(which)) {}

  /// It was just started: that it is not found means nothing yet.
  void just_started() { born_until_ = clock::now() + birth; }

  /// Until they have ended. @returns what became of them on each node.
  std::vector<snap> run() {
    auto limit = a_.duration("timeout", std::chrono::hours{24 * 365});
    for (;;) {
      auto all = poll();
      show(all);
      auto running = std::any_of(all.begin(), all.end(),
                                 [](auto& s) { return s.running(); });
      auto unborn = all.empty() && clock::now() < born_until_;
      if (!running && !unborn) {
        shown_.reset();
        check(all);
        return all;
      }
      if (clock::now() - start_ > limit)
        throw failure(fmt::format("timed out waiting for {}: it runs still",
                                  which_.id.empty() ? display_name(which_.kind)
                                                    : which_.id));
      std::this_thread::sleep_for(poll_pause);
    }
  }

private:
  std::vector<snap> poll() {
    if (!which_.id.empty()) {
      try {
        return query_jobs(x_.cluster(), which_, false);
      } catch (const failure&) {
        if (clock::now() < born_until_)
          return {};
        throw;
      }
    }
    std::vector<snap> out;
    for (auto& s : query_jobs(x_.cluster(), which_, ids_.empty()))
      if (ids_.empty() || ids_.count(s.text("id")))
        out.push_back(s);
    for (auto& s : out)
      ids_.insert(s.text("id"));
    return out;
  }

  void show(const std::vector<snap>& all) {
    if (all.empty())
      return;
    auto ours = born_until_ != clock::time_point{};
    born_until_ = {};
    if (!shown_)
      shown_ = std::make_unique<meter>(x_, a_,
                                       verb_of(all.front().text("kind")), 0, 0);
    if (ours)
      shown_->set({}); // all that was done was done while we waited
    shown_->set(how_far(all));
  }

  static void check(const std::vector<snap>& all) {
    for (auto& s : all)
      if (s.yes("aborted") || !s.text("err").empty())
        throw failure(fmt::format("{}[{}] on {}: {} {}",
                                  display_name(s.text("kind")), s.text("id"),
                                  s.node, s.state(), s.text("err")));
  }

  context& x_;
  const arguments& a_;
  job_choice which_;
  clock::time_point start_ = clock::now();
  clock::time_point born_until_;
  std::set<std::string> ids_; ///< of those that ran when we began
  std::unique_ptr<meter> shown_;
};

using namespace flags;

constexpr flag ignored_force{"force", "f", value_kind::nothing, "",
                             "accepted for compatibility"};
constexpr flag ignored_yes{"yes", "y", value_kind::nothing, "",
                           "accepted for compatibility: nothing is asked"};

} // namespace

void wait_for_jobs(context& x, const arguments& a) {
  auto which = chosen_job(x, a.operands);
  auto all = job_wait{x, a, which}.run();
  if (all.empty())
    return say(fmt::format("No running {}jobs, nothing to wait for",
                           which.quoted_kind()));
  say("Done.");
}

void in_batches(const std::vector<std::string>& names,
                const std::function<void(json::array)>& f) {
  json::array batch;
  size_t bytes = 0;
  for (auto& name : names) {
    batch.emplace_back(name);
    bytes += name.size();
    if (bytes > max_names_bytes) {
      f(std::exchange(batch, {}));
      bytes = 0;
    }
  }
  if (!batch.empty())
    f(std::move(batch));
}

void remove_named(context& x, const arguments& a, const bck& b,
                  const std::vector<std::string>& names) {
  in_batches(names, [&](json::array batch) {
    json::object value;
    value["objnames"] = std::move(batch);
    auto id = x.cluster().act("DELETE", x.cluster().bucket_path(b),
                              x.cluster().bucket_query(b), "delete-listrange",
                              std::move(value));
    wait_for_job(x, a, id);
  });
}

std::string start_job(context& x, const char* kind, const std::string& node) {
  return x.cluster().act(
    "PUT", "/v1/cluster", {}, "start",
    json::object{{"ID", ""}, {"Kind", kind}, {"DaemonID", node}});
}

job_totals wait_for_job(context& x, const arguments& a, const std::string& id) {
  job_choice which;
  which.id = id;
  job_wait it{x, a, which};
  it.just_started();
  job_totals out;
  for (auto& s : it.run()) {
    out.objects += s.stat("loc-objs");
    out.bytes += s.stat("loc-bytes");
  }
  return out;
}

command start_rebalance(const char* name) {
  command c;
  c.name = name;
  c.summary = "move objects to the targets where they belong";
  c.usage = "[BUCKET[/PREFIX]]";
  c.more = "All buckets take part: a bucket, --prefix and --cleanup, which"
           " AIStore's own ais knows, are refused.";
  c.run = begin_rebalance;
  c.operands = {operand::none};
  c.flags
    = {wait_flag,
       timeout_flag,
       job_progress_flag,
       redraw_flag,
       non_verbose,
       {"prefix", "", value_kind::text, "PREFIX",
        "refused: all objects are looked at"},
       {"cleanup", "", value_kind::nothing, "",
        "refused: objects leave their former targets as they move"},
       {"latest", "", value_kind::nothing, "",
        "accepted for compatibility: of two versions the later one stays"},
       {"sync", "", value_kind::nothing, "",
        "accepted for compatibility: no bucket follows one elsewhere"},
       {"force", "f", value_kind::nothing, "",
        "accepted for compatibility: what refuses a rebalance cannot be"
        " overridden"}};
  c.refreshes_itself = true;
  return c;
}

command stop_rebalance() {
  command c;
  c.name = "stop";
  c.summary = "say whether one runs: none can be stopped before its end";
  c.run = end_rebalance;
  c.flags = {ignored_force, ignored_yes};
  return c;
}

command start_resilver(const char* name) {
  command c;
  c.name = name;
  c.summary = "move objects to the mountpaths where they belong";
  c.usage = "[TARGET...]";
  c.run = begin_resilver;
  c.operands = {operand::target};
  c.flags
    = {wait_flag, timeout_flag, job_progress_flag, redraw_flag, non_verbose};
  c.refreshes_itself = true;
  return c;
}

command start_mirror(const char* name) {
  command c;
  c.name = name;
  c.summary = "keep objects of a bucket in several copies, on different"
              " mountpaths";
  c.usage = "BUCKET";
  c.run = begin_mirror;
  c.operands = {operand::bucket};
  c.flags = {{"copies", "", value_kind::number, "N",
              "of each object [2]; 1: no mirroring any more"},
             wait_flag,
             timeout_flag,
             job_progress_flag,
             redraw_flag,
             non_verbose};
  c.refreshes_itself = true;
  c.examples = {"ais start mirror ais://data --copies 2 --wait"};
  return c;
}

namespace {

command renamed(command c, const char* name) {
  c.name = name;
  return c;
}

} // namespace

command job_commands() {
  command start;
  start.name = "start";
  start.summary = "start a job";
  start.children
    = {start_rebalance("rebalance"),
       start_resilver("resilver"),
       start_cleanup("cleanup"),
       later("lru", "ais job start lru [BUCKET...]"),
       later("ec-encode", "ais job start ec-encode BUCKET -d N -p N"),
       later("etl", "ais job start etl NAME"),
       later("rechunk", "ais job start rechunk BUCKET --chunk-size SIZE"),
       later("warm-up-metadata", "ais job start warm-up-metadata BUCKET"),
       renamed(bucket_copy(), "copy-bck"),
       renamed(bucket_move(), "move-bck"),
       start_mirror("mirror"),
       later("dsort", "ais start dsort [SRC_BUCKET] [DST_BUCKET] -f SPEC|-"),
       later("download", "ais start download SOURCE DESTINATION [--wait]"),
       later("blob-download", "ais start blob-download BUCKET/OBJECT"),
       later("prefetch", "ais start prefetch BUCKET[/OBJECT_or_TEMPLATE]")};
  command stop_c;
  stop_c.name = "stop";
  stop_c.summary = "end jobs: those of a name, or one by its ID";
  stop_c.usage = "[NAME] [JOB_ID] [BUCKET]";
  stop_c.flags
    = {{"all", "", value_kind::nothing, "",
        "all that run, but rebalance and resilver"},
       {"regex", "", value_kind::text, "REGEX", "those whose names match"},
       ignored_force,
       ignored_yes};
  stop_c.exclusive = {{"all", "regex"}};
  stop_c.run = stop_jobs;
  stop_c.operands = {operand::job};
  command wait_c;
  wait_c.name = "wait";
  wait_c.summary = "wait until jobs have ended; fails if one of them did";
  wait_c.usage = "NAME|JOB_ID [JOB_ID] [TARGET] [BUCKET]";
  wait_c.run = wait_for_jobs;
  wait_c.operands = {operand::job};
  wait_c.flags = {
    {"timeout", "", value_kind::duration, "DURATION", "give up after so long"},
    progress,
    redraw_flag};
  wait_c.refreshes_itself = true;
  wait_c.examples = {"ais job wait rebalance --timeout 10m",
                     "ais wait copy-bucket --progress"};
  command c;
  c.name = "job";
  c.summary = "show what the cluster works on; start, stop, wait for it";
  c.children = {show_jobs("show"), start, stop_c, wait_c,
                later("rm", "ais job rm download|dsort JOB_ID")};
  return c;
}

} // namespace ais::cli
