#include "http/v1/mountpaths.hpp"

#include <optional>

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

/// Opening a disk takes its time; clients give up after 20 s.
constexpr auto change_timeout = 18s;

using op = change_mountpath::op;

std::optional<op> find_op(std::string_view action) {
  if (action == "attach-mp")
    return op::attach;
  if (action == "enable-mp")
    return op::enable;
  if (action == "disable-mp")
    return op::disable;
  if (action == "detach-mp")
    return op::detach;
  if (action == "rescan-mp")
    return op::rescan;
  if (action == "fshc-mp")
    return op::check;
  return std::nullopt;
}

expected<change_mountpath> parse(const call& c, const action_msg& msg) {
  auto what = find_op(msg.action);
  if (!what)
    return fail(errc::invalid_argument,
                "invalid action \"" + msg.action.substr(0, 40)
                  + "\": use attach-mp, enable-mp, disable-mp, detach-mp,"
                    " rescan-mp or fshc-mp");
  // AIStore's clients name the path in the message's value.
  auto* path = msg.value.if_string();
  if (!path || path->empty())
    return fail(errc::invalid_argument,
                "the value of the message must be the mountpath");
  change_mountpath out;
  out.what = *what;
  out.path = std::string{*path};
  while (out.path.size() > 1 && out.path.back() == '/')
    out.path.pop_back();
  out.label = c.q.get("mountpath_label");
  out.move = !c.q.flag("dntres");
  return out;
}

} // namespace

task<> change_mountpaths(edge& e, call& c, snode node) {
  auto msg = co_await e.read_action(c.x);
  if (!msg)
    co_return co_await e.reply_error(c.x, msg.error());
  auto req = parse(c, *msg);
  if (!req)
    co_return co_await e.reply_error(c.x, req.error());
  if (node.role != node_role::target) {
    auto why = fail(errc::unsupported,
                    name_of(node) + " is a proxy, which has no mountpaths");
    co_return co_await e.reply_error(c.x, why);
  }
  auto gate = e.gate_of(node.id);
  if (!gate) {
    auto why = fail(errc::not_ready, name_of(node) + " does not answer");
    co_return co_await e.reply_error(c.x, why);
  }
  auto done = co_await e.actors().ask(gate, change_timeout, std::move(*req));
  if (!done)
    co_return co_await e.reply_error_from(c.x, done.error(), name_of(node), 0);
  reply r;
  r.status = done->changed ? 200 : 204;
  co_await c.x.reply(std::move(r));
}

} // namespace ais::http::v1
