#include "actors/proxy/proxy.hpp"

#include "actors/base/gather.hpp"
#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto target_timeout = 40s;
/// Targets that did not carry out a change are asked again this often.
constexpr auto carry_out_retry = 200ms;
constexpr auto carry_out_timeout = 5s;

using extended = proxy_actor::extend<caf::reacts_to<atom::next>>;

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

/// Targets that are asked the same thing at once. One that falls silent
/// meanwhile is not waited for: it makes up for what it misses before it gets a
/// lease again, and its answer may never come.
struct question_round {
  std::set<std::string> left;
  std::function<void(const std::string& id, const error&)> heard;
  std::function<void()> ended;
};

struct proxy_state {
  static inline const char* name = "proxy";
  using promise = caf::typed_response_promise<ack>;

  extended::pointer self = nullptr;
  proxy_config config;
  sync_view view;
  std::deque<std::function<void()>> waiting; ///< the first one runs
  std::map<std::string, promise> relayed;    ///< by tag: the primary has them
  std::set<std::string> remembered;          ///< ids of forwarded changes
  std::deque<std::string> order;             ///< the same, oldest first

  std::shared_ptr<question_round> asking; ///< of the change under way

  /// The change that is committed and being carried out.
  struct {
    stamp at;
    int64_t since_ns = 0;
    std::set<std::string> by; ///< ids that have
    promise answer;
  } carried;

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
    auto id = req.tag.id;
    relayed[id] = answer;
    self->request(gate, change_timeout, req)
      .then([this, id](ack) { relay_ended(id, {}); },
            [this, id](error& e) { relay_ended(id, e); });
  }

  void relay_ended(const std::string& id, const error& e) {
    auto i = relayed.find(id);
    if (i == relayed.end())
      return;
    if (e)
      i->second.deliver(e);
    else
      i->second.deliver(ack{});
    relayed.erase(i);
  }

  void see(const sync_view& x) {
    // A primary of the past answers late or never; nobody should wait for it.
    if (x.promised != view.promised
        || x.state->map->primary != view.state->map->primary)
      for (auto& [id, answer] : std::exchange(relayed, {}))
        answer.deliver(fail(errc::not_ready, "the primary has changed: try"
                                             " again"));
    view = x;
    if (auto round = asking)
      for (auto& id : std::set<std::string>{round->left})
        if (silent(id))
          settle(round, id, fail(errc::not_ready, id + " does not answer"));
  }

  bool silent(const std::string& id) const {
    auto* node = view.state->map->find(id);
    return !node || (node->flags & snode_silent) != 0;
  }

  /// Asks these targets; calls `heard` for each answer, then `ended`.
  template <class Message>
  void ask(const std::vector<std::string>& ids, std::chrono::seconds timeout,
           const Message& what,
           std::function<void(const std::string& id, const error&)> heard,
           std::function<void()> ended) {
    auto round = std::make_shared<question_round>(question_round{
      {ids.begin(), ids.end()}, std::move(heard), std::move(ended)});
    asking = round;
    auto peers = config.peers->read();
    for (auto& id : ids) {
      auto gate = peers->gates.find(id);
      if (gate == peers->gates.end()) {
        settle(round, id, fail(errc::not_ready, id + " does not answer"));
        continue;
      }
      self->request(gate->second, timeout, what)
        .then([this, round, id](ack) { settle(round, id, {}); },
              [this, round, id](error& e) { settle(round, id, e); });
    }
  }

  void settle(const std::shared_ptr<question_round>& round,
              const std::string& id, const error& e) {
    if (asking != round || round->left.erase(id) == 0)
      return; // it came too late
    round->heard(id, e);
    if (!round->left.empty())
      return;
    asking = nullptr;
    round->ended();
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
          carried = {x->at, config.env.steady_ns(), {}, answer};
          carry_on();
        },
        [this, answer](error& e) { done(answer, e); });
  }

  /// Asks the targets until each has carried the change out or is silent: one
  /// that is neither may serve what it knew before, connected to us or not.
  void carry_on() {
    std::vector<std::string> left;
    for (auto& id : expected_targets())
      if (!carried.by.count(id))
        left.push_back(id);
    auto late = config.env.steady_ns() - carried.since_ns
                > std::chrono::nanoseconds{target_timeout}.count();
    if (left.empty())
      return done(carried.answer);
    if (late || !view.primary)
      return done(carried.answer, fail(errc::not_ready,
                                       "the change is made, but " + left.front()
                                         + " may not know it yet"));
    auto well = std::make_shared<bool>(true);
    ask(
      left, carry_out_timeout, carry_out{carried.at},
      [this, well](const std::string& id, const error& e) {
        // It shows the change and could not do all of it: see its log.
        if (!e || e == errc::io_error || e == errc::no_space)
          carried.by.insert(id);
        else
          *well = false;
      },
      [this, well] {
        if (*well)
          carry_on();
        else
          self->delayed_send(self, carry_out_retry, atom::next_v);
      });
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

  /// The targets that may have a lease: those that are silent make up for what
  /// they missed before they get one.
  std::vector<std::string> expected_targets() const {
    std::vector<std::string> out;
    for (auto& [id, node] : view.state->map->targets)
      if ((node.flags & snode_silent) == 0)
        out.push_back(id);
    return out;
  }

  /// Those of them that can be asked now.
  std::vector<std::string> reachable_targets() const {
    auto peers = config.peers->read();
    auto out = expected_targets();
    out.erase(
      std::remove_if(out.begin(), out.end(),
                     [&](auto& id) { return peers->gates.count(id) == 0; }),
      out.end());
    return out;
  }

  /// Ask all targets whether they can, commit the state, wait until all have
  /// carried it out. The moment the state is committed decides: before it the
  /// change never happened, after it every target carries it out as soon as it
  /// sees the state, the next start included.
  void two_phase(begin_txn::op what, storage::bucket_ref b, bmd_ptr next,
                 promise answer) {
    auto to = reachable_targets();
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
    struct verdict {
      bool any = false; ///< target has agreed
      error refusal;
    };
    auto said = std::make_shared<verdict>();
    ask(
      to, target_timeout, begin_txn{view.promised, what, std::move(b)},
      [this, said](const std::string& id, const error& e) {
        if (!e)
          said->any = true;
        else if (!said->refusal && !silent(id))
          said->refusal = e;
      },
      [this, said, install, answer] {
        if (!said->refusal && !said->any)
          said->refusal = fail(errc::not_ready, "no target answers: try again");
        if (said->refusal)
          return done(answer, said->refusal);
        commit(install, answer);
      });
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

extended::behavior_type
proxy(extended::stateful_pointer<proxy_state> self, proxy_config config) {
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
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::next) { st.carry_on(); },
  };
}

} // namespace

proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config) {
  return spawn_plain(sys, config.env, proxy, config);
}

} // namespace ais
