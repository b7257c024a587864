#include "actors/target/target.hpp"

#include "actors/base/gather.hpp"
#include "storage/base/hrw.hpp"
#include "storage/base/log.hpp"

#include <optional>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto mountpath_timeout = 30s;
constexpr size_t max_waiting = 1024;
constexpr size_t max_counting = 16;

struct target_state {
  static inline const char* name = "target";

  target_actor::pointer self = nullptr;
  target_config config;
  std::shared_ptr<board<target_view>> shown;
  std::vector<mountpath_actor> mountpaths;
  std::vector<lister_actor> listers;
  target_view view;

  bmd_ptr applied = std::make_shared<const bmd>(); ///< carried out
  stamp applied_at;
  std::optional<sync_view> next; ///< to be carried out
  bool started = false;
  bool applying = false;
  bool leaving = false;  ///< no buckets any more
  uint64_t promised = 0; ///< highest epoch seen
  size_t counting = 0;
  std::vector<std::pair<stamp, caf::typed_response_promise<ack>>> waiting;

  caf::result<ack> start(const start_target& how) {
    reconcile req;
    for (auto& [which, b] : how.state->buckets->buckets)
      req.buckets.push_back(b->ref);
    applied = how.state->buckets;
    applied_at = how.state->at;
    view.node_id = config.node_id;
    auto answer = self->make_response_promise<ack>();
    for (auto& root : config.mountpaths) {
      mountpath_config c;
      c.env = config.env;
      c.root = root;
      c.node_id = config.node_id;
      c.shards = config.shards;
      c.map = config.map;
      c.cached_leases
        = std::max<size_t>(config.cached_leases / config.mountpaths.size(), 1);
      mountpaths.push_back(spawn_mountpath(self->system(), c));
    }
    for (size_t i = 0; i < config.listers; ++i)
      listers.push_back(
        spawn_lister(self->system(), config.env, config.node_id));
    open_from(0, req, answer);
    return answer;
  }

  /// Opens one mountpath after the other, in the order given: the view's order.
  void open_from(size_t i, const reconcile& req,
                 caf::typed_response_promise<ack> answer) {
    if (i == mountpaths.size()) {
      gather(self, mountpaths, mountpath_timeout, req, show_then(answer));
      return;
    }
    self->request(mountpaths[i], mountpath_timeout, atom::start_v)
      .then(
        [this, i, req, answer](mountpath_ptr& x) mutable {
          view.digests.push_back(x->disk->digest());
          view.mountpaths.push_back(std::move(x));
          open_from(i + 1, req, answer);
        },
        [answer](error& e) mutable { answer.deliver(std::move(e)); });
  }

  /// Wraps a promise: shows the view before success is told.
  struct showing {
    target_state* st;
    caf::typed_response_promise<ack> answer;
    void deliver(ack) {
      for (auto& x : st->listers)
        st->self->send(x, st->view.mountpaths);
      st->shown->show(std::make_shared<const target_view>(st->view));
      st->started = true;
      st->config.buckets->show(st->applied);
      answer.deliver(ack{});
      st->apply();
    }
    void deliver(const error& e) { answer.deliver(e); }
  };
  showing show_then(caf::typed_response_promise<ack> answer) {
    return {this, std::move(answer)};
  }

