// A PEER STREAM is our end of a connection to another node: reads and writes
// with a deadline that moved bytes push away.
#pragma once

#include "http/tls.hpp"
#include "http/worker.hpp"
#include "storage/base/errc.hpp"

#include <memory>
#include <span>

namespace ais::http {

/// **Concurrency**: one coroutine at a time on the worker's thread.
class peer_stream {
public:
  /// Takes over a connection that came in.
  peer_stream(worker& w, tcp_socket socket);
  peer_stream(const peer_stream&) = delete;
  peer_stream& operator=(const peer_stream&) = delete;

  /// Connects. errc::not_ready when nobody answers in time.
  static task<expected<std::unique_ptr<peer_stream>>>
  connect(worker& w, const std::string& host, uint16_t port, uint32_t seconds);

  /// Speaks TLS from now on, if `with` is set; both ends agree within the
  /// deadline. errc::access_denied with the reason.
  task<expected<void>> secure(tls_context with, bool accepted);

  /// From now on: `seconds`, plus a second per `rate` bytes moved (0: none).
  void allow(uint32_t seconds, uint32_t rate = 0);

  /// Some bytes; 0: the peer has closed, or is late.
  task<size_t> read_some(std::span<std::byte> into);
  /// So many bytes, or false.
  task<bool> read(std::span<std::byte> into);
  /// `more` follows at once.
  task<bool> write(std::span<const std::byte> data, bool more = false);
  task<bool> send_file(int fd, uint64_t offset, uint64_t length);

  /// Nothing has come and the peer has not closed, as far as is known.
  bool silent();
  /// The deadline has passed.
  bool late() const { return deadline_.expired; }
  /// "address:port" of the peer.
  const std::string& peer() const { return peer_; }
  /// No more writing; the peer sees the end.
  void shut();
  /// Ends all that waits, now and later.
  void cut();

private:
  void open();
  void arm();
  task<bool> ready(tcp_socket::wait_type what);
  /// Waits for what TLS needs after `done`; false: it failed.
  task<bool> tls_turn(int done);
  static task<bool> no();
  task<size_t> read_tls(std::span<std::byte> into);
  task<bool> write_tls(std::span<const std::byte> data);

  worker& worker_;
  tcp_socket socket_;
  tls_session tls_; ///< null: none
  deadline_wheel::entry deadline_;
  std::string peer_;
  uint32_t start_ = 0;
  uint32_t seconds_ = 0;
  uint32_t rate_ = 0;
  uint64_t moved_ = 0;
};

using peer_stream_ptr = std::unique_ptr<peer_stream>;

} // namespace ais::http
