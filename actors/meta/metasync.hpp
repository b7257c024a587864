// METASYNC keeps the cluster state equal on all nodes: it votes for a primary,
// accepts what the primary proposes, and on the primary proposes itself.
//
// The protocol is a majority vote over whole states (see actors/README.md):
// 1. An epoch belongs to at most one primary: a node promises an epoch once, on
//    disk, before it says so, and never obeys a smaller one again.
// 2. A candidate needs the votes of its state's electorates, and nobody votes
//    for one whose state is older than the voter's own: the winner has every
//    state that was ever committed. A candidate that is behind gets the newer
//    state with the refusal: perhaps it is the only one that can still run.
// 3. A proposal is on the disk of whoever accepts it before it says so, and is
//    committed when the electorates before and after it have accepted it. Only
//    then is it shown to anybody.
//
// **Limits**: max_proposals waiting; one in flight.
#pragma once

#include "actors/base/board.hpp"
#include "actors/base/environment.hpp"
#include "actors/meta/cluster_state.hpp"
#include "actors/meta/vault.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace ais {

inline constexpr size_t max_proposals = 256;
/// A request to a peer is given up after this.
inline constexpr std::chrono::milliseconds sync_timeout{2000};
/// Peers that could not be reached are tried again this often.
inline constexpr std::chrono::milliseconds sync_retry{500};
/// How long a caller waits, after the commit, for the nodes that answer to show
/// it, too.
inline constexpr std::chrono::milliseconds show_wait{1000};
/// A proxy that is to become primary has this long for it.
inline constexpr std::chrono::milliseconds hand_over_timeout{8000};

// -- messages between nodes
// --------------------------------------------------------

/// Asks for a node's promise to follow `candidate` in `epoch`.
struct vote_request {
  std::string cluster; ///< uuid
  std::string candidate;
  uint64_t epoch = 0;
  stamp has;            ///< the newest state the candidate accepted
  bool probe = false;   ///< only whether it would
  uint64_t consent = 0; ///< the primary of that epoch wants it so
};

struct vote {
  bool granted = false;
  uint64_t promised = 0;          ///< the voter's
  std::vector<std::string> seats; ///< ids the vote counts for
  std::string reason;             ///< of a refusal
  std::string newer; ///< the voter's state, if the candidate's is older
};

/// Hands over a state. Parts equal to those of `base` are empty.
struct state_update {
  std::string cluster;
  uint64_t epoch = 0; ///< of the sender, the primary
  stamp base;         ///< {0,0}: all parts are there
  stamp at;
  stamp committed; ///< newest the primary knows of
  std::vector<electorate> before;
  std::string map;
  std::string buckets;
  std::string config;
  std::string secret;      ///< always there
  std::string access_keys; ///< the same
};

/// Says which state is committed.
struct commit_notice {
  std::string cluster;
  uint64_t epoch = 0;
  stamp committed;
};

/// The primary of `epoch` asks a proxy to run for primary in its place.
struct take_over {
  std::string cluster;
  uint64_t epoch = 0;
  std::string candidate;
};

/// Answers an update and a notice.
struct sync_answer {
  uint64_t promised = 0;
  stamp has;   ///< accepted, on disk
  stamp shown; ///< committed, as far as this node knows
  std::vector<std::string> seats;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, electorate& x) {
  return f(x.voters, x.sole);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, vote_request& x) {
  return f(x.cluster, x.candidate, x.epoch, x.has, x.probe, x.consent);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, take_over& x) {
  return f(x.cluster, x.epoch, x.candidate);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, vote& x) {
  return f(x.granted, x.promised, x.seats, x.reason, x.newer);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, state_update& x) {
  return f(x.cluster, x.epoch, x.base, x.at, x.committed, x.before, x.map,
           x.buckets, x.config, x.secret, x.access_keys);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, commit_notice& x) {
  return f(x.cluster, x.epoch, x.committed);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, sync_answer& x) {
  return f(x.promised, x.has, x.shown, x.seats);
}

// -- messages (in-process)
// --------------------------------------------------------

/// Proposes the successor of the committed state: `change` gets a copy of it
/// and alters parts, or fails.
struct propose {
  std::function<expected<void>(cluster_state&)> change;
};

/// Runs for primary.
struct campaign {
  std::string candidate; ///< one of our seats, a proxy
  uint64_t consent = 0;  ///< the primary of that epoch gives it up for us
};

/// Is what we show still the newest that is committed? Asked before a caller is
/// told that something is not there.
struct confirm {};

/// Makes another proxy primary in our place.
struct hand_over {
  std::string to;
};

/// News of the primary, from keepalive.
struct primary_heard {
  uint64_t epoch = 0;
  bool lost = false; ///< its process is gone, or silent for too long
};

/// On the primary: what a member says it shows, and has promised, from
/// keepalive. Who has promised a later epoch obeys us no more, until there is a
/// primary of one that is later still.
struct member_shows {
  std::string id;
  stamp shown;
  uint64_t promised = 0;
};

/// What this node knows; shown on a board.
struct sync_view {
  /// Committed. Of this everything is said and done.
  cluster_state_ptr state = std::make_shared<const cluster_state>();
  /// The newest on our disk, perhaps not committed: tells whom to talk to.
  cluster_state_ptr accepted = std::make_shared<const cluster_state>();
  uint64_t promised = 0; ///< the highest epoch we obey
  /// We are primary of `promised`, and our own first state is committed.
  bool primary = false;
  bool member = false; ///< a state with us in it was committed
};

// -- interface
// --------------------------------------------------------------------

/// The METASYNC actor interface.
using metasync_actor = caf::typed_actor<
  // Never grants twice in an epoch. errc::integrity: another cluster.
  caf::replies_to<vote_request>::with<vote>,
  // Returns what is on this node's disk now; errc::integrity, io_error.
  caf::replies_to<state_update>::with<sync_answer>,
  caf::replies_to<commit_notice>::with<sync_answer>,
  // Returns the committed state; errc::not_ready when we are not primary or
  // stopped being so meanwhile (the change may yet come to be),
  // too_many_requests, and what `change` fails with.
  caf::replies_to<propose>::with<cluster_state_ptr>,
  // Returns when elected and the first state of the epoch is committed;
  // errc::conflict when not.
  caf::replies_to<campaign>::with<ack>,
  // Returns when a majority still obeys us; errc::not_ready when not.
  caf::replies_to<confirm>::with<ack>,
  // Returns when the other is primary and this node shows it; errc::not_ready
  // when we are not, conflict when it did not succeed.
  caf::replies_to<hand_over>::with<ack>,
  // Returns when elected; errc::conflict, integrity.
  caf::replies_to<take_over>::with<ack>, //
  caf::reacts_to<primary_heard>, caf::reacts_to<member_shows>,
  // Shows what it has, for the first time.
  caf::reacts_to<atom::start>,
  // Steps down: the majority is gone.
  caf::reacts_to<atom::stop>>;

struct peer_set; // actors/cluster/gate.hpp

struct metasync_config {
  environment env;
  std::vector<std::string> seats; ///< ids of this process
  vault_actor vault;
  cluster_state_ptr accepted; ///< what the vault had, or a first state
  uint64_t promised = 0;      ///< what the vault had
  std::shared_ptr<board<peer_set>> peers;
  /// Called for every state that this node shows, on the actor's thread.
  std::function<void(const sync_view&)> show;
};

/// Spawns the METASYNC.
metasync_actor
spawn_metasync(caf::actor_system& sys, const metasync_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::propose)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::campaign)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::confirm)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::hand_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::primary_heard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::member_shows)
