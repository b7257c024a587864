// /v1/daemon, /v1/reverse/daemon, /v1/health, /metrics: one node. Source:
// api-control 2, 3.
#include "http/v1/informant.hpp"
#include "http/v1/logs.hpp"
#include "http/v1/mountpaths.hpp"
#include "http/v1/node_info.hpp"
#include "storage/base/metrics.hpp"

#include <optional>

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto node_timeout = 18s; ///< clients give up after 20 s

bool ours(edge& e, const snode& node) {
  return node.id == e.node().proxy_id || node.id == e.node().target_id;
}

/// What a client who is sent to another node asks there, too.
const char* severity_query(call& c) {
  auto x = c.q.get("severity");
  return !chooses_lines(x) ? "" : x[0] == 'e' ? "&severity=e" : "&severity=w";
}

/// Asks the node itself.
task<> query_other(edge& e, call& c, snode node) {
  auto what = std::string{c.q.get("what")};
  auto gate = e.gate_of(node.id);
  error why;
  if (what == "log" && c.q.flag("all")) {
    // An archive has no bound that a message could have: from the node itself.
    reply r;
    r.status = 301;
    r.headers.emplace_back("Location", node.pub.url()
                                         + "/v1/daemon?what=log&all=true"
                                         + severity_query(c));
    co_return co_await c.x.reply(std::move(r));
  }
  if (!gate) {
    why = fail(errc::not_ready, name_of(node) + " does not answer");
  } else {
    node_question q{node.id, what, std::string{c.q.get("offset")}};
    if (what == "log" && chooses_lines(c.q.get("severity")))
      q.detail += ' ' + std::string{c.q.get("severity")};
    if (what == "trace") // with all that is asked
      q.detail = split_target(c.req.target)->query;
    auto got = co_await e.actors().ask(gate, node_timeout, std::move(q));
    if (got && what == "log")
      co_return co_await e.reply_text(c.x, std::move(got->text));
    if (got)
      co_return co_await e.reply_json_text(c.x, std::move(got->text));
    why = got.error();
  }
  auto status = why == errc::not_ready || why == errc::timed_out ? 502 : 0;
  co_await e.reply_error_from(c.x, std::move(why), name_of(node), status);
}

task<> query_node(edge& e, call& c, const snode& node) {
  auto what = c.q.get("what");
  if (what == "software_version")
    return e.reply_text(c.x, "5.0." AIS_VERSION);
  if (what == "trace")
    c.x.hide(); // who traces does not want to see himself
  if (!ours(e, node))
    return query_other(e, c, node);
  if (what == "log")
    return log_of(e, c, node);
  auto out = what == "trace" ? traced(e.shared(), c.q)
                             : account_of(facts{e.shared()}, node, what);
  if (!out)
    return e.reply_error_from(c.x, out.error(), name_of(node), 0);
  return e.reply_json(c.x, std::move(*out));
}

/// Changes of one node alone.
task<> change_node(edge& e, call& c, snode node, size_t first) {
  auto sub = c.path.size() > first ? c.path[first] : std::string_view{};
  expected<action_msg> msg{action_msg{}};
  if (sub != "set-config")
    msg = co_await e.read_action(c.x);
  error why;
  override_config req;
  req.transient = c.q.flag("transient");
  auto configure = false;
  std::optional<bool> reset; ///< of statistics; errors only
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
    reset = msg->value.get_bool();
  } else if (msg->action == "rotate-logs" || msg->action == "clear-lcache") {
    // Nothing to do: see the same actions of /v1/cluster.
  } else {
    why = fail(errc::invalid_argument,
               "invalid action \"" + msg->action.substr(0, 40) + '"');
  }
  auto gate = e.gate_of(node.id);
  if (!why && !gate)
    why = fail(errc::not_ready, name_of(node) + " does not answer");
  if (!why && configure) {
    auto done = co_await e.actors().ask(gate, node_timeout, std::move(req));
    if (!done)
      why = done.error();
  }
  if (!why && reset) {
    node_question q{node.id, "reset-stats", *reset ? "true" : "false"};
    auto done = co_await e.actors().ask(gate, node_timeout, std::move(q));
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
    id = e.node().proxy_id.empty() ? e.node().target_id : e.node().proxy_id;
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
  size_t first = reverse ? 3 : 2;
  if (c.path.size() > first && c.path[first] == "mountpaths")
    return change_mountpaths(e, c, *node);
  return change_node(e, c, *node, first);
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
    r.body = to_text(node_state_json(facts{e.shared()})) + '\n';
  }
  co_await c.x.reply(std::move(r));
}

task<> metrics(edge& e, call& c) {
  auto target = !e.node().target_id.empty();
  auto& id = target ? e.node().target_id : e.node().proxy_id;
  std::vector<gauge> gauges{
    {"state.flags", static_cast<int64_t>(state_flags(facts{e.shared()})), {}},
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
  r.body = prometheus_text(target ? "ais_target_" : "ais_proxy_", id, gauges);
  co_await c.x.reply(std::move(r));
}

} // namespace ais::http::v1
