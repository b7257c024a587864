#include "http/session.hpp"

#include "http/request_id.hpp"
#include "storage/base/metrics.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/sendfile.h>
#include <sys/socket.h>

namespace ais::http {

namespace {

constexpr auto tuple_task = asio::as_tuple(use_task);
constexpr size_t first_buffer_bytes = 16 << 10;
constexpr size_t chunk_room_bytes = 8 << 10; ///< behind the header, at least
constexpr size_t sendfile_bytes = 2 << 20;   ///< per call
constexpr int sends_per_turn = 4;            ///< then others get the thread

/// "address:port"; an IPv4 client of a socket for both is shown as such.
std::string text_of(const asio::ip::tcp::endpoint& peer) {
  auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  auto text = address.to_string();
  return (address.is_v6() ? '[' + text + ']' : text) + ':'
         + std::to_string(peer.port());
}

int64_t steady_ns() {
  using namespace std::chrono;
  auto now = steady_clock::now().time_since_epoch();
  return duration_cast<nanoseconds>(now).count();
}

/// For traces: a request that was answered by the fast path.
traced_request
traced_plan(const request& req, const reply_plan& plan, bool sent) {
  auto out = describe(req);
  std::string_view text{plan.text.data(), plan.size};
  auto head = text.find("\r\n\r\n");
  out.status = 200;
  out.complete = sent;
  if (sent && head != text.npos)
    out.sent = text.size() - head - 4 + plan.length;
  return out;
}

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

// -- requests -----------------------------------------------------------------

task<> session::run() {
  open();
  // Not switch (co_await ...): g++ 12 lays that frame out wrong.
  for (;;) {
    auto got = co_await read_request();
    if (got == read_result::closed)
      co_return;
    if (got == read_result::refused || !co_await serve())
      break;
  }
  co_await linger();
}

task<> session::turn_away(std::string_view text) {
  open();
  idle_ = false;
  out_ = new_pace();
  out_.grace = worker_.lims().linger_seconds;
  // A named result: awaiting in the condition, g++ 12 lays the frame out wrong.
  auto ok = co_await send(text, false);
  if (ok)
    co_await linger();
}

void session::open() {
  boost::system::error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  socket_.native_non_blocking(true, ec);
  if (auto peer = socket_.remote_endpoint(ec); !ec)
    request_.peer = text_of(peer);
}

task<session::read_result> session::read_request() {
  auto& lims = worker_.lims();
  request_.reset();
  parser_.emplace(lims);
  idle_ = begin_ == end_;
  if (idle_ && worker_.stopping())
    co_return read_result::closed;
  if (idle_)
    shrink();
  arm_in(idle_ ? lims.idle_seconds : lims.header_seconds);
  for (;;) {
    if (begin_ < end_) {
      auto state = parser_->parse_header(received(), request_);
      if (state == parser::state::refused) {
        co_await refuse(parser_->status);
        co_return read_result::refused;
      }
      if (state == parser::state::done) {
        if (request_.chunked)
          make_chunk_room();
        begin_ += parser_->used;
        head_end_ = begin_;
        idle_ = false;
        co_return read_result::ok;
      }
    }
    make_room();
    auto first = begin_ == end_;
    auto n = co_await receive(room());
    if (n == 0) {
      if (first || !deadline_.expired)
        co_return read_result::closed;
      co_await refuse(408);
      co_return read_result::refused;
    }
    end_ += n;
    if (first) {
      idle_ = false;
      arm_in(lims.header_seconds); // absolute: later bytes do not extend it
    }
  }
}

task<bool> session::serve() {
  count(stat::edge_req_n);
  start_trace();
  request_.keep_alive = request_.keep_alive && !worker_.stopping();
  if (request_.expect_continue && request_.content_length == 0u) {
    // Nothing follows, but clients wait for it (the AWS command line takes the
    // reply to its next request for a part of this one's, if it never came).
    out_ = new_pace();
    auto ok = co_await send(continue_text, false);
    if (!ok)
      co_return false;
  }
  if (!request_.has_body()) {
    plan_.size = 0;
    plan_.length = 0;
    if (handler_.fast(request_, request_.keep_alive, plan_)) {
      // Usually the whole reply leaves with this one call.
      auto n = send_now({plan_.text.data(), plan_.size}, plan_.length > 0);
      auto sent = n == static_cast<ssize_t>(plan_.size) && plan_.length == 0;
      if (!sent && n >= 0) {
        plan_sent_ = static_cast<size_t>(n);
        sent = co_await send_plan();
      }
      if (traced_from_ns_ != 0)
        end_trace(traced_plan(request_, plan_, sent));
      co_return sent&& request_.keep_alive;
    }
  }
  co_return co_await serve_slow();
}

/// Costs one load while nobody traces.
void session::start_trace() {
  auto* trace = worker_.trace();
  traced_from_ns_ = trace && trace->on() ? steady_ns() : 0;
}

void session::end_trace(traced_request x) {
  using namespace std::chrono;
  auto now = system_clock::now().time_since_epoch();
  x.end_ns = duration_cast<nanoseconds>(now).count();
  x.took_ns = steady_ns() - traced_from_ns_;
  worker_.trace()->add(std::move(x));
}

/// Sends the rest of `plan_`.
task<bool> session::send_plan() {
  deadline_.unlink();
  out_ = new_pace();
  auto keeps = std::move(plan_.keeps);
  auto rest
    = std::span<const char>{plan_.text.data(), plan_.size}.subspan(plan_sent_);
  if (!rest.empty() && !co_await send(rest, plan_.length > 0))
    co_return false;
  co_return plan_.length == 0
    || co_await send_file(plan_.fd, plan_.offset, plan_.length);
}

task<bool> session::serve_slow() {
  deadline_.unlink(); // it is our turn
  in_ = out_ = new_pace();
  exchange x{*this};
  co_await handler_.handle(x);
  if (!x.replied() && !x.broken_) {
    auto r = handler_.refusal(500, request_);
    co_await x.reply(std::move(r));
  }
  if (traced_from_ns_ != 0 && !x.hidden_)
    end_trace(x.account());
  if (x.broken_ || !x.complete()) {
    if (x.framing_ == exchange::framing::close)
      reset(); // an orderly close would look like a complete reply
    co_return false;
  }
  if (!x.body_left())
    co_return request_.keep_alive;
  co_return request_.keep_alive&& co_await drain(x);
}

/// Drops the unread rest of the body, which stands before the next request.
task<bool> session::drain(exchange& x) {
  in_ = new_pace();
  in_.grace = worker_.lims().linger_seconds;
  std::array<std::byte, 16 << 10> sink;
  for (uint64_t dropped = 0; dropped <= worker_.lims().drain_bytes;) {
    auto n = co_await x.read_body(sink);
    if (!n)
      co_return false;
    if (*n == 0)
      co_return true;
    dropped += *n;
  }
  co_return false;
}

task<> session::refuse(int status) {
  auto r = handler_.refusal(status, request_);
  r.headers.emplace_back(request_id_header, note_refusal(status, r.why));
  auto text = head_text(r.status, r.headers, r.body.size(), false) + r.body;
  deadline_.expired = false;
  out_ = new_pace();
  out_.grace = worker_.lims().linger_seconds;
  co_await send(text, false);
}

/// A line in the log about what is no request. @returns the id in it.
std::string session::note_refusal(int status, const std::string& why) {
  auto id = make_request_id(handler_.random());
  worker_.notes().refused.warn(
    worker_.rough_now_ns(), "a connection was refused: " + why,
    {{"status", status}, {"peer", request_.peer}, {"request", id}});
  return id;
}

/// Closing with unread bytes would reset the connection and destroy the reply.
task<> session::linger() {
  boost::system::error_code ec;
  socket_.shutdown(tcp_socket::shutdown_send, ec);
  if (ec || worker_.stopping())
    co_return;
  deadline_.expired = false;
  arm_in(worker_.lims().linger_seconds);
  begin_ = end_ = 0;
  for (size_t dropped = 0; dropped < worker_.lims().drain_bytes;) {
    auto n = co_await receive(room());
    if (n == 0)
      co_return;
    dropped += n;
  }
}

/// Makes the close that follows a reset.
void session::reset() {
  boost::system::error_code ec;
  socket_.set_option(asio::socket_base::linger(true, 0), ec);
  socket_.close(ec);
}

// -- buffer -------------------------------------------------------------------

void session::move_received(size_t to) {
  std::memmove(buffer_.data() + to, buffer_.data() + begin_, end_ - begin_);
  end_ = to + (end_ - begin_);
  begin_ = to;
}

/// Makes room for more of a header; parsing starts anew, so it may move.
void session::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == buffer_.size()) {
    move_received(0);
    auto more = std::min(buffer_.size() * 2, worker_.lims().header_bytes);
    if (end_ > buffer_.size() / 2 && more > buffer_.size())
      buffer_.resize(more);
  }
}

