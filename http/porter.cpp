#include "http/porter.hpp"

#include "storage/base/log.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ais::http {

namespace {

constexpr std::byte tls_handshake{0x16}; ///< a record's first byte
constexpr size_t max_complaints = 1024;  ///< kept apart

error cannot_listen(const net_info& at, int why) {
  return fail(why == EADDRINUSE ? errc::busy : errc::io_error,
              "cannot listen for other nodes on " + at.host + " port "
                + std::to_string(at.port) + ": " + std::strerror(why)
                + "; choose another with --control-host and --control-port");
}

/// A socket that listens.
expected<wire> listen_at(const net_info& at) {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  auto is_v6 = ::inet_pton(AF_INET6, at.host.c_str(), &v6.sin6_addr) == 1;
  if (!is_v6 && ::inet_pton(AF_INET, at.host.c_str(), &v4.sin_addr) != 1)
    return cannot_listen(at, EINVAL);
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  v6.sin6_port = v4.sin_port = htons(at.port);
  wire out{::socket(is_v6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (out.fd() < 0)
    return cannot_listen(at, errno);
  int yes = 1;
  ::setsockopt(out.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  auto bound
    = is_v6 ? ::bind(out.fd(), reinterpret_cast<sockaddr*>(&v6), sizeof(v6))
            : ::bind(out.fd(), reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
  if (bound != 0 || ::listen(out.fd(), SOMAXCONN) != 0)
    return cannot_listen(at, errno);
  return out;
}

} // namespace

porter::porter(tls_context tls, let_in f)
  : tls_(std::move(tls)), let_in_(std::move(f)) {}

porter::~porter() {
  stop();
}

expected<void> porter::start(const net_info& at) {
  auto listening = listen_at(at);
  if (!listening)
    return listening.error();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return cannot_listen(at, errno);
  listening_ = std::move(*listening);
  wake_[0] = wire{ends[0]};
  wake_[1] = wire{ends[1]};
  thread_ = std::thread{[this] {
    run();
  }};
  return caf::unit;
}

void porter::stop() {
  if (!thread_.joinable())
    return;
  wake_[1] = wire{}; // the other end sees it
  thread_.join();
  strangers_.clear();
  listening_ = wire{};
  wake_[0] = wire{};
}

void porter::run() {
  std::vector<pollfd> fds;
  for (;;) {
    fds.assign({{wake_[0].fd(), POLLIN, 0}, {listening_.fd(), POLLIN, 0}});
    for (auto& x : strangers_)
      fds.push_back({x.w.fd(), x.wants, 0});
    auto wait = -1;
    if (!strangers_.empty()) { // the oldest is the first
      auto left = strangers_.front().since + greeting_time - clock::now();
      wait = static_cast<int>(std::max<int64_t>(
        std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0));
    }
    if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR)
      return log_error(std::string{"the control port is deaf: "}
                       + std::strerror(errno));
    if (fds[0].revents != 0)
      return;
    for (size_t i = strangers_.size(); i-- > 0;)
      if (fds[i + 2].revents != 0 && greet(strangers_[i], fds[i + 2].revents))
        strangers_.erase(strangers_.begin() + static_cast<ptrdiff_t>(i));
    auto late = clock::now() - greeting_time;
    while (!strangers_.empty() && strangers_.front().since <= late) {
      turn_away(strangers_.front(), "it did not say in time who it is");
      strangers_.erase(strangers_.begin());
    }
    if (fds[1].revents != 0)
      accept_all();
  }
}

void porter::accept_all() {
  // Some at a time: those inside want to be heard, too.
  for (size_t i = 0; i < max_strangers; ++i) {
    wire w{::accept4(listening_.fd(), nullptr, nullptr,
                     SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (w.fd() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS) {
        log_warning(std::string{"cannot accept a node's connection: "}
                    + std::strerror(errno));
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
      }
      return;
    }
    if (strangers_.size() == max_strangers) {
      turn_away(strangers_.front(), "too many want in at once");
      strangers_.erase(strangers_.begin());
    }
    auto who = peer_of(w.fd());
    if (tls_) {
      auto session = begin_tls(tls_, w.fd(), true);
      if (!session) {
        log_warning(message_of(session.error()));
        continue;
      }
      w.tls = std::move(*session);
    }
    strangers_.push_back(
      {std::move(w), std::move(who), clock::now(), POLLIN | POLLRDHUP});
  }
}

bool porter::greet(stranger& x, short events) {
  if (open_links() >= max_links)
    return turn_away(x, "this node has too many connections");
  auto ended = (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  return tls_ ? greet_tls(x) : greet_plain(x, ended);
}

bool porter::greet_plain(stranger& x, bool ended) {
  std::array<std::byte, basp_header_bytes> header;
  auto n = ::recv(x.w.fd(), header.data(), header.size(), MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n <= 0)
    return true; // gone
  if (header[0] == tls_handshake)
    return turn_away(x, "it speaks TLS, and this node does not: start all"
                        " nodes with --tls-cert, --tls-key and --tls-ca, or"
                        " none");
  if (static_cast<size_t>(n) < header.size()) {
    if (ended)
      return turn_away(x, "it does not speak the protocol of nodes");
    // Ready as long as these bytes are there: no reason to look all the time.
    int enough = basp_header_bytes;
    ::setsockopt(x.w.fd(), SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough));
    return false;
  }
  if (auto* why = basp_frames{basp_side::accepted}.take(header))
    return turn_away(x, why);
  int one = 1;
  ::setsockopt(x.w.fd(), SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
  let_in_(std::move(x.w));
  return true;
}

bool porter::greet_tls(stranger& x) {
  std::byte first;
  if (!SSL_in_before(x.w.tls.get())) {
    // Under way.
  } else if (auto n = ::recv(x.w.fd(), &first, 1, MSG_PEEK); n == 0) {
    return true; // gone
  } else if (n == 1 && first != tls_handshake) {
    return turn_away(x, "it does not speak TLS, as this node does: start all"
                        " nodes with --tls-cert, --tls-key and --tls-ca");
  }
  ERR_clear_error();
  auto done = SSL_do_handshake(x.w.tls.get());
  if (done == 1) {
    let_in_(std::move(x.w));
    return true;
  }
  switch (SSL_get_error(x.w.tls.get(), done)) {
    case SSL_ERROR_WANT_READ:
      x.wants = POLLIN | POLLRDHUP;
      return false;
    case SSL_ERROR_WANT_WRITE:
      x.wants = POLLOUT;
      return false;
    default:
      return turn_away(x, tls_failure(x.w.tls, done));
  }
}

bool porter::turn_away(const stranger& x, const std::string& why) {
  // By address, not by port: one who tries again and again is one line.
  auto now = clock::now();
  auto key = x.who.substr(0, x.who.rfind(':')) + ' ' + why;
  if (complained_.size() >= max_complaints)
    complained_.clear();
  auto [i, first] = complained_.emplace(key, now);
  if (first || now - i->second >= complaint_pause) {
    i->second = now;
    log_warning("a connection to the control port was refused, from " + x.who
                + ": " + why);
  }
  return true;
}

} // namespace ais::http
