#include "actors/proxy/proxy.hpp"

#include "actors/base/gather.hpp"
#include "actors/cluster/gate.hpp"
#include "actors/proxy/renamer.hpp"
#include "actors/rebalance/overseer.hpp"
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
  administration_actor administration;
  overseer_actor overseer;
  renamer_actor renamer;
  sync_view view;
  std::deque<std::function<void()>> waiting; ///< the first one runs
  /// A change that the primary has.
  struct relayed_change {
    std::function<void(const error&)> fail;
    std::string elects;            ///< done when this one is primary
    std::function<void()> succeed; ///< ... then
  };
  std::map<std::string, relayed_change> relayed; ///< by id of the tag
  std::set<std::string> remembered;              ///< ids of forwarded changes
  std::deque<std::string> order;                 ///< the same, oldest first

  std::shared_ptr<question_round> asking; ///< of the change under way

  /// The change that is committed and being carried out.
  struct {
    stamp at;
    int64_t since_ns = 0;
    std::set<std::string> by; ///< ids of targets that have to
    promise answer;
  } carried;

  /// On the primary queues a change, elsewhere sends it there; `run` must call
  /// done() on every path.
  template <class Request>
  caf::result<ack> change(const Request& req,
                          void (proxy_state::*run)(const Request&, promise)) {
    if (!view.primary && req.tag.epoch == 0)
      return forward<ack>(req);
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

  /// The same for what ADMINISTRATION does.
  template <class Answer, class Request>
  caf::result<Answer> administer(const Request& req) {
    if (!view.primary && req.tag.epoch == 0)
      return forward<Answer>(req);
    if (auto ok = admit(req.tag); !ok)
      return ok.error();
    return self->delegate(administration, req);
  }

  caf::result<ack> carry_in_turn(const carry_through& req) {
    if (waiting.size() >= max_waiting_changes)
      return fail(errc::too_many_requests,
                  "too many changes of the cluster at once; try again");
    auto answer = self->make_response_promise<ack>();
    waiting.push_back([this, f = req.change, answer] { commit(f, answer); });
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

  template <class Answer, class Request>
  caf::result<Answer> forward(Request req) {
    req.tag = {view.promised, make_id(config.env)};
    auto& map = *view.state->map;
    auto* primary = map.find(map.primary);
    auto nobody = fail(errc::not_ready, "the cluster has no primary at the"
                                        " moment: try again in a few seconds");
    if (!primary)
      return nobody;
    auto answer = self->make_response_promise<Answer>();
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

  template <class Answer, class Request>
  void relay(const gate_actor& gate, const Request& req,
             caf::typed_response_promise<Answer> answer) {
    auto id = req.tag.id;
    auto& entry = relayed[id];
    entry.fail = [answer](const error& e) mutable {
      answer.deliver(e);
    };
    if constexpr (std::is_same_v<Request, set_primary>) {
      entry.elects = req.id;
      entry.succeed = [answer]() mutable {
        answer.deliver(ack{});
      };
    }
    self->request(gate, change_timeout, req)
      .then(
        [this, id, answer](Answer& x) mutable {
          auto i = relayed.find(id);
          if (i == relayed.end())
            return;
          auto& to = i->second.elects;
          if (!to.empty() && view.state->map->primary != to)
            return; // soon
          relayed.erase(i);
          answer.deliver(std::move(x));
        },
        [this, id](error& e) {
          if (auto i = relayed.find(id); i != relayed.end()) {
            i->second.fail(e);
            relayed.erase(i);
          }
        });
  }

  void see(const sync_view& x) {
    auto& now = x.state->map->primary;
    auto other = x.promised != view.promised || now != view.state->map->primary;
    view = x;
    self->send(administration, x);
    self->send(overseer, x);
    self->send(renamer, x);
    // A primary of the past answers late or never; nobody should wait for it,
    // unless for its successor, who promised first and is shown later.
    std::erase_if(relayed, [&](auto& entry) {
      auto& change = entry.second;
      if (!other || (!change.elects.empty() && x.state->at.epoch < x.promised))
        return false;
      if (!change.elects.empty() && now == change.elects)
        change.succeed();
      else
        change.fail(
          fail(errc::not_ready, "the primary has changed: try again"));
      return true;
    });
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
    if (!e || e == errc::not_ready || e == errc::timed_out)
      return finish(answer, e);
    // What we found wrong may be so only in a state that is not the newest.
    self->request(config.metasync, sync_timeout * 2, confirm{})
      .then([this, answer, e](ack) { finish(answer, e); },
            [this, answer](error& why) { finish(answer, why); });
  }

  void finish(promise answer, const error& e) {
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
    // Those that worked before count, too: the change may be that they do not.
    auto by = working_targets(*view.state->map);
    self->request(config.metasync, change_timeout, propose{std::move(change)})
      .then(
        [this, answer, by](cluster_state_ptr& x) mutable {
          if (AIS_MUTANT("carry-out-unwaited"))
            return done(answer);
          by.merge(working_targets(*x->map));
          carried = {x->at, config.env.steady_ns(), std::move(by), answer};
          carry_on();
        },
        [this, answer](error& e) { done(answer, e); });
  }

  /// Asks the targets until each has carried the change out or is silent: one
  /// that is neither may serve what it knew before, connected to us or not.
  void carry_on() {
    std::erase_if(carried.by, [this](auto& id) { return silent(id); });
    std::vector<std::string> left{carried.by.begin(), carried.by.end()};
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
          carried.by.erase(id);
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
    if (!req.from.name.empty())
      return rename(req, answer);
    auto props = default_bprops(*view.state->config);
    props.created_ns = config.env.wall_ns();
    if (auto ok = adjust(props, req.props); !ok)
      return done(answer, ok.error());
    auto next = with_bucket(*view.state->buckets, req.name, std::move(props));
    if (!next)
      return done(answer, next.error());
    two_phase(begin_txn::op::create, *(*next)->buckets.at(req.name), *next,
              answer);
  }

  /// The new bucket, and the mark of the old one, are one change.
  void rename(const create_bucket& req, promise answer) {
    auto& now = *view.state->buckets;
    auto known = now.find(req.from);
    if (!known)
      return done(answer, known.error());
    auto props = *(*known)->props;
    if (!props.renamed.empty())
      return done(answer,
                  fail(errc::conflict, cname_of(req.from)
                                         + " is being renamed already, to "
                                         + props.renamed));
    if ((*known)->keeping != storage::keeping::off)
      return done(
        answer,
        fail(errc::conflict,
             cname_of(req.from)
               + " keeps former versions of its objects, which would"
                 " not come along: copy what you need to a new bucket"));
    auto made = with_bucket(now, req.name, props);
    if (!made)
      return done(answer, made.error());
    props.renamed = uname_of(req.name);
    auto next = with_bucket_props(**made, req.from, std::move(props));
    if (!next)
      return done(answer, next.error());
    two_phase(begin_txn::op::create, *(*next)->buckets.at(req.name), *next,
              answer);
  }

  void destroy(const destroy_bucket& req, promise answer) {
    auto& now = *view.state->buckets;
    auto next = without_bucket(now, req.name);
    if (!next)
      return done(answer, next.error());
    auto gone = *now.buckets.at(req.name);
    gone.copies = 1;
    two_phase(begin_txn::op::destroy, gone, *next, answer);
  }

  /// The targets that may have a lease: those that are silent make up for what
  /// they missed before they get one, as do those in maintenance.
  static std::set<std::string> working_targets(const smap& x) {
    std::set<std::string> out;
    for (auto& [id, node] : x.targets)
      if ((node.flags & snode_silent) == 0 && active(node))
        out.insert(id);
    return out;
  }

  /// Those of them that can be asked now.
  std::vector<std::string> reachable_targets() const {
    auto peers = config.peers->read();
    std::vector<std::string> out;
    for (auto& id : working_targets(*view.state->map))
      if (peers->gates.count(id))
        out.push_back(id);
    return out;
  }

  /// Ask all targets whether they can, commit the state, wait until all have
  /// carried it out. The moment the state is committed decides: before it the
  /// change never happened, after it every target carries it out as soon as it
  /// sees the state, the next start included.
  void
  two_phase(begin_txn::op what, const bucket& b, bmd_ptr next, promise answer) {
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
      to, target_timeout,
      begin_txn{view.promised, what, b.ref, static_cast<uint8_t>(b.copies)},
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

  static expected<bmd_ptr>
  with_new_props(const cluster_state& x, const set_bucket_props& req) {
    auto known = x.buckets->find(req.name);
    if (!known)
      return known.error();
    auto props = *(*known)->props;
    if (req.reset)
      props = with_defaults(props, *x.config);
    else if (auto ok = adjust(props, req.props); !ok)
      return ok.error();
    return with_bucket_props(*x.buckets, req.name, std::move(props));
  }

  void props(const set_bucket_props& req, promise answer) {
    auto next = with_new_props(*view.state, req);
    if (next) {
      auto& b = *(*next)->buckets.at(req.name);
      auto& now = *view.state->buckets->buckets.at(req.name);
      if (b.versions_bid != 0 && now.versions_bid == 0)
        return two_phase(begin_txn::op::create,
                         *(*next)->buckets.at(storage::versions_of(b.ref).bck),
                         *next, answer);
      if (b.copies > now.copies) // not every target may have as many disks
        return two_phase(begin_txn::op::change, b, *next, answer);
    }
    commit(
      [req](cluster_state& x) -> expected<void> {
        auto changed = with_new_props(x, req);
        if (!changed)
          return changed.error();
        x.buckets = *changed;
        return caf::unit;
      },
      answer);
  }

  void keys(const set_access_keys& req, promise answer) {
    commit(
      [req](cluster_state& x) -> expected<void> {
        if (req.after.size() > max_access_keys_bytes)
          return fail(errc::too_large, "there are too many access keys");
        if (x.access_keys != req.before)
          return fail(errc::conflict,
                      "the access keys have changed meanwhile: try again");
        x.access_keys = req.after;
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
             [this, answer](const error& e) { done(answer, e); });
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
  st.administration = spawn_administration(
    self->system(), {st.config.env, st.config.metasync, proxy_actor{self},
                     st.config.connector, st.config.peers});
  self->link_to(st.administration);
  st.overseer = spawn_overseer(
    self->system(), {st.config.env, st.config.metasync, st.config.peers});
  self->link_to(st.overseer);
  st.renamer = spawn_renamer(
    self->system(), {st.config.env, proxy_actor{self}, st.config.peers});
  self->link_to(st.renamer);
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
    [&st](const set_access_keys& x) {
      return st.change(x, &proxy_state::keys);
    },
    [&st](const change_nodes& x) { return st.administer<ack>(x); },
    [&st](const admit_node& x) { return st.administer<admitted>(x); },
    [&st](const set_primary& x) { return st.administer<ack>(x); },
    [&st](const start_rebalance& x) {
      return st.administer<rebalance_started>(x);
    },
    [&st](const end_cluster& x) { return st.administer<ack>(x); },
    [&st](const carry_through& x) { return st.carry_in_turn(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::next) { st.carry_on(); },
  };
}

} // namespace

proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config) {
  return spawn_plain(sys, config.env, proxy, config);
}

} // namespace ais
