// ais log: nodes' logs. Source: cli.md 4.15; api-control 3.3.
#include "cli/nodes.hpp"
#include "cli/transfer.hpp"

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <thread>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string severity_of(const arguments& a) {
  auto x = a.get("severity");
  if (x.empty() || x[0] == 'i')
    return "info";
  if (x[0] == 'e')
    return "error";
  if (x[0] == 'w')
    return "warning";
  throw misuse("--severity must be info, warning or error");
}

std::string
log_from(context& x, const node_info& n, const arguments& a, uint64_t offset) {
  return x.cluster()
    .call(x.cluster().node_request(n, "GET", "",
                                   {{"what", "log"},
                                    {"severity", severity_of(a)},
                                    {"offset", std::to_string(offset)}}))
    .body;
}

void show(context& x, const arguments& a) {
  auto n = x.cluster().node(a.operands[0]);
  auto pause
    = std::max<std::chrono::nanoseconds>(a.duration("refresh", 0s), 1s);
  auto times = a.has("refresh") ? a.number("count", UINT64_MAX) : 1;
  uint64_t offset = 0;
  for (uint64_t i = 0; i < times; ++i) {
    if (i > 0)
      std::this_thread::sleep_for(pause);
    // A log comes in pieces when it is long.
    for (;;) {
      std::string text;
      try {
        text = log_from(x, n, a, offset);
      } catch (const refusal& e) {
        if (e.status() != 400 || offset == 0)
          throw;
        offset = 0; // it was rotated meanwhile
        continue;
      }
      say_raw(text);
      offset += text.size();
      if (text.empty())
        break;
    }
    flush_output();
  }
}

/// Writes one node's log, or all of its logs as an archive.
void save(api& cluster, const node_info& n, const arguments& a,
          const std::string& path) {
  query_list query{{"what", "log"}, {"severity", severity_of(a)}};
  if (a.has("all"))
    query.emplace_back("all", "true");
  auto req = cluster.node_request(n, "GET", "", query);
  if (path == "-") {
    req.sink = [](std::span<const char> data) -> expected<void> {
      say_raw({data.data(), data.size()});
      return caf::unit;
    };
    cluster.call(std::move(req));
    return;
  }
  new_file file{path};
  req.sink = [&](std::span<const char> data) {
    return file.write(data);
  };
  cluster.call(std::move(req));
  file.commit();
}

std::string file_name(const node_info& n, const arguments& a) {
  return fmt::format("ais{}-{}{}", n.target ? "target" : "proxy", n.id,
                     a.has("all") ? ".tar.gz" : ".log");
}

void get_cluster(context& x, const arguments& a, const std::string& dir) {
  auto nodes = x.cluster().map().all();
  std::error_code ec;
  fs::create_directories(dir, ec);
  if (ec)
    throw failure(fmt::format("cannot create {}: {}", dir, ec.message()));
  auto failed
    = in_parallel(x.config, 4, nodes.size(), [&](api& cluster, uint64_t i) {
        try {
          save(cluster, nodes[i], a, dir + '/' + file_name(nodes[i], a));
        } catch (const failure& e) {
          throw failure(fmt::format("{}: {}", nodes[i].name(), e.what()));
        }
      });
  if (failed < nodes.size())
    say(fmt::format("Logs of {} saved in {}",
                    counted(nodes.size() - failed, "node"), dir));
  if (failed > 0)
    throw silent_failure{};
}

void get(context& x, const arguments& a) {
  auto out = a.operands.size() > 1 ? a.operands[1] : "";
  if (a.operands[0] == "cluster") {
    if (out == "-")
      throw misuse("the logs of many nodes need a directory");
    return get_cluster(x, a, out.empty() ? "." : out);
  }
  auto n = x.cluster().node(a.operands[0]);
  std::error_code ec;
  if (out.empty() || out.back() == '/' || fs::is_directory(out, ec)) {
    if (!out.empty() && out.back() != '/')
      out += '/';
    if (!out.empty())
      fs::create_directories(out, ec);
    out += file_name(n, a);
  }
  if (out != "-" && fs::is_regular_file(out, ec)
      && !confirmed(fmt::format("overwrite existing \"{}\"", out),
                    a.has("yes")))
    return;
  save(x.cluster(), n, a, out);
  if (out != "-")
    say(fmt::format("Log of {} saved as {}", n.name(), out));
}

void download(context& x, const arguments& a) {
  auto all = a;
  all.flags["all"] = "true";
  get_cluster(x, all, a.operands.empty() ? "." : a.operands[0]);
}

using namespace flags;

constexpr flag severity{"severity", "", value_kind::text, "info|warning|error",
                        "which lines; the default is info: all"};

} // namespace

command log_show(const char* name) {
  command c;
  c.name = name;
  c.summary = "print a node's log";
  c.usage = "NODE";
  c.run = show;
  c.operands = {operand::node};
  c.flags = {severity,
             refresh,
             count,
             {"log-flush", "", value_kind::duration, "DURATION",
              "accepted for compatibility: nodes write each line at once"}};
  c.refreshes_itself = true;
  c.examples = {"ais log show t[ID]", "ais log show p[ID] --refresh 2s"};
  return c;
}

command log_download() {
  command c;
  c.name = "download-logs";
  c.summary = "save all logs of all nodes as archives";
  c.usage = "[OUT_DIR]";
  c.run = download;
  c.operands = {operand::file};
  c.flags = {severity};
  return c;
}

command log_commands() {
  command get_c;
  get_c.name = "get";
  get_c.summary = "save logs of a node, or of all";
  get_c.usage = "NODE|cluster [OUT_FILE|OUT_DIR|-]";
  get_c.run = get;
  get_c.operands = {operand::node, operand::file};
  get_c.flags = {
    {"all", "", value_kind::nothing, "", "with those rotated away, as .tar.gz"},
    severity,
    yes};
  command c;
  c.name = "log";
  c.summary = "show and save nodes' logs";
  c.children = {log_show("show"), get_c};
  return c;
}

} // namespace ais::cli
