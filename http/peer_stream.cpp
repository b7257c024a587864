#include "http/peer_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/post.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace ais::http {

namespace {

constexpr auto tuple_task = asio::as_tuple(use_task);
constexpr size_t sendfile_bytes = 2 << 20; ///< per call
constexpr int sends_per_turn = 4;          ///< then others have theirs
constexpr size_t tls_piece_bytes = 128 << 10;

error no_answer(const std::string& host, uint16_t port) {
  return fail(errc::not_ready,
              "nobody answers at " + host + ':' + std::to_string(port));
}

/// The addresses of a host; an IP address needs no question.
task<std::vector<asio::ip::tcp::endpoint>>
addresses_of(executor ex, std::string host, uint16_t port) {
  std::vector<asio::ip::tcp::endpoint> out;
  boost::system::error_code ec;
  auto address = asio::ip::make_address(host, ec);
  if (!ec) {
    out.emplace_back(address, port);
    co_return out;
  }
  asio::ip::basic_resolver<asio::ip::tcp, executor> resolver{ex};
  auto [failed, found]
    = co_await resolver.async_resolve(host, std::to_string(port), tuple_task);
  if (!failed)
    for (auto& x : found)
      out.push_back(x.endpoint());
  co_return out;
}

} // namespace

peer_stream::peer_stream(worker& w, tcp_socket socket)
  : worker_(w), socket_(std::move(socket)) {
  deadline_.socket = &socket_;
  open();
}

void peer_stream::open() {
  boost::system::error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  socket_.native_non_blocking(true, ec);
  if (auto peer = socket_.remote_endpoint(ec); !ec)
    peer_ = peer.address().to_string() + ':' + std::to_string(peer.port());
}

task<expected<peer_stream_ptr>>
peer_stream::connect(worker& w, const std::string& host, uint16_t port,
                     uint32_t seconds) {
  auto found = co_await addresses_of(w.get_executor(), host, port);
  for (auto& at : found) {
    auto out = std::make_unique<peer_stream>(w, tcp_socket{w.get_executor()});
    boost::system::error_code failed;
    out->socket_.open(at.protocol(), failed);
    if (failed)
      continue;
    out->allow(seconds);
    out->arm();
    auto [ec] = co_await out->socket_.async_connect(at, tuple_task);
    out->deadline_.unlink();
    if (ec || out->late())
      continue;
    out->open();
    co_return out;
  }
  co_return no_answer(host, port);
}

void peer_stream::allow(uint32_t seconds, uint32_t rate) {
  start_ = worker_.wheel().now();
  seconds_ = seconds;
  rate_ = rate;
  moved_ = 0;
}

void peer_stream::arm() {
  auto earned = rate_ > 0 ? std::min<uint64_t>(moved_ / rate_, 1u << 30) : 0;
  worker_.wheel().arm(deadline_,
                      start_ + seconds_ + static_cast<uint32_t>(earned));
}

task<size_t> peer_stream::read_some(std::span<std::byte> into) {
  if (late())
    co_return 0;
  if (tls_)
    co_return co_await read_tls(into);
  arm();
  auto [ec, n] = co_await socket_.async_read_some(
    asio::buffer(into.data(), into.size()), tuple_task);
  deadline_.unlink();
  moved_ += n;
  co_return ec ? 0 : n;
}

task<bool> peer_stream::read(std::span<std::byte> into) {
  while (!into.empty()) {
    auto n = co_await read_some(into);
    if (n == 0)
      co_return false;
    into = into.subspan(n);
  }
  co_return true;
}

task<bool> peer_stream::ready(tcp_socket::wait_type what) {
  if (late())
    co_return false;
  arm();
  auto [ec] = co_await socket_.async_wait(what, tuple_task);
  deadline_.unlink();
  co_return !ec;
}

