#include "actors/proxy/proxy.hpp"

#include "actors/base/gather.hpp"
#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto target_timeout = 40s;

/// Delivers to one of two continuations: what gather() wants for a promise.
template <class Ok, class Bad>
struct either {
  Ok ok;
  Bad bad;
  void deliver(ack) { ok(); }
  void deliver(const error& e) { bad(e); }
};
template <class Ok, class Bad>
either(Ok, Bad) -> either<Ok, Bad>;

struct proxy_state {
  static inline const char* name = "proxy";
  using promise = caf::typed_response_promise<ack>;

  proxy_actor::pointer self = nullptr;
  proxy_config config;
  sync_view view;
  std::deque<std::function<void()>> waiting; ///< the first one runs
  std::set<std::string> remembered;          ///< ids of forwarded changes
  std::deque<std::string> order;             ///< the same, oldest first

  /// On the primary queues a change, elsewhere sends it there; `run` must call
  /// done() on every path.
  template <class Request>
  caf::result<ack> change(const Request& req,
                          void (proxy_state::*run)(const Request&, promise)) {
    if (!view.primary && req.tag.epoch == 0)
      return forward(req);
    if (auto ok = admit(req.tag); !ok)
      return ok.error();
    if (waiting.size() >= max_waiting_changes)
      return fail(errc::too_many_requests,
                  "too many changes of the cluster at once; try again");
    auto answer = self->make_response_promise<ack>();
    waiting.push_back([this, run, req, answer] { (this->*run)(req, answer); });
    if (waiting.size() == 1)
      waiting.front()();
    return answer;
  }

  /// Whether a change may happen here and has not yet.
  expected<void> admit(const change_tag& tag) {
    if (tag.epoch == 0)
      return caf::unit;
    if (!view.primary || tag.epoch != view.promised)
      return fail(errc::not_ready, "the primary has changed: try again");
    if (!remembered.insert(tag.id).second && !AIS_MUTANT("change-twice"))
      return fail(errc::conflict, "this change was asked for before");
    order.push_back(tag.id);
    if (order.size() > max_remembered_changes) {
      remembered.erase(order.front());
      order.pop_front();
    }
    return caf::unit;
  }

  template <class Request>
  caf::result<ack> forward(Request req) {
    req.tag = {view.promised, make_id(config.env)};
    auto& map = *view.state->map;
    auto* primary = map.find(map.primary);
    auto nobody = fail(errc::not_ready, "the cluster has no primary at the"
                                        " moment: try again in a few seconds");
    if (!primary)
      return nobody;
    auto answer = self->make_response_promise<ack>();
    self->request(config.meet, connect_timeout * 2, meet{{*primary}})
      .then(
        [this, req, id = primary->id, answer, nobody](ack) mutable {
          auto peers = config.peers->read();
          auto gate = peers->gates.find(id);
          if (gate == peers->gates.end() || gate->second == peers->own)
            answer.deliver(nobody);
          else
            relay(gate->second, req, answer);
        },
        [answer, nobody](error&) mutable { answer.deliver(nobody); });
    return answer;
  }

  template <class Request>
  void relay(const gate_actor& gate, const Request& req, promise answer) {
    self->request(gate, change_timeout, req)
      .then([answer](ack) mutable { answer.deliver(ack{}); },
            [answer](error& e) mutable { answer.deliver(std::move(e)); });
  }

  void done(promise answer, const error& e = {}) {
    if (e)
      answer.deliver(e);
    else
      answer.deliver(ack{});
    waiting.pop_front();
    if (!waiting.empty())
      waiting.front()();
  }

  /// Has a change committed, and waits until the targets have carried it out.
  void
  commit(std::function<expected<void>(cluster_state&)> change, promise answer) {
    self->request(config.metasync, change_timeout, propose{std::move(change)})
      .then(
        [this, answer](cluster_state_ptr& x) {
          if (AIS_MUTANT("carry-out-unwaited"))
            return done(answer);
          gather(self, targets(*config.peers->read()), target_timeout,
                 carry_out{x->at},
                 either{[this, answer] { done(answer); },
                        [this, answer](const error& e) {
                          log_warning("a change is committed, but not carried"
                                      " out everywhere yet: "
                                      + message_of(e));
                          done(answer);
                        }});
        },
        [this, answer](error& e) { done(answer, e); });
  }

