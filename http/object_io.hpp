// Objects on their way between a client and their shard, whatever API the
// client speaks: where an object is, its bytes out, its bytes in, copies.
#pragma once

#include "http/edge.hpp"
#include "http/range.hpp"
#include "storage/base/metrics.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <span>

namespace ais::http {

/// A shard may sit behind a group of durable writes on a slow disk.
inline constexpr std::chrono::seconds shard_timeout{60};
/// Bodies up to this go to the shard in one message, larger ones stream.
inline constexpr size_t one_message_bytes = 64 << 10;

/// Counts an operation, its duration and its failure.
class op_stats {
public:
  op_stats(stat n, stat ns, stat err)
    : n_(n), ns_(ns), err_(err), start_(std::chrono::steady_clock::now()) {}
  void ok() {
    auto took = std::chrono::steady_clock::now() - start_;
    count(n_);
    count(ns_, static_cast<uint64_t>(took.count()));
  }
  void bad() { count(err_); }

private:
  stat n_, ns_, err_;
  std::chrono::steady_clock::time_point start_;
};

/// The place of an object of this target, where all there is of it is now;
/// errors as edge::settle() and edge::place().
task<expected<located>> locate(edge& e, object_key key);

/// An object that is open, and where it is.
struct opened_object {
  located at;
  lease_ptr lease;
  bool asked = false; ///< the lease is new
};

/// The open version of an object of this target: by a lease that this thread
/// has, else by the object's shard. Errors as locate() and open_object.
task<expected<opened_object>> open_here(edge& e, object_key key);

// -- objects of ours that are still at another target
// -----------------------------------------------------

/// What placement_header says; none: it is not there, or no number.
std::optional<uint64_t> placement_of(const request& req);

/// The target that has an object of ours, and nobody else has.
struct object_source {
  snode node;
  uint64_t generation = 0;
};
task<std::optional<object_source>> source_of(edge& e, object_key key);
/// Has it answer the request of `x`, as long as we are the owner by that
/// placement. Errors as relay::pass(): after not_ready, have the object
/// brought.
task<expected<void>> pass_to_source(edge& e, exchange& x, object_source to,
                                    std::string target, header_list more = {});

/// Opens an object of another target that we still have. That takes no lease of
/// ours: who sends the answer on has one (see pass_to_source()).
task<expected<opened_object>> open_visited(edge& e, object_key key, visit as);

/// What is done with a body between the socket and the object.
class body_filter {
public:
  virtual ~body_filter() = default;
  /// What of these bytes is content: a part of `raw`, moved to its front.
  virtual expected<std::span<std::byte>> pass(std::span<std::byte> raw) = 0;
  /// The body is over: checks it and completes the options.
  virtual expected<void> finish(write_options& options) = 0;
};

/// Stores the body of a request as an object.
/// @param size  of the content [bytes], 0 if unknown
/// @param filter  null: the body is the content
task<expected<lom_ptr>>
put_body(edge& e, exchange& x, const located& at, write_options& options,
         uint64_t size, body_filter* filter = nullptr);

/// Reads the body into the writer: by blocks, or, lest peers that stand still
/// keep all blocks from the others, by small pieces while blocks are short.
task<expected<void>> stream_body(exchange& x, storage::object_writer& to,
                                 body_filter* filter = nullptr);

/// Sends a part of an object as the body of a reply that has begun. A whole
/// object that is not verified yet is proven while it is sent; on a mismatch
/// the reply stays incomplete. False: abort the exchange.
task<bool> send_object(edge& e, exchange& x, const located& at,
                       const lease_ptr& lease, byte_range range);

/// What takes the bytes of an object, or of an answer, piece by piece.
using piece_sink = std::function<expected<void>(std::span<const std::byte>)>;

/// Reads a part of an object, to be written elsewhere. A whole object that is
/// not verified yet is proven on the way: errc::corrupted then, when all but
/// the last piece were taken.
task<expected<void>>
read_object(edge& e, exchange& x, const located& at, const lease_ptr& lease,
            byte_range range, const piece_sink& take);

/// Copies or renames an object of this target: what the mover does; here it is
/// only asked.
task<expected<lom_ptr>> ask_mover(edge& e, copy_object req);

} // namespace ais::http