/// A chunked body passes through the buffer, behind the header it belongs to.
void session::make_chunk_room() {
  if (buffer_.size() - begin_ - parser_->used >= chunk_room_bytes)
    return;
  move_received(0);
  buffer_.resize(std::max(buffer_.size(), parser_->used + chunk_room_bytes));
  parser_.emplace(worker_.lims()); // the views moved: take them again
  parser_->parse_header(received(), request_);
}

/// Gives back what an unusually large header needed.
void session::shrink() {
  begin_ = end_ = head_end_ = 0;
  if (buffer_.size() > first_buffer_bytes)
    buffer_ = std::vector<char>(first_buffer_bytes);
}

// -- bytes --------------------------------------------------------------------

task<size_t> session::receive(std::span<std::byte> into) {
  if (deadline_.expired)
    co_return 0;
  auto [ec, n] = co_await socket_.async_read_some(
    asio::buffer(into.data(), into.size()), tuple_task);
  co_return ec ? 0 : n;
}

task<size_t> session::receive(std::span<std::byte> into, pace& p) {
  if (deadline_.expired)
    co_return 0;
  start_wait(p);
  auto [ec, n] = co_await socket_.async_read_some(
    asio::buffer(into.data(), into.size()), tuple_task);
  end_wait(p);
  p.bytes += n;
  co_return ec ? 0 : n;
}

