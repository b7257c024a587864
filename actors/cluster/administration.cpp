#include "actors/cluster/administration.hpp"

#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace ais {

namespace {

constexpr auto commit_timeout = change_timeout;
constexpr auto retry_pause = std::chrono::seconds{1};

using extended = administration_actor::extend<caf::reacts_to<atom::tick>>;

struct administration_state {
  static inline const char* name = "administration";

  extended::pointer self = nullptr;
  administration_config config;
  sync_view view;
  std::string running; ///< what goes on; empty: nothing

  bool resting = false; ///< after a failure

  /// Members that were admitted, to be seen in the map.
  struct {
    std::vector<std::string> ids;
    caf::typed_response_promise<admitted> answer;
  } arriving;

  const smap& map() const { return *view.state->map; }

  /// Whether another operation may begin.
  expected<void> idle(const std::string& what) const {
    if (!view.primary)
      return fail(errc::not_ready,
                  "this proxy is not the primary any more; try again");
    if (!running.empty())
      return fail(errc::busy, "cluster membership \"" + what
                                + "\" is currently busy (" + running
                                + " is running), please try again");
    return caf::unit;
  }

  /// Ends the operation that runs, then delivers.
  template <class T>
  void done(caf::typed_response_promise<T> answer, T x) {
    running.clear();
    answer.deliver(std::move(x));
    dismiss_empty();
  }
  template <class T>
  void failed(caf::typed_response_promise<T> answer, error e) {
    running.clear();
    answer.deliver(std::move(e));
    if (!std::exchange(resting, true))
      self->delayed_send(self, retry_pause, atom::tick_v);
  }

  void see(const sync_view& x) {
    view = x;
    arrive();
    dismiss_empty();
  }

  /// Goes on with nodes that are to leave and have given away their objects,
  /// whoever was primary when that began.
  void dismiss_empty() {
    if (!view.primary || moving(map()) || !running.empty() || resting)
      return;
    std::vector<snode> nodes;
    for (auto* all : {&map().proxies, &map().targets})
      for (auto& [id, x] : *all)
        if ((x.flags & snode_leaving) != 0
            && (nodes.empty() || intents_of(nodes.front()) == intents_of(x)))
          nodes.push_back(x);
    if (nodes.empty())
      return;
    auto req = order_of(nodes);
    running = description(req.what, nodes);
    log_info(running + ": no objects are placed there any more");
    caf::typed_response_promise<ack> nobody;
    if (req.what == node_action::decommission)
      return erase(req, nodes, nobody);
    carry(
      [ids = req.ids](cluster_state& x) {
        return set_flags(x, ids, snode_maintenance, false);
      },
      nobody,
      [this, req, nodes, nobody] {
        dismiss_all(req, nodes, peers_of(nodes), nobody);
      });
  }

  static uint64_t intents_of(const snode& x) {
    return x.flags & (snode_intents | snode_decommission);
  }

  static uint64_t intents_of(const change_nodes& req) {
    return snode_leaving | (req.rm_user_data ? snode_rm_user_data : 0)
           | (req.keep_config ? snode_keep_config : 0)
           | (req.keep_running ? snode_keep_running : 0);
  }

  /// What was ordered of nodes with the same intents.
  static change_nodes order_of(const std::vector<snode>& nodes) {
    auto flags = nodes.front().flags;
    change_nodes out;
    out.what = (flags & snode_decommission) != 0 ? node_action::decommission
                                                 : node_action::shutdown;
    out.ids = ids_of(nodes);
    out.rm_user_data = (flags & snode_rm_user_data) != 0;
    out.keep_config = (flags & snode_keep_config) != 0;
    out.keep_running = (flags & snode_keep_running) != 0;
    return out;
  }

  static std::string
  description(node_action what, const std::vector<snode>& nodes) {
    auto out = std::string{to_string(what)} + " of";
    for (auto& x : nodes)
      out += ' ' + name_of(x);
    return out;
  }

  // -- maintenance, shutdown, decommission, removal

