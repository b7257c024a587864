// An HTTP/1.1 client for programs that wait for their answers. Blocking; plain
// or TLS; keeps
// one connection per server open; every step has a deadline; bodies stream from
// and to wherever the caller likes. Follows redirects with method and body.
#pragma once

#include "http/client_tls.hpp"
#include "http/response.hpp"
#include "storage/base/errc.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ais::http {

/// A request's body that is read when it is sent: again, from the start, when
/// a redirect or a lost connection asks for it.
class body_source {
public:
  virtual ~body_source() = default;
  /// All of it [bytes]; none if nobody knows: then it goes out in chunks.
  virtual std::optional<uint64_t> size() const = 0;
  /// Fills the front of `room` from `offset` on. @returns the bytes read; 0 at
  /// the end, or if the source is shorter than its size by now.
  virtual expected<size_t> read(uint64_t offset, std::span<char> room) = 0;
};

struct client_options {
  /// For connecting, and again for beginning TLS; 0: no limit.
  std::chrono::milliseconds connect_timeout{10'000};
  /// Without a byte coming or going; 0: no limit.
  std::chrono::milliseconds idle_timeout{60'000};
  size_t max_reply_bytes = 256 << 20; ///< of replies kept in memory
  int max_redirects = 10;
  header_list headers; ///< sent with every request that has none such itself
  client_tls tls;      ///< for https://
};

struct client_request {
  std::string method = "GET";
  std::string url; ///< http[s]://host[:port]/path?query, encoded
  header_list headers;
  std::string body;
  body_source* source = nullptr; ///< instead of `body`
  /// Takes the body of a reply with status 2xx; its error ends the request.
  std::function<expected<void>(std::span<const char>)> sink;
  /// Sees that reply's status and headers first.
  std::function<void(int status, const header_list&)> on_head;
};

/// The first header of that name, any case; empty if there is none.
std::string_view find_header(const header_list& headers, std::string_view name);

struct client_reply {
  int status = 0;
  header_list headers;
  std::string body; ///< unless it went to the sink
  std::string url;  ///< that answered: the last of the redirects

  bool ok() const { return status >= 200 && status < 300; }
  std::string_view find(std::string_view name) const {
    return find_header(headers, name);
  }
};

/// One thread's client.
///
/// **Operation.** Idle connections are kept per server and used again; one that
/// breaks before it answered is replaced once, for requests that may be sent
/// twice (GET, HEAD, PUT). Bodies of more than 16 KiB, or of unknown size, wait
/// for "100 Continue", so that a redirect comes before them.
///
/// Redirects may lead anywhere, from https to http, too. Nobody can be sure
/// whom that reaches and who reads it: Authorization and Cookie stay behind
/// then.
///
/// **Limits.** A reply's header has at most 64 KiB, its body in memory
/// `max_reply_bytes`.
class client {
public:
  explicit client(client_options options = {});
  ~client();
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;

  /// Sends a request and reads its answer, whatever the status.
  /// @returns errc::invalid_argument for a bad URL, files for TLS that are of
  ///          no use, http where TLS is spoken and the reverse; access_denied
  ///          when client or server does not trust the other's certificate;
  ///          not_ready when nobody accepts the connection, timed_out, io_error
  ///          when the connection breaks, too_large; or the error of the sink
  ///          or the source. What mends it, if anything does, is a second line.
  expected<client_reply> send(const client_request& req);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// What AIStore says about a failed request. Source: api-control 8.1.
struct api_error {
  int status = 0;
  std::string tcode; ///< the error's type, e.g. ErrBckNotFound; may be empty
  std::string message;
  std::string method;
  std::string url_path;
  std::string node; ///< that failed: p[ID] or t[ID]
};

/// The error that a reply carries, in its body or, to HEAD, in its header; made
/// from status and text where it is not AIStore's. @pre status >= 400.
api_error api_error_of(const client_reply& reply);

/// Splits http[s]://host[:port]/path; IPv6 hosts stand in brackets.
struct server_url {
  bool tls = false;
  std::string host; ///< without brackets
  std::string port;
  std::string target; ///< path and query; at least "/"
  /// "host:port", as in the header Host.
  std::string authority() const;
  /// The same with scheme: requests to equal ones may share a connection.
  std::string origin() const;
};

/// @returns errc::invalid_argument with an example of a good one.
expected<server_url> parse_server_url(std::string_view url);

} // namespace ais::http
