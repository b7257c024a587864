// A server that says what a test wants it to, plain or TLS.
#pragma once

#include "http/client.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace ais::http::testing {

/// Answers every request with what `script` says to its header and body; one
/// connection after the other. An answer without a whole header is the last of
/// its connection.
class scripted {
public:
  using script = std::function<std::string(const std::string&)>;

  /// Speaks TLS if there is a context.
  explicit scripted(script s, std::shared_ptr<SSL_CTX> tls = {});
  ~scripted();
  scripted(const scripted&) = delete;
  scripted& operator=(const scripted&) = delete;

  std::string
  url(const std::string& path, const std::string& host = "127.0.0.1") const;

  uint16_t port = 0;
  std::atomic<int> connections = 0;
  /// Else it waits for the body, whatever the header expects.
  std::atomic<bool> knows_expect = true;

private:
  void serve();
  void converse(int peer);

  script script_;
  std::shared_ptr<SSL_CTX> tls_;
  int fd_ = -1;
  std::mutex mutex_; ///< guards peer_
  int peer_ = -1;
  std::thread thread_;
};

/// A reply with that body and more header lines, each with its CRLF.
std::string ok(const std::string& body, const std::string& more = {});

client_request get(std::string url);

} // namespace ais::http::testing
