#include "test/sim/history.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace ais::sim {

namespace {

/// Depth-first search over the operations that may come next; remembers dead
/// ends by (which are done, value). Source: Wing & Gong, with Lowe's cache.
class search {
public:
  explicit search(std::vector<operation> h) : ops_(std::move(h)) {
    std::sort(ops_.begin(), ops_.end(),
              [](auto& a, auto& b) { return a.from < b.from; });
    done_.assign(ops_.size(), false);
  }

  bool run(int value) {
    // All that must have happened before the earliest answer that is left.
    auto deadline = operation::never;
    auto must = false;
    for (size_t i = 0; i < ops_.size(); ++i)
      if (!done_[i]) {
        deadline = std::min(deadline, ops_[i].to);
        must = must || ops_[i].to != operation::never;
      }
    if (!must)
      return true; // what has no answer need not have happened
    if (!seen_.insert({done_, value}).second)
      return false;
    for (size_t i = 0; i < ops_.size() && ops_[i].from <= deadline; ++i) {
      auto& x = ops_[i];
      if (done_[i] || (x.what == operation::kind::read && x.value != value))
        continue;
      done_[i] = true;
      if (run(x.what == operation::kind::write ? x.value : value))
        return true;
      done_[i] = false;
    }
    return false;
  }

private:
  std::vector<operation> ops_;
  std::vector<bool> done_;
  std::set<std::pair<std::vector<bool>, int>> seen_;
};

} // namespace

bool linearizable(const std::vector<operation>& history) {
  return search{history}.run(absent);
}

std::string to_string(const std::vector<operation>& history) {
  std::string out;
  for (auto& x : history) {
    out += x.what == operation::kind::read ? "  read " : "  write ";
    out += x.value == absent ? "nothing" : std::to_string(x.value);
    out += " from " + std::to_string(x.from / 1'000) + " us to "
           + (x.to == operation::never ? "?" : std::to_string(x.to / 1'000))
           + '\n';
  }
  return out;
}

} // namespace ais::sim
