// /v1/cluster: queries over the whole cluster and changes of its configuration.
// Source: api-control 4.
#include "http/v1/jobs.hpp"
#include "http/v1/members.hpp"
#include "http/v1/node_info.hpp"

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto proxy_timeout = 18s; ///< clients give up after 20 s
constexpr auto node_timeout = 10s;

task<> reply_ok(call& c) {
  reply r;
  co_await c.x.reply(std::move(r));
}

/// Asks every node `what` (targets: `what_target`); those that do not answer
/// are left out.
task<json::object>
ask_all(edge& e, const char* what, const char* what_target, bool flat_proxies) {
  std::vector<question<gate_actor, node_question>> all;
  std::vector<const snode*> asked;
  auto map = e.map_ptr();
  for (auto* nodes : {&map->proxies, &map->targets}) {
    auto target = nodes == &map->targets;
    if (!target && flat_proxies)
      continue;
    for (auto& [id, node] : *nodes) {
      node_question q{id, target ? what_target : what, ""};
      all.push_back({e.gate_of(id), std::move(q)});
      asked.push_back(&node);
    }
  }
  auto answers = co_await e.actors().ask_many(std::move(all), node_timeout);
  json::object proxies, targets;
  for (size_t i = 0; i < answers.size(); ++i) {
    auto& got = answers[i];
    auto parsed = got ? parse_json(got->text) : expected<json::value>{error{}};
    if (!parsed)
      continue;
    auto target = asked[i]->role == node_role::target;
    (target ? targets : proxies)[asked[i]->id] = std::move(*parsed);
  }
  json::object out;
  out["proxy"] = std::move(proxies);
  out["target"] = std::move(targets);
  co_return out;
}

/// The proxy that answers, or where there is none here, the target.
const snode& answering(edge& e) {
  auto& id = e.node().proxy_id.empty() ? e.node().target_id : e.node().proxy_id;
  return *e.map().find(id);
}

task<> sysinfo(edge& e, call& c) {
  auto out = co_await ask_all(e, "sysinfo", "target_sysinfo", false);
  co_await e.reply_json(c.x, std::move(out));
}

task<> node_stats(edge& e, call& c) {
  auto out = co_await ask_all(e, "", "node_stats", true);
  out["proxy"] = node_json(facts{e.shared()}, answering(e), false);
  co_await e.reply_json(c.x, std::move(out));
}

task<> mountpaths(edge& e, call& c) {
  auto all = co_await ask_all(e, "", "mountpaths", true);
  json::object out;
  out["targets"] = std::move(all["target"]);
  co_await e.reply_json(c.x, std::move(out));
}

task<> target_ips(edge& e, call& c) {
  std::string out;
  for (auto& [id, node] : e.map().targets)
    for (auto* net : {&node.pub, &node.control, &node.data})
      out += (out.empty() ? "" : ",") + net->host;
  return e.reply_text(c.x, std::move(out));
}

/// Resets the statistics of all nodes.
task<> reset_all(edge& e, call& c, bool errors_only) {
  std::vector<question<gate_actor, node_question>> all;
  std::vector<std::string> names;
  for (auto* nodes : {&e.map().proxies, &e.map().targets})
    for (auto& [id, node] : *nodes) {
      node_question q{id, "reset-stats", errors_only ? "true" : "false"};
      all.push_back({e.gate_of(id), std::move(q)});
      names.push_back(name_of(node));
    }
  auto answers = co_await e.actors().ask_many(std::move(all), node_timeout);
  error why;
  for (size_t i = 0; i < answers.size(); ++i)
    if (!answers[i])
      why = with_context(answers[i].error(), names[i]);
  if (why)
    co_return co_await e.reply_error(c.x, why);
  co_await reply_ok(c);
}

task<> query_cluster(edge& e, call& c) {
  auto what = c.q.get("what");
  auto& map = e.map();
  if (what == "status" || what == "status_all" || what == "qryxstats"
      || what == "running_all")
    return query_jobs(e, c, what);
  if (what == "smap")
    return e.reply_json(c.x, to_json(map));
  if (what == "bmd")
    return e.reply_json(c.x, to_json(e.buckets()));
  if (what == "snode")
    return e.reply_json(c.x, to_json(answering(e)));
  if (what == "cluster_config")
    return e.reply_json(c.x, to_json(e.config()));
  if (what == "node_stats")
    return node_stats(e, c);
  if (what == "sysinfo")
    return sysinfo(e, c);
  if (what == "mountpaths")
    return mountpaths(e, c);
  if (what == "remote")
    return e.reply_json(c.x, json::object{{"a", nullptr}, {"ver", 0}});
  if (what == "backends")
    return e.reply_json(c.x, json::array{});
  if (what == "target_ips")
    return target_ips(e, c);
  auto why
    = fail(errc::invalid_argument,
           "unexpected query [what=" + std::string{what.substr(0, 40)} + ']');
  auto r = e.reply_error_from(c.x, std::move(why), e.proxy_name(), 0);
  return r;
}

