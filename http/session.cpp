#include "http/session.hpp"

#include "storage/base/metrics.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <sys/sendfile.h>
#include <sys/socket.h>

namespace ais::http {

namespace {

constexpr auto tuple_task = asio::as_tuple(use_task);
constexpr size_t first_buffer_bytes = 16 << 10;
constexpr size_t sendfile_bytes = 2 << 20; ///< per call
constexpr int sends_per_turn = 4;          ///< then others get the thread

} // namespace

session::session(worker& w, tcp_socket socket, handler& h)
  : worker_(w), socket_(std::move(socket)), handler_(h),
    buffer_(first_buffer_bytes) {
  deadline_.socket = &socket_;
  behind_ = w.sessions_;
  if (behind_)
    behind_->before_ = this;
  w.sessions_ = this;
  ++w.session_count_;
  count(stat::edge_conn_n);
}

session::~session() {
  (before_ ? before_->behind_ : worker_.sessions_) = behind_;
  if (behind_)
    behind_->before_ = before_;
  --worker_.session_count_;
  worker_.end_if_done();
}

void session::cut() {
  deadline_.expired = true;
  boost::system::error_code ec;
  socket_.cancel(ec);
}

// -- requests
// ---------------------------------------------------------------------

task<> session::run() {
  boost::system::error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  socket_.native_non_blocking(true, ec);
  if (auto peer = socket_.remote_endpoint(ec); !ec)
    request_.peer
      = peer.address().to_string() + ':' + std::to_string(peer.port());
  for (;;) {
    switch (co_await read_request()) {
      case read_result::closed:
        co_return;
      case read_result::refused:
        co_await linger();
        co_return;
      case read_result::ok:
        break;
    }
    if (!co_await serve())
      break;
  }
  co_await linger();
}

task<session::read_result> session::read_request() {
  auto& lims = worker_.lims();
  parser_.emplace(lims);
  idle_ = begin_ == end_;
  if (idle_ && worker_.stopping())
    co_return read_result::closed;
  worker_.wheel().arm(deadline_,
                      worker_.wheel().now()
                        + (idle_ ? lims.idle_seconds : lims.header_seconds));
  for (;;) {
    if (begin_ < end_) {
      switch (parser_->parse_header(received(), request_)) {
        case parser::state::done:
          begin_ += parser_->used;
          idle_ = false;
          co_return read_result::ok;
        case parser::state::refused:
          co_await refuse(parser_->status);
          co_return read_result::refused;
        case parser::state::more:
          break;
      }
    }
    if (begin_ == end_) {
      begin_ = end_ = 0;
    } else if (end_ == buffer_.size()) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      if (end_ > buffer_.size() / 2)
        buffer_.resize(std::min(buffer_.size() * 2, lims.header_bytes));
    }
    auto first = begin_ == end_;
    auto n = co_await receive(std::as_writable_bytes(
      std::span{buffer_.data() + end_, buffer_.size() - end_}));
    if (n == 0) {
      if (!first && deadline_.expired)
        co_await refuse(408);
      co_return read_result::closed;
    }
    end_ += n;
    if (first) {
      idle_ = false;
      worker_.wheel().arm(deadline_,
                          worker_.wheel().now() + lims.header_seconds);
    }
  }
}

task<bool> session::serve() {
  count(stat::edge_req_n);
  auto keep = request_.keep_alive && !worker_.stopping();
  request_.keep_alive = keep;
  if (!request_.has_body()) {
    plan_.size = 0;
    plan_.length = 0;
    if (handler_.fast(request_, keep, plan_)) {
      auto all = std::span<const char>{plan_.text.data(), plan_.size};
      // Usually the whole reply leaves with this one call.
      auto n = send_now(all, plan_.length > 0);
      if (n == static_cast<ssize_t>(all.size()) && plan_.length == 0)
        co_return keep;
      if (n < 0)
        co_return false;
      auto rest = all.subspan(static_cast<size_t>(n));
      auto keeps = std::move(plan_.keeps);
      if (!rest.empty() && !co_await send(rest, plan_.length > 0))
        co_return false;
      if (plan_.length > 0
          && !co_await send_file(plan_.fd, plan_.offset, plan_.length))
        co_return false;
      co_return keep;
    }
  }
  exchange x{*this};
  co_await handler_.handle(x);
  if (x.broken_)
    co_return false;
  if (!x.replied_) {
    auto r = handler_.refusal(500, request_);
    co_await x.reply(std::move(r));
  }
  if (!request_.has_body() || x.body_done_)
    co_return request_.keep_alive && !x.broken_;
  if (request_.expect_continue && !x.body_started_)
    co_return false; // it may or may not send the body now
  // The unread rest of the body stands before the next request.
  std::array<std::byte, 16 << 10> sink;
  for (uint64_t dropped = 0; dropped < worker_.lims().drain_bytes;) {
    auto n = co_await x.read_body(sink);
    if (!n)
      co_return false;
    if (*n == 0)
      co_return request_.keep_alive && !x.broken_;
    dropped += *n;
  }
  co_return false;
}

