// ais show cluster: nodes, map, buckets, configuration. Source: cli.md 4.4.
#include "cli/nodes.hpp"
#include "cli/props.hpp"
#include "cli/snaps.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace ais::cli {

namespace {

using std::chrono::nanoseconds;

/// "-" where a node told nothing.
cell value_or_dash(const node_status& n, const std::string& text) {
  return n.why.empty() && !n.node.inactive() ? cell{text} : cell{"-"};
}

std::string load_of(const node_status& n) {
  auto& load = object_at(n.sysinfo(), "load_avg");
  return fmt::format("[{:.1f} {:.1f} {:.1f}]", real_at(load, "One"),
                     real_at(load, "Five"), real_at(load, "Fifteen"));
}

/// Low memory or none, as a mark behind the status.
cell status_cell(const node_status& n) {
  auto text = n.word();
  auto c = text == "online" ? colour::none : colour::cyan;
  if (text == "n/a" || text == "decommission")
    c = colour::red;
  if (!n.online())
    return {text, c};
  auto avail = number_at(n.sysinfo(), "mem_avail");
  auto total = number_at(object_at(n.sysinfo(), "mem"), "Total");
  if (total == 0)
    return {text, c};
  auto used = 100.0 * static_cast<double>(total - std::min(avail, total))
              / static_cast<double>(total);
  if (used >= 90 || avail < 200u << 20)
    return {text + "(out of memory)", colour::red};
  if (used >= 80 || avail < 1u << 30)
    return {text + "(low on memory)", colour::cyan};
  return {text, c};
}

/// The rebalance that began last: "running(g6)", for all and for each target.
struct last_rebalance {
  std::string text = "-";
  std::map<std::string, std::string> of_target; ///< by id
};

last_rebalance ask_rebalance(context& x) {
  last_rebalance out;
  job_choice which;
  which.kind = "rebalance";
  std::vector<snap> all;
  try {
    all = query_jobs(x.cluster(), which, false);
  } catch (const failure&) {
    return out; // one detail among many
  }
  std::string began, id;
  for (auto& s : all)
    if (auto start = s.text("start-time"); start > began) {
      began = start;
      id = s.text("id");
    }
  auto running = false, aborted = false;
  auto word = [&](bool runs, bool stopped) {
    return fmt::format("{}({})",
                       runs      ? "running"
                       : stopped ? "aborted"
                                 : "finished",
                       id);
  };
  for (auto& s : all)
    if (s.text("id") == id) {
      running |= s.running();
      aborted |= s.yes("aborted");
      out.of_target[s.node] = word(s.running(), s.yes("aborted"));
    }
  if (!all.empty())
    out.text = word(running, aborted);
  return out;
}

std::string version_of(const node_status& n) {
  return text_at(n.said, "ais_version");
}

/// One row for each node; columns that tell nothing are dropped.
table nodes_table(context& x, const std::vector<node_status>& nodes,
                  bool targets, bool verbose) {
  std::vector<std::string> header{targets ? "TARGET" : "PROXY", "MEM USED(%)",
                                  "MEM AVAIL"};
  if (targets) {
    header.emplace_back("CAP USED(%)");
    header.emplace_back("CAP AVAIL");
  }
  for (auto* name : {"SYS CPU(%)", "LOAD AVERAGE", "REBALANCE", "UPTIME",
                     "K8s POD", "STATUS", "VERSION", "BUILD TIME", "ALERT"})
    header.emplace_back(name);
  auto moves = targets ? ask_rebalance(x) : last_rebalance{};
  table out{header};
  std::set<std::string> versions, builds;
  auto alerts = false, statuses = false;
  for (auto& n : nodes) {
    auto& sys = n.sysinfo();
    std::vector<cell> row{
      n.node.marked_name(),
      value_or_dash(n, fmt::format("{:.2f}%", real_at(sys, "pct_mem_used"))),
      value_or_dash(n, x.units.bytes(number_at(sys, "mem_avail")))};
    if (targets) {
      row.push_back(value_or_dash(n, text_at(n.capacity(), "pct_avg") + '%'));
      row.push_back(value_or_dash(
        n, x.units.bytes(number_at(n.capacity(), "total_avail"))));
    }
    row.push_back(value_or_dash(n, text_at(sys, "cpu_util") + '%'));
    row.push_back(value_or_dash(n, load_of(n)));
    auto move = moves.of_target.find(n.node.id);
    row.emplace_back(move == moves.of_target.end() ? "-" : move->second);
    row.push_back(value_or_dash(
      n, x.units.duration(nanoseconds{number_at(n.tracker(), "up.ns.time")})));
    row.emplace_back(text_at(n.said, "k8s_pod_name"));
    auto status = status_cell(n);
    statuses |= status.text != "online";
    row.push_back(status);
    row.push_back(value_or_dash(n, version_of(n)));
    row.push_back(value_or_dash(n, text_at(n.said, "build_time")));
    if (n.online()) {
      versions.insert(version_of(n));
      builds.insert(text_at(n.said, "build_time"));
    }
    auto alert = n.online() ? alerts_of(n.flags()) : "";
    alerts |= !alert.empty();
    row.emplace_back(n.online() ? alert.empty() ? "ok" : alert : "-",
                     red_alert(n.flags()) ? colour::red : colour::none);
    out.add(std::move(row));
  }
  out.drop_if_all("REBALANCE", "-");
  out.drop_if_all("K8s POD", "");
  if (!statuses)
    out.drop_if_all("STATUS", "online");
  if (versions.size() < 2 && !verbose)
    out.drop("VERSION");
  if (builds.size() < 2)
    out.drop("BUILD TIME");
  if (!alerts)
    out.drop("ALERT");
  return out;
}

std::string
count_text(const std::vector<node_status>& nodes, const char* all_well) {
  auto off = static_cast<size_t>(std::count_if(
    nodes.begin(), nodes.end(), [](auto& n) { return n.node.inactive(); }));
  return off == 0 ? fmt::format("{}{}", nodes.size(), all_well)
                  : fmt::format("{} ({} inactive)", nodes.size(), off);
}

/// "5 online", "4 online, 1 maintenance".
std::string status_text(const std::vector<node_status>& proxies,
                        const std::vector<node_status>& targets) {
  std::map<std::string, size_t> counts;
  for (auto* list : {&proxies, &targets})
    for (auto& n : *list)
      ++counts[n.word()];
  auto out = fmt::format("{} online", counts["online"]);
  for (auto& [word, n] : counts)
    if (word != "online")
      out += fmt::format(", {} {}", n, word);
  return out;
}

json::object status_json(const std::vector<node_status>& nodes) {
  json::object out;
  for (auto& n : nodes) {
    if (n.why.empty())
      out[n.node.id] = n.said;
    else
      out[n.node.id] = {{"status", n.word()}, {"error", n.why}};
  }
  return out;
}

void show_nodes(context& x, const arguments& a, bool proxies, bool targets,
                bool with_summary) {
  auto& map = x.cluster().map(true);
  std::vector<node_status> p, t;
  if (proxies || with_summary)
    p = ask_nodes(x, map.proxies);
  if (targets || with_summary)
    t = ask_nodes(x, map.targets);
  if (a.has("json")) {
    json::object out;
    if (proxies)
      out["proxy"] = status_json(p);
    if (targets)
      out["target"] = status_json(t);
    if (with_summary)
      out["smap"] = map.raw;
    return say_json(out);
  }
  if (proxies)
    nodes_table(x, p, false, a.has("verbose")).print(headers(a));
  if (proxies && targets)
    say("");
  if (targets)
    nodes_table(x, t, true, a.has("verbose")).print(headers(a));
  if (with_summary) {
    say("");
    say_cluster_summary(x, p, t);
  }
}

void show_one(context& x, const arguments& a, const node_info& n) {
  auto status = ask_nodes(x, {n});
  if (a.has("json"))
    return say_json(status[0].said);
  nodes_table(x, status, n.target, a.has("verbose")).print(headers(a));
  if (!status[0].why.empty() && !n.inactive())
    throw failure(status[0].why);
}

void show(context& x, const arguments& a) {
  if (a.operands.empty())
    return show_nodes(x, a, true, true, true);
  show_one(x, a, x.cluster().node(a.operands[0]));
}

void show_targets(context& x, const arguments& a) {
  if (a.operands.empty())
    return show_nodes(x, a, false, true, false);
  show_one(x, a, x.cluster().target(a.operands[0]));
}

void show_proxies(context& x, const arguments& a) {
  if (a.operands.empty())
    return show_nodes(x, a, true, false, false);
  auto n = x.cluster().node(a.operands[0]);
  if (n.target)
    throw failure(fmt::format("{} is a target: expecting a proxy", n.name()));
  show_one(x, a, n);
}

// -- metadata -----------------------------------------------------------------

/// Metadata of the cluster, or as one node has it.
json::object metadata(context& x, const arguments& a, const char* what) {
  auto got = a.operands.empty()
               ? x.cluster().get("/v1/daemon", {{"what", what}})
               : x.cluster().node_query(x.cluster().node(a.operands[0]), what);
  if (auto* o = got.if_object())
    return *o;
  throw failure("the answer cannot be read");
}

void map_table(const std::vector<node_info>& nodes, bool one_net,
               const arguments& a) {
  table out{
    {"NODE", "TYPE", "PUBLIC URL", "INTRA CONTROL URL", "INTRA DATA URL"}};
  for (auto& n : nodes)
    out.add({n.marked_name(), n.target ? "target" : "proxy", n.url,
             n.control_url, n.data_url});
  if (one_net) {
    out.drop("INTRA CONTROL URL");
    out.drop("INTRA DATA URL");
  }
  out.print(headers(a));
}

void show_smap(context& x, const arguments& a) {
  auto raw = metadata(x, a, "smap");
  if (a.has("json"))
    return say_json(raw);
  auto map = cluster_map_of(raw);
  auto all = map.all();
  auto one_net = std::all_of(all.begin(), all.end(), [](auto& n) {
    return n.url == n.control_url && n.url == n.data_url;
  });
  map_table(map.proxies, one_net, a);
  say("");
  map_table(map.targets, one_net, a);
  say("\nNon-Electable:");
  auto none = true;
  for (auto& n : map.proxies)
    if (n.non_electable()) {
      say("   " + n.name());
      none = false;
    }
  if (none)
    say("   -");
  say(fmt::format("\nPrimary Proxy: {}", map.primary().id));
  say(fmt::format("Summary: proxies({}), targets({}), cluster map(v{}), cluster"
                  " ID(\"{}\")",
                  map.proxies.size(), map.targets.size(), map.version,
                  map.uuid));
}

void show_bmd(context& x, const arguments& a) {
  auto bmd = metadata(x, a, "bmd");
  if (a.has("json"))
    return say_json(bmd);
  table out{
    {"PROVIDER", "NAMESPACE", "NAME", "BACKEND", "COPIES", "EC", "CREATED"}};
  for (auto& p : object_at(bmd, "providers"))
    for (auto& space : *p.value().if_object())
      for (auto& b : *space.value().if_object()) {
        auto& props = *b.value().if_object();
        auto on = [&](const char* section) {
          auto* v = object_at(props, section).if_contains("enabled");
          return v && v->is_bool() && v->get_bool();
        };
        auto backend = text_at(object_at(props, "backend_bck"), "name");
        std::string ns{space.key().data(), space.key().size()};
        out.add(
          {std::string{p.key().data(), p.key().size()}, ns == "@#" ? "-" : ns,
           std::string{b.key().data(), b.key().size()},
           backend.empty() ? "-" : backend,
           on("mirror") ? text_at(object_at(props, "mirror"), "copies") : "-",
           on("ec") ? text_at(object_at(props, "ec"), "data_slices") + ':'
                        + text_at(object_at(props, "ec"), "parity_slices")
                    : "-",
           shown_value("created", text_at(props, "created"))});
      }
  auto version
    = fmt::format("BMD v{}[{}", text_at(bmd, "version"), text_at(bmd, "uuid"));
  if (out.empty()) {
    say(version + " (no buckets)] - is empty");
    return;
  }
  out.print(headers(a));
  say(fmt::format("\n{}, buckets: {}]", version, out.size()));
}

void show_config(context& x, const arguments& a) {
  auto prefix = a.operands.empty() ? "" : a.operands[0];
  auto got = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
  auto& config = got.as_object();
  if (a.has("json")) {
    if (prefix.empty())
      return say_json(config);
    auto* section = config.if_contains(prefix);
    if (!section)
      throw failure(
        fmt::format("the configuration has no section \"{}\"", prefix));
    return say_json(json::object{{prefix, *section}});
  }
  auto out = property_table(config, prefix, {});
  if (out.empty())
    throw failure(
      fmt::format("the configuration has no section \"{}\"", prefix));
  out.print(headers(a));
}

// -- cpu, memory, stats -------------------------------------------------------

std::vector<node_info> chosen_nodes(context& x, const arguments& a) {
  if (!a.operands.empty())
    return {x.cluster().node(a.operands[0])};
  return x.cluster().map(true).all();
}

void show_cpu(context& x, const arguments& a) {
  auto nodes = ask_nodes(x, chosen_nodes(x, a));
  if (a.has("json"))
    return say_json(status_json(nodes));
  table out{{"NODE", "TYPE", "PROC-CPU", "SYS-CPU", "THROTTLED", "LOAD"}};
  for (auto& n : nodes) {
    auto& sys = n.sysinfo();
    out.add(
      {n.node.marked_name(), n.node.target ? "target" : "proxy",
       value_or_dash(n, fmt::format("{:.2f}%", real_at(sys, "pct_cpu_used"))),
       value_or_dash(n, text_at(sys, "cpu_util") + '%'),
       text_at(sys, "cpu_throttled"), value_or_dash(n, load_of(n))});
  }
  out.drop_if_all("THROTTLED", "");
  out.print(headers(a));
}

void show_memory(context& x, const arguments& a) {
  auto nodes = ask_nodes(x, chosen_nodes(x, a));
  if (a.has("json"))
    return say_json(status_json(nodes));
  table out{{"NODE", "TYPE", "RSS", "SIZE", "SHARED", "MEM%", "TOTAL", "USED",
             "FREE", "CACHE", "ACTUAL-USED", "ACTUAL-FREE", "SWAP-TOTAL",
             "SWAP-USED"}};
  for (auto& n : nodes) {
    auto& sys = n.sysinfo();
    auto& process = object_at(object_at(sys, "proc"), "Mem");
    auto& mem = object_at(sys, "mem");
    auto bytes = [&](const json::object& from, const char* key) {
      return value_or_dash(n, x.units.bytes(number_at(from, key)));
    };
    out.add(
      {n.node.marked_name(), n.node.target ? "target" : "proxy",
       bytes(process, "Resident"), bytes(process, "Size"),
       bytes(process, "Share"),
       value_or_dash(n, fmt::format("{:.2f}%", real_at(sys, "pct_mem_used"))),
       bytes(mem, "Total"), bytes(mem, "Used"), bytes(mem, "Free"),
       bytes(mem, "BuffCache"), bytes(mem, "ActualUsed"),
       bytes(mem, "ActualFree"), bytes(mem, "SwapTotal"),
       bytes(mem, "SwapUsed")});
  }
  out.print(headers(a));
}

using namespace flags;

command part(const char* name, const char* summary, handler run,
             const char* usage, operand what) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = usage;
  c.run = run;
  c.operands = {what};
  c.flags = {json, no_headers, verbose, refresh, count};
  return c;
}

} // namespace

