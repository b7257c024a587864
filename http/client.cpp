#include "http/client.hpp"

#include "http/request.hpp"
#include "storage/base/json.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/read.hpp>

#include <map>
#include <poll.h>
#include <sys/socket.h>

namespace ais::http {

namespace {

namespace beast = boost::beast;
namespace asio = boost::asio;
using beast::error_code;

using std::chrono::milliseconds;

constexpr uint64_t expect_bytes = 16 << 10; ///< larger bodies wait
constexpr size_t piece_bytes = 256 << 10;   ///< of a body
constexpr size_t head_bytes = 64 << 10;     ///< of a reply
/// After which a body goes out although no "100 Continue" came: old servers do
/// not send it.
constexpr milliseconds continue_patience{1000};

error broken(const std::string& what, error_code ec) {
  if (ec == beast::error::timeout)
    return fail(errc::timed_out, what + " does not answer in time");
  if (ec == beast::http::error::end_of_stream
      || ec == beast::http::error::partial_message || ec == asio::error::eof)
    return fail(errc::io_error, what + " closed the connection");
  if (ec == beast::http::error::header_limit
      || ec == beast::http::error::body_limit)
    return fail(errc::too_large, what + " sent more than is accepted");
  return fail(errc::io_error, what + ": " + ec.message());
}

/// A connection whose steps are waited for, each under a deadline.
class connection {
public:
  explicit connection(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }

  expected<void> open(const server_url& to, milliseconds limit) {
    error_code ec;
    asio::ip::tcp::resolver resolver{io_};
    // Blocks as long as the system's resolver likes; addresses do not.
    auto found = resolver.resolve(to.host, to.port, ec);
    if (ec)
      return fail(errc::not_ready,
                  "cannot find host " + to.host + ": " + ec.message());
    ec = step(limit, [&](auto done) {
      stream_.async_connect(found, [done](auto e, auto&&) { done(e); });
    });
    if (ec)
      return fail(errc::not_ready,
                  "cannot connect to " + name_ + ": "
                    + (ec == beast::error::timeout ? std::string{"timed out"}
                                                   : ec.message()));
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    // Without a time limit, at least a host that is gone is noticed.
    stream_.socket().set_option(asio::socket_base::keep_alive(true), ignored);
    return caf::unit;
  }

  /// False if the peer has closed it, or sent what nobody asked for.
  bool still_good() {
    pollfd p{stream_.socket().native_handle(), POLLIN, 0};
    return buffer_.size() == 0 && ::poll(&p, 1, 0) == 0;
  }

  error_code write(std::span<const char> data, milliseconds limit) {
    return step(limit, [&](auto done) {
      asio::async_write(stream_, asio::buffer(data.data(), data.size()),
                        [done](auto e, size_t) { done(e); });
    });
  }

  /// True as soon as there is something to read, false after `patience`.
  bool readable(milliseconds patience) {
    if (buffer_.size() > 0)
      return true;
    pollfd p{stream_.socket().native_handle(), POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(patience.count())) > 0;
  }

  using parser = beast::http::response_parser<beast::http::buffer_body>;

  error_code read_head(parser& p, milliseconds limit) {
    return step(limit, [&](auto done) {
      beast::http::async_read_header(stream_, buffer_, p,
                                     [done](auto e, size_t) { done(e); });
    });
  }

  /// The next piece of the body; empty at its end.
  error_code
  read_body(parser& p, std::span<char> room, size_t& got, milliseconds limit) {
    auto& body = p.get().body();
    got = 0;
    while (got == 0 && !p.is_done()) {
      body.data = room.data();
      body.size = room.size();
      auto ec = step(limit, [&](auto done) {
        beast::http::async_read_some(stream_, buffer_, p,
                                     [done](auto e, size_t) { done(e); });
      });
      got = room.size() - body.size;
      if (ec && ec != beast::http::error::need_buffer)
        return ec;
    }
    return {};
  }

private:
  /// Starts an operation and waits for it.
  template <class Start>
  error_code step(milliseconds limit, Start start) {
    error_code result = asio::error::operation_aborted;
    if (limit.count() > 0)
      stream_.expires_after(limit);
    else
      stream_.expires_never();
    start([&result](error_code ec) { result = ec; });
    io_.restart();
    io_.run();
    return result;
  }

