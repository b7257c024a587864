// ais cluster: membership, primary, statistics, logs. Source: cli.md 4.4;
// api-control 4.
#include "cli/nodes.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto smap_patience = 20s; ///< for a change of the map to be seen

/// Nodes by operands; "a,b c" are three. @throws failure
std::vector<node_info> named_nodes(context& x, const arguments& a) {
  std::vector<node_info> out;
  for (auto& text : a.operands) {
    arguments parts;
    parts.flags["x"] = text;
    for (auto& name : parts.list("x"))
      out.push_back(x.cluster().node(name));
  }
  return out;
}

std::string names_of(const std::vector<node_info>& nodes) {
  std::string out;
  for (auto& n : nodes)
    out += (out.empty() ? "" : ", ") + n.name();
  return out;
}

/// Waits until the map, as the cluster shows it, is as expected.
bool await_map(context& x, const std::function<bool(const cluster_map&)>& as) {
  auto deadline = std::chrono::steady_clock::now() + smap_patience;
  for (;;) {
    try {
      if (as(x.cluster().map(true)))
        return true;
    } catch (const failure&) {
      // Nobody is primary for a moment.
    }
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(100ms);
  }
}

void say_rebalance(const std::string& id) {
  if (!id.empty())
    say(fmt::format("Started rebalance \"{}\" (to monitor, run 'ais show"
                    " rebalance').",
                    id));
}

/// Sends one of the five membership actions. @returns the rebalance, or none.
std::string
change_members(context& x, const char* action,
               const std::vector<node_info>& nodes, json::object value) {
  json::array ids;
  for (auto& n : nodes)
    ids.push_back(json::value(n.id));
  if (nodes.size() == 1)
    value["sid"] = nodes[0].id;
  else
    value["sids"] = std::move(ids);
  return x.cluster().act("PUT", "/v1/cluster", {}, action, std::move(value));
}

json::object rebalance_option(const arguments& a) {
  json::object out;
  out["skip_rebalance"] = a.has("no-rebalance");
  return out;
}

void start_maintenance(context& x, const arguments& a) {
  auto nodes = named_nodes(x, a);
  if (!confirmed(fmt::format("Put {} in maintenance mode?", names_of(nodes)),
                 a.has("yes")))
    return;
  say_rebalance(
    change_members(x, "start-maintenance", nodes, rebalance_option(a)));
  for (auto& n : nodes)
    say(fmt::format("{} is now in maintenance mode", n.name()));
}

void stop_maintenance(context& x, const arguments& a) {
  auto nodes = named_nodes(x, a);
  say_rebalance(
    change_members(x, "stop-maintenance", nodes, rebalance_option(a)));
  for (auto& n : nodes)
    say(fmt::format("{} is now active", n.name()));
}

void shutdown_nodes(context& x, const arguments& a) {
  auto nodes = named_nodes(x, a);
  if (!confirmed(fmt::format("Shut down {}?", names_of(nodes)), a.has("yes")))
    return;
  auto id = change_members(x, "shutdown-node", nodes, rebalance_option(a));
  say_rebalance(id);
  for (auto& n : nodes)
    say(fmt::format("{} is shutting down{}", n.name(),
                    id.empty() ? ""
                               : ", please wait for cluster rebalancing to"
                                 " finish"));
}

void decommission_nodes(context& x, const arguments& a) {
  auto nodes = named_nodes(x, a);
  auto data = a.has("rm-user-data")
                ? " and remove all their user data (it cannot be undone)"
                : "";
  if (!confirmed(
        fmt::format("Permanently decommission {}{}?", names_of(nodes), data),
        a.has("yes")))
    return;
  auto value = rebalance_option(a);
  value["rm_user_data"] = a.has("rm-user-data");
  value["no_shutdown"] = a.has("no-shutdown");
  value["keep_initial_config"] = a.has("keep-initial-config");
  auto id = change_members(x, "decommission-node", nodes, std::move(value));
  say_rebalance(id);
  for (auto& n : nodes) {
    say(id.empty() ? fmt::format("{} has been decommissioned (permanently"
                                 " removed from the cluster)",
                                 n.name())
                   : fmt::format("{} is being decommissioned, please wait for"
                                 " cluster rebalancing to finish",
                                 n.name()));
  }
}