  caf::result<ack> change(const change_nodes& req) {
    auto what = std::string{to_string(req.what)};
    if (auto ok = idle(what); !ok)
      return ok.error();
    auto nodes = concerned(req);
    if (!nodes)
      return confirmed(nodes.error());
    if (nodes->empty())
      return confirmed({});
    if (req.no_mountpaths && !view.state->buckets->buckets.empty()
        && !moves(*nodes, req))
      return fail(
        errc::conflict,
        "rebalance is disabled (rebalance.enabled): objects stay where"
        " they are, out of reach or not");
    running = description(req.what, *nodes);
    log_info(running);
    auto answer = self->make_response_promise<ack>();
    auto out = req.what == node_action::decommission
               || req.what == node_action::remove;
    auto next = [this, req, nodes = *nodes, out](auto to) {
      if (out)
        erase(req, nodes, to);
      else
        dismiss_all(req, nodes, peers_of(nodes), to);
    };
    auto lasts = req.what != node_action::start_maintenance
                 && req.what != node_action::stop_maintenance
                 && moves(*nodes, req);
    auto then = [this, next, answer, lasts]() mutable {
      // Objects move for as long as it takes; nobody waits for that, and other
      // operations may come in between. See dismiss_empty().
      if (lasts)
        done(answer, ack{});
      else
        next(answer);
    };
    // Where objects are not placed any more, nobody must serve them from then
    // on: this change is carried out before the next begins.
    auto flags = flag_of(req.what) | (lasts ? intents_of(req) : 0);
    if (req.no_mountpaths && req.what == node_action::start_maintenance)
      flags |= snode_no_mountpaths;
    carry([ids = ids_of(*nodes), flags, move = moves(*nodes, req)](
            cluster_state& x) { return set_flags(x, ids, flags, move); },
          answer, then);
    return answer;
  }

  /// Whether objects are to move because of a change.
  bool moves(const std::vector<snode>& nodes, const change_nodes& req) const {
    return !req.skip_rebalance && req.what != node_action::remove
           && view.state->config->values.flag("rebalance.enabled")
           && !view.state->buckets->buckets.empty()
           && std::any_of(nodes.begin(), nodes.end(),
                          [](auto& x) { return x.role == node_role::target; });
  }

  /// An answer that rests on what we know of the members: if it is the newest.
  caf::result<ack> confirmed(const error& e) {
    auto answer = self->make_response_promise<ack>();
    self->request(config.metasync, sync_timeout * 2, confirm{})
      .then(
        [answer, e](ack x) mutable {
          if (e)
            answer.deliver(e);
          else
            answer.deliver(x);
        },
        [answer](error& why) mutable { answer.deliver(std::move(why)); });
    return answer;
  }

  /// Those of the named that are not yet as they should be.
  expected<std::vector<snode>> concerned(const change_nodes& req) const {
    std::vector<snode> out;
    for (auto& id : req.ids) {
      auto* node = map().find(id);
      if (!node)
        return fail(errc::node_not_found,
                    "node \"" + id.substr(0, 40) + "\" does not exist");
      if (auto ok = permitted(*node, req); !ok)
        return ok.error();
      if (!settled(*node, req.what))
        out.push_back(*node);
    }
    if (auto ok = keeps_objects(out, req); !ok)
      return ok.error();
    return out;
  }

  static bool settled(const snode& x, node_action what) {
    switch (what) {
      case node_action::start_maintenance:
        return !active(x);
      case node_action::stop_maintenance:
        return active(x);
      case node_action::shutdown:
        return !active(x) && (x.flags & snode_silent) != 0;
      default:
        return false;
    }
  }

  expected<void> permitted(const snode& node, const change_nodes& req) const {
    if (req.what == node_action::stop_maintenance)
      return caf::unit;
    if (node.id == map().primary)
      return fail(errc::invalid_argument,
                  name_of(node)
                    + " is the primary: make another proxy primary"
                      " first (ais cluster set-primary)");
    if (req.what == node_action::start_maintenance)
      return caf::unit;
    // A process ends as a whole.
    for (auto* nodes : {&map().proxies, &map().targets})
      for (auto& [id, other] : *nodes)
        if (other.control == node.control
            && std::find(req.ids.begin(), req.ids.end(), id) == req.ids.end())
          return fail(errc::invalid_argument,
                      name_of(node) + " and " + name_of(other)
                        + " run in one process: name both");
    return caf::unit;
  }

