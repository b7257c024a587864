#include "actors/target/object_cache.hpp"

namespace ais {

object_cache::object_cache(size_t max_objects, size_t max_leases,
                           std::function<void(cached_object&)> on_drop)
  : max_objects_(max_objects), max_leases_(max_leases),
    on_drop_(std::move(on_drop)) {}

cached_object* object_cache::find(const object_key& key) {
  auto i = index_.find(key_of(key));
  if (i == index_.end())
    return nullptr;
  objects_.splice(objects_.end(), objects_, i->second);
  return &*i->second;
}

cached_object& object_cache::insert(const object_key& key) {
  if (auto* known = find(key))
    return *known;
  while (objects_.size() >= max_objects_) {
    on_drop_(objects_.front());
    drop(objects_.begin());
  }
  auto& x = objects_.emplace_back();
  x.bucket = key.bucket;
  x.name = key.name;
  index_.emplace(key_view{key.bucket->ref.bid, x.name},
                 std::prev(objects_.end()));
  return x;
}

void object_cache::erase(uint64_t bid, std::string_view name) {
  auto i = index_.find(key_view{bid, name});
  if (i != index_.end())
    drop(i->second);
}

void object_cache::lend(cached_object& x, lease_ptr l) {
  revoke(x);
  while (leases_.size() >= max_leases_)
    revoke(*leases_.front());
  x.out = std::move(l);
  auto& n = static_cast<node&>(x); // all objects here are nodes
  n.slot = leases_.insert(leases_.end(), &n);
}

void object_cache::revoke(cached_object& x) {
  if (!x.out)
    return;
  x.out->revoked.store(true, std::memory_order_release);
  x.atime_ns = x.last_access_ns();
  x.out.reset();
  leases_.erase(static_cast<node&>(x).slot);
}

void object_cache::for_each(const std::function<void(cached_object&)>& f) {
  for (auto& x : objects_)
    f(x);
}

size_t object_cache::key_hash::operator()(const key_view& x) const noexcept {
  return std::hash<std::string_view>{}(x.name)
         ^ (x.bid * 0x9e37'79b9'7f4a'7c15ull);
}

void object_cache::drop(order::iterator i) {
  revoke(*i);
  index_.erase(key_view{i->bucket->ref.bid, i->name});
  objects_.erase(i);
}

} // namespace ais
