#include "actors/xact/summaries.hpp"

#include "actors/cluster/gate.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace ais {

namespace {

struct summaries_state {
  static inline const char* name = "summaries";

  summaries_actor::pointer self = nullptr;
  environment env;
  std::shared_ptr<board<sync_view>> sync;
  std::shared_ptr<board<peer_set>> peers;
  std::map<std::string, summary> jobs;
  std::deque<std::string> order; ///< of ids, oldest first
  size_t running = 0;

  caf::result<std::string> start(const start_summary& req) {
    if (running >= max_running_summaries)
      return fail(errc::too_many_requests,
                  "too many summaries run at once; try again");
    while (order.size() >= max_kept_summaries) {
      jobs.erase(order.front());
      order.pop_front();
    }
    auto id = make_id(env);
    jobs[id];
    order.push_back(id);
    ++running;
    step(id, req, 0);
    return id;
  }

  /// Counts one bucket on all targets, then the next.
  void step(const std::string& id, const start_summary& req, size_t i) {
    if (i == req.buckets.size())
      return end(id, {});
    auto view = sync->read();
    auto gates = peers->read()->gates;
    struct progress {
      size_t left = 0;
      bucket_totals sum;
      error failure;
    };
    auto state = std::make_shared<progress>();
    auto one_less = [this, id, req, i, state] {
      if (--state->left > 0)
        return;
      if (state->failure)
        return end(id, state->failure);
      if (auto job = jobs.find(id); job != jobs.end())
        job->second.totals.emplace_back(req.buckets[i], state->sum);
      step(id, req, i + 1);
    };
    ++state->left;
    auto& ref = req.buckets[i]->ref;
    for (auto& [target, node] : view->state->map->targets) {
      ++state->left;
      auto gate = gates.find(target);
      if (gate == gates.end()) {
        state->failure
          = fail(errc::not_ready, name_of(node) + " does not answer");
        one_less();
        continue;
      }
      self
        ->request(gate->second, count_timeout,
                  count_bucket{ref.bck, ref.bid, req.prefix})
        .then(
          [state, one_less](const bucket_totals& x) {
            add(state->sum, x);
            one_less();
          },
          [state, one_less](error& e) {
            state->failure = std::move(e);
            one_less();
          });
    }
    one_less();
  }

  static void add(bucket_totals& sum, const bucket_totals& x) {
    if (x.objects == 0)
      return;
    sum.min_bytes
      = sum.objects ? std::min(sum.min_bytes, x.min_bytes) : x.min_bytes;
    sum.max_bytes = std::max(sum.max_bytes, x.max_bytes);
    sum.bytes += x.bytes;
    sum.objects += x.objects;
  }

  void end(const std::string& id, error why) {
    --running;
    if (auto job = jobs.find(id); job != jobs.end()) {
      job->second.done = true;
      job->second.failure = std::move(why);
    }
  }
};

summaries_actor::behavior_type
summaries(summaries_actor::stateful_pointer<summaries_state> self,
          environment env, std::shared_ptr<board<sync_view>> sync,
          std::shared_ptr<board<peer_set>> peers) {
  auto& st = self->state;
  st.self = self;
  st.env = std::move(env);
  st.sync = std::move(sync);
  st.peers = std::move(peers);
  return {
    [&st](const start_summary& x) { return st.start(x); },
    [&st](const get_summary& x) -> caf::result<summary_ptr> {
      auto job = st.jobs.find(x.id);
      if (job == st.jobs.end())
        return fail(errc::xact_not_found,
                    "job \"" + x.id + "\" does not exist");
      return std::make_shared<const summary>(job->second);
    },
  };
}

} // namespace

summaries_actor spawn_summaries(caf::actor_system& sys, const environment& env,
                                std::shared_ptr<board<sync_view>> sync,
                                std::shared_ptr<board<peer_set>> peers) {
  return spawn_plain(sys, env, summaries, env, std::move(sync),
                     std::move(peers));
}

} // namespace ais
