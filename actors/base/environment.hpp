// What actors need of the world. The process gives them the real one, the
// simulation another; nothing in actors/ reaches past it.
#pragma once

#include "storage/disk.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/spawn_options.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace ais {

struct environment {
  storage::disk* disk = nullptr;

  /// Unix time [ns].
  std::function<int64_t()> wall_ns;

  /// Nanoseconds on a clock that only goes forward; any thread.
  std::function<int64_t()> steady_ns;

  /// 64 random bits; called from several threads.
  std::function<uint64_t()> random;

  /// Whether actors that block get threads of their own. Off in simulation,
  /// where one thread runs everything.
  bool detached = true;

  /// Makes the thread that calls it give way to all others; none: nothing does.
  std::function<void()> give_way;

  /// How many requests of clients this process has served; none: jobs take no
  /// notice of clients.
  std::function<uint64_t()> served;

  /// Told of every actor that is spawned here, if set: the simulation kills
  /// them to crash a node.
  std::function<void(const caf::strong_actor_ptr&)> spawned;
};

/// Spawns an actor that does not block.
template <class F, class... Ts>
auto spawn_plain(caf::actor_system& sys, const environment& env, F f,
                 Ts&&... xs) {
  auto out = sys.spawn(f, std::forward<Ts>(xs)...);
  if (env.spawned)
    env.spawned(caf::actor_cast<caf::strong_actor_ptr>(out));
  return out;
}

/// Spawns an actor that may block on the disk.
template <class F, class... Ts>
auto spawn_blocking(caf::actor_system& sys, const environment& env, F f,
                    Ts&&... xs) {
  if (env.detached)
    return sys.spawn<caf::detached>(f, std::forward<Ts>(xs)...);
  return spawn_plain(sys, env, f, std::forward<Ts>(xs)...);
}

/// A fresh id for jobs, handles and listings: 10 characters that every client
/// accepts (letters and digits only).
std::string make_id(const environment& env);

/// 256 random bits as 64 hex digits.
std::string make_secret(const environment& env);

} // namespace ais
