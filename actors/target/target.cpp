#include "actors/target/target.hpp"

#include "actors/base/gather.hpp"
#include "storage/base/hrw.hpp"
#include "storage/base/log.hpp"

#include <map>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto mountpath_timeout = 30s;
constexpr size_t max_open_txns = 256;

struct target_state {
  static inline const char* name = "target";

  target_actor::pointer self = nullptr;
  target_config config;
  std::shared_ptr<board<target_view>> shown;
  std::vector<mountpath_actor> mountpaths;
  std::vector<lister_actor> listers;
  std::map<std::string, begin_txn> txns; ///< begun, neither ended
  target_view view;

  caf::result<ack> start(const reconcile& req) {
    view.node_id = config.node_id;
    auto answer = self->make_response_promise<ack>();
    for (auto& root : config.mountpaths) {
      mountpath_config c;
      c.env = config.env;
      c.root = root;
      c.node_id = config.node_id;
      c.shards = config.shards;
      c.cached_leases
        = std::max<size_t>(config.cached_leases / config.mountpaths.size(), 1);
      mountpaths.push_back(spawn_mountpath(self->system(), c));
    }
    for (size_t i = 0; i < config.listers; ++i)
      listers.push_back(spawn_lister(self->system(), config.env));
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
      st->view.listers = st->listers;
      st->shown->show(std::make_shared<const target_view>(st->view));
      answer.deliver(ack{});
    }
    void deliver(const error& e) { answer.deliver(e); }
  };
  showing show_then(caf::typed_response_promise<ack> answer) {
    return {this, std::move(answer)};
  }

  caf::result<ack> begin(const begin_txn& req) {
    if (txns.size() >= max_open_txns)
      return fail(errc::too_many_requests,
                  "too many bucket transactions at once; try again");
    txns[req.id] = req;
    if (req.what == begin_txn::op::destroy)
      return ack{}; // nothing to prepare
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths, mountpath_timeout, make_bucket_dirs{req.bucket},
           answer);
    return answer;
  }

  caf::result<ack> end(const std::string& id, begin_txn::op trashes) {
    auto i = txns.find(id);
    if (i == txns.end())
      return ack{};
    auto txn = std::move(i->second);
    txns.erase(i);
    if (txn.what != trashes)
      return ack{};
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths, mountpath_timeout, trash_bucket{txn.bucket.bck},
           answer);
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
    [&st](const reconcile& x) { return st.start(x); },
    [&st](const begin_txn& x) { return st.begin(x); },
    [&st](const commit_txn& x) { return st.end(x.id, begin_txn::op::destroy); },
    [&st](const abort_txn& x) { return st.end(x.id, begin_txn::op::create); },
    [&st](atom::stop) { return st.stop(); },
  };
}

} // namespace

const mountpath_handles* target_view::place(uint64_t digest) const {
  auto i = hrw_pick(digests, digest);
  return i < 0 ? nullptr : mountpaths[static_cast<size_t>(i)].get();
}

target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown) {
  return sys.spawn(target, config, std::move(shown));
}

} // namespace ais