  /// Whether there is a place for all objects afterwards.
  expected<void> keeps_objects(const std::vector<snode>& nodes,
                               const change_nodes& req) const {
    auto targets = std::count_if(nodes.begin(), nodes.end(), [](auto& x) {
      return x.role == node_role::target;
    });
    if (targets == 0 || view.state->buckets->buckets.empty())
      return caf::unit;
    auto stop = req.what == node_action::stop_maintenance;
    auto others
      = std::count_if(map().targets.begin(), map().targets.end(), [&](auto& x) {
          return active(x.second)
                 && std::none_of(nodes.begin(), nodes.end(),
                                 [&](auto& y) { return y.id == x.first; });
        });
    if (others == 0 && !stop)
      return fail(errc::invalid_argument,
                  "there would be no target left: add one first, or destroy"
                  " all buckets");
    return caf::unit;
  }

  static uint64_t flag_of(node_action x) {
    switch (x) {
      case node_action::stop_maintenance:
        return 0;
      case node_action::decommission:
      case node_action::remove:
        return snode_decommission; // tells it not to come back by itself
      default:
        return snode_maintenance;
    }
  }

  static std::vector<std::string> ids_of(const std::vector<snode>& nodes) {
    std::vector<std::string> out;
    out.reserve(nodes.size());
    for (auto& x : nodes)
      out.push_back(x.id);
    return out;
  }

  static snode* find(smap& x, const std::string& id) {
    auto p = x.proxies.find(id);
    if (p != x.proxies.end())
      return &p->second;
    auto t = x.targets.find(id);
    return t == x.targets.end() ? nullptr : &t->second;
  }

  static expected<void>
  set_flags(cluster_state& x, const std::vector<std::string>& ids,
            uint64_t flags, bool move) {
    auto next = std::make_shared<smap>(*x.map);
    for (auto& id : ids) {
      auto* node = find(*next, id);
      if (!node)
        return fail(errc::node_not_found, id + " has left meanwhile");
      if (id == next->primary && flags != 0)
        return fail(errc::conflict, id + " has become primary meanwhile");
      node->flags &= ~(snode_maintenance | snode_decommission | snode_intents
                       | snode_no_mountpaths);
      node->flags |= flags;
    }
    place_anew(*next, move);
    ++next->version;
    x.map = next;
    return caf::unit;
  }

  /// Out of the map, once nothing is placed there.
  void erase(const change_nodes& req, const std::vector<snode>& nodes,
             caf::typed_response_promise<ack> answer) {
    auto gates = peers_of(nodes); // which are not peers any more afterwards
    carry(
      [ids = ids_of(nodes)](cluster_state& x) -> expected<void> {
        auto next = std::make_shared<smap>(*x.map);
        for (auto& id : ids) {
          if (id == next->primary)
            return fail(errc::conflict, id + " has become primary meanwhile");
          next->proxies.erase(id);
          next->targets.erase(id);
        }
        place_anew(*next, false);
        ++next->version;
        x.map = next;
        return caf::unit;
      },
      answer,
      [this, req, nodes, gates, answer] {
        dismiss_all(req, nodes, gates, answer);
      });
  }

  /// Has a change committed and carried out by all targets, then goes on.
  void
  carry(std::function<expected<void>(cluster_state&)> f,
        caf::typed_response_promise<ack> answer, std::function<void()> next) {
    self->request(config.carrier, commit_timeout, carry_through{std::move(f)})
      .then([next](ack) { next(); },
            [this, answer](error& e) { failed(answer, std::move(e)); });
  }

  using gates_by_id = std::map<std::string, gate_actor>;

  gates_by_id peers_of(const std::vector<snode>& nodes) const {
    auto peers = config.peers->read();
    gates_by_id out;
    for (auto& x : nodes)
      if (auto i = peers->gates.find(x.id); i != peers->gates.end())
        out.insert(*i);
    return out;
  }

