#include "http/link.hpp"

#include "storage/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/policy/tcp.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <sys/socket.h>
#include <unistd.h>

namespace ais::http {

namespace {

namespace network = caf::io::network;

constexpr size_t tls_piece_bytes = 1 << 20; ///< per call
std::atomic<size_t> open_count{0};

/// What CAF's streams read and write with.
class tls_policy {
public:
  explicit tls_policy(tls_session x) : tls_(std::move(x)) {}

  network::rw_state
  read_some(size_t& n, network::native_socket, void* to, size_t size) {
    size = std::min(size, tls_piece_bytes);
    // Errors of other connections on this thread are not ours.
    ERR_clear_error();
    return state(SSL_read_ex(tls_.get(), to, size, &n), n);
  }
  network::rw_state
  write_some(size_t& n, network::native_socket, const void* from, size_t size) {
    n = 0;
    if (size == 0)
      return network::rw_state::indeterminate;
    size = std::min(size, tls_piece_bytes);
    ERR_clear_error();
    return state(SSL_write_ex(tls_.get(), from, size, &n), n);
  }
  /// What OpenSSL has taken off the socket makes no event.
  bool must_read_more(network::native_socket, size_t) {
    return SSL_pending(tls_.get()) > 0;
  }

private:
  network::rw_state state(int done, size_t& n) {
    if (done == 1)
      return network::rw_state::success;
    n = 0;
    auto why = SSL_get_error(tls_.get(), done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
      return network::rw_state::success; // nothing for now
    ERR_clear_error();
    return network::rw_state::failure;
  }

  tls_session tls_;
};

template <class Policy>
class checked_link final : public caf::io::scribe {
public:
  template <class... Ts>
  checked_link(network::default_multiplexer& loop, int fd, basp_side side,
               Ts... xs)
    : caf::io::scribe(network::conn_hdl_from_socket(fd)), frames_(side),
      stream_(loop, fd, std::move(xs)...) {
    ++open_count;
  }
  ~checked_link() override { --open_count; }

  bool consume(caf::execution_unit* ctx, const void* data, size_t n) override {
    if (detached())
      return false; // closed meanwhile; this is what still came in
    if (auto* why = frames_.take({static_cast<const std::byte*>(data), n})) {
      log_warning("a connection of " + peer_of(stream_.fd())
                  + " to this node's control port, or of ours to it, was"
                    " closed: "
                  + why);
      // What is still to be sent fails, too, and lets go of us.
      ::shutdown(stream_.fd(), SHUT_RDWR);
      io_failure(ctx, network::operation::read);
      return false;
    }
    return caf::io::scribe::consume(ctx, data, n);
  }

  void configure_read(caf::io::receive_policy::config x) override {
    stream_.configure_read(x);
    if (std::exchange(launched_, true))
      return;
    stream_.start(this);
    // What was read ahead with the handshake makes no event.
    stream_.backend().post([self = caf::intrusive_ptr<checked_link>{this}] {
      if (!self->detached())
        self->stream_.handle_event(network::operation::read);
    });
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void flush() override { stream_.flush(this); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }
  std::string addr() const override {
    auto x = network::remote_addr_of_fd(stream_.fd());
    return x ? *x : std::string{};
  }
  uint16_t port() const override {
    auto x = network::remote_port_of_fd(stream_.fd());
    return x ? *x : uint16_t{0};
  }

private:
  basp_frames frames_;
  bool launched_ = false;
  network::stream_impl<Policy> stream_;
};

} // namespace

wire& wire::operator=(wire&& x) noexcept {
  if (this != &x) {
    tls = std::move(x.tls);
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = x.release();
  }
  return *this;
}

wire::~wire() {
  if (fd_ >= 0)
    ::close(fd_);
}

std::string peer_of(int fd) {
  auto host = network::remote_addr_of_fd(fd);
  auto port = network::remote_port_of_fd(fd);
  if (!host || !port)
    return "somebody";
  return *host + ':' + std::to_string(*port);
}

size_t open_links() {
  return open_count;
}

caf::io::scribe_ptr make_link(caf::actor_system& sys, wire w, basp_side side) {
  auto& loop
    = static_cast<network::default_multiplexer&>(sys.middleman().backend());
  auto tls = w.tls;
  auto fd = w.release();
  if (tls)
    return caf::make_counted<checked_link<tls_policy>>(
      loop, fd, side, tls_policy{std::move(tls)});
  return caf::make_counted<checked_link<caf::policy::tcp>>(loop, fd, side);
}

} // namespace ais::http
