// One actor system on CAF's test scheduler: one thread, virtual time, a disk in
// memory, one seed. Nothing runs unless the test says so.
#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/type_ids.hpp"
#include "storage/memory_disk.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <random>

namespace ais::sim {

struct config : caf::actor_system_config {
  config();
};

class deterministic {
public:
  explicit deterministic(uint64_t seed = 1);
  ~deterministic();

  /// Runs everything that is ready, in an order that the seed picks.
  void run();
  /// Lets time pass, running what becomes ready.
  void advance(std::chrono::milliseconds by);

  /// Sends `xs` to `to`, runs until idle, returns the reply or its error.
  template <class R, class Handle, class... Ts>
  expected<R> ask(const Handle& to, Ts... xs) {
    expected<R> out{error{caf::sec::request_timeout}};
    auto pending = self->request(to, caf::infinite, std::move(xs)...);
    run();
    pending.receive([&](R& x) { out = std::move(x); },
                    [&](error& e) { out = std::move(e); });
    return out;
  }

  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_actor self{sys, true};
  caf::scheduler::test_coordinator& sched;
  storage::memory_disk disk;
  environment env;
  std::mt19937_64 rng;
  int64_t now_ns = 1'700'000'000'000'000'000; ///< the wall clock
};

} // namespace ais::sim
