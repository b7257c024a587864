// What stands behind the HTTP server: a handler per I/O thread, and the
// exchange (one request and its reply) it works with.
#pragma once

#include "http/limits.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "http/worker.hpp"
#include "storage/base/errc.hpp"

#include <array>
#include <memory>
#include <span>
#include <string>

namespace ais::http {

class session;

/// A reply that needs no waiting: a header and small body in one piece, perhaps
/// followed by a part of a file.
struct reply_plan {
  std::array<char, 4096 + small_body_bytes> text;
  size_t size = 0;
  std::shared_ptr<const void> keeps; ///< keeps `fd` open
  int fd = -1;
  uint64_t offset = 0;
  uint64_t length = 0; ///< of the file's part; 0: none
};

/// One request and its reply.
///
/// Exactly one reply: reply(), or begin() followed by send*() and, for chunked
/// replies, end(). What the handler leaves unread of the body is read and
/// dropped up to limits::drain_bytes; beyond that the connection is closed.
class exchange {
public:
  explicit exchange(session& s) : session_(s) {}

  const ais::http::request& request() const;
  worker& thread() const;

  // -- body
  // -------------------------------------------------------------------------

  /// Reads the next bytes of the body; 0 at its end. Sends "100 Continue" first
  /// if the client waits for it.
  /// @returns errc::timed_out when the peer closed or was too slow,
  ///          errc::invalid_argument for broken chunks.
  task<expected<size_t>> read_body(std::span<std::byte> into);

  /// Fills `into` as far as the body goes.
  task<expected<size_t>> fill(std::span<std::byte> into);

  /// The whole body; errc::too_large beyond `limit` bytes.
  task<expected<std::string>> read_all(size_t limit);

  // -- reply
  // ------------------------------------------------------------------------

  task<> reply(ais::http::reply r);

  /// Sends a header; `length` is the body's, none: chunked.
  task<bool>
  begin(int status, const header_list& headers, std::optional<uint64_t> length);
  /// Sends body bytes (as a chunk, if the reply is chunked).
  task<bool> send(std::span<const char> data);
  task<bool> send_file(int fd, uint64_t offset, uint64_t length);
  /// Ends a chunked reply.
  task<bool> end();

  /// The reply cannot be completed: close the connection.
  void abort() { broken_ = true; }
  bool replied() const { return replied_; }

private:
  friend class session;
  task<expected<size_t>> read_chunked(std::span<std::byte> into);

  session& session_;
  uint64_t body_read_ = 0;
  uint32_t body_start_ = 0;
  bool body_started_ = false;
  bool body_done_ = false;
  bool replied_ = false;
  bool chunked_ = false;
  bool broken_ = false;
};

/// Answers requests; one instance per I/O thread.
class handler {
public:
  virtual ~handler() = default;

  /// Tries to answer a request without body at once: true if `plan` is filled.
  virtual bool fast(const request& req, bool keep_alive, reply_plan& plan) = 0;

  /// Answers a request.
  virtual task<> handle(exchange& x) = 0;

  /// The body of an error reply that the server itself makes (400, 408, ...).
  virtual reply refusal(int status, const request& req) = 0;

  /// Called once a second.
  virtual void tick() {}
  /// Called on the thread when the server stops.
  virtual void stop() {}
};

} // namespace ais::http