  /// Tells those that leave.
  void dismiss_all(const change_nodes& req, const std::vector<snode>& nodes,
                   const gates_by_id& gates,
                   caf::typed_response_promise<ack> answer) {
    auto forget = req.what == node_action::decommission;
    auto stop
      = req.what == node_action::shutdown || (forget && !req.keep_running);
    if (req.what == node_action::start_maintenance
        || req.what == node_action::stop_maintenance)
      return done(answer, ack{});
    dismiss msg{map().uuid, stop, forget, req.rm_user_data, req.keep_config};
    auto left = std::make_shared<size_t>(1);
    auto mute = std::make_shared<std::string>();
    auto one_less = [this, left, mute, answer] {
      if (--*left > 0)
        return;
      if (mute->empty())
        return done(answer, ack{});
      failed(answer, fail(errc::timed_out,
                          "the cluster goes on without" + *mute
                            + ", which does not answer: its process and data"
                              " are as they were"));
    };
    std::set<gate_actor> told; // a process once
    for (auto& x : nodes) {
      auto gate = gates.find(x.id);
      if (gate == gates.end()) {
        // It was gone before; there is nothing left to tell, or to remove?
        if (req.rm_user_data || (x.flags & snode_silent) == 0)
          *mute += ' ' + name_of(x);
        continue;
      }
      if (!told.insert(gate->second).second)
        continue;
      ++*left;
      self->request(gate->second, dismiss_timeout, msg)
        .then([one_less](ack) { one_less(); },
              [one_less, mute, who = name_of(x)](error& e) {
                log_error(who + " did not leave: " + message_of(e));
                *mute += ' ' + who;
                one_less();
              });
    }
    one_less();
  }

  // -- admission

  caf::result<admitted> admit(const admit_node& req) {
    auto where = req.control.host + ':' + std::to_string(req.control.port);
    if (auto ok = idle("join"); !ok)
      return ok.error();
    running = "join of " + where;
    auto answer = self->make_response_promise<admitted>();
    auto nobody = fail(errc::invalid_argument,
                       "failed to obtain node info from " + where
                         + ": start the node there (aisnode --standby), or"
                           " check the address");
    self->request(config.connector, connect_timeout, req.control)
      .then(
        [this, req, answer, nobody](caf::strong_actor_ptr& x) {
          auto gate = caf::actor_cast<gate_actor>(x);
          self->request(gate, connect_timeout, hello{})
            .then([this, req, answer, gate](
                    hello_answer& who) { meet_guest(req, gate, who, answer); },
                  [this, answer, nobody](error&) { failed(answer, nobody); });
        },
        [this, answer, nobody](error&) { failed(answer, nobody); });
    return answer;
  }

  void meet_guest(const admit_node& req, const gate_actor& gate,
                  const hello_answer& who,
                  caf::typed_response_promise<admitted> answer) {
    auto there = std::all_of(who.seats.begin(), who.seats.end(), [&](auto& id) {
      return map().find(id) != nullptr;
    });
    if (there && who.cluster == map().uuid)
      return welcome(who.seats, answer);
    auto* me = map().find(map().primary);
    if (!me)
      return failed(answer, fail(errc::not_ready, "there is no primary"));
    self
      ->request(gate, admit_timeout,
                invite{map().uuid, me->control, req.non_electable})
      .then([this, answer](invited& x) { welcome(x.seats, answer); },
            [this, answer](error& e) { failed(answer, std::move(e)); });
  }

  void welcome(const std::vector<std::string>& ids,
               caf::typed_response_promise<admitted> answer) {
    arriving = {ids, answer};
    arrive();
  }

  /// Answers when the map that we know has them.
  void arrive() {
    if (!arriving.answer.pending())
      return;
    admitted out;
    for (auto& id : arriving.ids)
      if (auto* node = map().find(id))
        out.nodes.push_back(*node);
    auto answer = arriving.answer;
    if (out.nodes.size() == arriving.ids.size()) {
      arriving = {};
      done(answer, std::move(out));
    } else if (!view.primary) {
      arriving = {};
      failed(answer, fail(errc::not_ready, "the primary has changed: ask"
                                           " again"));
    }
  }

  // -- rebalance on demand

