#include "test/sim/history.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace ais::sim {

namespace {

using kind = operation::kind;

/// Depth-first search over the operations that may come next; remembers dead
/// ends by (which are done, value). Source: Wing & Gong, with Lowe's cache.
/// Two things need no choice: a read that fits may always come at once, and a
/// write that need not have happened is of use only right before somebody who
/// sees it.
class search {
public:
  explicit search(std::vector<operation> h) : ops_(std::move(h)) {
    std::sort(ops_.begin(), ops_.end(),
              [](auto& a, auto& b) { return a.from < b.from; });
    done_.assign(ops_.size(), false);
  }

  /// @param wanted  the next one must see the value.
  bool run(int value, bool wanted) {
    std::vector<size_t> read;
    auto ok = after_reads(value, wanted, read);
    if (!ok)
      for (auto i : read)
        done_[i] = false;
    return ok;
  }

private:
  bool after_reads(int value, bool wanted, std::vector<size_t>& read) {
    auto deadline = operation::never;
    auto must = false;
    for (auto before = SIZE_MAX; before != read.size();) {
      before = read.size();
      // All that must have happened before the earliest answer that is left.
      deadline = operation::never;
      must = false;
      for (size_t i = 0; i < ops_.size(); ++i)
        if (!done_[i]) {
          deadline = std::min(deadline, ops_[i].to);
          must = must || ops_[i].to != operation::never;
        }
      for (size_t i = 0; i < ops_.size() && ops_[i].from <= deadline; ++i)
        if (!done_[i] && ops_[i].what == kind::read && ops_[i].value == value) {
          done_[i] = true;
          read.push_back(i);
        }
    }
    if (!must)
      return true; // what has no answer need not have happened
    wanted = wanted && read.empty();
    if (!wanted && !seen_.insert({done_, value}).second)
      return false;
    for (size_t i = 0; i < ops_.size() && ops_[i].from <= deadline; ++i) {
      auto& x = ops_[i];
      auto fits = x.what == kind::write
                    ? !wanted
                    : x.what == kind::take && x.value == value;
      if (done_[i] || !fits)
        continue;
      done_[i] = true;
      if (run(x.what == kind::write ? x.value : absent,
              x.what == kind::write && x.to == operation::never))
        return true;
      done_[i] = false;
    }
    return false;
  }

  std::vector<operation> ops_;
  std::vector<bool> done_;
  std::set<std::pair<std::vector<bool>, int>> seen_;
};

} // namespace

bool linearizable(const std::vector<operation>& history) {
  return search{history}.run(absent, false);
}

std::string to_string(const std::vector<operation>& history) {
  std::string out;
  for (auto& x : history) {
    out += x.what == operation::kind::read    ? "  read "
           : x.what == operation::kind::write ? "  write "
                                              : "  take ";
    out += x.value == absent ? "nothing" : std::to_string(x.value);
    out += " from " + std::to_string(x.from / 1'000) + " us to "
           + (x.to == operation::never ? "?" : std::to_string(x.to / 1'000))
           + '\n';
  }
  return out;
}

} // namespace ais::sim
