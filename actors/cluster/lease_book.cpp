#include "actors/cluster/lease_book.hpp"

#include "storage/base/mutant.hpp"

#include <algorithm>

namespace ais {

namespace {

constexpr auto never_ns = INT64_MIN / 2;

} // namespace

void lease_book::clear(int64_t now_ns) {
  heard_ns_.clear();
  vouched_ns_.clear();
  began_ns_ = now_ns;
  majority_ns_ = trusted_until_ns_ = 0;
  back_.clear();
  marked_.clear();
  away_.clear();
  resting_.clear();
}

void lease_book::see(const cluster_state& accepted,
                     const cluster_state& committed, int64_t now_ns) {
  // Whoever is new to us has a lease's time to be heard, and takes nothing from
  // the majority's word. Who is silent in the map must be heard first.
  for (auto* nodes : {&accepted.map->proxies, &accepted.map->targets})
    for (auto& [id, node] : *nodes) {
      auto silent = (node.flags & snode_silent) != 0;
      heard_ns_.emplace(id, silent ? never_ns : now_ns);
      vouched_ns_.emplace(id, majority_ns_);
    }
  for (auto* nodes : {&committed.map->proxies, &committed.map->targets}) {
    for (auto& [id, node] : *nodes) {
      if ((node.flags & snode_silent) != 0) {
        marked_.insert(id);
        away_.insert(id);
      } else if (marked_.erase(id) > 0 || !back_.count(id)) {
        away_.erase(id);
        back_[id] = committed.at;
      }
      if (!active(node))
        resting_.insert(id);
      else if (resting_.erase(id) > 0)
        back_[id] = committed.at;
    }
  }
}

void lease_book::vouched(const std::string& id, int64_t at_ns) {
  auto& last = vouched_ns_[id];
  last = std::max(last, at_ns);
}

int64_t lease_book::patient_until_ns(const keepalive_times& t) const {
  return std::max(trusted_until_ns_, began_ns_ + t.lease.count());
}

int64_t lease_book::lease_for(const beat& x, const keepalive_times& t,
                              int64_t now_ns) const {
  for (auto& id : x.seats) {
    auto least = back_.find(id);
    auto fit = !away_.count(id) && !resting_.count(id)
               && (least == back_.end() || x.shown >= least->second);
    if (!fit && !AIS_MUTANT("lease-while-silent"))
      return 0;
  }
  return std::min(t.lease.count(),
                  std::max<int64_t>(trusted_until_ns_ - now_ns, 0));
}

int64_t lease_book::renew_own(const smap& map, const keepalive_times& t) {
  // Nobody else could ever decide anything. A primary that decides alone, but
  // has company, must renew its own word: the next map may share the decision.
  auto alone = map.proxies.size() == 1 && map.targets.size() <= 1
               && map.proxies.count(map.primary) > 0;
  majority_ns_ = majority_since(map);
  trusted_until_ns_ = alone ? fence::always : majority_ns_ + t.lease.count();
  return trusted_until_ns_;
}

std::vector<lease_book::verdict>
lease_book::judge(const smap& map, const keepalive_times& t, int64_t now_ns) {
  // Their leases ran from before we heard them; an eighth for clocks that run
  // apart.
  auto patience = t.lease.count() + t.lease.count() / 8;
  std::vector<verdict> out;
  for (auto* nodes : {&map.proxies, &map.targets}) {
    for (auto& [id, node] : *nodes) {
      // Once taken for silent, it must be so in the map, and come back there.
      auto silent = now_ns - heard_ns_[id] > patience
                    || (away_.count(id) > 0 && !marked_.count(id));
      if (silent)
        away_.insert(id);
      if (silent != ((node.flags & snode_silent) != 0))
        out.push_back({id, silent});
    }
  }
  return out;
}

int64_t lease_book::majority_since(const smap& map) const {
  std::vector<std::pair<int64_t, std::string>> order;
  for (auto& [id, at] : vouched_ns_)
    order.emplace_back(at, id);
  std::sort(order.rbegin(), order.rend());
  auto who = electorate_of(map);
  std::set<std::string> ids;
  for (auto& [at, id] : order) {
    ids.insert(id);
    if (who.decided_by(ids))
      return at;
  }
  return 0;
}

} // namespace ais