  static expected<void> adjust(bprops& props, const std::string& text) {
    if (text.empty())
      return caf::unit;
    auto tree = parse_json(text);
    if (!tree)
      return tree.error();
    if (!tree->is_object())
      return fail(errc::invalid_argument,
                  "bucket properties must be an object");
    auto next = with_props(props, tree->get_object());
    if (!next)
      return next.error();
    props = std::move(*next);
    return caf::unit;
  }

  void create(const create_bucket& req, promise answer) {
    auto props = default_bprops(*view.state->config);
    props.created_ns = config.env.wall_ns();
    if (auto ok = adjust(props, req.props); !ok)
      return done(answer, ok.error());
    auto next = with_bucket(*view.state->buckets, req.name, std::move(props));
    if (!next)
      return done(answer, next.error());
    two_phase(begin_txn::op::create, (*next)->buckets.at(req.name)->ref, *next,
              answer);
  }

  void destroy(const destroy_bucket& req, promise answer) {
    auto& now = *view.state->buckets;
    auto next = without_bucket(now, req.name);
    if (!next)
      return done(answer, next.error());
    two_phase(begin_txn::op::destroy, now.buckets.at(req.name)->ref, *next,
              answer);
  }

  /// The targets that take part: those that do not answer make up for it when
  /// they are back.
  std::vector<gate_actor> targets(const peer_set& peers) const {
    std::vector<gate_actor> out;
    for (auto& [id, node] : view.state->map->targets) {
      auto gate = peers.gates.find(id);
      if ((node.flags & snode_silent) == 0 && gate != peers.gates.end())
        out.push_back(gate->second);
    }
    return out;
  }

  /// Ask all targets whether they can, commit the state, wait until all have
  /// carried it out. The moment the state is committed decides: before it the
  /// change never happened, after it every target carries it out as soon as it
  /// sees the state, the next start included.
  void two_phase(begin_txn::op what, storage::bucket_ref b, bmd_ptr next,
                 promise answer) {
    auto to = targets(*config.peers->read());
    if (to.empty())
      return done(answer, fail(errc::not_ready,
                               "the cluster has no working target: start one,"
                               " or wait until it has joined"));
    auto base = view.state->buckets->version;
    auto install = [base, next](cluster_state& x) -> expected<void> {
      if (x.buckets->version != base)
        return fail(errc::conflict, "bmd has changed meanwhile: try again");
      x.buckets = next;
      return caf::unit;
    };
    gather(self, to, target_timeout,
           begin_txn{view.promised, what, std::move(b)},
           either{[this, install, answer] { commit(install, answer); },
                  [this, answer](const error& e) {
                    done(answer, e);
                  }});
  }

  void props(const set_bucket_props& req, promise answer) {
    commit(
      [req](cluster_state& x) -> expected<void> {
        auto known = x.buckets->find(req.name);
        if (!known)
          return known.error();
        auto props = *(*known)->props;
        if (req.reset)
          props.values = default_bprops(*x.config).values;
        else if (auto ok = adjust(props, req.props); !ok)
          return ok;
        auto next = with_bucket_props(*x.buckets, req.name, std::move(props));
        if (!next)
          return next.error();
        x.buckets = *next;
        return caf::unit;
      },
      answer);
  }

  void configure(const set_config& req, promise answer) {
    if (req.transient || req.reset) {
      std::vector<gate_actor> all;
      for (auto& [id, gate] : config.peers->read()->gates)
        if (std::find(all.begin(), all.end(), gate) == all.end())
          all.push_back(gate);
      gather(self, all, target_timeout,
             override_config{req.change, req.transient, req.reset},
             either{[this, answer] { done(answer); },
                    [this, answer](const error& e) {
                      done(answer, e);
                    }});
      return;
    }
    commit(
      [req, at = config.env.wall_ns()](cluster_state& x) -> expected<void> {
        auto next = with_changes(*x.config, req.change, at);
        if (!next)
          return next.error();
        x.config = *next;
        return caf::unit;
      },
      answer);
  }
};

proxy_actor::behavior_type
proxy(proxy_actor::stateful_pointer<proxy_state> self, proxy_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const create_bucket& x) {
      return st.change(x, &proxy_state::create);
    },
    [&st](const destroy_bucket& x) {
      return st.change(x, &proxy_state::destroy);
    },
    [&st](const set_bucket_props& x) {
      return st.change(x, &proxy_state::props);
    },
    [&st](const set_config& x) {
      return st.change(x, &proxy_state::configure);
    },
    [&st](const sync_view& x) { st.view = x; },
  };
}

} // namespace

proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config) {
  return spawn_plain(sys, config.env, proxy, config);
}

} // namespace ais