  asio::io_context io_{1};
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_{head_bytes + piece_bytes};
  std::string name_;
};

/// What of a request is the same for all its hops.
struct outgoing {
  const client_request& req;
  uint64_t size = 0;
  bool sized = false;  ///< has a body, maybe an empty one
  bool chunks = false; ///< has a body of unknown size
  bool waits() const { return chunks || size > expect_bytes; }
  bool repeatable() const {
    return req.method == "GET" || req.method == "HEAD" || req.method == "PUT";
  }
};

bool redirects(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

std::string
head_of(const outgoing& out, const server_url& to, const header_list& always) {
  std::string text = out.req.method + ' ' + to.target
                     + " HTTP/1.1\r\nHost: " + to.authority() + "\r\n";
  auto add = [&](const auto& header) {
    text.append(header.first).append(": ").append(header.second) += "\r\n";
  };
  for (auto& x : always)
    if (find_header(out.req.headers, x.first).empty())
      add(x);
  for (auto& x : out.req.headers)
    add(x);
  if (out.chunks)
    text += "Transfer-Encoding: chunked\r\n";
  else if (out.sized)
    text += "Content-Length: " + std::to_string(out.size) + "\r\n";
  if (out.waits())
    text += "Expect: 100-continue\r\n";
  return text + "\r\n";
}

} // namespace

// -- client -------------------------------------------------------------------

struct client::impl {
  client_options options;
  std::map<std::string, std::unique_ptr<connection>> idle; ///< by authority
  std::string piece = std::string(piece_bytes, '\0');

  /// Sends body, or as much as the server wants to hear.
  expected<void> send_body(connection& c, const outgoing& out) {
    if (!out.req.source) {
      // An error here shows again when the answer is read.
      if (!out.req.body.empty())
        c.write(out.req.body, options.idle_timeout);
      return caf::unit;
    }
    if (out.chunks)
      return send_chunks(c, out);
    for (uint64_t sent = 0; sent < out.size;) {
      auto room = std::span{piece}.first(
        std::min<uint64_t>(piece.size(), out.size - sent));
      auto n = out.req.source->read(sent, room);
      if (!n)
        return n.error();
      if (*n == 0)
        return fail(errc::io_error, "the source became shorter while it was"
                                    " sent");
      if (c.write(room.first(*n), options.idle_timeout))
        break; // it may have answered why
      sent += *n;
    }
    return caf::unit;
  }

  expected<void> send_chunks(connection& c, const outgoing& out) {
    constexpr size_t front = 16; // for the size of the chunk
    for (uint64_t sent = 0;;) {
      auto room = std::span{piece}.subspan(front, piece.size() - front - 2);
      auto n = out.req.source->read(sent, room);
      if (!n)
        return n.error();
      char size[front + 1];
      auto digits
        = static_cast<size_t>(std::snprintf(size, sizeof(size), "%zx\r\n", *n));
      auto start = front - digits;
      std::copy_n(size, digits, piece.data() + start);
      piece[front + *n] = '\r';
      piece[front + *n + 1] = '\n';
      auto whole = std::span{piece}.subspan(start, digits + *n + 2);
      if (c.write(whole, options.idle_timeout) || *n == 0)
        return caf::unit;
      sent += *n;
    }
  }

  /// Reads head and body. `answered` is set once a byte of it is here.
  expected<client_reply>
  read_reply(connection& c, const outgoing& out, bool body_waits,
             bool& answered, bool& keep) {
    std::optional<connection::parser> p;
    for (;;) {
      p.emplace();
      p->header_limit(head_bytes);
      p->body_limit(boost::none);
      if (out.req.method == "HEAD")
        p->skip(true);
      if (auto ec = c.read_head(*p, options.idle_timeout)) {
        answered = answered || p->got_some();
        return broken(c.name(), ec);
      }
      answered = true;
      auto status = p->get().result_int();
      if (status >= 200)
        break;
      if (status == 100 && std::exchange(body_waits, false))
        if (auto ok = send_body(c, out); !ok)
          return ok.error();
    }
    client_reply reply;
    auto& head = p->get();
    reply.status = static_cast<int>(head.result_int());
    for (auto& h : head)
      reply.headers.emplace_back(std::string{h.name_string()},
                                 std::string{h.value()});
    if (reply.ok() && out.req.on_head)
      out.req.on_head(reply.status, reply.headers);
    auto to_sink = reply.ok() && out.req.sink;
    for (;;) {
      size_t n = 0;
      auto ec = c.read_body(*p, piece, n, options.idle_timeout);
      if (n > 0 && to_sink) {
        if (auto ok = out.req.sink({piece.data(), n}); !ok)
          return ok.error();
      } else if (n > 0) {
        if (reply.body.size() + n > options.max_reply_bytes)
          return broken(c.name(), beast::http::error::body_limit);
        reply.body.append(piece.data(), n);
      }
      if (ec)
        return broken(c.name(), ec);
      if (n == 0)
        break;
    }
    // A body that was announced but never asked for would be taken for the next
    // request.
    keep = p->keep_alive() && !body_waits;
    return reply;
  }