task<bool> peer_stream::write(std::span<const std::byte> data, bool more) {
  if (tls_)
    co_return co_await write_tls(data);
  while (!data.empty()) {
    auto n = ::send(socket_.native_handle(), data.data(), data.size(),
                    MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      co_return false;
    if (n < 0) {
      auto ok = co_await ready(tcp_socket::wait_write);
      if (!ok)
        co_return false;
      continue;
    }
    moved_ += static_cast<uint64_t>(n);
    data = data.subspan(static_cast<size_t>(n));
  }
  co_return true;
}

task<bool> peer_stream::send_file(int fd, uint64_t offset, uint64_t length) {
  std::vector<std::byte> piece(tls_ ? tls_piece_bytes : 0);
  while (tls_ && length > 0) {
    auto want = std::min<uint64_t>(length, piece.size());
    auto n = ::pread(fd, piece.data(), want, static_cast<off_t>(offset));
    if (n <= 0)
      co_return false;
    auto part = static_cast<size_t>(n);
    auto ok = co_await write_tls(std::span{piece}.first(part));
    if (!ok)
      co_return false;
    offset += part;
    length -= part;
  }
  auto at = static_cast<off_t>(offset);
  const auto end = static_cast<off_t>(offset + length);
  for (int turn = 0; at < end;) {
    auto n
      = ::sendfile(socket_.native_handle(), fd, &at,
                   std::min(static_cast<size_t>(end - at), sendfile_bytes));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
      co_return false; // the peer is gone, or the file was cut
    if (n < 0) {
      auto ok = co_await ready(tcp_socket::wait_write);
      if (!ok)
        co_return false;
      continue;
    }
    moved_ += static_cast<uint64_t>(n);
    if (at < end && ++turn % sends_per_turn == 0)
      co_await asio::post(socket_.get_executor(), use_task);
  }
  co_return true;
}

bool peer_stream::silent() {
  char byte;
  if (late())
    return false;
  if (tls_) {
    ERR_clear_error();
    auto n = SSL_peek(tls_.get(), &byte, 1);
    return n <= 0 && SSL_get_error(tls_.get(), n) == SSL_ERROR_WANT_READ;
  }
  auto n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

// -- TLS ----------------------------------------------------------------------

task<expected<void>> peer_stream::secure(tls_context with, bool accepted) {
  if (!with)
    co_return caf::unit;
  auto begun = begin_tls(with, socket_.native_handle(), accepted);
  if (!begun)
    co_return begun.error();
  tls_ = std::move(*begun);
  for (;;) {
    ERR_clear_error();
    auto done = SSL_do_handshake(tls_.get());
    if (done == 1)
      co_return caf::unit;
    auto again = co_await tls_turn(done);
    if (!again)
      co_return fail(errc::access_denied,
                     late() ? "no TLS in time"
                            : "no TLS: " + tls_failure(tls_, done));
  }
}

task<bool> peer_stream::tls_turn(int done) {
  switch (SSL_get_error(tls_.get(), done)) {
    case SSL_ERROR_WANT_READ:
      return ready(tcp_socket::wait_read);
    case SSL_ERROR_WANT_WRITE:
      return ready(tcp_socket::wait_write);
    default:
      return no();
  }
}

task<bool> peer_stream::no() {
  co_return false;
}

task<size_t> peer_stream::read_tls(std::span<std::byte> into) {
  auto room = static_cast<int>(std::min(into.size(), size_t{1} << 30));
  for (;;) {
    ERR_clear_error();
    auto n = SSL_read(tls_.get(), into.data(), room);
    if (n > 0) {
      moved_ += static_cast<size_t>(n);
      co_return static_cast<size_t>(n);
    }
    auto again = co_await tls_turn(n);
    if (!again)
      co_return 0;
  }
}

task<bool> peer_stream::write_tls(std::span<const std::byte> data) {
  while (!data.empty()) {
    ERR_clear_error();
    auto n
      = SSL_write(tls_.get(), data.data(),
                  static_cast<int>(std::min(data.size(), size_t{1} << 30)));
    if (n > 0) {
      moved_ += static_cast<size_t>(n);
      data = data.subspan(static_cast<size_t>(n));
      continue;
    }
    auto again = co_await tls_turn(n);
    if (!again)
      co_return false;
  }
  co_return true;
}

// -- end ----------------------------------------------------------------------

void peer_stream::shut() {
  boost::system::error_code ec;
  socket_.shutdown(tcp_socket::shutdown_send, ec);
}

void peer_stream::cut() {
  deadline_.expired = true;
  boost::system::error_code ec;
  socket_.cancel(ec);
}

} // namespace ais::http
