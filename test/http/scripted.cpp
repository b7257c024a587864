#include "test/http/scripted.hpp"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ais::http::testing {

scripted::scripted(script s, std::shared_ptr<SSL_CTX> tls)
  : script_(std::move(s)), tls_(std::move(tls)) {
  if (tls_)
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(fd_, 16) == 0);
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  thread_ = std::thread{[this] {
    serve();
  }};
}

scripted::~scripted() {
  ::shutdown(fd_, SHUT_RDWR);
  {
    std::lock_guard guard{mutex_};
    if (peer_ >= 0)
      ::shutdown(peer_, SHUT_RDWR);
  }
  thread_.join();
  ::close(fd_);
}

std::string
scripted::url(const std::string& path, const std::string& host) const {
  return (tls_ ? "https://" : "http://") + host + ':' + std::to_string(port)
         + path;
}

void scripted::serve() {
  for (;;) {
    auto peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0)
      return;
    ++connections;
    {
      std::lock_guard guard{mutex_};
      peer_ = peer;
    }
    converse(peer);
    std::lock_guard guard{mutex_};
    peer_ = -1;
    ::close(peer);
  }
}

void scripted::converse(int peer) {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{
    tls_ ? SSL_new(tls_.get()) : nullptr, &SSL_free};
  if (ssl && (SSL_set_fd(ssl.get(), peer) != 1 || SSL_accept(ssl.get()) != 1))
    return;
  std::string in;
  for (char piece[65536];;) {
    auto end = in.find("\r\n\r\n");
    auto at = in.find("Content-Length: ");
    auto body = at < end ? std::stoul(in.substr(at + 16)) : 0;
    auto waits = knows_expect && in.find("Expect: ") < end;
    if (end != in.npos && (waits || in.size() >= end + 4 + body)) {
      auto whole = in.substr(0, waits ? end + 4 : end + 4 + body);
      in.erase(0, whole.size());
      auto out = script_(whole);
      auto last = out.empty() || out.find("\r\n\r\n") == out.npos
                  || out.find("Connection: close") != out.npos;
      if (!ssl)
        ::send(peer, out.data(), out.size(), MSG_NOSIGNAL);
      else if (!out.empty())
        SSL_write(ssl.get(), out.data(), static_cast<int>(out.size()));
      if (last && ssl)
        SSL_shutdown(ssl.get());
      if (last)
        return;
      continue;
    }
    auto n = ssl ? SSL_read(ssl.get(), piece, sizeof(piece))
                 : ::recv(peer, piece, sizeof(piece), 0);
    if (n <= 0)
      return;
    in.append(piece, static_cast<size_t>(n));
  }
}

std::string ok(const std::string& body, const std::string& more) {
  return "HTTP/1.1 200 OK\r\n" + more
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

client_request get(std::string url) {
  client_request out;
  out.url = std::move(url);
  return out;
}

} // namespace ais::http::testing