  expected<client_reply> once(const server_url& to, const outgoing& out) {
    auto key = to.authority();
    for (;;) {
      std::unique_ptr<connection> c;
      auto reused = false;
      if (auto i = idle.find(key); i != idle.end()) {
        c = std::move(i->second);
        idle.erase(i);
        reused = c->still_good();
      }
      if (!reused) {
        c = std::make_unique<connection>(key);
        if (auto ok = c->open(to, options.connect_timeout); !ok)
          return ok.error();
      }
      auto answered = false, keep = false;
      auto waits = out.waits();
      auto ec
        = c->write(head_of(out, to, options.headers), options.idle_timeout);
      if (!ec) {
        auto patience = out.chunks ? milliseconds{10'000} : continue_patience;
        if (waits && !c->readable(patience))
          waits = false; // it does not know "100 Continue"
        if (!waits)
          if (auto ok = send_body(*c, out); !ok)
            return ok.error();
      }
      auto reply = read_reply(*c, out, waits, answered, keep);
      if (reply) {
        if (keep)
          idle[key] = std::move(c);
        return reply;
      }
      if (answered || !reused || !out.repeatable())
        return reply.error();
    }
  }

  expected<client_reply> send(const client_request& req) {
    outgoing out{req};
    out.size = req.source ? req.source->size().value_or(0) : req.body.size();
    out.chunks = req.source && !req.source->size();
    out.sized = req.source || !req.body.empty() || req.method == "PUT"
                || req.method == "POST";
    for (const header_list* list :
         {&std::as_const(options.headers), &req.headers})
      for (auto& [k, v] : *list)
        if (v.find_first_of("\r\n") != std::string::npos)
          return fail(errc::invalid_argument,
                      "a line break cannot be part of header " + k);
    auto to = parse_server_url(req.url);
    if (!to)
      return to.error();
    auto url = req.url;
    for (int hop = 0;; ++hop) {
      auto reply = once(*to, out);
      if (!reply)
        return reply;
      reply->url = url;
      auto location = std::string{reply->find("Location")};
      if (!redirects(reply->status) || location.empty())
        return reply;
      if (hop == options.max_redirects)
        return fail(errc::io_error, req.url + " redirects more than "
                                      + std::to_string(hop) + " times");
      url = location.front() == '/' ? "http://" + to->authority() + location
                                    : location;
      to = parse_server_url(url);
      if (!to)
        return with_context(to.error(), req.url + " redirects");
    }
  }
};

client::client(client_options options) : impl_(std::make_unique<impl>()) {
  impl_->options = std::move(options);
}

client::~client() = default;
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;

expected<client_reply> client::send(const client_request& req) {
  return impl_->send(req);
}

std::string_view
find_header(const header_list& headers, std::string_view name) {
  for (auto& [k, v] : headers)
    if (same_name(k, name))
      return v;
  return {};
}

// -- URLs ---------------------------------------------------------------------

std::string server_url::authority() const {
  auto v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + port;
}

expected<server_url> parse_server_url(std::string_view url) {
  auto bad = [&] {
    return fail(errc::invalid_argument, '"' + std::string{url.substr(0, 200)}
                                          + "\" is no URL such as"
                                            " http://host:8080");
  };
  constexpr std::string_view scheme = "http://";
  if (url.substr(0, scheme.size()) != scheme)
    return bad();
  auto rest = url.substr(scheme.size());
  auto slash = rest.find_first_of("/?");
  auto where = rest.substr(0, slash);
  server_url out;
  out.target = slash == std::string_view::npos ? "/" : rest.substr(slash);
  if (out.target.front() == '?')
    out.target.insert(0, 1, '/');
  auto port = std::string_view{"80"};
  if (!where.empty() && where.front() == '[') {
    auto end = where.find(']');
    if (end == std::string_view::npos)
      return bad();
    out.host = where.substr(1, end - 1);
    if (end + 1 < where.size() && where[end + 1] != ':')
      return bad();
    if (end + 1 < where.size())
      port = where.substr(end + 2);
  } else {
    auto colon = where.find(':');
    out.host = where.substr(0, colon);
    if (colon != std::string_view::npos)
      port = where.substr(colon + 1);
  }
  for (char c : port)
    if (c < '0' || c > '9')
      return bad();
  for (char c : url)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return bad();
  if (out.host.empty() || port.empty() || port.size() > 5)
    return bad();
  out.port = port;
  return out;
}

// -- errors -------------------------------------------------------------------

api_error api_error_of(const client_reply& reply) {
  api_error out;
  out.status = reply.status;
  auto in_header = reply.find("Hdr-Error");
  auto text = in_header.empty() ? std::string_view{reply.body} : in_header;
  auto parsed = parse_json(text);
  if (auto* o = parsed ? parsed->if_object() : nullptr) {
    auto get = [&](std::string_view name) {
      auto x = text_member(*o, name);
      return x ? std::move(*x) : std::string{};
    };
    out.tcode = get("tcode");
    out.message = get("message");
    out.method = get("method");
    out.url_path = get("url_path");
    out.node = get("node");
  }
  if (out.message.empty()) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
      text.remove_suffix(1);
    auto html = text.find('<') != std::string_view::npos;
    out.message
      = text.empty() || html || parsed
          ? std::string{beast::http::obsolete_reason(
            beast::http::int_to_status(static_cast<unsigned>(reply.status)))}
          : std::string{text.substr(0, 1000)};
  }
  return out;
}

} // namespace ais::http
