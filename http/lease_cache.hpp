// The leases one I/O thread holds, with the reply header that goes with each:
// what is needed to serve an object again without asking its shard. Least
// recently used first out.
#pragma once

#include "actors/target/shard.hpp"

#include <array>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ais::http {

struct held_lease {
  uint64_t bid = 0;
  std::string name;
  lease_ptr lease;
  /// Replies' status line and headers that do not change with time; empty until
  /// they are needed.
  std::string head;
  std::array<std::string, 2> s3_heads = {}; ///< without and with checksums
};

class lease_cache {
public:
  explicit lease_cache(size_t max) : max_(max) {}

  /// The lease of this object if it is still good, else null (and forgotten).
  held_lease* find(uint64_t bid, std::string_view name);
  void put(held_lease x);
  void clear();

private:
  struct key {
    uint64_t bid;
    std::string_view name;
    bool operator==(const key&) const = default;
  };
  struct key_hash {
    size_t operator()(const key& x) const noexcept {
      return std::hash<std::string_view>{}(x.name)
             ^ (x.bid * 0x9e37'79b9'7f4a'7c15ull);
    }
  };
  using order = std::list<held_lease>;

  size_t max_;
  order leases_; ///< oldest first
  std::unordered_map<key, order::iterator, key_hash> index_;
};

} // namespace ais::http
