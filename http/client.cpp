#include "http/client.hpp"

#include "http/connection.hpp"
#include "http/request.hpp"
#include "storage/base/json.hpp"

#include <boost/beast/http/status.hpp>

#include <map>

namespace ais::http {

namespace {

namespace beast = boost::beast;
using beast::error_code;

using std::chrono::milliseconds;

constexpr uint64_t expect_bytes = 16 << 10; ///< larger bodies wait
/// After which a body goes out although no "100 Continue" came: old servers do
/// not send it.
constexpr milliseconds continue_patience{1000};

/// What of a request is the same for all its hops.
struct outgoing {
  const client_request& req;
  uint64_t size = 0;
  bool sized = false;  ///< has a body, maybe an empty one
  bool chunks = false; ///< has a body of unknown size
  bool spied = false;  ///< a redirect has left TLS: no secrets from here on
  bool waits() const { return chunks || size > expect_bytes; }
  bool repeatable() const {
    return req.method == "GET" || req.method == "HEAD" || req.method == "PUT";
  }
};

/// Whether a header shows who one is, to whoever reads it.
bool secret(std::string_view name) {
  return same_name(name, "Authorization") || same_name(name, "Cookie");
}

bool redirects(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

std::string
head_of(const outgoing& out, const server_url& to, const header_list& always) {
  std::string text = out.req.method + ' ' + to.target
                     + " HTTP/1.1\r\nHost: " + to.authority() + "\r\n";
  auto add = [&](const auto& header) {
    if (out.spied && secret(header.first))
      return;
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
  std::map<std::string, std::unique_ptr<connection>> idle; ///< by origin
  std::shared_ptr<SSL_CTX> tls; ///< once it was needed
  std::string piece = std::string(connection::piece_bytes, '\0');

  expected<std::unique_ptr<connection>> connect(const server_url& to) {
    auto c = std::make_unique<connection>(to.authority(), options.tls);
    if (to.tls && !tls) {
      auto loaded = load_client_tls(options.tls);
      if (!loaded)
        return loaded.error();
      tls = std::move(*loaded);
    }
    if (auto ok = c->open(to, options.connect_timeout); !ok)
      return ok.error();
    if (to.tls)
      if (auto ok = c->begin_tls(tls.get(), to.host, options.connect_timeout);
          !ok)
        return ok.error();
    return c;
  }

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
      p->header_limit(connection::head_bytes);
      p->body_limit(boost::none);
      if (out.req.method == "HEAD")
        p->skip(true);
      if (auto ec = c.read_head(*p, options.idle_timeout)) {
        answered = answered || p->got_some();
        return c.broken(ec);
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
          return c.broken(beast::http::error::body_limit);
        reply.body.append(piece.data(), n);
      }
      if (ec)
        return c.broken(ec);
      if (n == 0)
        break;
    }
    // A body that was announced but never asked for would be taken for the next
    // request.
    keep = p->keep_alive() && !body_waits;
    return reply;
  }

  expected<client_reply> once(const server_url& to, const outgoing& out) {
    auto key = to.origin();
    for (;;) {
      std::unique_ptr<connection> c;
      auto reused = false;
      if (auto i = idle.find(key); i != idle.end()) {
        c = std::move(i->second);
        idle.erase(i);
        reused = c->still_good();
      }
      if (!reused) {
        auto opened = connect(to);
        if (!opened)
          return opened.error();
        c = std::move(*opened);
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
      if (location.starts_with("//"))
        location.insert(0, to->tls ? "https:" : "http:");
      url = location.front() == '/' ? to->origin() + location : location;
      auto was_tls = to->tls;
      to = parse_server_url(url);
      if (!to)
        return with_context(to.error(), req.url + " redirects");
      out.spied = out.spied || (was_tls && !to->tls);
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

std::string server_url::origin() const {
  return (tls ? "https://" : "http://") + authority();
}

expected<server_url> parse_server_url(std::string_view url) {
  auto bad = [&] {
    return fail(errc::invalid_argument, '"' + std::string{url.substr(0, 200)}
                                          + "\" is no URL such as"
                                            " http://host:8080");
  };
  server_url out;
  out.tls = url.starts_with("https://");
  if (!out.tls && !url.starts_with("http://"))
    return bad();
  auto rest = url.substr(url.find("//") + 2);
  auto slash = rest.find_first_of("/?");
  auto where = rest.substr(0, slash);
  out.target = slash == std::string_view::npos ? "/" : rest.substr(slash);
  if (out.target.front() == '?')
    out.target.insert(0, 1, '/');
  std::string_view port = out.tls ? "443" : "80";
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
