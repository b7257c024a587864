#include "http/request_id.hpp"
#include "http/session.hpp"
#include "storage/base/log.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace ais::http {

namespace {

/// Below, what is left of a chunk goes through the receive buffer together with
/// what follows it: one call instead of two.
constexpr size_t direct_bytes = 8 << 10;

error too_large(size_t limit) {
  return fail(errc::too_large,
              "the body has more than " + std::to_string(limit) + " bytes");
}

error malformed() {
  return fail(errc::invalid_argument, "the body's chunks are malformed");
}

} // namespace

exchange::exchange(session& s)
  : session_(s), no_body_(s.request_.method == "HEAD"),
    since_(s.worker_.wheel().now()) {}

const request& exchange::request() const {
  return session_.request_;
}

worker& exchange::thread() const {
  return session_.worker_;
}

// -- body ---------------------------------------------------------------------

task<expected<size_t>> exchange::read_body(std::span<std::byte> into) {
  auto& s = session_;
  if (auto n = std::min(into.size(), again_.size()); n > 0) {
    std::memcpy(into.data(), again_.data(), n);
    again_.erase(0, n);
    co_return n;
  }
  if (into.empty() || !body_left())
    co_return size_t{0};
  if (!body_started_) {
    body_started_ = true;
    if (s.request_.expect_continue && s.received().empty() && !replied()
        && !co_await s.send(continue_text, false))
      co_return peer_gone();
  }
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
    n = co_await s.receive(into, s.in_);
  }
  if (n == 0)
    co_return peer_gone();
  body_read_ += n;
  if (body_read_ == *s.request_.content_length)
    body_over();
  co_return n;
}

