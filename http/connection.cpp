#include "http/connection.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/read.hpp>
#include <openssl/ssl.h>

#include <cerrno>
#include <sys/socket.h>

namespace ais::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;

error_code error_of(int number) {
  return {number, boost::system::system_category()};
}

} // namespace

// -- paced_socket -------------------------------------------------------------

error_code paced_socket::connect(const tcp::resolver::results_type& addresses) {
  error_code ec = asio::error::host_not_found, ignored;
  for (auto& x : addresses) {
    auto at = x.endpoint();
    socket_.close(ignored);
    socket_.open(at.protocol(), ec);
    if (!ec)
      socket_.non_blocking(true, ec);
    if (ec)
      continue;
    auto fd = socket_.native_handle();
    // Asio's own would wait without a limit.
    if (::connect(fd, at.data(), static_cast<socklen_t>(at.size())) != 0)
      ec = error_of(errno);
    if (ec == asio::error::in_progress) {
      ec = wait(POLLOUT);
      int number = 0;
      socklen_t size = sizeof(number);
      if (!ec && ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0
          && number != 0)
        ec = error_of(number);
    }
    if (!ec || ec == beast::error::timeout)
      return ec;
  }
  return ec;
}

error_code paced_socket::wait(short event) {
  using std::chrono::milliseconds;
  constexpr milliseconds longest{1'000'000};
  for (;;) {
    auto now = clock::now();
    auto ms = milliseconds{0};
    if (deadline_ > now)
      ms = deadline_ - now > longest
             ? longest
             : std::chrono::ceil<milliseconds>(deadline_ - now);
    pollfd p{socket_.native_handle(), event, 0};
    auto n = ::poll(&p, 1, static_cast<int>(ms.count()));
    if (n > 0)
      return {};
    if (n == 0 && clock::now() >= deadline_)
      return beast::error::timeout;
    if (n < 0 && errno != EINTR)
      return error_of(errno);
  }
}

// -- connection ---------------------------------------------------------------

struct connection::reader {
  connection& it;

  template <class Buffers>
  size_t read_some(const Buffers& to, error_code& ec) {
    return it.read_some(*asio::buffer_sequence_begin(to), ec);
  }
  template <class Buffers>
  size_t read_some(const Buffers& to) {
    error_code ec;
    auto n = read_some(to, ec);
    if (ec)
      throw beast::system_error{ec};
    return n;
  }
};

expected<void> connection::open(const server_url& to, milliseconds limit) {
  error_code ec;
  asio::io_context io{1};
  tcp::resolver resolver{io};
  // Blocks as long as the system's resolver likes; addresses do not.
  auto found = resolver.resolve(to.host, to.port, ec);
  if (ec)
    return fail(errc::not_ready,
                "cannot find host " + to.host + ": " + ec.message());
  begin_step(limit);
  ec = socket_.connect(found);
  if (ec)
    return fail(errc::not_ready,
                "cannot connect to " + name_ + ": "
                  + (ec == beast::error::timeout ? std::string{"timed out"}
                                                 : ec.message()));
  error_code ignored;
  auto& socket = socket_.lowest_layer();
  socket.set_option(tcp::no_delay(true), ignored);
  // Without a time limit, at least a host that is gone is noticed.
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  return caf::unit;
}

expected<void>
connection::begin_tls(SSL_CTX* x, const std::string& host, milliseconds limit) {
  SSL_CTX_up_ref(x);
  context_.emplace(x);
  tls_.emplace(socket_, *context_);
  auto* session = tls_->native_handle();
  auto note = [](SSL*, void* asked) {
    *static_cast<bool*>(asked) = true;
    return 1;
  };
  SSL_set_cert_cb(session, note, &asked_);
  if (!expect_host(session, host))
    return fail(errc::invalid_argument, host + " is no name of a host");
  begin_step(limit);
  error_code ec;
  tls_->handshake(asio::ssl::stream_base::client, ec);
  if (ec == beast::error::timeout)
    return fail(errc::timed_out, name_ + " does not begin TLS in time");
  if (ec)
    return tls_error(ec);
  return caf::unit;
}

