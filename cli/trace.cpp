// ais trace: the requests that the nodes answer, as they end. Each node is
// asked twice a second for what has ended since (http/trace.hpp).
#include "cli/context.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <thread>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto pause = 500ms;
/// A node that takes longer is left out for now.
constexpr auto patience = 5s;
constexpr int max_pages = 16; ///< of a node in a row

std::atomic<bool> interrupted = false;

void interrupt(int) {
  interrupted = true;
}

/// A request that ended on a node.
struct ended_request {
  std::string node;
  json::object said;
};

struct watched_node {
  node_info node;
  std::unique_ptr<api> cluster; ///< a connection of its own
  std::string cursor;
  bool silent = false; ///< it did not answer
  // Of the last round:
  std::vector<json::object> found;
  uint64_t lost = 0;
  bool gap = false;               ///< it was not watched for a while
  std::string why;                ///< it did not answer
  std::optional<refusal> refused; ///< the question itself is wrong
};

/// What all nodes are asked.
query_list question_of(const arguments& a) {
  query_list out;
  for (auto name : {"verb", "status"})
    if (a.has(name))
      out.emplace_back(name, a.get(name));
  if (a.has("bucket")) {
    auto u = parse_bucket(a.get("bucket"));
    out.emplace_back("bucket", cname_of(u.bucket));
    out.emplace_back("prefix", u.object);
  }
  if (a.has("slower"))
    out.emplace_back("slower",
                     fmt::format("{}ns", a.duration("slower", 0s).count()));
  return out;
}

/// "21:04:05.123".
std::string clock_text(uint64_t unix_ns) {
  auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  char text[16];
  std::strftime(text, sizeof(text), "%H:%M:%S", std::localtime(&seconds));
  return fmt::format("{}.{:03}", text, unix_ns / 1'000'000 % 1000);
}

/// What a request was about, for people.
std::string subject_of(const json::object& x) {
  auto out = text_at(x, "bucket");
  if (auto object = text_at(x, "object"); !object.empty())
    out += '/' + object;
  if (out.empty())
    out = text_at(x, "path");
  if (auto what = text_at(x, "what"); !what.empty())
    out += " what=" + what;
  return out;
}

colour colour_of(uint64_t status) {
  return status >= 500   ? colour::red
         : status >= 400 ? colour::bright_red
         : status >= 300 ? colour::cyan
                         : colour::none;
}

class tracer {
public:
  tracer(context& x, const arguments& a)
    : x_(x), gate_(x.config, patience), question_(question_of(a)),
      json_(a.has("json")), left_(a.number("count", UINT64_MAX)) {
    for (auto& text : a.list("node"))
      chosen_.push_back(gate_.node(text).id);
    look_at_map();
    if (nodes_.empty())
      throw failure("no node is active: see 'ais show cluster'");
  }

  /// Nodes keep requests from now on. @throws refusal for a wrong filter.
  void begin(bool with_header) {
    ask_all();
    note(
      fmt::format("tracing {}, until Ctrl-C", counted(nodes_.size(), "node")));
    report_troubles();
    if (!json_ && with_header)
      say(line("TIME", "NODE", "VERB", "STATUS", "BYTES", "LATENCY",
               "OBJECT OR PATH"));
    flush_output();
  }

  /// Prints what has ended since the last one. @returns false: it was enough.
  bool round() {
    ask_all();
    if (interrupted)
      return false;
    std::vector<ended_request> all;
    for (auto& w : nodes_)
      for (auto& said : std::exchange(w.found, {}))
        all.push_back({w.node.name(), std::move(said)});
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) {
      return number_at(a.said, "unix_ns") < number_at(b.said, "unix_ns");
    });
    for (auto& one : all) {
      if (left_ == 0)
        break;
      --left_;
      print(one);
    }
    flush_output();
    report_troubles();
    if (newest_map_ > gate_.map().version)
      look_at_map();
    return left_ > 0;
  }

