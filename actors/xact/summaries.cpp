#include "actors/xact/summaries.hpp"

#include <deque>
#include <map>

namespace ais {

namespace {

/// A bucket of this many objects on a slow disk may take as long.
constexpr std::chrono::minutes bucket_timeout{720};

struct summaries_state {
  static inline const char* name = "summaries";

  summaries_actor::pointer self = nullptr;
  environment env;
  std::shared_ptr<board<target_view>> target;
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
    auto worker = spawn_lister(self->system(), env);
    self->send(worker, target->read()->mountpaths);
    step(id, worker, req, 0);
    return id;
  }

  void step(const std::string& id, const lister_actor& worker,
            const start_summary& req, size_t i) {
    if (i == req.buckets.size())
      return end(id, worker, {});
    self
      ->request(worker, bucket_timeout,
                count_bucket{req.buckets[i], req.prefix})
      .then(
        [this, id, worker, req, i](bucket_totals& x) {
          if (auto job = jobs.find(id); job != jobs.end())
            job->second.totals.emplace_back(req.buckets[i], x);
          step(id, worker, req, i + 1);
        },
        [this, id, worker](error& e) { end(id, worker, std::move(e)); });
  }

  void end(const std::string& id, const lister_actor& worker, error why) {
    self->send_exit(worker, caf::exit_reason::user_shutdown);
    --running;
    if (auto job = jobs.find(id); job != jobs.end()) {
      job->second.done = true;
      job->second.failure = std::move(why);
    }
  }
};

summaries_actor::behavior_type
summaries(summaries_actor::stateful_pointer<summaries_state> self,
          environment env, std::shared_ptr<board<target_view>> target) {
  auto& st = self->state;
  st.self = self;
  st.env = std::move(env);
  st.target = std::move(target);
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
                                std::shared_ptr<board<target_view>> target) {
  return spawn_plain(sys, env, summaries, env, std::move(target));
}

} // namespace ais