task<> session::refuse(int status) {
  auto r = handler_.refusal(status, request_);
  auto text = head_text(r.status, r.headers, r.body.size(), false) + r.body;
  deadline_.expired = false;
  worker_.wheel().arm(deadline_,
                      worker_.wheel().now() + worker_.lims().linger_seconds);
  co_await send(text, false);
}

/// Closing with unread bytes would reset the connection and destroy the reply.
task<> session::linger() {
  boost::system::error_code ec;
  socket_.shutdown(tcp_socket::shutdown_send, ec);
  if (ec || worker_.stopping())
    co_return;
  worker_.wheel().arm(deadline_,
                      worker_.wheel().now() + worker_.lims().linger_seconds);
  for (size_t dropped = 0; dropped < worker_.lims().drain_bytes;) {
    auto n = co_await receive(std::as_writable_bytes(std::span{buffer_}));
    if (n == 0)
      co_return;
    dropped += n;
  }
}

// -- bytes
// ------------------------------------------------------------------------

task<size_t> session::receive(std::span<std::byte> into) {
  if (deadline_.expired)
    co_return 0;
  auto [ec, n] = co_await socket_.async_read_some(
    asio::buffer(into.data(), into.size()), tuple_task);
  co_return ec ? 0 : n;
}

task<bool> session::writable() {
  if (deadline_.expired)
    co_return false;
  auto [ec] = co_await socket_.async_wait(tcp_socket::wait_write, tuple_task);
  co_return !ec;
}

ssize_t session::send_now(std::span<const char> data, bool more) {
  auto n = ::send(socket_.native_handle(), data.data(), data.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
  if (n >= 0)
    return n;
  if (errno == EAGAIN || errno == EINTR)
    return 0;
  count(stat::err_http_write_n);
  return -1;
}

task<bool> session::send(std::span<const char> data, bool more) {
  const auto start = worker_.wheel().now();
  for (uint64_t sent = 0; !data.empty();) {
    auto n = send_now(data, more);
    if (n < 0)
      co_return false;
    data = data.subspan(static_cast<size_t>(n));
    sent += static_cast<uint64_t>(n);
    if (!data.empty()) {
      progress(start, sent);
      if (!co_await writable())
        co_return false;
    }
  }
  co_return true;
}

task<bool> session::send_file(int fd, uint64_t offset, uint64_t length) {
  const auto start = worker_.wheel().now();
  auto at = static_cast<off_t>(offset);
  const auto end = static_cast<off_t>(offset + length);
  for (int turn = 0; at < end;) {
    auto n
      = ::sendfile(socket_.native_handle(), fd, &at,
                   std::min(static_cast<size_t>(end - at), sendfile_bytes));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
      count(stat::err_http_write_n); // the peer is gone, or the file was cut
      co_return false;
    }
    progress(start, static_cast<uint64_t>(at) - offset);
    if (n < 0) {
      if (!co_await writable())
        co_return false;
    } else if (at < end && ++turn % sends_per_turn == 0) {
      co_await asio::post(socket_.get_executor(), use_task);
    }
  }
  co_return true;
}

void session::progress(uint32_t start, uint64_t bytes) {
  auto& lims = worker_.lims();
  auto earned = std::min<uint64_t>(bytes / lims.min_rate, 1u << 30);
  worker_.wheel().arm(deadline_, start + lims.grace_seconds
                                   + static_cast<uint32_t>(earned));
}

// -- exchange
// ---------------------------------------------------------------------

const request& exchange::request() const {
  return session_.request_;
}

worker& exchange::thread() const {
  return session_.worker_;
}

task<expected<size_t>> exchange::read_body(std::span<std::byte> into) {
  auto& s = session_;
  if (body_done_ || !s.request_.has_body() || into.empty()) {
    body_done_ = true;
    co_return size_t{0};
  }
  if (!body_started_) {
    body_started_ = true;
    body_start_ = s.worker_.wheel().now();
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (s.request_.expect_continue && s.received().empty()
        && !co_await s.send(go_on, false)) {
      broken_ = true;
      co_return fail(errc::timed_out, "the client is gone");
    }
  }
  s.progress(body_start_, body_read_);
  if (s.request_.chunked)
    co_return co_await read_chunked(into);
  auto left = *s.request_.content_length - body_read_;
  into = into.first(std::min<uint64_t>(into.size(), left));
  size_t n = 0;
  if (auto have = s.received(); !have.empty()) {
    n = std::min(have.size(), into.size());
    std::memcpy(into.data(), have.data(), n);
    s.begin_ += n;
  } else {
    n = co_await s.receive(into);
  }
  if (n == 0) {
    broken_ = true;
    co_return fail(errc::timed_out,
                   "the client closed the connection or was too slow");
  }
  body_read_ += n;
  body_done_ = body_read_ == *s.request_.content_length;
  co_return n;
}