  caf::result<rebalance_started> rebalance() {
    if (auto ok = idle("rebalance"); !ok)
      return ok.error();
    if (moving(map()))
      return fail(errc::busy,
                  "rebalance[" + rebalance_id(generation_of(map()))
                    + "] is running already: wait until it has ended");
    if (!view.state->config->values.flag("rebalance.enabled"))
      return fail(errc::invalid_argument,
                  "rebalance is disabled: ais config cluster"
                  " rebalance.enabled=true");
    if (map().targets.size() < 2)
      return fail(errc::invalid_argument,
                  "not enough targets to rebalance: the cluster has "
                    + std::to_string(map().targets.size()));
    running = "rebalance";
    auto answer = self->make_response_promise<rebalance_started>();
    auto generation = std::make_shared<uint64_t>(0);
    self
      ->request(config.carrier, commit_timeout,
                carry_through{[generation](cluster_state& x) -> expected<void> {
                  auto next = std::make_shared<smap>(*x.map);
                  search_anew(*next);
                  ++next->version;
                  *generation = generation_of(*next);
                  x.map = next;
                  return caf::unit;
                }})
      .then([this, answer,
             generation](ack) { done(answer, rebalance_started{*generation}); },
            [this, answer](error& e) { failed(answer, std::move(e)); });
    return answer;
  }

  // -- the primary

  caf::result<ack> elect(const set_primary& req) {
    auto i = map().proxies.find(req.id);
    if (i == map().proxies.end())
      return confirmed(
        fail(errc::node_not_found,
             "proxy \"" + req.id.substr(0, 40) + "\" does not exist"));
    if (view.primary && req.id == map().primary)
      return confirmed({});
    auto& node = i->second;
    if (!electable(node))
      return confirmed(
        fail(errc::invalid_argument,
             name_of(node)
               + (active(node) ? " is non-electable: restart it without"
                                 " --non-electable"
                               : " is in maintenance")
               + ", or choose another proxy"));
    if (auto ok = idle("set-primary"); !ok)
      return ok.error();
    if ((node.flags & snode_silent) != 0)
      return fail(errc::not_ready, name_of(node) + " does not answer");
    running = "set-primary to " + name_of(node);
    log_info(running);
    auto answer = self->make_response_promise<ack>();
    self->request(config.metasync, hand_over_timeout * 2, hand_over{req.id})
      .then([this, answer](ack x) { done(answer, x); },
            [this, answer](error& e) { failed(answer, std::move(e)); });
    return answer;
  }

  // -- the end

  caf::result<ack> end(const end_cluster& req) {
    auto what = std::string{req.decommission ? "decommission" : "shutdown"};
    if (auto ok = idle(what); !ok)
      return ok.error();
    running = what + " of the cluster";
    log_warning(running);
    auto peers = config.peers->read();
    std::set<gate_actor> others;
    for (auto& [id, gate] : peers->gates)
      if (gate != peers->own)
        others.insert(gate);
    dismiss msg{map().uuid, true, req.decommission, req.rm_user_data, false};
    auto answer = self->make_response_promise<ack>();
    auto left = std::make_shared<size_t>(others.size() + 1);
    auto one_less = [this, left, msg, own = peers->own, answer] {
      if (--*left > 0)
        return;
      // Ourselves last: somebody must tell that it is done.
      self->request(own, dismiss_timeout, msg)
        .then([this, answer](ack x) { done(answer, x); },
              [this, answer](error& e) { failed(answer, std::move(e)); });
    };
    for (auto& gate : others)
      self->request(gate, dismiss_timeout, msg)
        .then([one_less](ack) { one_less(); },
              [one_less](error& e) {
                log_error("a node did not leave: " + message_of(e));
                one_less();
              });
    one_less();
    return answer;
  }
};

extended::behavior_type
administration(extended::stateful_pointer<administration_state> self,
               administration_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const change_nodes& x) { return st.change(x); },
    [&st](const admit_node& x) { return st.admit(x); },
    [&st](const set_primary& x) { return st.elect(x); },
    [&st](const start_rebalance&) { return st.rebalance(); },
    [&st](const end_cluster& x) { return st.end(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::tick) {
      st.resting = false;
      st.dismiss_empty();
    },
  };
}

} // namespace

std::string_view to_string(node_action x) {
  switch (x) {
    case node_action::start_maintenance:
      return "start-maintenance";
    case node_action::stop_maintenance:
      return "stop-maintenance";
    case node_action::shutdown:
      return "shutdown-node";
    case node_action::decommission:
      return "decommission-node";
    case node_action::remove:
      return "rm-unsafe";
  }
  return "";
}

administration_actor spawn_administration(caf::actor_system& sys,
                                          const administration_config& config) {
  return spawn_plain(sys, config.env, administration, config);
}

} // namespace ais
