// The HTTP server: one listening socket, sessions spread round robin over a
// fixed number of I/O threads.
#pragma once

#include "http/handler.hpp"
#include "http/limits.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ais::http {

class server {
public:
  struct options {
    std::string host = "127.0.0.1";
    uint16_t port = 8080; ///< 0: any free one
    size_t threads = 1;   ///< at least 1
    limits lims;
  };
  /// Makes the handler of one I/O thread, in start(), before the thread runs.
  using factory = std::function<std::unique_ptr<handler>(worker&)>;

  server(options opts, factory make);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Listens and starts the threads.
  /// @returns errc::invalid_argument (bad host), errc::busy (port in use) or
  ///          errc::io_error, with what to do.
  expected<void> start();

  /// The port it listens on.
  uint16_t port() const;

  /// Graceful: no new connections, running requests finish within
  /// limits::stop_seconds; returns when all threads ended.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace ais::http
