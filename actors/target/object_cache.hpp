// What a shard remembers of its objects: attributes, the stamp of the file they
// belong to, whether its bytes were verified, and the lease that is out.
// Least recently used first out, by count; a second bound limits open leases.
#pragma once

#include "actors/target/shard.hpp"

#include <algorithm>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>

namespace ais {

struct cached_object {
  bucket_ptr bucket;
  std::string name;
  lom_ptr attrs;
  storage::file_stamp stamp;
  bool verified = false;
  lease_ptr out;             ///< the lease given to readers, if any
  int64_t atime_ns = 0;      ///< last access noted outside of leases
  int64_t disk_atime_ns = 0; ///< access time as the file has it

  /// Last access, whoever noted it.
  int64_t last_access_ns() const {
    auto noted = out ? out->atime_ns.load(std::memory_order_relaxed) : 0;
    return std::max({noted, atime_ns, disk_atime_ns});
  }
};

class object_cache {
public:
  /// `on_drop` sees each object that is thrown out for lack of room.
  object_cache(size_t max_objects, size_t max_leases,
               std::function<void(cached_object&)> on_drop);

  /// The object, moved to the young end; null if not cached.
  cached_object* find(const object_key& key);
  /// The object, created empty if needed.
  cached_object& insert(const object_key& key);
  void erase(const object_key& key) { erase(key.bucket->ref.bid, key.name); }
  void erase(uint64_t bid, std::string_view name);
  /// Gives out `l` for `x`; revokes the oldest lease beyond the bound.
  void lend(cached_object& x, lease_ptr l);
  /// Revokes the lease of `x`, if one is out, keeping its access time.
  void revoke(cached_object& x);

  size_t size() const { return index_.size(); }
  /// Visits all, oldest first.
  void for_each(const std::function<void(cached_object&)>& f);

private:
  struct key_view {
    uint64_t bid;
    std::string_view name;
    bool operator==(const key_view&) const = default;
  };
  struct key_hash {
    size_t operator()(const key_view& x) const noexcept;
  };
  struct node : cached_object {
    std::list<node*>::iterator slot; ///< in leases_, while a lease is out
  };
  using order = std::list<node>;

  static key_view key_of(const object_key& x) {
    return {x.bucket->ref.bid, x.name};
  }
  void drop(order::iterator i);

  size_t max_objects_;
  size_t max_leases_;
  std::function<void(cached_object&)> on_drop_;
  order objects_; ///< oldest first
  std::unordered_map<key_view, order::iterator, key_hash> index_;
  std::list<node*> leases_; ///< objects with a lease out, oldest first
};

} // namespace ais