void join(context& x, const arguments& a) {
  auto role = a.get("role");
  if (role != "proxy" && role != "target")
    throw misuse("--role must be proxy or target");
  auto address = a.operands[0];
  auto colon = address.rfind(':');
  if (colon == address.npos || address.find("://") != address.npos)
    throw failure(
      fmt::format("\"{}\" is no address such as 10.0.0.5:9080", address));
  http::client_request req;
  req.method = "POST";
  req.url = x.cluster().url("/v1/cluster/join-by-admin");
  req.headers.emplace_back("Content-Type", "application/json");
  if (a.has("non-electable"))
    req.headers.emplace_back("Ais-Node-Flags", "1");
  req.body = to_text({{"daemon_type", role},
                      {"daemon_id", ""},
                      {"intra_control_net",
                       {{"node_ip_addr", address.substr(0, colon)},
                        {"daemon_port", address.substr(colon + 1)},
                        {"direct_url", "http://" + address}}}});
  auto reply = x.cluster().call(std::move(req));
  auto parsed = parse_json(reply.body);
  auto* o = parsed ? parsed->if_object() : nullptr;
  auto id = o ? text_at(*o, "daemon_id") : "";
  say(fmt::format("{} {}[{}] successfully joined the cluster", role, role[0],
                  id));
  say_rebalance(o ? text_at(*o, "rebalance_id") : "");
}

void set_primary(context& x, const arguments& a) {
  query_list query;
  std::string id;
  if (a.operands.size() > 1) {
    if (!a.has("force"))
      throw misuse("a URL needs --force");
    if (!confirmed("Force the cluster to follow another primary?",
                   a.has("yes")))
      return;
    query = {{"frc", "true"}, {"can", a.operands[1]}};
    id = a.operands[0];
  } else {
    auto n = x.cluster().node(a.operands[0]);
    if (n.target)
      throw failure(fmt::format("{} is a target: expecting a proxy", n.name()));
    id = n.id;
    if (n.primary) {
      say(fmt::format("{} is the primary already", n.name()));
      return;
    }
    if (a.has("force")) {
      if (!confirmed(fmt::format("Force {} to become primary?", n.name()),
                     a.has("yes")))
        return;
      query = {{"frc", "true"}};
    }
  }
  http::client_request req;
  req.method = "PUT";
  req.url
    = x.cluster().url("/v1/cluster/proxy/" + http::percent_encode(id), query);
  x.cluster().call(std::move(req));
  if (!await_map(x, [&](auto& map) { return map.primary().id == id; }))
    throw failure(fmt::format("p[{}] has not become primary within {} s (see"
                              " 'ais show cluster smap')",
                              id, smap_patience.count()));
  say(fmt::format("p[{}] is now a new primary", id));
}

// -- the whole cluster --------------------------------------------------------

/// Sends an action after which connections may end before an answer.
void last_action(context& x, const char* action, json::value value) {
  http::client_request req;
  req.method = "PUT";
  req.url = x.cluster().url("/v1/cluster");
  json::object body{{"action", action}, {"name", ""}};
  body["value"] = std::move(value);
  req.body = to_text(body);
  auto reply = x.cluster().client().send(req);
  if (!reply && reply.error() != errc::io_error)
    throw unreachable(x.cluster().endpoint(), reply.error());
  if (reply && reply->status >= 400)
    throw refusal{http::api_error_of(*reply)};
}

void shutdown_cluster(context& x, const arguments& a) {
  if (!confirmed("Shut down the whole cluster?", a.has("yes")))
    return;
  last_action(x, "shutdown", nullptr);
  say("Cluster is shutting down");
}

void decommission_cluster(context& x, const arguments& a) {
  auto data = a.has("rm-user-data");
  if (!confirmed(fmt::format("Permanently decommission the whole cluster{}?",
                             data ? " and remove all user data" : ""),
                 a.has("yes")))
    return;
  last_action(x, "decommission",
              data ? json::value(json::object{{"rm_user_data", true}})
                   : json::value{});
  say("Cluster is being decommissioned");
}

void reset_stats(context& x, const arguments& a) {
  auto errors = a.has("errors-only");
  auto what = errors ? "error counters" : "stats";
  if (a.operands.empty()) {
    x.cluster().act("PUT", "/v1/cluster", {}, "reset-stats", errors);
    say(fmt::format("Cluster {} successfully reset", what));
    return;
  }
  auto n = x.cluster().node(a.operands[0]);
  auto req = x.cluster().node_request(n, "PUT", "", {});
  req.body
    = to_text({{"action", "reset-stats"}, {"name", ""}, {"value", errors}});
  x.cluster().call(std::move(req));
  say(fmt::format("{} {} successfully reset", n.name(), what));
}

