// The NEMESIS strikes a simulated cluster: at random times (strike) and, which
// finds more, at the moments when the protocol is vulnerable (it watches the
// messages). All that it does ends by itself, or with `relent`.
#pragma once

#include "test/sim/cluster.hpp"

#include <map>
#include <set>
#include <string>

namespace ais::sim {

class nemesis {
public:
  explicit nemesis(cluster& c) : c_(c), w_(c.w) {}

  /// From now on: random delays, strikes at chosen messages.
  void begin();
  /// One fault of a random kind.
  void strike();
  /// No more faults; everybody runs, every disk works, all connections do.
  void relent();

  /// Told before a process is killed.
  std::function<void(node_t)> on_kill;
  std::map<std::string, size_t> counts; ///< by kind

private:
  node_t any_node();
  void crash(node_t id, bool power, nanos later);
  void pause(node_t id, nanos later);
  void cut(node_t a, node_t b, bool both, nanos later);
  void sever(node_t id);
  void isolate(const std::set<node_t>& side, nanos later);
  void sicken(node_t id, nanos later);
  void damage(node_t id);
  void watch(node_t from, node_t to, const caf::message& what);
  enum class moment { vote, join, other };
  void strike_at(node_t from, node_t to, moment what);
  nanos soon();

  cluster& c_;
  world& w_;
  bool active_ = false;
  double vote_odds_ = 0;   ///< of a strike at a vote that is given
  double join_odds_ = 0;   ///< ... at a node that is asked to join
  double state_odds_ = 0;  ///< ... about states
  double change_odds_ = 0; ///< ... that forwards a change, or answers one
  double stream_odds_ = 0; ///< ... at a piece of a stream
  double flip_odds_ = 0;   ///< that a restart changes who is electable
  bool forget_ = false;    ///< voters die after the vote; else candidates wait
  int64_t aimed_left_ = 0; ///< so many more
  /// (voter, candidate): the last request was for a vote, not a probe.
  std::map<std::pair<node_t, node_t>, bool> asked_;
  std::map<node_t, size_t> weak_copy_; ///< of the metadata: 1 or 2
};

} // namespace ais::sim