/// Waits until the peer has taken enough of what was sent.
task<bool> session::writable() {
  if (deadline_.expired)
    co_return false;
  start_wait(out_);
  auto [ec] = co_await socket_.async_wait(tcp_socket::wait_write, tuple_task);
  end_wait(out_);
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
  for (;;) {
    auto n = send_now(data, more);
    if (n < 0)
      co_return false;
    data = data.subspan(static_cast<size_t>(n));
    out_.bytes += static_cast<uint64_t>(n);
    if (data.empty())
      co_return true;
    if (!co_await writable())
      co_return false;
  }
}

task<bool> session::send_file(int fd, uint64_t offset, uint64_t length) {
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
    if (n < 0) {
      if (!co_await writable())
        co_return false;
      continue;
    }
    out_.bytes += static_cast<uint64_t>(n);
    if (at < end && ++turn % sends_per_turn == 0)
      co_await asio::post(socket_.get_executor(), use_task);
  }
  co_return true;
}

session::pace session::new_pace() const {
  auto now = worker_.wheel().now();
  return {now, now, worker_.lims().grace_seconds, 0};
}

/// Moved bytes buy time: a peer below limits::min_rate runs out of it.
void session::start_wait(pace& p) {
  auto& wheel = worker_.wheel();
  p.start += wheel.now() - p.left;
  auto earned = std::min<uint64_t>(p.bytes / worker_.lims().min_rate, 1u << 30);
  wheel.arm(deadline_, p.start + p.grace + static_cast<uint32_t>(earned));
}

void session::end_wait(pace& p) {
  p.left = worker_.wheel().now();
  deadline_.unlink();
}

void session::arm_in(uint32_t seconds) {
  worker_.wheel().arm(deadline_, worker_.wheel().now() + seconds);
}

} // namespace ais::http