bool connection::still_good() {
  return buffer_.size() == 0
         && read_ahead(milliseconds{0}) == beast::error::timeout;
}

error_code connection::write(std::span<const char> data, milliseconds limit) {
  begin_step(limit);
  error_code ec;
  auto buffer = asio::buffer(data.data(), data.size());
  if (tls_)
    asio::write(*tls_, buffer, ec);
  else
    asio::write(socket_, buffer, ec);
  return ec;
}

bool connection::readable(milliseconds patience) {
  // The socket alone does not tell: TLS has messages of its own.
  return buffer_.size() > 0 || read_ahead(patience) != beast::error::timeout;
}

error_code connection::read_head(parser& p, milliseconds limit) {
  begin_step(limit);
  error_code ec;
  reader in{*this};
  beast::http::read_header(in, buffer_, p, ec);
  heard_ = heard_ || !ec;
  return ec;
}

error_code connection::read_body(parser& p, std::span<char> room, size_t& got,
                                 milliseconds limit) {
  auto& body = p.get().body();
  reader in{*this};
  got = 0;
  while (got == 0 && !p.is_done()) {
    body.data = room.data();
    body.size = room.size();
    begin_step(limit);
    error_code ec;
    beast::http::read_some(in, buffer_, p, ec);
    got = room.size() - body.size;
    if (ec && ec != beast::http::error::need_buffer)
      return ec;
  }
  return {};
}

error connection::broken(error_code ec) {
  if (ec == beast::error::timeout)
    return fail(errc::timed_out, name_ + " does not answer in time");
  if (ec == beast::http::error::header_limit
      || ec == beast::http::error::body_limit)
    return fail(errc::too_large, name_ + " sent more than is accepted");
  // TLS 1.3 refuses a client's certificate after the handshake.
  if (tls_
      && (ec.category() == asio::error::get_ssl_category()
          || (asked_ && !heard_)))
    return tls_error(ec);
  constexpr std::string_view alert = "\x15\x03";
  std::string_view in{static_cast<const char*>(buffer_.data().data()),
                      buffer_.size()};
  if (!tls_ && !heard_ && in.substr(0, alert.size()) == alert)
    return fail(errc::invalid_argument,
                name_ + " speaks TLS\nits address begins with https://");
  if (ec == beast::http::error::end_of_stream
      || ec == beast::http::error::partial_message || ec == asio::error::eof
      || ec == asio::error::connection_reset
      || ec == asio::ssl::error::stream_truncated)
    return fail(errc::io_error,
                name_ + " closed the connection"
                  + (tls_ || heard_ ? ""
                                    : "\nif it speaks TLS, its address begins"
                                      " with https://"));
  return fail(errc::io_error, name_ + ": " + ec.message());
}

// -- helpers ------------------------------------------------------------------

void connection::begin_step(milliseconds limit) {
  using clock = paced_socket::clock;
  socket_.set_deadline(limit.count() > 0 ? clock::now() + limit
                                         : clock::time_point::max());
}

size_t connection::read_some(asio::mutable_buffer room, error_code& ec) {
  return tls_ ? tls_->read_some(room, ec) : socket_.read_some(room, ec);
}

error_code connection::read_ahead(milliseconds patience) {
  socket_.set_deadline(paced_socket::clock::now() + patience);
  error_code ec;
  buffer_.commit(read_some(buffer_.prepare(4096), ec));
  return ec;
}

error connection::tls_error(error_code ec) {
  tls_end end{tls_->native_handle(), name_, 0, asked_};
  if (ec.category() == asio::error::get_ssl_category())
    end.code = static_cast<unsigned long>(ec.value());
  return explain(end, options_);
}

} // namespace ais::http
