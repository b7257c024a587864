#include "http/lease_cache.hpp"

namespace ais::http {

held_lease* lease_cache::find(uint64_t bid, std::string_view name) {
  auto i = index_.find(key{bid, name});
  if (i == index_.end())
    return nullptr;
  auto& held = *i->second;
  auto good = !held.lease->over();
  if (good) {
    // Somebody may have changed the file behind our back.
    auto now = held.lease->object->content->stat();
    good = now && now->stamp == held.lease->object->stamp;
  }
  if (!good) {
    auto node = i->second;
    index_.erase(i);
    leases_.erase(node);
    return nullptr;
  }
  leases_.splice(leases_.end(), leases_, i->second);
  return &held;
}

void lease_cache::put(held_lease x) {
  if (auto i = index_.find(key{x.bid, x.name}); i != index_.end()) {
    auto node = i->second;
    index_.erase(i);
    leases_.erase(node);
  }
  while (leases_.size() >= max_) {
    index_.erase(key{leases_.front().bid, leases_.front().name});
    leases_.pop_front();
  }
  leases_.push_back(std::move(x));
  auto node = std::prev(leases_.end());
  index_.emplace(key{node->bid, node->name}, node);
}

void lease_cache::clear() {
  index_.clear();
  leases_.clear();
}

} // namespace ais::http
