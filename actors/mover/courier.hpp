// The COURIER takes bytes between the movers of two nodes, on the data network:
// TCP in a process, the simulated network in tests. It knows frames, deadlines
// and how many bytes to expect; what they mean is the MOVER's.
#pragma once

#include "actors/base/environment.hpp"
#include "actors/meta/smap.hpp"
#include "actors/target/shard.hpp"

namespace ais {

inline constexpr size_t stream_block_bytes = 256 << 10; ///< in memory at once
/// A stream has this long, plus its bytes / stream_min_rate.
inline constexpr std::chrono::seconds stream_grace{20};
inline constexpr uint64_t stream_min_rate = 64 << 10; ///< [bytes/s]

/// The end of a stream whose source is not valid any more.
inline error source_changed() {
  return fail(errc::not_ready, "the object changed while it was sent");
}

/// What a stream of that many bytes may take on the wire, in all.
inline std::chrono::seconds stream_time(uint64_t bytes) {
  return stream_grace
         + std::chrono::seconds{static_cast<int64_t>(bytes / stream_min_rate)};
}

// -- messages (in-process)
// --------------------------------------------------------

/// Takes one object to the mover at a data address.
struct carry {
  net_info to;
  storage::bytes offer; ///< payload of the frame
  std::shared_ptr<storage::object_reader> content;
  /// Set: the stream may end well only while this is not revoked. Whoever
  /// deletes the source can then be sure that it does not come back.
  lease_ptr valid = nullptr;
};

struct carried {
  storage::bytes receipt; ///< payload of the frame
};

/// A stream that comes in: what its sender says of it.
struct offered_stream {
  storage::bytes offer;
};

/// The answer: a writer for `size` bytes, or a receipt that refuses.
struct admitted_stream {
  uint64_t ticket = 0;
  uint64_t size = 0; ///< [bytes]
  storage::writer_ptr writer;
  storage::bytes receipt; ///< without a writer
};

/// Gives the writer back: filled and its end seen, or given up.
struct ended_stream {
  uint64_t ticket = 0;
  storage::writer_ptr writer; ///< null: given up
};

// -- interface
// --------------------------------------------------------------------

/// What a courier needs of the mover.
using stream_door
  = caf::typed_actor<caf::replies_to<offered_stream>::with<admitted_stream>,
                     // Returns the receipt for the sender.
                     caf::replies_to<ended_stream>::with<carried>>;

/// Whom to offer streams that come in; null: nobody any more.
struct receive_streams {
  stream_door to;
};

/// The COURIER actor interface.
using courier_actor = caf::typed_actor<
  // Returns the other side's receipt. errc::not_ready: nobody answers there,
  // nothing happened; timed_out: broken or too slow, whether it was stored is
  // not known; io_error and corrupted: the content cannot be read.
  caf::replies_to<carry>::with<carried>, caf::reacts_to<receive_streams>>;

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::carry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::carried)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::offered_stream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::admitted_stream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::ended_stream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::receive_streams)
