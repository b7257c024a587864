// The COURIER of a process: streams between targets over TCP on the data
// network, as frames (actors/mover/frame.hpp). Content leaves by sendfile and
// arrives through one block of memory per stream; connections are kept for the
// next stream. All of it runs on one thread of its own.
//
// Whoever sends anything but what is due, is late or too slow, is cut off, with
// a line in the log; nothing of his is kept.
#pragma once

#include "actors/mover/courier.hpp"
#include "http/tls.hpp"

namespace ais::http {

class tcp_courier {
public:
  struct options {
    tls_context tls;                ///< null: plain TCP
    net_info listen;                ///< port 0: any
    size_t connections = 2048;      ///< that come in, at once; more are closed
    size_t idle = 512;              ///< that went out, kept for the next stream
    std::function<void()> give_way; ///< see environment; null: as others
  };

  tcp_courier(caf::actor_system& sys, const options& opts);
  ~tcp_courier();

  /// Listens and starts the thread. errc::busy (port taken), io_error.
  expected<void> start();
  /// Breaks off what runs and ends the thread. May be repeated.
  void stop();

  uint16_t port() const;
  const courier_actor& actor() const;

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace ais::http
