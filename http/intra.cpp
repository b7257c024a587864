#include "http/intra.hpp"

#include "http/porter.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <sys/socket.h>

namespace ais::http {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// A peer that is silent for this long is taken for gone: its handles die.
constexpr auto connection_timeout = 4s;
constexpr auto heartbeat_interval = 1s;

std::string where(const net_info& at) {
  return at.host + " port " + std::to_string(at.port);
}

/// Waits for the socket; false when the time is up.
bool ready(int fd, short events, clock::time_point deadline) {
  for (;;) {
    auto left
      = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    pollfd x{fd, events, 0};
    auto n
      = ::poll(&x, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (n >= 0 || errno != EINTR)
      return n > 0;
  }
}

/// Connects to one of the addresses of the host.
expected<wire> reach(const net_info& at, clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  auto code = ::getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(),
                            &hints, &list);
  if (code != 0)
    return fail(errc::not_ready,
                "no address for " + at.host + ": " + ::gai_strerror(code));
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list,
                                                             ::freeaddrinfo};
  int why = ETIMEDOUT;
  for (auto* x = list; x; x = x->ai_next) {
    wire w{
      ::socket(x->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    why = errno;
    if (w.fd() < 0)
      continue;
    if (::connect(w.fd(), x->ai_addr, x->ai_addrlen) == 0)
      return w;
    why = errno;
    if (why != EINPROGRESS)
      continue;
    why = ETIMEDOUT;
    if (!ready(w.fd(), POLLOUT, deadline))
      break;
    socklen_t size = sizeof(why);
    ::getsockopt(w.fd(), SOL_SOCKET, SO_ERROR, &why, &size);
    if (why == 0)
      return w;
  }
  return fail(errc::not_ready,
              "nobody answers at " + where(at) + ": " + std::strerror(why));
}

/// Agrees on TLS, and waits for the first byte: only then has the other end
/// accepted our certificate, too.
expected<void> agree(const tls_context& tls, const net_info& at, wire& w,
                     clock::time_point deadline) {
  auto session = begin_tls(tls, w.fd(), false);
  if (!session)
    return session.error();
  w.tls = std::move(*session);
  for (;;) {
    ERR_clear_error();
    char first;
    auto done = SSL_is_init_finished(w.tls.get())
                  ? SSL_peek(w.tls.get(), &first, 1)
                  : SSL_do_handshake(w.tls.get());
    if (done == 1 && SSL_pending(w.tls.get()) > 0)
      return caf::unit;
    if (done == 1)
      continue;
    auto wants = SSL_get_error(w.tls.get(), done);
    if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE)
      return fail(errc::not_ready,
                  "no TLS with " + where(at) + ": " + tls_failure(w.tls, done)
                    + " (all nodes need --tls-cert, --tls-key and --tls-ca, and"
                      " certificates of one authority)");
    if (!ready(w.fd(), wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
               deadline))
      return fail(errc::not_ready,
                  "no TLS with " + where(at) + ": it does not answer in time");
  }
}

/// Makes one connection; on a thread of its own, because it waits.
connector_actor::behavior_type
dialer(connector_actor::pointer self, caf::actor broker, tls_context tls) {
  return {
    [self, broker,
     tls](const net_info& at) -> caf::result<caf::strong_actor_ptr> {
      auto deadline = clock::now() + connect_timeout;
      auto w = reach(at, deadline);
      if (!w) {
        self->quit();
        return w.error();
      }
      if (tls) {
        if (auto ok = agree(tls, at, *w, deadline); !ok) {
          self->quit();
          return ok.error();
        }
      }
      auto answer = self->make_response_promise<caf::strong_actor_ptr>();
      auto link
        = make_link(self->system(), std::move(*w), basp_side::connected);
      self
        ->request(broker, connect_timeout, caf::connect_atom::value,
                  std::move(link), at.port)
        .then(
          [self, answer, at](const caf::node_id&, caf::strong_actor_ptr& gate,
                             const std::set<std::string>&) mutable {
            if (gate)
              answer.deliver(std::move(gate));
            else
              answer.deliver(
                fail(errc::not_ready, "no node listens at " + where(at)));
            self->quit();
          },
          [self, answer, at](error&) mutable {
            answer.deliver(fail(errc::not_ready,
                                where(at)
                                  + " did not let us in (does it expect TLS?"
                                    " its log says why)"));
            self->quit();
          });
      return answer;
    },
  };
}

connector_actor::behavior_type
connecting(connector_actor::pointer self, caf::actor broker, tls_context tls) {
  return {
    [self, broker,
     tls](const net_info& at) -> caf::result<caf::strong_actor_ptr> {
      if (!broker)
        return fail(errc::not_ready, "this node talks to no others");
      return self->delegate(self->spawn<caf::detached>(dialer, broker, tls),
                            at);
    },
  };
}

caf::actor broker_of(caf::actor_system& sys) {
  if (!sys.has_middleman())
    return {};
  return sys.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

} // namespace

struct intra::impl {
  caf::actor_system& sys;
  tls_context tls;
  caf::actor broker;
  std::unique_ptr<porter> door;
};

intra::intra(caf::actor_system& sys, tls_context tls)
  : impl_(new impl{sys, tls, broker_of(sys), nullptr}),
    connector_(sys.spawn(connecting, impl_->broker, tls)) {}

intra::~intra() {
  stop();
}

expected<void>
intra::publish(const net_info& at, const caf::strong_actor_ptr& gate) {
  auto let_in
    = [&sys = impl_->sys, to = impl_->broker, gate, port = at.port](wire w) {
        auto link = make_link(sys, std::move(w), basp_side::accepted);
        caf::anon_send(to, caf::publish_atom::value, std::move(link), port,
                       gate, std::set<std::string>{});
      };
  impl_->door = std::make_unique<porter>(impl_->tls, std::move(let_in));
  return impl_->door->start(at);
}

void intra::stop() {
  impl_->door = nullptr;
  impl_->broker = nullptr;
  if (connector_)
    caf::anon_send_exit(connector_, caf::exit_reason::user_shutdown);
  connector_ = nullptr;
}

void load_middleman(caf::actor_system_config& cfg) {
  cfg.load<caf::io::middleman>();
  cfg.set("middleman.workers", size_t{1});
  cfg.set("middleman.heartbeat-interval",
          caf::timespan{std::chrono::nanoseconds{heartbeat_interval}});
  cfg.set("middleman.connection-timeout",
          caf::timespan{std::chrono::nanoseconds{connection_timeout}});
  cfg.set("middleman.app-identifiers", std::vector<std::string>{"ais-1"});
}

} // namespace ais::http
