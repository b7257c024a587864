// /v1/cluster: what administrators do with members. Source: api-control 4.3,
// 4.5.
#include "http/v1/members.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

/// Longer than a change may wait for targets, shorter than clients do.
constexpr auto operation_timeout = 100s;
constexpr auto scout_timeout = 6s;

constexpr node_action actions[]
  = {node_action::start_maintenance, node_action::stop_maintenance,
     node_action::shutdown, node_action::decommission, node_action::remove};

expected<change_nodes> parse_change(node_action what, const json::value& v) {
  auto* o = v.if_object();
  if (!o)
    return fail(errc::invalid_argument,
                "invalid membership-change operation: the value must be an"
                " object with \"sid\" or \"sids\"");
  change_nodes out;
  out.what = what;
  auto sid = text_member(*o, "sid");
  if (!sid)
    return sid.error();
  if (auto* list = find_member(*o, "sids"); list && !list->is_null()) {
    if (!list->is_array())
      return fail(errc::invalid_argument, "\"sids\" must be a list of IDs");
    for (auto& x : list->get_array()) {
      if (!x.is_string())
        return fail(errc::invalid_argument, "\"sids\" must be a list of IDs");
      out.ids.emplace_back(x.get_string().data(), x.get_string().size());
    }
  }
  if (!sid->empty() && !out.ids.empty())
    return fail(errc::invalid_argument,
                "invalid membership-change operation: cannot specify both sid"
                " and sids");
  if (!sid->empty())
    out.ids.push_back(*sid);
  if (out.ids.empty())
    return fail(errc::invalid_argument,
                "invalid membership-change operation: missing node IDs");
  auto sorted = out.ids;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return fail(errc::invalid_argument,
                "invalid membership-change operation: a node ID is there"
                " twice");
  struct {
    const char* name;
    bool* to;
  } flags[] = {{"skip_rebalance", &out.skip_rebalance},
               {"rm_user_data", &out.rm_user_data},
               {"keep_initial_config", &out.keep_config},
               {"no_shutdown", &out.keep_running}};
  for (auto& x : flags) {
    auto* given = find_member(*o, x.name);
    if (!given || given->is_null())
      continue;
    if (!given->is_bool())
      return fail(errc::invalid_argument,
                  std::string{x.name} + " must be true or false");
    *x.to = given->get_bool();
  }
  if (what == node_action::remove && !out.skip_rebalance)
    return fail(errc::invalid_argument,
                "rm-unsafe moves no data: say \"skip_rebalance\": true if that"
                " is meant, or decommission the node");
  if (what != node_action::decommission
      && (out.rm_user_data || out.keep_config || out.keep_running))
    return fail(errc::invalid_argument,
                "rm_user_data, keep_initial_config and no_shutdown are for"
                " decommission-node only");
  return out;
}

/// Where the node in the body is reached: the network that was given.
expected<net_info> address_in(const json::object& o) {
  for (auto key : {"intra_control_net", "public_net"}) {
    auto* net = find_member(o, key);
    if (!net || !net->is_object())
      continue;
    auto host = text_member(net->get_object(), "node_ip_addr");
    auto port = text_member(net->get_object(), "daemon_port");
    if (!host || !port || host->empty())
      continue;
    uint16_t number = 0;
    auto [end, ec]
      = std::from_chars(port->data(), port->data() + port->size(), number);
    if (ec == std::errc{} && end == port->data() + port->size() && number > 0)
      return net_info{*host, number};
  }
  return fail(errc::invalid_argument,
              "the node to join needs intra_control_net (or public_net) with"
              " node_ip_addr and daemon_port");
}

struct join_order {
  net_info at;
  node_role role = node_role::proxy;
  bool non_electable = false;
};

expected<join_order>
parse_join(const std::string& body, std::string_view flags) {
  auto parsed = parse_json(body);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  if (!o)
    return fail(errc::invalid_argument, "the body must be a node (snode)");
  auto role = text_member(*o, "daemon_type");
  if (!role)
    return role.error();
  if (*role != "proxy" && *role != "target")
    return fail(errc::invalid_argument,
                "daemon_type must be \"proxy\" or \"target\"");
  auto at = address_in(*o);
  if (!at)
    return at.error();
  join_order out{*at, *role == "proxy" ? node_role::proxy : node_role::target,
                 !flags.empty()};
  if (!flags.empty() && (flags != "1" || out.role != node_role::proxy))
    return fail(errc::invalid_argument,
                "Ais-Node-Flags may be 1 (non-electable), and for a proxy"
                " only");
  return out;
}

task<> reply_done(call& c) {
  reply r;
  co_await c.x.reply(std::move(r));
}

/// The rebalance that a change has begun; empty: nothing moves.
std::string rebalance_of(edge& e) {
  return moving(e.map()) ? rebalance_id(generation_of(e.map())) : "";
}

} // namespace

std::optional<node_action> node_action_of(std::string_view action) {
  for (auto x : actions)
    if (to_string(x) == action)
      return x;
  return std::nullopt;
}

task<> change_members(edge& e, call& c, node_action what, json::value value) {
  auto req = parse_change(what, value);
  if (!req)
    co_return co_await e.reply_error(c.x, req.error());
  auto done = co_await e.actors().ask(e.node().proxy, operation_timeout,
                                      std::move(*req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await e.reply_text(c.x, rebalance_of(e));
}

task<> end_of_cluster(edge& e, call& c, end_cluster req) {
  auto done = co_await e.actors().ask(e.node().proxy, operation_timeout,
                                      std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await reply_done(c);
}

task<> change_primary(edge& e, call& c) {
  set_primary req{std::string{c.path.size() > 3 ? c.path[3] : ""}, {}};
  auto forced = c.q.flag("frc");
  if (forced && !e.map().find(req.id)) {
    auto why = fail(errc::not_implemented,
                    "joining another cluster by force is not available in this"
                    " version");
    co_return co_await e.reply_error(c.x, why);
  }
  auto done = co_await e.actors().ask(e.node().proxy, operation_timeout,
                                      std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await reply_done(c);
}

task<> join_by_admin(edge& e, call& c) {
  auto body = co_await c.x.read_all(c.x.thread().lims().json_bytes);
  if (!body)
    co_return co_await e.reply_error(c.x, body.error());
  auto order = parse_join(*body, c.req.find("ais-node-flags"));
  if (!order)
    co_return co_await e.reply_error(c.x, order.error());
  // People know the address that clients use; the control port, too, is fine.
  look_up question{order->at};
  auto found = co_await e.actors().ask(e.shared().scout, scout_timeout,
                                       std::move(question));
  admit_node req;
  req.control = found ? found->control : order->at;
  req.non_electable = order->non_electable;
  auto done = co_await e.actors().ask(e.node().proxy, operation_timeout,
                                      std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  std::string id;
  for (auto& x : done->nodes)
    if (id.empty() || x.role == order->role)
      id = x.id;
  json::object out;
  out["daemon_id"] = id;
  out["rebalance_id"] = rebalance_of(e);
  co_await e.reply_json(c.x, std::move(out));
}

} // namespace ais::http::v1
