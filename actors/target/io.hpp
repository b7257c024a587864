// An IO actor moves bytes where that may block for long: it proves large
// objects piece by piece while somebody sends them, brings cold pieces into
// memory, copies content, and closes files. Each mountpath has a few, on
// threads of their own, so that a shard never waits behind a large object; some
// are there for jobs, and give way to those that clients wait for.
#pragma once

#include "actors/target/shard.hpp"

namespace ais {

inline constexpr uint64_t io_piece_bytes = 1 << 20; ///< per message

// -- messages (in-process)
// --------------------------------------------------------

/// The running proof of one object by one reader.
struct proof {
  explicit proof(lease_ptr l)
    : subject(std::move(l)), hash(subject->object->attrs.cksum.type) {}
  lease_ptr subject;
  storage::hasher hash;
  uint64_t offset = 0; ///< hashed so far [bytes]
};
using proof_ptr = std::shared_ptr<proof>;

/// Reads and hashes the next piece; the answer is how far the proof has come.
/// The reader may send these bytes; the last piece only after the answer that
/// ends the proof.
struct prove_next {
  proof_ptr what;
};

/// Reads a range, so that sending it will not block.
struct warm_up {
  lease_ptr what;
  uint64_t offset = 0; ///< [bytes]
  uint64_t length = 0; ///< [bytes]
};

/// Appends all of `from` to `to`, verifying `from` on the way.
struct copy_content {
  lease_ptr from;
  storage::writer_ptr to;
};

// -- interface
// --------------------------------------------------------------------

/// The IO actor interface.
using io_actor = caf::typed_actor<
  // Returns the offset proven so far; errc::corrupted at the end if the
  // checksum differs (or early, if the file is too short), errc::io_error.
  caf::replies_to<prove_next>::with<uint64_t>,
  caf::replies_to<warm_up>::with<ack>,
  // errc::corrupted when the source is; `to` is then useless.
  caf::replies_to<copy_content>::with<ack>, caf::reacts_to<close_object>>;

/// For whom it works.
enum class io_for : uint8_t { clients, jobs };

/// Spawns an IO actor.
io_actor spawn_io(caf::actor_system& sys, const environment& env, io_for whom);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::prove_next)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::warm_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::copy_content)