  caf::result<ack> begin(const begin_txn& req) {
    if (req.epoch < promised)
      return fail(errc::not_ready,
                  "epoch " + std::to_string(req.epoch) + " is over: try again");
    auto there = newest()->buckets.count(req.bucket.bck) > 0;
    if (there != (req.what == begin_txn::op::destroy))
      return fail(errc::conflict, cname_of(req.bucket.bck)
                                    + (there ? " is" : " is not") + " on "
                                    + config.node_id + " yet: try again");
    if (!started)
      return fail(errc::not_ready, config.node_id + " has not started yet");
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths, mountpath_timeout, probe_mountpath{}, answer);
    return answer;
  }

  const bmd_ptr& newest() const {
    return next ? next->state->buckets : applied;
  }

  /// Whether a bucket can be read here.
  expected<void> readable(const bck& b, uint64_t bid) const {
    if (!started)
      return fail(errc::not_ready, config.node_id + " has not started yet");
    auto i = applied->buckets.find(b);
    if (i == applied->buckets.end() || i->second->ref.bid != bid)
      return fail(errc::bucket_not_found, "bucket \"" + cname_of(b)
                                            + "\" does not exist on "
                                            + config.node_id + ", or not yet");
    return caf::unit;
  }

  caf::result<listed_part> list(list_part& req) {
    if (auto ok = readable(req.bucket, req.bid); !ok)
      return ok.error();
    auto i = std::hash<std::string>{}(req.uuid) % listers.size();
    return self->delegate(listers[i], std::move(req));
  }

  /// Counting takes long: a lister of its own, so that listings need not wait.
  caf::result<bucket_totals> count(const count_bucket& req) {
    if (auto ok = readable(req.bucket, req.bid); !ok)
      return ok.error();
    if (counting >= max_counting)
      return fail(errc::too_many_requests,
                  "too many summaries run at once; try again");
    ++counting;
    auto worker = spawn_lister(self->system(), config.env, config.node_id);
    self->send(worker, view.mountpaths);
    auto answer = self->make_response_promise<bucket_totals>();
    auto end = [this, worker] {
      --counting;
      self->send_exit(worker, caf::exit_reason::user_shutdown);
    };
    self->request(worker, count_timeout, req)
      .then(
        [answer, end](const bucket_totals& x) mutable {
          end();
          answer.deliver(x);
        },
        [answer, end](error& e) mutable {
          end();
          answer.deliver(std::move(e));
        });
    return answer;
  }

  caf::result<ack> wait_for(const carry_out& req) {
    if (applied_at >= req.at)
      return ack{};
    if (waiting.size() >= max_waiting)
      return fail(errc::too_many_requests, "too many changes at once");
    auto answer = self->make_response_promise<ack>();
    waiting.emplace_back(req.at, answer);
    return answer;
  }

  void see(const sync_view& x) {
    promised = std::max(promised, x.promised);
    if (x.state->at <= applied_at)
      return;
    next = x;
    apply();
  }

  /// Makes buckets that are new, shows the list, trashes what is gone.
  void apply() {
    if (!started || applying || !next || leaving)
      return;
    applying = true;
    auto state = std::exchange(next, std::nullopt)->state;
    std::vector<make_bucket_dirs> make;
    std::vector<trash_bucket> trash;
    for (auto& [which, b] : state->buckets->buckets) {
      auto i = applied->buckets.find(which);
      if (i == applied->buckets.end() || i->second->ref.bid != b->ref.bid)
        make.push_back({b->ref});
    }
    for (auto& [which, b] : applied->buckets)
      if (!state->buckets->buckets.count(which))
        trash.push_back({which});
    auto end = [this, state](const error& e) {
      done(*state, e);
    };
    auto second = [this, state, trash, end](const error& e) {
      config.buckets->show(state->buckets);
      if (e)
        return end(e);
      each(trash, 0, end);
    };
    each(make, 0, second);
  }

  /// Sends all messages to all mountpaths, one after the other.
  template <class Message, class F>
  void each(const std::vector<Message>& xs, size_t i, F f) {
    if (i == xs.size())
      return f(error{});
    struct then {
      std::function<void(const error&)> f;
      void deliver(ack) { f({}); }
      void deliver(const error& e) { f(e); }
    };
    gather(self, mountpaths, mountpath_timeout, xs[i],
           then{[this, xs, i, f](const error& e) {
             if (e)
               f(e);
             else
               each(xs, i + 1, f);
           }});
  }

  void done(const cluster_state& x, const error& e) {
    applying = false;
    applied = x.buckets;
    applied_at = x.at;
    if (e)
      log_error("cannot carry out bmd v" + std::to_string(x.buckets->version)
                + ": " + message_of(e));
    std::erase_if(waiting, [&](auto& w) {
      if (w.first > applied_at)
        return false;
      if (e)
        w.second.deliver(e);
      else
        w.second.deliver(ack{});
      return true;
    });
    apply();
  }

  caf::result<ack> remove_all() {
    leaving = true;
    config.buckets->show(std::make_shared<const bmd>());
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths, mountpath_timeout, reconcile{}, answer);
    return answer;
  }

  caf::result<ack> sweep() {
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths, count_timeout, atom::sweep_v, answer);
    return answer;
  }

  caf::result<ack> stop() {
    auto answer = self->make_response_promise<ack>();
    for (auto& x : listers)
      self->send_exit(x, caf::exit_reason::user_shutdown);
    gather(self, mountpaths, mountpath_timeout, atom::stop_v, answer);
    mountpaths.clear();
    listers.clear();
    shown->show(std::make_shared<const target_view>());
    view = {};
    return answer;
  }
};

target_actor::behavior_type
target(target_actor::stateful_pointer<target_state> self, target_config config,
       std::shared_ptr<board<target_view>> shown) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.shown = std::move(shown);
  return {
    [&st](const start_target& x) { return st.start(x); },
    [&st](const begin_txn& x) { return st.begin(x); },
    [&st](const carry_out& x) { return st.wait_for(x); },
    [&st](const remove_user_data&) { return st.remove_all(); },
    [&st](atom::sweep) { return st.sweep(); },
    [&st](list_part& x) { return st.list(x); },
    [&st](const count_bucket& x) { return st.count(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::stop) { return st.stop(); },
  };
}

} // namespace

expected<located> target_view::locate(object_key key) const {
  auto digest = placement_digest(uname_of(key.bucket->ref.bck, key.name));
  auto i = hrw_pick(digests, digest);
  if (i < 0)
    return fail(errc::not_ready, "this node has no usable mountpath");
  auto& mpath = mountpaths[static_cast<size_t>(i)];
  return located{std::move(key), mpath, mpath->shard_of(digest)};
}

target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown) {
  return spawn_plain(sys, config.env, target, config, std::move(shown));
}

} // namespace ais