void say_cluster_summary(context& x, const std::vector<node_status>& proxies,
                         const std::vector<node_status>& targets) {
  auto& map = x.cluster().map();
  uint64_t used = 0, avail = 0;
  std::set<std::string> file_systems, disks;
  for (auto& n : targets) {
    for (auto& m : object_at(n.capacity(), "mountpaths")) {
      auto* cdf = m.value().if_object();
      if (!cdf)
        continue;
      auto host = n.node.url.substr(0, n.node.url.rfind(':'));
      for (auto& d : array_at(*cdf, "disks"))
        disks.insert(host + ' ' + plain_text(d));
      // Mountpaths that share a file system share its space.
      auto id = host + ' ' + text_at(object_at(*cdf, "fs"), "FsID");
      if (!file_systems.insert(id).second)
        continue;
      used += number_at(*cdf, "used");
      avail += number_at(*cdf, "avail");
    }
  }
  auto electable = std::none_of(proxies.begin(), proxies.end(),
                                [](auto& n) { return n.node.non_electable(); });
  std::string version, deployment;
  for (auto* list : {&proxies, &targets})
    for (auto& n : *list)
      if (n.online() && version.empty()) {
        version = version_of(n);
        deployment = text_at(n.said, "deployment");
      }
  auto config = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
  auto& auth = object_at(config.as_object(), "auth");
  auto* required = auth.if_contains("client_auth_required");
  auto secured = required && required->is_bool() && required->get_bool();
  say_caption("Cluster:");
  auto line = [](const char* name, const std::string& value) {
    say(fmt::format("   {:<16} {}", std::string{name} + ':', value));
  };
  line("CLI Endpoint", x.cluster().endpoint());
  line("Proxies", count_text(proxies, electable ? " (all electable)" : ""));
  line("Targets", count_text(targets, "")
                    + fmt::format(" ({})", disks.size() == 1
                                             ? "one disk"
                                             : counted(disks.size(), "disk")));
  if (used + avail > 0)
    line("Capacity",
         fmt::format("used {} ({}%), available {}", x.units.bytes(used, 0),
                     used * 100 / (used + avail), x.units.bytes(avail, 0)));
  line("Cluster Map", fmt::format("version {}, UUID {}, primary {}",
                                  map.version, map.uuid, map.primary().name()));
  line("Deployment", deployment.empty() ? "-" : deployment);
  line("Status", status_text(proxies, targets));
  line("Rebalance", ask_rebalance(x).text);
  line("Authentication", secured ? "enabled" : "disabled");
  line("Version", version.empty() ? "-" : version);
}

command show_cluster(const char* name) {
  auto c
    = part(name, "show nodes and how they are", show, "[NODE]", operand::node);
  auto stats = performance_commands();
  stats.name = "stats";
  c.children = {
    part("proxy", "show proxies", show_proxies, "[PROXY]", operand::proxy),
    part("target", "show targets", show_targets, "[TARGET]", operand::target),
    part("smap", "show the cluster map, as the cluster or a node has it",
         show_smap, "[NODE]", operand::node),
    part("bmd", "show all buckets' metadata, as the cluster or a node has it",
         show_bmd, "[NODE]", operand::node),
    part("config", "show the cluster's configuration", show_config, "[SECTION]",
         operand::cluster_prop),
    stats,
    part("cpu", "show nodes' use of processors", show_cpu, "[NODE]",
         operand::node),
    part("memory", "show nodes' use of memory", show_memory, "[NODE]",
         operand::node)};
  c.examples = {"ais show cluster", "ais show cluster --refresh 5s",
                "ais show cluster smap", "ais show cluster config log"};
  return c;
}

} // namespace ais::cli
