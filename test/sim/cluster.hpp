// A whole cluster in a world: the shipped node actors on memory disks and the
// simulated network. Nodes start, die (with or without what they had not
// synced), pause and come back on their disks.
#pragma once

#include "actors/node/node.hpp"
#include "storage/memory_disk.hpp"
#include "test/sim/process_disk.hpp"
#include "test/sim/world.hpp"

#include <caf/event_based_actor.hpp>

#include <optional>

namespace ais::sim {

struct member_options {
  bool proxy = true;
  bool target = false;
  size_t mountpaths = 2;
  bool electable = true;
};

class cluster {
public:
  explicit cluster(uint64_t seed) : w(seed) {}
  ~cluster();

  /// Adds a node and starts it; the first starts a cluster, others join it.
  node_t add(const member_options& how);
  uint64_t served = 0; ///< requests of clients, as nodes see it
  void start(node_t id);
  /// kill -9; with `power`, what was not synced is lost, too.
  void kill(node_t id, bool power = false);
  /// Stops it as SIGTERM does.
  void stop(node_t id);

  size_t size() const { return members_.size(); }
  /// Its start has ended well, and it runs.
  bool active(node_t id) const;
  /// What it failed to start with, if it did.
  std::optional<error> failure(node_t id) const;
  const node_boards& boards(node_t id) const { return *members_[id]->boards; }
  const node_handles& handles(node_t id) const { return members_[id]->handles; }
  const sync_view& view(node_t id) const {
    return *members_[id]->boards->sync->read();
  }
  const member_options& options(node_t id) const { return members_[id]->how; }
  /// From its next start on.
  void set_electable(node_t id, bool x) { members_[id]->how.electable = x; }
  storage::memory_disk& disk(node_t id) { return members_[id]->disk; }
  net_info address(node_t id) const;
  net_info data_address(node_t id) const;

  /// The active node that is primary, if exactly one thinks so.
  std::optional<node_t> primary() const;
  /// All nodes that run are active and show the same state, in which the
  /// primary is one of them, nobody silent.
  bool healthy() const;

  /// Sends `req` to an actor of node `id` from within its process, as its edge
  /// does; `f` gets the answer, or an error when the process dies first.
  template <class R, class Handle, class Message>
  void ask(node_t id, const Handle& to, Message req,
           std::function<void(expected<R>)> f,
           std::chrono::seconds timeout = std::chrono::seconds{60});

  /// The same, running until the answer is there.
  template <class R, class Handle, class Message>
  expected<R> ask_now(node_t id, const Handle& to, Message req) {
    std::optional<expected<R>> out;
    ask<R>(id, to, std::move(req), [&](expected<R> x) { out = std::move(x); });
    w.run_until(std::chrono::minutes{2}, [&] { return out.has_value(); });
    if (!out)
      return fail(errc::timed_out, "no answer");
    return *out;
  }

private:
  struct member {
    member_options how;
    storage::memory_disk disk;
    std::shared_ptr<process_disk> process; ///< of the current process
    std::shared_ptr<node_boards> boards;
    node_actor node;
    node_handles handles;
    bool started = false;
    std::optional<error> failed;
    /// Questions under way: failed when the process dies.
    std::map<uint64_t, std::function<void()>> open;
  };

  environment environment_of(node_t id);

  std::vector<std::unique_ptr<member>> members_;
  std::vector<std::shared_ptr<process_disk>>
    dead_; ///< zombies may look at them
  uint64_t next_question_ = 0;

public:
  /// Last: what its end leaves of the actors may look at their disks.
  world w;
};

template <class R, class Handle, class Message>
void cluster::ask(node_t id, const Handle& to, Message req,
                  std::function<void(expected<R>)> f,
                  std::chrono::seconds timeout) {
  auto& m = *members_[id];
  if (!w.up(id) || !to) {
    f(fail(errc::not_ready, "the process does not run"));
    return;
  }
  auto number = ++next_question_;
  auto once = [this, id, number, f](expected<R> x) {
    if (members_[id]->open.erase(number))
      f(std::move(x));
  };
  m.open[number] = [f] {
    f(fail(errc::timed_out, "the process was killed"));
  };
  auto asker = w.sys.spawn(
    // With an argument: CAF 0.17 spawns without any through a null reference.
    [to, once, timeout](caf::event_based_actor* self, const Message& what) {
      self->request(to, timeout, what)
        .then([once](R& x) { once(std::move(x)); },
              [once](error& e) { once(std::move(e)); });
    },
    std::move(req));
  w.own(id, caf::actor_cast<caf::strong_actor_ptr>(asker));
}

} // namespace ais::sim