private:
  /// Nodes come and go.
  void look_at_map() {
    try {
      gate_.map(true);
    } catch (const failure&) {
      if (nodes_.empty())
        throw;
      return; // there will be another one
    }
    auto all = gate_.map().all();
    std::erase_if(nodes_, [&](auto& w) {
      return std::none_of(all.begin(), all.end(),
                          [&](auto& n) { return n.id == w.node.id; });
    });
    for (auto& n : all) {
      auto wanted
        = chosen_.empty()
          || std::find(chosen_.begin(), chosen_.end(), n.id) != chosen_.end();
      // A proxy and a target in one process answer as one.
      auto known = std::any_of(nodes_.begin(), nodes_.end(), [&](auto& w) {
        return w.node.id == n.id || w.node.url == n.url;
      });
      if (!wanted || known)
        continue;
      width_ = std::max(width_, n.name().size());
      watched_node w;
      w.node = n;
      w.cluster = std::make_unique<api>(x_.config, patience);
      nodes_.push_back(std::move(w));
    }
  }

  void ask_all() {
    std::vector<std::thread> threads;
    for (auto& w : nodes_)
      threads.emplace_back([this, &w] { ask(w); });
    for (auto& t : threads)
      t.join();
    for (auto& w : nodes_)
      if (w.refused)
        throw *w.refused;
  }

  void saw_map(uint64_t version) {
    auto newest = newest_map_.load();
    while (newest < version
           && !newest_map_.compare_exchange_weak(newest, version)) {
    }
  }

  /// In a thread of its own.
  void ask(watched_node& w) {
    w.why.clear();
    try {
      for (int i = 0; i < max_pages; ++i) {
        auto query = question_;
        if (!w.cursor.empty())
          query.emplace_back("cursor", w.cursor);
        auto got = w.cluster->node_query(w.node, "trace", std::move(query));
        auto* page = got.if_object();
        if (!page)
          throw failure("it does not answer as AIStore does");
        w.cursor = text_at(*page, "cursor");
        w.lost += number_at(*page, "lost");
        saw_map(number_at(*page, "smap_version"));
        w.gap |= text_at(*page, "interrupted") == "true";
        for (auto& r : array_at(*page, "requests"))
          if (auto* o = r.if_object())
            w.found.push_back(*o);
        if (text_at(*page, "more") != "true")
          return;
      }
    } catch (const refusal& e) {
      if (e.status() == 400)
        w.refused = e;
      else
        w.why = e.what();
    } catch (const std::exception& e) {
      w.why = e.what();
    }
  }

  void report_troubles() {
    for (auto& w : nodes_) {
      auto name = w.node.name();
      auto silent = !w.why.empty();
      if (silent && !w.silent)
        warn(fmt::format("the requests of {} are missing: {}", name, w.why));
      if (!silent && w.silent)
        note(fmt::format("{} answers again", name));
      w.silent = silent;
      if (w.gap)
        warn(fmt::format("{} has restarted, or was not asked for a while: what"
                         " it answered meanwhile is missing",
                         name));
      if (w.lost > 0)
        warn(fmt::format("{}: {} were too many to be kept (filters do not help:"
                         " it keeps all)",
                         name, counted(w.lost, "request")));
      w.gap = false;
      w.lost = 0;
    }
  }

  std::string line(std::string_view time, std::string_view node,
                   std::string_view verb, std::string_view status,
                   std::string_view bytes, std::string_view latency,
                   std::string_view what, colour c = colour::none) const {
    return fmt::format(
      "{:<12}  {:<{}}  {:<7} {}  {:>10}  {:>8}  {}", time, node, width_, verb,
      painted(fmt::format("{:>6}", status), c), bytes, latency, what);
  }

  void print(const ended_request& r) const {
    auto& x = r.said;
    if (json_) {
      json::object out{{"node", r.node}};
      for (auto& m : x)
        out[m.key()] = m.value();
      return say(to_text(out));
    }
    auto status = number_at(x, "status");
    auto bytes = number_at(x, "received") + number_at(x, "sent");
    auto whole = text_at(x, "complete") == "true";
    std::chrono::nanoseconds took{number_at(x, "took_ns")};
    say(line(clock_text(number_at(x, "unix_ns")), r.node, text_at(x, "verb"),
             status > 0 ? std::to_string(status) : "-",
             bytes > 0 ? x_.units.bytes(bytes) : "-", x_.units.duration(took),
             subject_of(x) + (whole ? "" : " (broken off)"),
             colour_of(status)));
  }

  const context& x_;
  api gate_;
  query_list question_;
  bool json_;
  uint64_t left_;                   ///< to be printed
  std::vector<std::string> chosen_; ///< ids; empty: all
  std::vector<watched_node> nodes_;
  std::atomic<uint64_t> newest_map_ = 0; ///< version that a node knows
  size_t width_ = 4;
};

void trace(context& x, const arguments& a) {
  tracer t{x, a};
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  auto until = clock::time_point::max();
  if (a.has("timeout"))
    until = clock::now()
            + std::chrono::duration_cast<clock::duration>(
              a.duration("timeout", 0s));
  t.begin(headers(a));
  while (!interrupted && clock::now() < until) {
    ::poll(nullptr, 0, static_cast<int>(pause / 1ms));
    if (interrupted || !t.round())
      return;
  }
}

} // namespace

command trace_command() {
  using namespace flags;
  command c;
  c.name = "trace";
  c.summary = "show the requests that nodes answer, as they end";
  c.more = "BYTES are those of both bodies, LATENCY is the time from the"
           " request's header to the end of the reply. A request that a node"
           " redirects or passes on is shown by both nodes. Nodes keep requests"
           " only while somebody traces.";
  c.run = trace;
  c.flags = {
    {"verb", "", value_kind::text, "GET,PUT,...", "only these methods"},
    {"bucket", "", value_kind::text, "BUCKET[/PREFIX]",
     "only requests about this bucket, or its objects with this prefix"},
    {"status", "", value_kind::text, "404,5xx,...", "only these answers"},
    {"slower", "", value_kind::duration, "DURATION",
     "only requests that took at least so long"},
    {"node", "", value_kind::text, "NODE,...", "only these nodes"},
    {"count", "", value_kind::number, "N", "end after that many requests"},
    {"timeout", "", value_kind::duration, "DURATION", "end after so long"},
    {"json", "j", value_kind::nothing, "", "a line of JSON for each request"},
    no_headers};
  c.refreshes_itself = true;
  c.examples = {"ais trace", "ais trace --status 4xx,5xx",
                "ais trace --bucket ais://data/train/ --verb GET --slower 50ms",
                "ais trace --json --count 1000 >requests.jsonl"};
  return c;
}

} // namespace ais::cli