task<> apply(edge& e, call& c, set_config req) {
  auto done
    = co_await e.actors().ask(e.node().proxy, proxy_timeout, std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await reply_ok(c);
}

/// PUT .../set-config?name=value&...
task<> set_by_query(edge& e, call& c) {
  set_config req;
  for (auto& [k, v] : c.q.all())
    if (k == "transient")
      req.transient = c.q.flag(k);
    else
      req.change.by_name.emplace_back(k, v);
  return apply(e, c, std::move(req));
}

/// Actions that are not there yet.
bool known_action(std::string_view x) {
  for (auto y :
       {"reload-creds", "attach", "detach", "enable-bend", "disable-bend"})
    if (x == y)
      return true;
  return false;
}

task<> act(edge& e, call& c) {
  auto msg = co_await e.read_action(c.x);
  if (!msg)
    co_return co_await e.reply_error(c.x, msg.error());
  error why;
  if (msg->action == "set-config") {
    set_config req;
    req.transient = c.q.flag("transient");
    if (msg->value.is_object()) {
      req.change.tree = msg->value.get_object();
      co_return co_await apply(e, c, std::move(req));
    }
    why = fail(errc::invalid_argument, "the configuration must be an object");
    co_return co_await e.reply_error(c.x, why);
  }
  if (msg->action == "reset-config") {
    set_config req;
    req.reset = true;
    co_return co_await apply(e, c, std::move(req));
  }
  if (auto what = node_action_of(msg->action))
    co_return co_await change_members(e, c, *what, std::move(msg->value));
  if (msg->action == "shutdown" || msg->action == "decommission") {
    end_cluster req;
    req.decommission = msg->action == "decommission";
    if (auto* o = msg->value.if_object())
      if (auto* x = find_member(*o, "rm_user_data"))
        req.rm_user_data = x->is_bool() && x->get_bool();
    co_return co_await end_of_cluster(e, c, std::move(req));
  }
  if (msg->action == "start")
    co_return co_await start_job(e, c, std::move(msg->value),
                                 std::move(msg->name));
  if (msg->action == "stop")
    co_return co_await stop_jobs(e, c, std::move(msg->value));
  if (msg->action == "reset-stats") {
    if (msg->value.is_bool()) {
      co_return co_await reset_all(e, c, msg->value.get_bool());
    }
    why = fail(errc::invalid_argument,
               "reset-stats needs \"value\": true (errors only) or false");
  } else if (msg->action == "rotate-logs" || msg->action == "clear-lcache") {
    // Logs rotate by size, and attributes are dropped when memory is needed:
    // there is nothing to do, and nothing is lost by saying so.
    co_return co_await reply_ok(c);
  } else if (known_action(msg->action)) {
    why = fail(errc::not_implemented,
               '"' + msg->action + "\" is not available in this version");
  } else {
    why = fail(errc::invalid_argument,
               "invalid action \"" + msg->action.substr(0, 40) + '"');
  }
  co_await e.reply_error(c.x, why);
}

} // namespace

task<> cluster(edge& e, call& c) {
  auto sub = c.path.size() > 2 ? c.path[2] : std::string_view{};
  if (c.req.method == "GET" && sub.empty())
    return query_cluster(e, c);
  if (c.req.method == "PUT") {
    if (sub.empty())
      return act(e, c);
    if (sub == "set-config")
      return set_by_query(e, c);
    if (sub == "proxy")
      return change_primary(e, c);
  }
  if (c.req.method == "POST" && sub == "join-by-admin")
    return join_by_admin(e, c);
  auto denied = c.req.method == "DELETE";
  auto why
    = denied ? fail(errc::access_denied, "DELETE /v1/cluster is for nodes only")
             : fail(sub == "attach" || sub == "detach" || sub == "load-x509"
                      ? errc::not_implemented
                      : errc::invalid_argument,
                    "/v1/cluster/" + std::string{sub.substr(0, 40)}
                      + " is not available in this version");
  return e.reply_error_from(c.x, std::move(why), e.proxy_name(), 0);
}

} // namespace ais::http::v1
