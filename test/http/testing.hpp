// A server with a handler for tests, and a plain blocking client.
#pragma once

#include "http/server.hpp"

#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http::testing {

/// What a client reads.
struct answer {
  int status = 0; ///< 0: the connection ended before a whole header
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool complete = false; ///< the body ended as announced

  std::string find(std::string_view name) const;
  bool closes() const { return find("Connection") == "close"; }
};

/// One connection; every call waits 20 s at most. Not movable.
class client {
public:
  /// `receive_bytes`: the socket's receive buffer, 0: the system's choice.
  explicit client(uint16_t port, int receive_bytes = 0);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  bool connected() const { return connected_; }
  /// False if the peer does not take it any more.
  bool send(std::string_view data);
  void end_sending();
  /// Reads one answer; `head`: of a HEAD request.
  answer read(bool head = false);
  /// Sends, then reads one answer.
  answer ask(std::string_view data);
  /// Everything until the connection ends; none if it does not.
  std::string rest();
  /// The connection ended and nothing else came.
  bool ended();
  /// Exactly `n` bytes, fewer if the connection ends.
  std::string take(size_t n);

private:
  bool more();

  int fd_ = -1;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string buffer_;
};

/// A running server with one thread. The handler knows
///   GET /fast, /file   answered by fast(): 5 bytes, a file of 3 MiB
///   /echo     reads the body (limit 4 MiB), then says what the request was
///   /pull     reads the body into a large buffer, answers its size and a sum
///   /ignore   answers without reading; /none does not answer
///   /twice, /short, /long, /abort   handlers that break the rules
///   /stream   a chunked reply of three parts, one from the file
///   /wait     waits for open_gate(), then does as /echo
///   /hidden   is not traced
class fixture {
public:
  explicit fixture(limits l = {});
  ~fixture();

  uint16_t port() const { return server_->port(); }
  http::server& server() { return *server_; }
  const std::string& file() const { return file_; } ///< the file's content
  request_trace& trace() { return trace_; }

  /// Runs `f` on the server's thread and waits for it.
  void run(std::function<void()> f);
  /// Lets the server handle everything that has arrived so far.
  void settle();
  /// Settles, then lets `seconds` pass for it.
  void pass(int seconds);
  /// Waits until a handler is in /wait or reads a body in /pull or /echo.
  void await_handler();
  void open_gate();
  /// True if a new connection gets an answer.
  bool alive();

private:
  friend class test_handler;
  std::string file_;
  int fd_ = -1;
  request_trace trace_;
  worker* worker_ = nullptr;
  std::unique_ptr<timer> gate_;
  std::counting_semaphore<> entered_{0};
  std::unique_ptr<http::server> server_;
};

/// "METHOD target HTTP/1.1", Host, `headers` (each ends with CRLF), `body`.
std::string text(std::string_view method, std::string_view target,
                 std::string_view headers = {}, std::string_view body = {});

/// `body` with a Content-Length.
std::string
sized(std::string_view method, std::string_view target, std::string_view body);

/// `body` as chunks of `size` bytes.
std::string chunked(std::string_view body, size_t size);

} // namespace ais::http::testing
