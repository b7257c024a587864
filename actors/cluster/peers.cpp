#include "actors/cluster/peers.hpp"

#include "actors/cluster/gate.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <set>

namespace ais {

namespace {

using extended = peers_actor::extend<caf::reacts_to<atom::next, std::string>>;

struct peer {
  net_info at;
  gate_actor gate;
  gate_actor asked; ///< who it is; not known to be the peer yet
  bool connecting = false;
  std::vector<caf::typed_response_promise<ack>> waiting;
};

struct peers_state {
  static inline const char* name = "peers";

  extended::pointer self = nullptr;
  peers_config config;
  gate_actor own;
  std::map<std::string, peer> known;
  std::set<caf::actor_addr> watched; ///< gates whose end we hear of, once each

  bool ours(const std::string& id) const {
    return std::find(config.seats.begin(), config.seats.end(), id)
           != config.seats.end();
  }

  void see(const smap& map) {
    for (auto* nodes : {&map.proxies, &map.targets})
      for (auto& [id, node] : *nodes)
        want(node);
    for (auto i = known.begin(); i != known.end();)
      i = map.find(i->first) || !i->second.waiting.empty() ? std::next(i)
                                                           : known.erase(i);
    show();
  }

  void want(const snode& node) {
    if (ours(node.id))
      return;
    auto& p = known[node.id];
    if (p.at != node.control) {
      p.at = node.control;
      p.gate = nullptr;
    }
    connect(node.id);
  }

  void connect(const std::string& id) {
    auto& p = known[id];
    if (p.gate || p.connecting)
      return;
    p.connecting = true;
    self->request(config.connector, connect_timeout, p.at)
      .then(
        [this, id, at = p.at](caf::strong_actor_ptr& gate) {
          identify(id, at, caf::actor_cast<gate_actor>(gate));
        },
        [this, id](error& e) { failed(id, e); });
  }

  /// Somebody else may live at the address by now. The connection may be lost
  /// before he answers (of two that were made at once, one from each side, one
  /// goes): that shows by the gate's end, not by an answer.
  void
  identify(const std::string& id, const net_info& at, const gate_actor& gate) {
    known[id].asked = gate;
    if (watched.insert(gate.address()).second)
      self->monitor(gate);
    self->request(gate, connect_timeout, hello{})
      .then(
        [this, id, at, gate](hello_answer& x) {
          if (std::find(x.seats.begin(), x.seats.end(), id) != x.seats.end())
            connected(id, at, gate);
          else
            unknown(id, gate, "another node lives there");
        },
        [this, id, gate](error& e) { unknown(id, gate, message_of(e)); });
  }

  /// Whoever was asked is of no use.
  void unknown(const std::string& id, const gate_actor& gate,
               const std::string& why) {
    auto i = known.find(id);
    if (i == known.end() || i->second.asked != gate)
      return;
    i->second.asked = nullptr;
    failed(id, fail(errc::not_ready, why));
  }

  void
  connected(const std::string& id, const net_info& at, const gate_actor& gate) {
    auto i = known.find(id);
    if (i == known.end())
      return;
    auto& p = i->second;
    if (p.asked != gate)
      return; // it is gone by now
    p.asked = nullptr;
    p.connecting = false;
    if (p.at != at)
      return connect(id);
    p.gate = gate;
    for (auto& x : p.waiting)
      x.deliver(ack{});
    p.waiting.clear();
    show();
  }

  void failed(const std::string& id, const error& why) {
    auto i = known.find(id);
    if (i == known.end())
      return;
    i->second.connecting = false;
    for (auto& x : i->second.waiting)
      x.deliver(fail(errc::not_ready, "no connection to " + i->second.at.url()
                                        + ": " + message_of(why)));
    i->second.waiting.clear();
    self->delayed_send(self, connect_retry, atom::next_v, id);
  }

  void down(const caf::actor_addr& who) {
    watched.erase(who);
    for (auto& [id, p] : known) {
      if (auto asked = p.asked; asked && asked.address() == who)
        unknown(id, asked, "the connection broke");
      if (!p.gate || p.gate.address() != who)
        continue;
      p.gate = nullptr;
      show();
      config.lost(id);
      self->delayed_send(self, connect_retry, atom::next_v, id);
    }
  }

  caf::result<ack> greet(const meet& req) {
    for (auto& node : req.nodes)
      want(node);
    auto pending
      = std::find_if(req.nodes.begin(), req.nodes.end(),
                     [&](auto& x) { return !ours(x.id) && !known[x.id].gate; });
    if (pending == req.nodes.end())
      return ack{};
    auto answer = self->make_response_promise<ack>();
    known[pending->id].waiting.push_back(answer);
    return answer;
  }

  void show() {
    auto next = std::make_shared<peer_set>();
    next->own = own;
    if (own)
      for (auto& id : config.seats)
        next->gates.emplace(id, own);
    for (auto& [id, p] : known)
      if (p.gate)
        next->gates.emplace(id, p.gate);
    config.shown->show(std::move(next));
  }
};

extended::behavior_type
peers(extended::stateful_pointer<peers_state> self, peers_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  self->set_down_handler([&st](const caf::down_msg& x) { st.down(x.source); });
  return {
    [&st](const meet& x) { return st.greet(x); },
    [&st](const own_gate& x) {
      st.own = caf::actor_cast<gate_actor>(x.gate);
      st.show();
    },
    [&st](const sync_view& x) { st.see(*x.accepted->map); },
    [&st](atom::next, const std::string& id) {
      if (st.known.count(id))
        st.connect(id);
    },
  };
}

} // namespace

peers_actor spawn_peers(caf::actor_system& sys, const peers_config& config) {
  return spawn_plain(sys, config.env, peers, config);
}

} // namespace ais
