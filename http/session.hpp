// A SESSION is one connection: it reads requests, hands each to the handler and
// sends what the handler answers; keep-alive and pipelining, deadlines for slow
// peers, bounded memory (a receive buffer that grows to limits::header_bytes,
// plus leased blocks while a body is on its way).
#pragma once

#include "http/handler.hpp"
#include "http/parser.hpp"
#include "http/worker.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ais::http {

class session {
public:
  session(worker& w, tcp_socket socket, handler& h);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// Serves requests until the connection ends.
  task<> run();

  /// Sends `text` and ends the connection.
  task<> turn_away(std::string_view text);

  /// Nothing of a request has arrived yet.
  bool idle() const { return idle_; }
  /// Ends the connection soon, whatever it does.
  void cut();

private:
  friend class worker;
  friend class exchange;

  /// How much time the peer has used for the bytes of one direction. Only the
  /// seconds in which we wait for it count.
  struct pace {
    uint32_t start = 0; ///< [s], moved on while it is our turn
    uint32_t left = 0;  ///< [s], end of the last wait
    uint32_t grace = 0; ///< [s]
    uint64_t bytes = 0; ///< moved since start
  };

  enum class read_result { ok, closed, refused };
  void open();
  task<read_result> read_request();
  task<bool> serve();
  task<bool> send_plan();
  task<bool> serve_slow();
  void start_trace();
  void end_trace(traced_request x);
  task<bool> drain(exchange& x);
  task<> refuse(int status);
  std::string note_refusal(int status, const std::string& why);
  task<> linger();
  void reset();

  // -- buffer -----------------------------------------------------------------
  std::span<const char> received() const {
    return {buffer_.data() + begin_, end_ - begin_};
  }
  std::span<std::byte> room() {
    return std::as_writable_bytes(std::span{buffer_}.subspan(end_));
  }
  void move_received(size_t to);
  void make_room();
  void make_chunk_room();
  void shrink();

  // -- bytes ------------------------------------------------------------------
  task<size_t> receive(std::span<std::byte> into); ///< 0: closed or too slow
  task<size_t> receive(std::span<std::byte> into, pace& p);
  task<bool> writable();
  ssize_t send_now(std::span<const char> data, bool more);
  task<bool> send(std::span<const char> data, bool more);
  task<bool> send_file(int fd, uint64_t offset, uint64_t length);
  pace new_pace() const;
  void start_wait(pace& p);
  void end_wait(pace& p);
  void arm_in(uint32_t seconds);

  worker& worker_;
  tcp_socket socket_;
  handler& handler_;
  deadline_wheel::entry deadline_;
  std::vector<char> buffer_;
  size_t begin_ = 0; ///< received, not yet used: [begin_, end_)
  size_t end_ = 0;
  size_t head_end_ = 0; ///< views of the request point below; nothing that
                        ///< arrives during the request may go there
  bool idle_ = true;
  pace in_;
  pace out_;
  std::optional<parser> parser_;
  request request_;
  reply_plan plan_;
  size_t plan_sent_ = 0;       ///< bytes of plan_.text
  int64_t traced_from_ns_ = 0; ///< steady clock; 0: nobody traces
  session* before_ = nullptr;  ///< in worker::sessions_
  session* behind_ = nullptr;
};

} // namespace ais::http