task<expected<size_t>> exchange::read_chunked(std::span<std::byte> into) {
  auto& s = session_;
  auto decode = [&](std::span<const char> in, size_t& got) {
    parser::error_code ec;
    auto used = s.parser_->decode_chunked(in, into, got, ec);
    body_read_ += got;
    if (s.parser_->is_done())
      body_over();
    broken_ |= static_cast<bool>(ec);
    return used;
  };
  for (;;) {
    size_t got = 0;
    if (!s.received().empty())
      s.begin_ += decode(s.received(), got);
    if (broken_)
      co_return malformed();
    if (got > 0 || body_done_)
      co_return got;
    s.move_received(s.head_end_);
    if (s.room().empty()) { // one line of framing that fills the buffer
      broken_ = true;
      co_return malformed();
    }
    auto left = s.parser_->chunk_left();
    if (s.received().empty() && left >= direct_bytes) {
      // Nothing but payload comes next: straight to where it is wanted.
      auto to = into.first(std::min<uint64_t>(into.size(), left));
      auto n = co_await s.receive(to, s.in_);
      if (n == 0)
        co_return peer_gone();
      decode({reinterpret_cast<const char*>(to.data()), n}, got);
      co_return got;
    }
    auto n = co_await s.receive(s.room(), s.in_);
    if (n == 0)
      co_return peer_gone();
    s.end_ += n;
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
    co_return too_large(limit);
  std::array<std::byte, 16 << 10> piece;
  for (;;) {
    auto n = co_await read_body(piece);
    if (!n)
      co_return n.error();
    if (*n == 0)
      co_return out;
    if (out.size() + *n > limit)
      co_return too_large(limit);
    out.append(reinterpret_cast<const char*>(piece.data()), *n);
  }
}

error exchange::peer_gone() {
  broken_ = true;
  return fail(errc::timed_out,
              "the client closed the connection or was too slow");
}

void exchange::body_over() {
  body_done_ = true;
  since_ = session_.worker_.wheel().now();
}

bool exchange::body_left() const {
  return session_.request_.has_body() && !body_done_;
}

// -- reply --------------------------------------------------------------------

task<> exchange::reply(ais::http::reply r) {
  if (!start_reply(r.status, r.why))
    co_return;
  if (wants_id(r.status))
    r.headers.emplace_back(request_id_header, id());
  stage_ = stage::ended;
  // RFC 9110 sections 8.6, 15.4.5: neither has a body.
  auto bare = r.status == 204 || r.status == 304;
  auto length = bare ? std::nullopt : std::optional<uint64_t>{r.body.size()};
  if (no_body_ && r.length)
    length = r.length;
  auto text
    = head_text(r.status, r.headers, length, session_.request_.keep_alive);
  if (!no_body_ && !bare)
    text += r.body;
  broken_ |= !co_await session_.send(text, false);
  if (!broken_ && !no_body_ && !bare)
    sent_ = r.body.size();
}

task<bool> exchange::begin(int status, const header_list& headers,
                           std::optional<uint64_t> length) {
  if (!start_reply(status, {}))
    co_return false;
  auto& req = session_.request_;
  stage_ = stage::begun;
  framing_ = length             ? framing::length
             : req.version < 11 ? framing::close
                                : framing::chunked;
  if (framing_ == framing::close)
    req.keep_alive = false;
  length_left_ = length.value_or(0);
  std::optional<header_list> named;
  if (wants_id(status)) {
    named = headers;
    named->emplace_back(request_id_header, id());
  }
  auto text = head_text(status, named ? *named : headers, length,
                        req.keep_alive, framing_ == framing::chunked);
  auto more = !no_body_ && length.value_or(1) > 0;
  broken_ |= !co_await session_.send(text, more);
  co_return !broken_;
}

task<bool> exchange::send(std::span<const char> data) {
  if (!allow(data.size()))
    co_return false;
  if (data.empty() || no_body_)
    co_return true;
  auto ok = co_await open_chunk(data.size())
            && co_await session_.send(data, framing_ == framing::chunked)
            && co_await close_chunk();
  broken_ |= !ok;
  sent_ += ok ? data.size() : 0;
  co_return ok;
}

task<bool> exchange::send_file(int fd, uint64_t offset, uint64_t length) {
  if (!allow(length))
    co_return false;
  if (length == 0 || no_body_)
    co_return true;
  auto ok = co_await open_chunk(length)
            && co_await session_.send_file(fd, offset, length)
            && co_await close_chunk();
  broken_ |= !ok;
  sent_ += ok ? length : 0;
  co_return ok;
}

task<bool> exchange::end() {
  if (!allow(0))
    co_return false;
  stage_ = stage::ended;
  static constexpr std::string_view last = "0\r\n\r\n";
  if (framing_ == framing::chunked && !no_body_)
    broken_ |= !co_await session_.send(last, false);
  co_return !broken_;
}

/// False for a second reply. Decides whether the connection can carry another
/// request, while there is still time to tell the client.
bool exchange::start_reply(int status, std::string_view why) {
  auto& req = session_.request_;
  if (replied()) {
    log_error("a second reply to one request was dropped: "
                + std::string{req.method.substr(0, 16)},
              {{"request", id()}});
    broken_ = true;
    return false;
  }
  auto rest = req.content_length.value_or(0) - body_read_;
  if (broken_ || session_.worker_.stopping()
      || (body_left()
          && ((req.expect_continue && !body_started_)
              || (!req.chunked && rest > session_.worker_.lims().drain_bytes))))
    req.keep_alive = false;
  status_ = status;
  note_reply(status, why);
  return true;
}

/// Replies that somebody may ask about later get a line in the log.
void exchange::note_reply(int status, std::string_view why) {
  auto& w = session_.worker_;
  auto took = w.wheel().now() - since_;
  // While a body is on its way, the client may be the slow one.
  auto slow = w.lims().slow_seconds > 0 && took >= w.lims().slow_seconds
              && !body_left();
  auto failed = status >= 500 && status != 501;
  auto refused = status == 401 || status == 403;
  if (!slow && !failed && !refused)
    return;
  auto& req = session_.request_;
  // Not the query: there may be a signature in it.
  auto path = req.target.substr(0, req.target.find('?')).substr(0, 256);
  auto line = std::string{req.method.substr(0, 16)} + ' ' + std::string{path}
              + (failed    ? " failed"
                 : refused ? " was refused"
                           : " took long");
  if (!why.empty())
    line.append(": ").append(why.substr(0, 1024));
  auto& rare = failed    ? w.notes().failed
               : refused ? w.notes().refused
                         : w.notes().slow;
  rare.warn(w.rough_now_ns(), line,
            {{"status", status},
             {"seconds", took},
             {"peer", req.peer},
             {"request", id()}});
}

/// Whoever gave us an id gets it back; whoever gets an error gets one.
bool exchange::wants_id(int status) const {
  return status >= 400 || !given_request_id(session_.request_).empty();
}

const std::string& exchange::id() {
  if (id_.empty())
    id_ = given_request_id(session_.request_);
  if (id_.empty())
    id_ = make_request_id(session_.handler_.random());
  return id_;
}

bool exchange::traced() const {
  return session_.traced_from_ns_ != 0;
}

/// For traces: what came in and went out.
traced_request exchange::account() const {
  auto out = describe(session_.request_);
  out.status = status_;
  out.received = body_read_;
  out.sent = sent_;
  out.complete = !broken_ && complete();
  out.s3 = s3_;
  if (s3_) {
    out.bucket = traced_text(bucket_);
    out.object = traced_text(object_);
  }
  return out;
}

void exchange::trace_s3(std::string bucket, std::string object) {
  s3_ = true;
  bucket_ = std::move(bucket);
  object_ = std::move(object);
}

/// True if `n` more body bytes may be sent.
bool exchange::allow(uint64_t n) {
  if (broken_)
    return false;
  auto fits = framing_ != framing::length || no_body_ || n <= length_left_;
  if (stage_ != stage::begun || !fits) {
    log_error("bytes outside of a reply were dropped: "
                + std::string{session_.request_.method.substr(0, 16)},
              {{"request", id()}});
    broken_ = true;
    return false;
  }
  if (framing_ == framing::length && !no_body_)
    length_left_ -= n;
  return true;
}

task<bool> exchange::open_chunk(uint64_t size) {
  if (framing_ != framing::chunked)
    co_return true;
  char text[20];
  auto n = std::snprintf(text, sizeof(text), "%llx\r\n",
                         static_cast<unsigned long long>(size));
  co_return co_await session_.send({text, static_cast<size_t>(n)}, true);
}

task<bool> exchange::close_chunk() {
  static constexpr std::string_view crlf = "\r\n";
  if (framing_ != framing::chunked)
    co_return true;
  co_return co_await session_.send(crlf, false);
}

/// The client can tell where the reply ended.
bool exchange::complete() const {
  if (stage_ == stage::ended)
    return true;
  return stage_ == stage::begun && framing_ == framing::length
         && (no_body_ || length_left_ == 0);
}

} // namespace ais::http
