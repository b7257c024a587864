// A SESSION is one connection: it reads requests, hands each to the handler and
// sends what the handler answers; keep-alive and pipelining, deadlines for slow
// peers, bounded memory (a receive buffer that grows to limits::header_bytes,
// plus leased blocks while a body is on its way).
#pragma once

#include "http/handler.hpp"
#include "http/parser.hpp"
#include "http/worker.hpp"

#include <memory>
#include <span>

namespace ais::http {

class session {
public:
  session(worker& w, tcp_socket socket, handler& h);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// Serves requests until the connection ends.
  task<> run();

  /// Nothing of a request has arrived yet.
  bool idle() const { return idle_; }
  /// Ends the connection soon, whatever it does.
  void cut();

private:
  friend class worker;
  friend class exchange;

  enum class read_result { ok, closed, refused };
  task<read_result> read_request();
  task<bool> serve();
  task<> refuse(int status);
  task<> linger();

  // -- bytes
  // ----------------------------------------------------------------------
  task<size_t> receive(std::span<std::byte> into); ///< 0: closed or too slow
  task<bool> writable();
  ssize_t send_now(std::span<const char> data, bool more);
  task<bool> send(std::span<const char> data, bool more);
  task<bool> send_file(int fd, uint64_t offset, uint64_t length);
  /// Moved bytes buy time: a peer below limits::min_rate runs out of it.
  void progress(uint32_t start, uint64_t bytes);
  std::span<const char> received() const {
    return {buffer_.data() + begin_, end_ - begin_};
  }

  worker& worker_;
  tcp_socket socket_;
  handler& handler_;
  deadline_wheel::entry deadline_;
  std::vector<char> buffer_;
  size_t begin_ = 0; ///< received, not yet used: [begin_, end_)
  size_t end_ = 0;
  bool idle_ = true;
  std::optional<parser> parser_;
  request request_;
  reply_plan plan_;
  session* before_ = nullptr; ///< in worker::sessions_
  session* behind_ = nullptr;
};

} // namespace ais::http