void drop_lcache(context& x, const arguments& a) {
  std::string id;
  if (!a.operands.empty())
    id = x.cluster().target(a.operands[0]).id;
  x.cluster().act("PUT", "/v1/cluster", {}, "clear-lcache", nullptr, id);
  say("Done: targets have dropped cached object metadata");
}

// -- descriptions -------------------------------------------------------------

using namespace flags;

constexpr flag no_rebalance{"no-rebalance", "", value_kind::nothing, "",
                            "do not move objects: they may be out of reach"};
constexpr flag rm_user_data{"rm-user-data", "", value_kind::nothing, "",
                            "remove all objects from their disks, too"};

command node_action(const char* name, const char* summary, handler run,
                    std::vector<flag> more) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = "NODE [NODE...]";
  c.run = run;
  c.operands = {operand::node};
  c.flags = {no_rebalance, yes};
  c.flags.insert(c.flags.end(), more.begin(), more.end());
  return c;
}

command membership_commands() {
  command join_c;
  join_c.name = "join";
  join_c.summary = "add a node that runs to the cluster";
  join_c.usage = "IP:PORT";
  join_c.run = join;
  join_c.flags
    = {{"role", "", value_kind::text, "proxy|target", "what it is; required"},
       {"non-electable", "", value_kind::nothing, "",
        "a proxy that never becomes primary"}};
  join_c.examples
    = {"ais cluster add-remove-nodes join 10.0.0.5:9080 --role target"};
  command c;
  c.name = "add-remove-nodes";
  c.summary = "add nodes, take them out for a while or for good";
  c.children
    = {join_c,
       node_action("start-maintenance",
                   "take nodes out of service: their objects move elsewhere"
                   " first",
                   start_maintenance, {}),
       node_action("stop-maintenance", "take nodes back into service",
                   stop_maintenance, {}),
       node_action("decommission", "remove nodes from the cluster for good",
                   decommission_nodes,
                   {rm_user_data,
                    {"no-shutdown", "", value_kind::nothing, "",
                     "leave the process running"},
                    {"keep-initial-config", "", value_kind::nothing, "",
                     "keep the node's configuration on its disk"}}),
       node_action("shutdown", "stop nodes; they may come back later",
                   shutdown_nodes, {})};
  return c;
}

} // namespace

command cluster_commands() {
  command primary_c;
  primary_c.name = "set-primary";
  primary_c.summary = "make another proxy primary";
  primary_c.usage = "PROXY [URL]";
  primary_c.run = set_primary;
  primary_c.operands = {operand::proxy};
  primary_c.flags = {force, yes};
  command shutdown_c;
  shutdown_c.name = "shutdown";
  shutdown_c.summary = "stop all nodes";
  shutdown_c.run = shutdown_cluster;
  shutdown_c.flags = {yes};
  command decommission_c;
  decommission_c.name = "decommission";
  decommission_c.summary = "dissolve the cluster for good";
  decommission_c.run = decommission_cluster;
  decommission_c.flags = {rm_user_data, yes};
  command reset_c;
  reset_c.name = "reset-stats";
  reset_c.summary = "set statistics to zero";
  reset_c.usage = "[NODE]";
  reset_c.run = reset_stats;
  reset_c.operands = {operand::node};
  reset_c.flags
    = {{"errors-only", "", value_kind::nothing, "", "only those of errors"}};
  command lcache_c;
  lcache_c.name = "drop-lcache";
  lcache_c.summary = "make targets forget cached object metadata";
  lcache_c.usage = "[TARGET]";
  lcache_c.run = drop_lcache;
  lcache_c.operands = {operand::target};
  command rebalance_c;
  rebalance_c.name = "rebalance";
  rebalance_c.summary = "move objects to where they belong";
  rebalance_c.children
    = {show_rebalance("show"), start_rebalance("start"), stop_rebalance()};
  command c;
  c.name = "cluster";
  c.summary = "show nodes, add and remove them, choose the primary, collect"
              " logs";
  c.children = {show_cluster("show"),
                dashboard(),
                primary_c,
                membership_commands(),
                rebalance_c,
                shutdown_c,
                decommission_c,
                log_download(),
                reset_c,
                lcache_c,
                later("remote-attach", "ais cluster remote-attach ALIAS=URL"),
                later("remote-detach", "ais cluster remote-detach ALIAS|UUID"),
                later("reload-backend-creds",
                      "ais cluster reload-backend-creds [PROVIDER]")};
  return c;
}

} // namespace ais::cli
