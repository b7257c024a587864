// One connection of a client, plain or TLS. Blocking, every step under a
// deadline of its own.
#pragma once

#include "http/client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <poll.h>
#include <span>
#include <string>

namespace ais::http {

/// A socket that waits for its peer until a deadline; as much of a stream as
/// Asio's TLS needs. What ran out of time may be tried again.
class paced_socket {
public:
  using error_code = boost::system::error_code;
  using clock = std::chrono::steady_clock;
  using lowest_layer_type = boost::asio::ip::tcp::socket;
  using executor_type = lowest_layer_type::executor_type;

  lowest_layer_type& lowest_layer() { return socket_; }
  executor_type get_executor() { return socket_.get_executor(); }

  /// Of all that follows.
  void set_deadline(clock::time_point x) { deadline_ = x; }

  /// To the first of them that accepts.
  error_code
  connect(const boost::asio::ip::tcp::resolver::results_type& addresses);

  template <class Buffers>
  size_t read_some(const Buffers& to, error_code& ec) {
    return paced(POLLIN, ec, [&] { return socket_.read_some(to, ec); });
  }

  template <class Buffers>
  size_t write_some(const Buffers& from, error_code& ec) {
    return paced(POLLOUT, ec, [&] { return socket_.write_some(from, ec); });
  }

private:
  template <class Attempt>
  size_t paced(short event, error_code& ec, Attempt attempt) {
    for (;;) {
      auto n = attempt();
      if (ec != boost::asio::error::would_block)
        return n;
      ec = wait(event);
      if (ec)
        return 0;
    }
  }

  /// beast::error::timeout at the deadline.
  error_code wait(short event);

  boost::asio::io_context io_{1};
  lowest_layer_type socket_{io_};
  clock::time_point deadline_ = clock::time_point::max();
};

/// Time limits: 0 is none.
class connection {
public:
  using error_code = boost::system::error_code;
  using milliseconds = std::chrono::milliseconds;
  using parser
    = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  static constexpr size_t piece_bytes = 256 << 10; ///< of a body
  static constexpr size_t head_bytes = 64 << 10;   ///< of a reply

  /// The options live longer.
  connection(std::string name, const client_tls& options)
    : name_(std::move(name)), options_(options) {}

  expected<void> open(const server_url& to, milliseconds limit);
  /// `x` lives longer.
  expected<void>
  begin_tls(SSL_CTX* x, const std::string& host, milliseconds limit);

  /// False if the peer has closed it, or sent what nobody asked for.
  bool still_good();

  error_code write(std::span<const char> data, milliseconds limit);

  /// True as soon as there is something to read, false after `patience`.
  bool readable(milliseconds patience);

  error_code read_head(parser& p, milliseconds limit);

  /// The next piece of the body; empty at its end.
  error_code
  read_body(parser& p, std::span<char> room, size_t& got, milliseconds limit);

  /// What a step failed by.
  error broken(error_code ec);

private:
  struct reader; ///< what Beast reads from

  void begin_step(milliseconds limit);
  size_t read_some(boost::asio::mutable_buffer room, error_code& ec);
  /// Reads some, without a limit for what follows.
  error_code read_ahead(milliseconds patience);
  error tls_error(error_code ec);

  paced_socket socket_;
  std::optional<boost::asio::ssl::context> context_;
  std::optional<boost::asio::ssl::stream<paced_socket&>> tls_;
  bool heard_ = false; ///< has answered something
  bool asked_ = false; ///< the server wants a certificate of ours
  boost::beast::flat_buffer buffer_{head_bytes + piece_bytes};
  std::string name_;
  const client_tls& options_;
};

} // namespace ais::http