task<expected<size_t>> exchange::read_chunked(std::span<std::byte> into) {
  auto& s = session_;
  for (;;) {
    if (auto have = s.received(); !have.empty()) {
      size_t got = 0;
      parser::error_code ec;
      s.begin_ += s.parser_->decode_chunked(have, into, got, ec);
      if (ec) {
        broken_ = true;
        co_return fail(errc::invalid_argument,
                       "the body's chunks are malformed");
      }
      body_read_ += got;
      body_done_ = s.parser_->is_done();
      if (got > 0 || body_done_)
        co_return got;
    }
    // The rest is the front of a chunk header: keep it, make room, read on.
    if (s.begin_ > 0) {
      std::memmove(s.buffer_.data(), s.buffer_.data() + s.begin_,
                   s.end_ - s.begin_);
      s.end_ -= s.begin_;
      s.begin_ = 0;
    }
    size_t n = 0;
    if (s.end_ < s.buffer_.size())
      n = co_await s.receive(std::as_writable_bytes(
        std::span{s.buffer_.data() + s.end_, s.buffer_.size() - s.end_}));
    if (n == 0) {
      broken_ = true;
      co_return fail(errc::timed_out,
                     "the client closed the connection or was too slow");
    }
    s.end_ += n;
    s.progress(body_start_, body_read_);
  }
}

task<expected<size_t>> exchange::fill(std::span<std::byte> into) {
  size_t have = 0;
  while (have < into.size()) {
    auto n = co_await read_body(into.subspan(have));
    if (!n)
      co_return n.error();
    if (*n == 0)
      break;
    have += *n;
  }
  co_return have;
}

task<expected<std::string>> exchange::read_all(size_t limit) {
  std::string out;
  if (session_.request_.content_length.value_or(0) > limit)
    co_return fail(errc::too_large, "the body has more than "
                                      + std::to_string(limit) + " bytes");
  std::array<std::byte, 16 << 10> piece;
  for (;;) {
    auto n = co_await read_body(piece);
    if (!n)
      co_return n.error();
    if (*n == 0)
      co_return out;
    if (out.size() + *n > limit)
      co_return fail(errc::too_large, "the body has more than "
                                        + std::to_string(limit) + " bytes");
    out.append(reinterpret_cast<const char*>(piece.data()), *n);
  }
}

task<> exchange::reply(ais::http::reply r) {
  auto head = session_.request_.method == "HEAD";
  auto length = r.length.value_or(r.body.size());
  replied_ = true;
  auto text
    = head_text(r.status, r.headers, length, session_.request_.keep_alive);
  if (!head)
    text += r.body;
  if (!co_await session_.send(text, false))
    broken_ = true;
}

task<bool> exchange::begin(int status, const header_list& headers,
                           std::optional<uint64_t> length) {
  replied_ = true;
  chunked_ = !length;
  auto text = head_text(status, headers, length, session_.request_.keep_alive,
                        chunked_);
  auto ok = co_await session_.send(text, length.value_or(1) > 0);
  broken_ |= !ok;
  co_return ok;
}

task<bool> exchange::send(std::span<const char> data) {
  if (data.empty())
    co_return true;
  auto ok = true;
  if (chunked_) {
    char size[20];
    auto n = std::snprintf(size, sizeof(size), "%zx\r\n", data.size());
    ok = co_await session_.send({size, static_cast<size_t>(n)}, true);
  }
  ok = ok && co_await session_.send(data, chunked_);
  static constexpr std::string_view crlf = "\r\n";
  if (chunked_)
    ok = ok && co_await session_.send(crlf, false);
  broken_ |= !ok;
  co_return ok;
}

task<bool> exchange::send_file(int fd, uint64_t offset, uint64_t length) {
  auto ok = co_await session_.send_file(fd, offset, length);
  broken_ |= !ok;
  co_return ok;
}

task<bool> exchange::end() {
  static constexpr std::string_view last = "0\r\n\r\n";
  auto ok = co_await session_.send(last, false);
  broken_ |= !ok;
  co_return ok;
}

} // namespace ais::http
