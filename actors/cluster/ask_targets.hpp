// Asks all targets of a map the same thing, and goes on with all answers.
#pragma once

#include "actors/base/ask.hpp"
#include "actors/cluster/gate.hpp"

#include <memory>
#include <vector>

namespace ais {

template <class Answer>
struct target_answers {
  std::vector<Answer> all;
  error first; ///< that failed; none: `all` has one of each
};

/// Calls `end` when each has answered or failed; one that is not connected has
/// failed (errc::not_ready).
template <class Answer, class Self, class Message, class F>
void ask_targets(Self* self, const smap& map, const peer_set& peers,
                 caf::timespan timeout, const Message& what, F end) {
  struct round : target_answers<Answer> {
    size_t left = 1;
  };
  auto it = std::make_shared<round>();
  auto one_less = [it, end = std::move(end)] {
    if (--it->left == 0)
      end(static_cast<const target_answers<Answer>&>(*it));
  };
  auto failed = [it, one_less](const error& e) {
    if (!it->first)
      it->first = e;
    one_less();
  };
  it->left += map.targets.size();
  for (auto& [id, node] : map.targets) {
    auto gate = peers.gates.find(id);
    if (gate == peers.gates.end())
      failed(fail(errc::not_ready, id + " does not answer"));
    else
      ask<Answer>(
        self, gate->second, timeout, what,
        [it, one_less](Answer& x) {
          it->all.push_back(std::move(x));
          one_less();
        },
        failed);
  }
  one_less();
}

} // namespace ais
