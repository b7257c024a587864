#include "test/sim/deterministic.hpp"

#include "actors/base/setup.hpp"
#include "test/sim/courier.hpp"

namespace ais::sim {

config::config() {
  set("scheduler.policy", caf::atom("testing"));
  set("logger.verbosity", caf::atom("quiet"));
  ais::add_message_types(*this);
  add_message_types<caf::id_block::ais_sim>();
}

deterministic::deterministic(uint64_t seed)
  : sched(dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())),
    rng(seed) {
  env.disk = &disk;
  env.wall_ns = [this] {
    return ++now_ns;
  };
  env.steady_ns = [this] {
    return std::chrono::nanoseconds{sched.clock().now().time_since_epoch()}
      .count();
  };
  env.random = [this] {
    return rng();
  };
  env.detached = false;
  static_cast<void>(storage::make_dirs(disk, "/root"));
  static_cast<void>(disk.sync_dir("/"));
}

deterministic::~deterministic() {
  run();
  sched.clock().cancel_all();
}

void deterministic::run() {
  while (sched.has_job()) {
    auto& jobs = sched.jobs;
    if (jobs.size() > 1)
      std::swap(jobs[0], jobs[rng() % jobs.size()]);
    sched.run_once();
  }
}

void deterministic::advance(std::chrono::milliseconds by) {
  now_ns += std::chrono::nanoseconds{by}.count();
  sched.clock().advance_time(by);
  run();
}

} // namespace ais::sim
