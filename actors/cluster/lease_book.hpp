// The LEASE BOOK is what a primary knows of its members' beats: when each was
// heard, who may have a lease, who is to be marked silent. Part of KEEPALIVE; a
// value, all times on the clock of `environment`.
//
// A beat may be old when it is heard: a process that was stopped finds those of
// before in its mailbox. So our own lease counts from the moments that members
// *vouch* for: each beat brings back the time at which we answered the one
// before, and its sender was ours later than that.
#pragma once

#include "actors/cluster/keepalive.hpp"

#include <map>
#include <set>

namespace ais {

class lease_book {
public:
  /// Begins anew: we became primary.
  void clear(int64_t now_ns);

  /// Takes over who the members are and what they are marked as: `accepted`
  /// tells whom to expect, `committed` what is settled.
  void see(const cluster_state& accepted, const cluster_state& committed,
           int64_t now_ns);

  void heard(const std::string& id, int64_t now_ns) { heard_ns_[id] = now_ns; }

  /// The member was ours at that moment.
  void vouched(const std::string& id, int64_t at_ns);

  /// The lease for who beats [ns]; 0: none. Nobody gets one who is silent or in
  /// maintenance, or has not caught up since; none outlives our own.
  int64_t
  lease_for(const beat& x, const keepalive_times& t, int64_t now_ns) const;

  /// Renews our own lease: the majority's word.
  /// @returns until when it is.
  int64_t renew_own(const smap& map, const keepalive_times& t);
  int64_t trusted_until_ns() const { return trusted_until_ns_; }
  /// Until when we may be primary without the majority's word: at first nobody
  /// has vouched yet.
  int64_t patient_until_ns(const keepalive_times& t) const;

  struct verdict {
    std::string id;
    bool silent = false;
  };
  /// Whose mark in the map is wrong. Whoever is called silent here has no lease
  /// from then on.
  std::vector<verdict>
  judge(const smap& map, const keepalive_times& t, int64_t now_ns);

private:
  /// The latest moment since which enough members were ours to decide.
  int64_t majority_since(const smap& map) const;

  std::map<std::string, int64_t> heard_ns_; ///< last beat of each member
  std::map<std::string, int64_t> vouched_ns_;
  int64_t began_ns_ = 0;
  int64_t majority_ns_ = 0;           ///< at the last renewal
  int64_t trusted_until_ns_ = 0;      ///< by the majority
  std::map<std::string, stamp> back_; ///< what a member must show for a lease
  std::set<std::string> marked_;      ///< silent in the committed state
  std::set<std::string> away_;        ///< taken for silent, or marked: no lease
  std::set<std::string> resting_;     ///< in maintenance: no lease either
};

} // namespace ais
