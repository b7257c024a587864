#include "test/sim/mutants.hpp"

#include <array>

namespace ais::sim {

namespace {

constexpr auto table = std::to_array<mutant_info>({
  // Votes
  {"promise-unsaved", "a promise is on disk before it is given"},
  {"vote-twice", "one vote per epoch"},
  {"vote-for-older", "no vote for a candidate whose state is older"},
  // States
  {"state-unsaved", "a state is on disk before it is accepted"},
  {"old-epoch-obeyed", "a promise: no state of an older epoch is accepted"},
  {"commit-early", "the majority decides, not the primary alone"},
  {"before-ignored", "the electorates before a change decide, too"},
  {"shown-when-accepted", "only committed states are shown"},
  {"shown-when-any-is", "the state committed must be the state at hand"},
  {"delta-on-wrong-base", "a delta goes on the state it was made from"},
  {"sync-not-retried", "the primary asks again who did not answer"},
  // Metadata on disk
  {"meta-no-sync", "metadata: the file is synced before the rename"},
  {"meta-no-dir-sync", "metadata: the directory is synced after it"},
  {"meta-one-copy", "metadata: two copies"},
  {"meta-unchecked", "metadata: damage is noticed by the checksum"},
  // Changes
  {"bid-twice", "a bucket id is given once"},
  {"change-twice", "a forwarded change happens once"},
  {"carry-out-unwaited", "targets know a bucket before its creator does"},
  // Objects
  {"fence-ignored", "no data without a lease from the primary"},
  {"lease-while-silent", "a silent node gets no lease before it caught up"},
  {"put-no-sync", "PUT: the file is synced before the answer"},
  {"put-no-dir-sync", "PUT: the directory is synced before the answer"},
  {"put-error-hidden", "PUT: a failed commit is not acknowledged"},
  {"delete-no-sync", "DELETE: the directory is synced before the answer"},
  {"lease-kept", "leases are revoked before a write is acknowledged"},
  {"stream-unchecked", "what arrives has the checksum its sender told"},
  {"source-goes-first", "rename: the source goes last"},
  {"deleted-blindly", "rename: the source goes only if it is what was copied"},
  {"neighbours-unasked", "a new owner asks all others before it serves"},
  {"given-unsent", "a source goes after its owner has it"},
  {"walk-failures-ignored", "moves end when all is where it belongs"},
  {"written-anywhere", "only the owner changes an object"},
  {"mountpaths-unasked", "other mountpaths are asked before one serves"},
  {"misplaced-passed-over", "a resilver brings all objects to their places"},
  {"left-behind-denied", "what a disabled mountpath may have is not denied"},
  {"copies-kept", "copies go before their object changes"},
  {"copies-come-back", "a mountpath that was out brings no copies back"},
  {"renamed-over", "a renamed bucket brings no object over a later one"},
  {"replaced-not-kept", "what is replaced or deleted becomes a former version"},
  {"corrupt-served", "what is served has the stored checksum"},
  {"bucket-no-sync", "a bucket's directories are synced"},
  {"incarnations-mixed", "objects of a destroyed bucket stay gone"},
});

} // namespace

std::span<const mutant_info> all_mutants() {
  return table;
}

} // namespace ais::sim
