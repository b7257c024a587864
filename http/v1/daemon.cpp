// /v1/daemon, /v1/reverse/daemon, /v1/health, /metrics: one node. Source:
// api-control 2, 3.
#include "http/v1/logs.hpp"
#include "http/v1/node_info.hpp"
#include "storage/base/metrics.hpp"

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

task<> query_node(edge& e, call& c, const snode& node) {
  auto what = c.q.get("what");
  auto target = node.role == node_role::target;
  if (what == "smap")
    return e.reply_json(c.x, to_json(e.map()));
  if (what == "bmd")
    return e.reply_json(c.x, to_json(e.buckets()));
  if (what == "config")
    return e.reply_json(c.x, node_config_json(e, node));
  if (what == "cluster_config")
    return e.reply_json(c.x, to_json(e.config()));
  if (what == "snode")
    return e.reply_json(c.x, to_json(node));
  if (what == "log")
    return log_of(e, c, node);
  if (what == "node_stats")
    return e.reply_json(c.x, node_json(e, node, false));
  if (what == "node_status")
    return e.reply_json(c.x, node_json(e, node, true));
  if (what == "metrics")
    return e.reply_json(c.x, metric_kinds_json());
  if (what == "software_version")
    return e.reply_text(c.x, "5.0." AIS_VERSION);
  if (what == "sysinfo") {
    auto info = sysinfo_json();
    return e.reply_json(c.x, std::move(info));
  }
  if (what == "mountpaths" && target)
    return e.reply_json(c.x, mountpaths_json(e));
  if (what == "disk" && target)
    return e.reply_json(c.x, disk_json(e));
  if (what == "remote" && target)
    return e.reply_json(c.x, json::object{{"a", nullptr}, {"ver", 0}});
  auto why = what == "tls_certificate"
               ? fail(errc::not_found, "no TLS certificate loaders configured")
               : fail(errc::invalid_argument,
                      "invalid '/v1/daemon' request: unrecognized 'what="
                        + std::string{what.substr(0, 40)} + "' query");
  return e.reply_error_from(c.x, std::move(why), name_of(node), 0);
}

/// Changes of this node alone.
task<> change_node(edge& e, call& c, size_t first) {
  auto sub = c.path.size() > first ? c.path[first] : std::string_view{};
  expected<action_msg> msg{action_msg{}};
  if (sub != "set-config")
    msg = co_await e.read_action(c.x);
  error why;
  override_config req;
  req.transient = c.q.flag("transient");
  auto configure = false;
  if (!msg) {
    why = msg.error();
  } else if (sub == "set-config") {
    configure = true;
    for (auto& [k, v] : c.q.all())
      if (k != "transient")
        req.change.by_name.emplace_back(k, v);
  } else if (msg->action == "set-config") {
    if (msg->value.is_object()) {
      configure = true;
      req.change.tree = msg->value.get_object();
    } else {
      why = fail(errc::invalid_argument, "the configuration must be an object");
    }
  } else if (msg->action == "reset-config") {
    configure = req.reset = true;
  } else if (msg->action == "reset-stats" && msg->value.is_bool()) {
    reset_stats(msg->value.get_bool());
  } else if (msg->action == "rotate-logs" || msg->action == "clear-lcache") {
    // Nothing to do: see the same actions of /v1/cluster.
  } else {
    why = fail(sub == "mountpaths" ? errc::not_implemented
                                   : errc::invalid_argument,
               "invalid action \"" + msg->action.substr(0, 40) + '"');
  }
  if (configure) {
    auto done = co_await e.actors().ask(e.node().local, 18s, std::move(req));
    if (!done)
      why = done.error();
  }
  if (why)
    co_return co_await e.reply_error(c.x, why);
  reply r;
  co_await c.x.reply(std::move(r));
}

std::string uptime(edge& e) {
  auto& boards = *e.shared().boards;
  return std::to_string(e.env().wall_ns() - boards.started_ns);
}

} // namespace

task<> daemon(edge& e, call& c) {
  auto reverse = c.path[1] == "reverse";
  auto id = std::string{c.req.find("ais-node-id")};
  error why;
  if (!reverse)
    id = e.node().proxy_id;
  else if (id.empty())
    why = fail(errc::invalid_argument, "missing node ID: set the header"
                                       " Ais-Node-Id");
  auto* node = why ? nullptr : e.map().find(id);
  if (!why && !node)
    why = fail(errc::node_not_found,
               "node \"" + id.substr(0, 40) + "\" does not exist");
  if (why)
    return e.reply_error_from(c.x, std::move(why), e.proxy_name(), 0);
  if (c.req.method == "GET")
    return query_node(e, c, *node);
  return change_node(e, c, reverse ? 3 : 2);
}

task<> health(edge& e, call& c) {
  auto ready = e.ready();
  auto info = c.q.flag("cii") || c.q.flag("cii-apr");
  if (c.q.flag("cii-apr") && (c.q.flag("cii") || c.q.flag("apr"))) {
    auto why = fail(errc::invalid_argument, "cii-apr excludes cii and apr");
    co_return co_await e.reply_error(c.x, why);
  }
  reply r;
  if (!ready) {
    r.status = 503;
    co_return co_await c.x.reply(std::move(r));
  }
  r.headers.emplace_back("Ais-Node-Uptime", uptime(e));
  r.headers.emplace_back("Ais-Cluster-Uptime", uptime(e));
  if (info) {
    r.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
    r.body = to_text(node_state_json(e)) + '\n';
  }
  co_await c.x.reply(std::move(r));
}

task<> metrics(edge& e, call& c) {
  auto& id = e.node().target_id;
  std::vector<gauge> gauges{
    {"state.flags", static_cast<int64_t>(state_flags(e)), {}},
    {"uptime", e.env().wall_ns() - e.shared().boards->started_ns, {}}};
  for (auto& mp : e.target()->mountpaths)
    if (auto space = mp->disk->disk().space(mp->disk->root())) {
      auto label
        = std::pair<std::string, std::string>{"mountpath", mp->disk->root()};
      auto total = space->used_bytes + space->avail_bytes;
      gauges.push_back(
        {"capacity.used", static_cast<int64_t>(space->used_bytes), {label}});
      gauges.push_back(
        {"capacity.total", static_cast<int64_t>(total), {label}});
    }
  reply r;
  r.headers.emplace_back("Content-Type",
                         "text/plain; version=0.0.4; charset=utf-8");
  r.body = prometheus_text("ais_target_", id, gauges);
  co_await c.x.reply(std::move(r));
}

} // namespace ais::http::v1
