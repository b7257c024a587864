#include "test/sim/cluster.hpp"

#include "test/sim/courier.hpp"

#include <algorithm>

namespace ais::sim {

namespace {

connector_actor::behavior_type
connector(connector_actor::pointer, world* w, node_t viewer) {
  return {
    [w, viewer](const net_info& at) -> caf::result<caf::strong_actor_ptr> {
      auto gate = w->connect(viewer, at);
      if (!gate)
        return fail(errc::not_ready, "connection refused");
      return gate;
    },
  };
}

} // namespace

cluster::~cluster() {
  for (node_t id = 0; id < members_.size(); ++id)
    kill(id);
}

net_info cluster::address(node_t id) const {
  return {"10.0.0." + std::to_string(id + 1), 8080};
}

net_info cluster::data_address(node_t id) const {
  return {address(id).host, 9090};
}

environment cluster::environment_of(node_t id) {
  environment env;
  env.disk = members_[id]->process.get();
  env.wall_ns = [this] {
    return int64_t{1'700'000'000} * 1'000'000'000 + w.now().count();
  };
  env.steady_ns = [this] {
    return w.now().count() + 1;
  };
  env.random = [this] {
    return w.random();
  };
  env.served = [this] {
    return served;
  };
  env.detached = false;
  env.spawned = [this, id](const caf::strong_actor_ptr& x) {
    w.own(id, x);
  };
  return env;
}

node_t cluster::add(const member_options& how) {
  auto id = members_.size();
  members_.push_back(std::make_unique<member>());
  auto& m = *members_.back();
  m.how = how;
  static_cast<void>(m.disk.make_dir("/root"));
  static_cast<void>(m.disk.make_dir("/root/mp3")); // to be attached
  static_cast<void>(m.disk.sync_dir("/root"));
  static_cast<void>(m.disk.sync_dir("/"));
  start(id);
  return id;
}

void cluster::start(node_t id) {
  auto& m = *members_[id];
  w.boot(id);
  m.process = std::make_shared<process_disk>(m.disk);
  m.boards = std::make_shared<node_boards>();
  m.started = false;
  m.failed.reset();
  node_config c;
  c.env = environment_of(id);
  c.dir = "/root/node";
  if (m.how.target)
    for (size_t i = 0; i < m.how.mountpaths; ++i)
      c.mountpaths.push_back("/root/mp" + std::to_string(i + 1));
  c.proxy = m.how.proxy;
  c.target = m.how.target;
  c.electable = m.how.electable;
  c.pub = c.control = address(id);
  c.data = data_address(id);
  if (id > 0)
    c.join = {address(0)};
  c.connector = spawn_plain(w.sys, c.env, connector, &w, id);
  c.courier = spawn_courier(w, id, c.env);
  w.publish(id, c.data, caf::actor_cast<caf::strong_actor_ptr>(c.courier));
  c.publish = [this, id](const caf::strong_actor_ptr& gate) {
    w.publish(id, address(id), gate);
    return expected<void>{caf::unit};
  };
  // Dismissed: as a process that ends, and is started again by somebody.
  c.leave = [this, id, process = m.process] {
    w.at(std::chrono::milliseconds{1}, [this, id, process] {
      if (members_[id]->process == process)
        kill(id);
    });
    w.at(w.pick_ms(1'000, 8'000), [this, id] {
      if (!w.up(id))
        start(id);
    });
  };
  c.shards = 2;
  m.node = spawn_node(w.sys, c, m.boards);
  ask<node_handles>(
    id, m.node, atom::start_v,
    [this, id, process = m.process](expected<node_handles> x) {
      auto& who = *members_[id];
      if (who.process != process)
        return;
      who.started = bool(x);
      if (x) {
        who.handles = *x;
      } else {
        who.failed = x.error();
        w.trace("node " + std::to_string(id)
                + " cannot start: " + message_of(x.error()));
      }
    },
    std::chrono::seconds{100'000});
}

void cluster::kill(node_t id, bool power) {
  auto& m = *members_[id];
  if (!w.up(id))
    return;
  w.kill(id);
  m.process->dead = true;
  dead_.push_back(std::move(m.process));
  m.node = nullptr;
  m.handles = {};
  m.started = false;
  if (power) {
    // Of what was not synced, nothing survives, or some.
    std::mt19937_64 some{w.random()};
    m.disk.crash(w.chance(0.5) ? &some : nullptr);
  }
  for (auto& [number, f] : std::exchange(m.open, {}))
    f();
}

void cluster::stop(node_t id) {
  static_cast<void>(ask_now<ack>(id, members_[id]->node, atom::stop_v));
  kill(id);
}

bool cluster::active(node_t id) const {
  return w.up(id) && members_[id]->started;
}

std::optional<error> cluster::failure(node_t id) const {
  return w.up(id) ? members_[id]->failed : std::nullopt;
}

std::optional<node_t> cluster::primary() const {
  std::optional<node_t> out;
  for (node_t id = 0; id < members_.size(); ++id) {
    if (!active(id) || !view(id).primary)
      continue;
    if (out)
      return std::nullopt;
    out = id;
  }
  return out;
}

bool cluster::healthy() const {
  auto first = primary();
  if (!first)
    return false;
  auto& state = *view(*first).state;
  size_t running = 0;
  for (node_t id = 0; id < members_.size(); ++id) {
    if (!w.up(id))
      continue;
    if (!active(id) || view(id).state->at != state.at)
      return false;
    running += members_[id]->how.proxy + members_[id]->how.target;
  }
  size_t answering = 0;
  for (auto* nodes : {&state.map->proxies, &state.map->targets})
    for (auto& [name, node] : *nodes)
      answering += (node.flags & snode_silent) == 0;
  return answering == running;
}

} // namespace ais::sim
