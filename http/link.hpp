// A LINK is one connection to another node, as CAF's broker knows it (a
// scribe): over TCP or TLS, every frame checked before the broker sees it.
//
// CAF's own, caf_openssl 0.17.6, does not do: a stranger with a foreign
// certificate breaks the connections of others (it leaves OpenSSL's errors in
// the thread, where their next read finds them), a silent one takes a core
// (the handshake waits on a writable socket), and a certificate file that went
// away ends the process.
#pragma once

#include "http/basp_frames.hpp"
#include "http/tls.hpp"

#include <caf/fwd.hpp>
#include <caf/io/scribe.hpp>

#include <string>

namespace ais::http {

/// A connected socket that does not block, with TLS if `tls`. Owns it.
class wire {
public:
  wire() = default;
  explicit wire(int fd) : fd_(fd) {}
  wire(wire&& x) noexcept : tls(std::move(x.tls)), fd_(x.release()) {}
  wire& operator=(wire&& x) noexcept;
  ~wire();

  int fd() const { return fd_; }
  int release() {
    auto out = fd_;
    fd_ = -1;
    return out;
  }

  tls_session tls;

private:
  int fd_ = -1;
};

/// "address:port" of the other end.
std::string peer_of(int fd);

/// How many there are in this process.
size_t open_links();

/// Makes a link for the broker; TLS, if any, has been agreed upon.
caf::io::scribe_ptr make_link(caf::actor_system& sys, wire w, basp_side side);

} // namespace ais::http
