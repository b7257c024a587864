// Many nodes in one process: one actor system on CAF's test scheduler, one
// thread, virtual time, a network in memory, one seed. Every node is a set of
// ordinary actors; what a node holds of another are proxies, whose messages
// pass through the network: serialised, delayed, lost, doubled, reordered, cut.
//
// One seed determines everything; `trace_hash` tells two runs apart.
#pragma once

#include "actors/base/type_ids.hpp"
#include "actors/meta/smap.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/monitorable_actor.hpp>

#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace ais::sim {

using node_t = size_t;
using nanos = std::chrono::nanoseconds;

class world {
public:
  explicit world(uint64_t seed);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  // -- time

  nanos now() const;
  void at(nanos delay, std::function<void()> f);
  /// Lets time pass.
  void run_for(nanos d);
  /// Lets time pass until `done`, at most `d`; returns whether it is.
  bool run_until(nanos d, const std::function<bool()>& done);

  // -- chance

  uint64_t random() { return rng_(); }
  bool chance(double p);
  /// Uniform over [lo, hi].
  int64_t pick(int64_t lo, int64_t hi);
  nanos pick_ms(int64_t lo, int64_t hi);

  // -- processes

  /// Starts a process of node `id`; the one before must be dead.
  void boot(node_t id);
  /// Kills it: nothing gets out any more; who was connected notices.
  void kill(node_t id);
  /// SIGSTOP and SIGCONT: its actors do not run, messages to it wait.
  void pause(node_t id, bool stop);
  bool up(node_t id) const;
  bool paused(node_t id) const { return paused_.count(id) > 0; }
  /// Counts an actor to the current process of a node.
  void own(node_t id, const caf::strong_actor_ptr& x);
  /// What connect() finds at an address, until the process ends.
  void publish(node_t id, const net_info& at, const caf::strong_actor_ptr& x);
  /// Null while nobody answers there.
  caf::strong_actor_ptr connect(node_t viewer, const net_info& at);

  // -- network

  struct network {
    nanos min_delay = std::chrono::microseconds{50};
    nanos max_delay = std::chrono::milliseconds{2};
    double drop = 0;      ///< per message
    double duplicate = 0; ///< per message; responses are taken once anyway
    double corrupt = 0;   ///< per piece of a stream: one bit
    bool reorder = false; ///< else in order per pair of nodes, as TCP
  } net;

  void cut(node_t from, node_t to) { cuts_.insert({from, to}); }
  void cut_both(node_t a, node_t b) {
    cut(a, b);
    cut(b, a);
  }
  void heal();
  /// Breaks the connections between two nodes that both live on: each notices,
  /// and may connect again.
  void sever(node_t a, node_t b);
  bool blocked(node_t from, node_t to) const {
    return cuts_.count({from, to}) > 0;
  }

  /// If set, sees each message that a node sends, before it is on its way.
  std::function<void(node_t from, node_t to, const caf::message&)> on_send;

  // -- trace

  void trace(const std::string& line);
  uint64_t trace_hash = 0xcbf29ce484222325;
  std::function<void(const std::string&)> on_trace; ///< if set, sees each line
  size_t sent = 0;
  size_t dropped = 0;

  config cfg;
  caf::actor_system sys{cfg};
  caf::scheduler::test_coordinator& sched;

private:
  class proxy;
  struct process {
    bool up = false;
    uint32_t incarnation = 0;
    std::vector<caf::weak_actor_ptr> actors;
  };
  struct door {
    node_t node;
    caf::strong_actor_ptr actor;
  };

  void transmit(proxy& via, caf::mailbox_element_ptr what);
  void deliver_later(proxy& via, const std::vector<char>& content,
                     const caf::strong_actor_ptr& sender, caf::message_id mid);
  caf::strong_actor_ptr
  proxy_of(node_t viewer, node_t owner, const caf::strong_actor_ptr& target);
  template <class F>
  void disconnect(const caf::strong_actor_ptr& x, F fits);
  void drain();
  node_t node_of(const caf::resumable* job) const;

  std::mt19937_64 rng_;
  caf::actor_clock::time_point start_;
  bool closing_ = false;
  std::map<node_t, process> processes_;
  std::map<caf::actor_id, node_t> owners_;
  std::map<std::string, door> doors_; ///< by address
  std::map<std::tuple<node_t, uint32_t, caf::actor_id>, caf::strong_actor_ptr>
    proxies_;
  std::multimap<nanos, std::function<void()>> events_;
  std::map<std::pair<node_t, node_t>, nanos> last_; ///< delivery, for order
  std::set<std::pair<node_t, node_t>> cuts_;
  std::set<node_t> paused_;
  std::map<node_t, std::vector<std::function<void()>>> held_; ///< while paused
};

} // namespace ais::sim
