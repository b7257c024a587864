// What stands behind the HTTP server: a handler per I/O thread, and the
// exchange (one request and its reply) it works with.
#pragma once

#include "http/limits.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "http/trace.hpp"
#include "http/worker.hpp"
#include "storage/base/errc.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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
/// **Operation**: exactly one reply: reply(), or begin() followed by send*()
/// and end(). A second reply, or bytes beyond the announced length, are never
/// sent: they are logged and the connection ends after this request, as it does
/// when fewer bytes than announced were sent. The answer to HEAD has no body,
/// whatever is sent. What the handler leaves unread of the body is read and
/// dropped up to limits::drain_bytes; beyond that the connection is closed.
///
/// **Concurrency**: one coroutine on the worker's thread. The request and every
/// view of it stay valid until handle() returns.
///
/// **Limits**: the peer has limits::grace_seconds plus bytes / min_rate in
/// either direction; time the handler takes does not count.
class exchange {
public:
  explicit exchange(session& s);

  const ais::http::request& request() const;
  worker& thread() const;

  // -- body -------------------------------------------------------------------

  /// Reads the next bytes of the body; 0 at its end. Sends "100 Continue" first
  /// if the client waits for it.
  /// @returns errc::timed_out when the peer closed or was too slow,
  ///          errc::invalid_argument for broken chunks.
  task<expected<size_t>> read_body(std::span<std::byte> into);

  /// Gives back what was read of the body: it is read again, before the rest.
  void unread(std::string bytes) { again_ = std::move(bytes) + again_; }

  /// Fills `into` as far as the body goes.
  task<expected<size_t>> fill(std::span<std::byte> into);

  /// The whole body; errc::too_large beyond `limit` bytes.
  task<expected<std::string>> read_all(size_t limit);

  // -- reply ------------------------------------------------------------------

  task<> reply(ais::http::reply r);

  /// Sends a header; `length` is the body's, none: chunked, or for HTTP/1.0
  /// until the connection closes. False: the peer is gone, here and below.
  task<bool>
  begin(int status, const header_list& headers, std::optional<uint64_t> length);
  /// Sends body bytes (as a chunk, if the reply is chunked).
  task<bool> send(std::span<const char> data);
  task<bool> send_file(int fd, uint64_t offset, uint64_t length);
  /// Ends a reply without length; nothing to do for others.
  task<bool> end();

  /// The client's id of the request, else ours; see http/request_id.hpp.
  const std::string& id();

  /// Somebody traces this request: see http/trace.hpp.
  bool traced() const;
  /// It is one of the S3 API, about that bucket (cname) and object.
  void trace_s3(std::string bucket, std::string object);
  /// It is not to be seen in traces.
  void hide() { hidden_ = true; }

  /// The reply cannot be completed: close the connection so that the client
  /// cannot take what it got for the whole.
  void abort() { broken_ = true; }
  bool replied() const { return stage_ != stage::none; }

private:
  friend class session;
  enum class stage { none, begun, ended };
  /// How the client finds the end of a begun reply.
  enum class framing { length, chunked, close };

  task<expected<size_t>> read_chunked(std::span<std::byte> into);
  error peer_gone();
  bool body_left() const;
  void body_over();
  bool start_reply(int status, std::string_view why);
  void note_reply(int status, std::string_view why);
  bool wants_id(int status) const;
  bool allow(uint64_t n);
  task<bool> open_chunk(uint64_t size);
  task<bool> close_chunk();
  bool complete() const;
  traced_request account() const;

  session& session_;
  uint64_t body_read_ = 0;
  bool body_started_ = false;
  bool body_done_ = false;
  stage stage_ = stage::none;
  framing framing_ = framing::length;
  uint64_t length_left_ = 0; ///< announced, not yet sent
  bool no_body_ = false;     ///< HEAD
  bool broken_ = false;
  uint32_t since_ = 0; ///< [s] the request is complete
  std::string id_;     ///< empty: nobody has asked
  int status_ = 0;     ///< of the reply
  uint64_t sent_ = 0;  ///< of its body [bytes]
  bool hidden_ = false;
  bool s3_ = false; ///< then, for traces:
  std::string bucket_;
  std::string object_;
  std::string again_; ///< what was given back
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

  /// 64 random bits, for ids of requests.
  virtual uint64_t random() = 0;

  /// Called once a second.
  virtual void tick() {}
  /// Called once the I/O threads have ended.
  virtual void stop() {}
};

} // namespace ais::http
