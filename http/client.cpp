#include "http/client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace ais::http {

namespace {

namespace beast = boost::beast;
namespace asio = boost::asio;

constexpr uint64_t max_reply_bytes = 64 << 20;

struct address {
  std::string host; ///< without brackets
  std::string port;
  std::string path;

  std::string host_header() const {
    auto v6 = host.find(':') != std::string::npos;
    return (v6 ? '[' + host + ']' : host) + ':' + port;
  }
};

expected<address> parse(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  if (url.compare(0, scheme.size(), scheme) != 0)
    return fail(errc::invalid_argument,
                "\"" + url + "\" is no URL such as http://host:8080");
  auto rest = url.substr(scheme.size());
  auto slash = rest.find('/');
  auto where = rest.substr(0, slash);
  address out;
  out.path = slash == std::string::npos ? "/" : rest.substr(slash);
  // An IPv6 address stands in brackets.
  auto bracket = where.find(']');
  auto v6 = where.rfind('[', 0) == 0 && bracket != std::string::npos;
  auto end = v6 ? bracket + 1 : where.find(':');
  out.host = v6 ? where.substr(1, bracket - 1) : where.substr(0, end);
  auto port = end < where.size() ? where.substr(end) : std::string{":80"};
  out.port = port.substr(1);
  if (out.host.empty() || out.port.empty() || port.front() != ':'
      || out.port.find_first_not_of("0123456789") != std::string::npos)
    return fail(errc::invalid_argument,
                "\"" + url
                  + "\" is no URL such as http://host:8080 or"
                    " http://[::1]:8080");
  return out;
}

/// One question, step by step, under one deadline.
class question {
public:
  question(const address& to, std::chrono::milliseconds timeout)
    : stream_(io_), resolver_(io_),
      request_(beast::http::verb::get, to.path, 11) {
    request_.set(beast::http::field::host, to.host_header());
    request_.set(beast::http::field::connection, "close");
    parser_.body_limit(max_reply_bytes);
    stream_.expires_after(timeout);
    resolver_.async_resolve(to.host, to.port, [this](auto ec, auto found) {
      if (failed(ec))
        return;
      stream_.async_connect(found, [this](auto ec2, auto&&) {
        if (!failed(ec2))
          send();
      });
    });
  }

  /// The error, or success.
  boost::system::error_code run(std::chrono::milliseconds timeout) {
    io_.run_for(timeout);
    return done_ ? error_ : beast::error::timeout;
  }
  fetched result() {
    return {parser_.get().result_int() == 0
              ? 0
              : static_cast<int>(parser_.get().result_int()),
            std::move(parser_.get().body())};
  }

private:
  bool failed(boost::system::error_code ec) {
    error_ = ec;
    done_ = done_ || ec;
    return bool(ec);
  }
  void send() {
    beast::http::async_write(stream_, request_, [this](auto ec, size_t) {
      if (failed(ec))
        return;
      beast::http::async_read(stream_, buffer_, parser_,
                              [this](auto ec2, size_t) {
                                failed(ec2);
                                done_ = true;
                              });
    });
  }

  asio::io_context io_{1};
  beast::tcp_stream stream_;
  asio::ip::tcp::resolver resolver_;
  beast::http::request<beast::http::empty_body> request_;
  beast::flat_buffer buffer_;
  beast::http::response_parser<beast::http::string_body> parser_;
  boost::system::error_code error_;
  bool done_ = false;
};

} // namespace

expected<fetched>
fetch(const std::string& url, std::chrono::milliseconds timeout) {
  auto to = parse(url);
  if (!to)
    return to.error();
  question q{*to, timeout};
  if (auto ec = q.run(timeout))
    return fail(errc::not_ready, url + " does not answer: " + ec.message());
  return q.result();
}

} // namespace ais::http
