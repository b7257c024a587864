// Everything the nodes of a cluster agree on, as one value: map, buckets and
// configuration under one stamp. The primary proposes successors, a majority
// makes one current (metasync); each part keeps the version its clients see.
#pragma once

#include "actors/meta/bmd.hpp"
#include "actors/meta/cluster_config.hpp"
#include "actors/meta/smap.hpp"

#include <set>

namespace ais {

/// The place of a state in the order of all: (epoch of the primary that made
/// it, number). One stamp never names two states.
struct stamp {
  uint64_t epoch = 0; ///< 0: none
  uint64_t number = 0;
  auto operator<=>(const stamp&) const = default;
};

std::string to_string(const stamp& x);

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stamp& x) {
  return f(x.epoch, x.number);
}

/// Who decides under one smap: more than half of the voters, or, where exactly
/// one proxy is electable, that proxy alone (it is the only writer there can
/// be). Any two deciding sets of one electorate share a member.
struct electorate {
  std::vector<std::string> voters; ///< ids, sorted: active and not silent
  std::string sole;                ///< the only electable proxy, or empty
  bool decided_by(const std::set<std::string>& ids) const;
  bool operator==(const electorate&) const = default;
};

electorate electorate_of(const smap& x);

/// A value, never changed once it was shown.
struct cluster_state {
  stamp at;
  smap_ptr map = std::make_shared<const smap>();
  bmd_ptr buckets = std::make_shared<const bmd>();
  cluster_config_ptr config = std::make_shared<const cluster_config>();
  /// What only the cluster's nodes know (64 hex digits): proves to one of them
  /// that another one sent something. The first primary makes it.
  std::string secret;
  /// Access keys of the S3 API, as JSON; empty: none. Secrets are in it.
  std::string access_keys;
  /// Who, beside the electorate of `map`, must accept this state: that of the
  /// state it follows, and of those before that were not known to be committed.
  /// So old and new electorates cannot decide differently.
  std::vector<electorate> before;

  const std::string& uuid() const { return map->uuid; }
  bool decided_by(const std::set<std::string>& ids) const;
};

using cluster_state_ptr = std::shared_ptr<const cluster_state>;

/// The successor of `x` in `epoch`, equal but for stamp and `before`.
/// @param committed  whether `x` is known to be committed.
cluster_state successor(const cluster_state& x, uint64_t epoch, bool committed);

std::string to_json(const cluster_state& x);
/// @returns errc::integrity.
expected<cluster_state_ptr> parse_cluster_state(std::string_view text);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::cluster_state_ptr)
