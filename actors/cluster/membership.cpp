#include "actors/cluster/membership.hpp"

#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace ais {

namespace {

using extended = membership_actor::extend<caf::reacts_to<atom::next>>;

struct membership_state {
  static inline const char* name = "membership";

  extended::pointer self = nullptr;
  membership_config config;
  sync_view view;
  std::set<std::string> marking; ///< ids whose silence is being proposed

  // Joining.
  bool away = false;         ///< told to leave
  std::vector<net_info> via; ///< whom to ask, in turn
  size_t turn = 0;
  std::function<void(const error&)> joined; ///< set while joining

  const smap& map() const { return *view.state->map; }

  // -- on the primary

  caf::result<join_answer> admit(const join_request& req) {
    if (!view.primary) {
      auto& known = *view.accepted->map;
      auto* primary = known.find(known.primary);
      if (!primary)
        return fail(errc::not_ready, "this node has no cluster yet");
      return join_answer{false, known.uuid, primary->control};
    }
    if (auto ok = check(req); !ok)
      return ok.error();
    join_answer yes{true, map().uuid, {}};
    if (unchanged(req))
      return yes;
    auto answer = self->make_response_promise<join_answer>();
    self->request(config.peers, connect_timeout * 2, meet{req.nodes})
      .then([this, req, answer, yes](ack) mutable { add(req, answer, yes); },
            [answer](error& e) mutable { answer.deliver(std::move(e)); });
    return answer;
  }

  expected<void> check(const join_request& req) const {
    if (!req.cluster.empty() && req.cluster != map().uuid)
      return fail(errc::integrity,
                  "cluster integrity error cie#80: the node is of cluster "
                    + req.cluster + ", this is " + map().uuid);
    auto peers = config.connected->read();
    for (auto& node : req.nodes) {
      auto* known = map().find(node.id);
      if (known && known->role != node.role)
        return fail(errc::conflict, "node id " + node.id + " is in use");
      // The others were compared with the primary, too; whoever is away may
      // come back at another address.
      if (auto* primary = map().find(map().primary);
          primary && !same_process(req, primary->id))
        if (auto ok = check_company(node, *primary); !ok)
          return ok;
      if (known && known->control != node.control
          && peers->gates.count(node.id))
        return fail(errc::conflict, "duplicate node id: " + name_of(node)
                                      + " lives at " + known->control.url()
                                      + ", give the new one an id (and"
                                        " directories) of its own");
      for (auto* nodes : {&map().proxies, &map().targets})
        for (auto& [id, other] : *nodes)
          if (!same_process(req, id) && other.control == node.control)
            return fail(errc::conflict,
                        "duplicate address: " + node.control.url()
                          + " belongs to " + name_of(other)
                          + ", choose another or remove that node first");
    }
    return caf::unit;
  }

  static bool same_process(const join_request& req, const std::string& id) {
    return std::any_of(req.nodes.begin(), req.nodes.end(),
                       [&](auto& x) { return x.id == id; });
  }

  /// The node as it will be in the map: what it says of itself, and what the
  /// cluster knows about it. A new one has no vote before it answers: it has no
  /// state yet, so an election could not count on it.
  static snode merged(const snode& x, const snode* known) {
    auto out = x;
    out.flags |= known ? known->flags & ~snode_non_electable : snode_silent;
    return out;
  }

  bool unchanged(const join_request& req) const {
    return std::all_of(req.nodes.begin(), req.nodes.end(), [&](auto& x) {
      auto* known = map().find(x.id);
      return known && merged(x, known) == *known;
    });
  }

  void add(const join_request& req,
           caf::typed_response_promise<join_answer> answer, join_answer yes) {
    propose change{[req](cluster_state& x) -> expected<void> {
      auto next = std::make_shared<smap>(*x.map);
      for (auto& node : req.nodes) {
        auto& nodes
          = node.role == node_role::proxy ? next->proxies : next->targets;
        auto i = nodes.find(node.id);
        nodes[node.id] = merged(node, i == nodes.end() ? nullptr : &i->second);
      }
      place_anew(*next, !x.buckets->buckets.empty());
      ++next->version;
      x.map = next;
      return caf::unit;
    }};
    self->request(config.metasync, join_timeout, std::move(change))
      .then([answer, yes](cluster_state_ptr&) mutable { answer.deliver(yes); },
            [answer](error& e) mutable { answer.deliver(std::move(e)); });
  }

