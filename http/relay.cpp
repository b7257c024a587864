#include "http/relay.hpp"

#include "http/request_id.hpp"
#include "http/tokens.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace ais::http {

namespace {

namespace beast = boost::beast::http;

constexpr uint32_t connect_seconds = 5;
constexpr uint32_t answer_seconds = 100; ///< a shard may be in between
constexpr uint32_t piece_seconds = 20;   ///< for one piece of a body
constexpr uint32_t idle_seconds = 30;    ///< below the other side's
constexpr size_t max_idle = 32;          ///< links per node
constexpr size_t head_bytes = 64 << 10;  ///< of an answer
constexpr size_t own_piece_bytes = 16 << 10;

/// Of one connection, or made by us; RFC 9110 section 7.6.1.
bool of_this_hop(std::string_view name) {
  for (std::string_view x :
       {"connection", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length"})
    if (same_name(name, x))
      return true;
  return same_name(name, relayed_header) || same_name(name, placement_header);
}

/// What we make anew: of requests, and of answers.
bool ours_in_request(std::string_view name) {
  return same_name(name, "host") || same_name(name, "expect");
}
bool ours_in_answer(std::string_view name) {
  return same_name(name, "date") || same_name(name, "server")
         || same_name(name, request_id_header);
}

/// Whether a list of tokens (the header Connection) names it.
bool lists(std::string_view list, std::string_view name) {
  return !each_token(
    list, [&](std::string_view token) { return !same_name(token, name); });
}

std::string
head_of(const request& req, const net_info& to, std::string_view target,
        std::string_view by, std::string_view id, const header_list& more) {
  std::string out{req.method};
  out.append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
  auto url = to.url();
  auto host = req.find("host");
  out.append(host.empty() ? std::string_view{url}.substr(url.find("//") + 2)
                          : host);
  out.append("\r\n").append(relayed_header).append(": ").append(by);
  out.append("\r\n");
  // Both logs call it the same. The client's own may be part of a signature.
  if (req.find(request_id_header).empty())
    out.append(request_id_header).append(": ").append(id).append("\r\n");
  for (auto& [name, value] : more)
    out.append(name).append(": ").append(value).append("\r\n");
  auto replaced = [&](std::string_view name) {
    return std::any_of(more.begin(), more.end(),
                       [&](auto& x) { return same_name(x.first, name); });
  };
  auto listed = req.find("connection");
  for (auto& h : req.headers)
    if (!of_this_hop(h.name) && !ours_in_request(h.name)
        && !lists(listed, h.name) && !replaced(h.name))
      out.append(h.name).append(": ").append(h.value).append("\r\n");
  if (req.chunked)
    out.append("Transfer-Encoding: chunked\r\n");
  else if (req.content_length)
    out.append("Content-Length: ")
      .append(std::to_string(*req.content_length))
      .append("\r\n");
  if (req.expect_continue && req.has_body())
    out.append("Expect: 100-continue\r\n");
  return out.append("\r\n");
}

std::span<const std::byte> bytes_of(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

std::span<const char> chars_of(std::span<const std::byte> x) {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

error unknown(const net_info& to) {
  return fail(errc::timed_out, "the node at " + to.url()
                                 + " broke off, whether it did what was"
                                   " asked is not known");
}

} // namespace

/// A stream that somebody waits on.
struct relay::running {
  running(relay& r, peer_stream& l) : in(r), it(&l) { in.running_.insert(it); }
  ~running() { in.running_.erase(it); }
  relay& in;
  peer_stream* it;
};

/// The head of an answer, and what of its body came with it.
struct relay::response {
  int status = 0;
  header_list headers;
  std::optional<uint64_t> length;
  bool keep_alive = false;
  bool bare = false; ///< it never has a body
  std::vector<char> rest;
};

task<expected<void>>
relay::pass(exchange& x, net_info to, std::string target, std::string by,
            header_list more, std::function<bool()> still) {
  auto& req = x.request();
  auto repeatable
    = !req.has_body() && (req.method == "GET" || req.method == "HEAD");
  for (;;) {
    auto fresh = false;
    auto opened = co_await open(to, fresh);
    if (!opened)
      co_return opened.error();
    auto it = std::move(*opened);
    running one{*this, *it};
    response from;
    it->allow(answer_seconds);
    auto head = head_of(req, to, target, by, x.id(), more);
    auto got = co_await it->write(bytes_of(head));
    auto whole = !req.has_body();
    if (got && !whole && req.expect_continue) // it may refuse before the body
      got = co_await read_head(*it, from);
    if (got && !whole && (!req.expect_continue || from.status == 100)) {
      auto sent = co_await send_body(x, *it);
      if (!sent)
        co_return sent.error();
      whole = *sent;
      from.status = 100;
    }
    it->allow(answer_seconds);
    while (got && (from.status == 0 || from.status == 100))
      got = co_await read_head(*it, from);
    if (!got && repeatable && !fresh)
      continue; // it was just being closed
    if (!got)
      co_return repeatable
        ? fail(errc::not_ready, "the node at " + to.url() + " broke off")
        : unknown(to);
    if (from.status == misdirected)
      co_return fail(errc::not_ready, "the node at " + to.url()
                                        + " does not have it any more: try"
                                          " again");
    if (still && !still())
      co_return fail(errc::not_ready, "things have changed: try again");
    if (!from.length && !from.bare && req.method != "HEAD")
      co_return fail(errc::io_error,
                     "the node at " + to.url() + " gave no length");
    auto done = co_await answer(x, *it, from);
    if (done && whole && from.keep_alive)
      keep(to, std::move(it));
    co_return caf::unit;
  }
}

task<expected<bool>> relay::fetch(exchange& x, net_info to, std::string by,
                                  header_list more, const sink& take) {
  auto head = head_of(x.request(), to, x.request().target, by, x.id(), more);
  for (;;) {
    auto fresh = false;
    auto opened = co_await open(to, fresh);
    if (!opened)
      co_return opened.error();
    auto it = std::move(*opened);
    running one{*this, *it};
    response from;
    it->allow(answer_seconds);
    auto got = co_await it->write(bytes_of(head));
    while (got && (from.status == 0 || from.status == 100))
      got = co_await read_head(*it, from);
    if (!got && !fresh)
      continue; // it was just being closed
    if (!got)
      co_return fail(errc::not_ready,
                     "the node at " + to.url() + " broke off: try again");
    if (!from.length && !from.bare)
      co_return fail(errc::io_error,
                     "the node at " + to.url() + " gave no length");
    auto done = from.status == 200;
    if (done) {
      auto taken = co_await take_body(*it, from, take);
      if (!taken)
        co_return taken.error();
    } else {
      auto whole = co_await answer(x, *it, from);
      if (!whole)
        co_return false;
    }
    if (from.keep_alive)
      keep(to, std::move(it));
    co_return done;
  }
}

task<expected<peer_stream_ptr>> relay::open(const net_info& to, bool& fresh) {
  auto& list = idle_[to.url()];
  while (!list.empty()) {
    auto out = std::move(list.back().it);
    list.pop_back();
    if (out->silent())
      co_return out;
  }
  fresh = true;
  co_return co_await peer_stream::connect(worker_, to.host, to.port,
                                          connect_seconds);
}

void relay::keep(const net_info& to, peer_stream_ptr it) {
  auto& list = idle_[to.url()];
  if (!worker_.stopping() && list.size() < max_idle && it->silent())
    list.push_back({std::move(it), worker_.wheel().now() + idle_seconds});
}

// -- request ------------------------------------------------------------------

/// @returns whether all of it was sent; an error if the client's part broke.
task<expected<bool>> relay::send_body(exchange& x, peer_stream& l) {
  std::vector<std::byte> own;
  for (;;) {
    if (!l.silent())
      co_return false; // an early answer: it does not want the rest
    expected<progress> step{progress::more};
    if (worker_.blocks_short()) {
      own.resize(own_piece_bytes);
      step = co_await send_piece(x, l, own);
    } else {
      auto block = co_await worker_.lease();
      step = co_await send_piece(x, l, block.bytes());
    }
    if (!step)
      co_return step.error();
    if (*step != progress::more)
      co_return *step == progress::done;
  }
}

task<expected<relay::progress>>
relay::send_piece(exchange& x, peer_stream& l, std::span<std::byte> room) {
  auto n = co_await x.read_body(room);
  if (!n)
    co_return n.error();
  l.allow(piece_seconds);
  auto ok = true;
  if (x.request().chunked) {
    char size[20];
    auto end = std::to_chars(size, size + sizeof(size), *n, 16).ptr;
    auto frame = std::string{size, end} + "\r\n";
    ok = co_await l.write(bytes_of(frame), true);
  }
  if (ok)
    ok = co_await l.write(room.first(*n), x.request().chunked);
  if (ok && x.request().chunked)
    ok = co_await l.write(bytes_of("\r\n"));
  if (!ok)
    co_return progress::refused;
  co_return *n > 0 ? progress::more : progress::done;
}

// -- answer -------------------------------------------------------------------

/// Reads the next head, beginning with what is left of the last one.
task<bool> relay::read_head(peer_stream& l, response& out) {
  beast::response_parser<beast::empty_body> parser;
  parser.header_limit(head_bytes);
  parser.skip(true); // the body is ours to read
  std::vector<char> in = std::move(out.rest);
  out = {};
  while (!parser.is_header_done()) {
    boost::system::error_code ec = beast::error::need_more;
    size_t used = 0;
    if (!in.empty())
      used = parser.put(asio::const_buffer{in.data(), in.size()}, ec);
    in.erase(in.begin(), in.begin() + static_cast<ptrdiff_t>(used));
    if (ec && ec != beast::error::need_more)
      co_return false;
    if (parser.is_header_done())
      break;
    std::array<std::byte, own_piece_bytes> piece;
    auto n = co_await l.read_some(piece);
    if (n == 0)
      co_return false;
    auto more = chars_of(std::span{piece}.first(n));
    in.insert(in.end(), more.begin(), more.end());
  }
  auto& head = parser.get();
  out.rest = std::move(in);
  out.status = static_cast<int>(head.result_int());
  out.keep_alive = head.keep_alive();
  out.bare = out.status == 204 || out.status == 304;
  if (auto length = parser.content_length())
    out.length = *length;
  for (auto& field : head) {
    std::string name{field.name_string().data(), field.name_string().size()};
    if (!of_this_hop(name) && !ours_in_answer(name))
      out.headers.emplace_back(
        std::move(name),
        std::string{field.value().data(), field.value().size()});
  }
  co_return true;
}

/// @returns whether the connection can carry another request.
task<bool> relay::answer(exchange& x, peer_stream& l, response& from) {
  if (from.bare || x.request().method == "HEAD") {
    reply r;
    r.status = from.status;
    r.headers = std::move(from.headers);
    r.length = from.length;
    co_await x.reply(std::move(r));
    co_return from.rest.empty();
  }
  auto left = *from.length;
  auto ok = co_await x.begin(from.status, from.headers, left);
  if (ok && !from.rest.empty()) {
    auto n = std::min<uint64_t>(from.rest.size(), left);
    ok = co_await x.send(std::span<const char>{from.rest}.first(n));
    left -= n;
  }
  std::vector<std::byte> own;
  while (ok && left > 0) {
    if (worker_.blocks_short() || left <= own_piece_bytes) {
      own.resize(own_piece_bytes);
      ok = co_await answer_piece(x, l, own, left);
    } else {
      auto block = co_await worker_.lease();
      ok = co_await answer_piece(x, l, block.bytes(), left);
    }
  }
  if (!ok)
    x.abort();
  co_return ok;
}

task<bool> relay::answer_piece(exchange& x, peer_stream& l,
                               std::span<std::byte> room, uint64_t& left) {
  l.allow(piece_seconds);
  auto n
    = co_await l.read_some(room.first(std::min<uint64_t>(room.size(), left)));
  if (n == 0)
    co_return false;
  left -= n;
  co_return co_await x.send(chars_of(room.first(n)));
}

/// Reads what is left of an answer.
task<expected<void>>
relay::take_body(peer_stream& l, response& from, const sink& take) {
  auto left = *from.length;
  auto first = std::as_bytes(std::span<const char>{from.rest});
  first = first.first(std::min<uint64_t>(first.size(), left));
  if (!first.empty()) {
    auto ok = take(first);
    if (!ok)
      co_return ok.error();
    left -= first.size();
  }
  auto block = co_await worker_.lease();
  while (left > 0) {
    l.allow(piece_seconds);
    auto room = block.bytes();
    auto n
      = co_await l.read_some(room.first(std::min<uint64_t>(room.size(), left)));
    if (n == 0)
      co_return fail(errc::not_ready,
                     "the other node broke off amid its answer: try again");
    auto ok = take(room.first(n));
    if (!ok)
      co_return ok.error();
    left -= n;
  }
  co_return caf::unit;
}

// -- time ---------------------------------------------------------------------

void relay::tick() {
  auto now = worker_.wheel().now();
  for (auto& [to, list] : idle_)
    std::erase_if(list, [&](auto& x) { return x.until <= now; });
  std::erase_if(idle_, [](auto& x) { return x.second.empty(); });
  if (!worker_.stopping())
    return;
  if (stopping_since_ == 0)
    stopping_since_ = now;
  if (now - stopping_since_ >= worker_.lims().stop_seconds)
    for (auto* l : running_)
      l->cut();
}

} // namespace ais::http