  void mark(const mark_silent& req) {
    if (!view.primary || !marking.insert(req.id).second)
      return;
    log_warning(req.id + (req.silent ? " does not answer" : " answers again"));
    propose change{[req](cluster_state& x) -> expected<void> {
      auto next = std::make_shared<smap>(*x.map);
      auto p = next->proxies.find(req.id);
      auto t = next->targets.find(req.id);
      auto* node = p != next->proxies.end()   ? &p->second
                   : t != next->targets.end() ? &t->second
                                              : nullptr;
      if (!node)
        return fail(errc::node_not_found, req.id);
      node->flags
        = req.silent ? node->flags | snode_silent : node->flags & ~snode_silent;
      ++next->version;
      x.map = next;
      return caf::unit;
    }};
    self->request(config.metasync, join_timeout, std::move(change))
      .then([this, id = req.id](cluster_state_ptr&) { marking.erase(id); },
            [this, id = req.id](error&) { marking.erase(id); });
  }

  // -- joining

  void see(const sync_view& x) {
    // Whoever removed us from the map meant it.
    away = away || (view.member && !x.member);
    view = x;
  }

  caf::result<ack> join(const join_cluster& req) {
    if (away)
      return ack{};
    add_addresses(req.via);
    if (joined)
      return fail(errc::busy, "already joining");
    auto answer = self->make_response_promise<ack>();
    joined = [answer](const error& e) mutable {
      if (e)
        answer.deliver(e);
      else
        answer.deliver(ack{});
    };
    ask_next();
    return answer;
  }

  caf::result<invited> accept(const invite& req) {
    auto& known = view.accepted->uuid();
    if (!known.empty() && known != req.cluster)
      return fail(errc::integrity,
                  "cluster integrity error cie#80: the node is of cluster "
                    + known + ", the one it is invited to is " + req.cluster
                    + ": decommission it there, or start it with an empty"
                      " --dir (and empty mountpaths)");
    if (joined)
      return fail(errc::busy, "the node is joining already");
    for (auto& x : config.nodes)
      if (x.role == node_role::proxy)
        x.flags = req.non_electable ? x.flags | snode_non_electable
                                    : x.flags & ~snode_non_electable;
    away = false;
    add_addresses({req.via});
    auto answer = self->make_response_promise<invited>();
    joined = [this, answer](const error& e) mutable {
      invited yes;
      for (auto& x : config.nodes)
        yes.seats.push_back(x.id);
      if (e)
        answer.deliver(e);
      else
        answer.deliver(std::move(yes));
    };
    ask_next();
    return answer;
  }

  void add_addresses(const std::vector<net_info>& more) {
    for (auto& x : more)
      if (std::find(via.begin(), via.end(), x) == via.end())
        via.push_back(x);
  }

  void ask_next() {
    if (!joined)
      return;
    if (via.empty())
      return done(fail(errc::not_ready,
                       "a node without a proxy of its own joins a cluster: name"
                       " one of its nodes with --join, or wait to be asked in"
                       " with --standby"));
    ask(via[turn++ % via.size()]);
  }

  void ask(const net_info& at) {
    self->request(config.connector, connect_timeout, at)
      .then(
        [this, at](caf::strong_actor_ptr& gate) {
          join_request req{view.accepted->uuid(), config.nodes};
          self
            ->request(caf::actor_cast<gate_actor>(gate), join_timeout,
                      std::move(req))
            .then([this](join_answer& x) { answered(x); },
                  [this, at](error& e) { refused(at, e); });
        },
        [this, at](error& e) { refused(at, e); });
  }

  void answered(const join_answer& x) {
    if (x.accepted)
      return done({});
    add_addresses({x.primary});
    // At its word, but not in a circle without pause.
    turn = static_cast<size_t>(std::find(via.begin(), via.end(), x.primary)
                               - via.begin());
    self->delayed_send(self, join_retry / 10, atom::next_v);
  }

  void refused(const net_info& at, const error& e) {
    if (e == errc::integrity || e == errc::conflict)
      return done(e);
    log_info("cannot join at " + at.url() + " yet: " + message_of(e));
    self->delayed_send(self, join_retry, atom::next_v);
  }

  void done(const error& e) {
    via.clear();
    turn = 0;
    if (auto f = std::exchange(joined, nullptr))
      f(e);
  }
};

extended::behavior_type
membership(extended::stateful_pointer<membership_state> self,
           membership_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const join_request& x) { return st.admit(x); },
    [&st](const join_cluster& x) { return st.join(x); },
    [&st](const invite& x) { return st.accept(x); },
    [&st](const stay_away&) { st.away = true; },
    [&st](const mark_silent& x) { st.mark(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::next) { st.ask_next(); },
  };
}

} // namespace

membership_actor
spawn_membership(caf::actor_system& sys, const membership_config& config) {
  return spawn_plain(sys, config.env, membership, config);
}

} // namespace ais
