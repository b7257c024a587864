#include "http/server.hpp"

#include "http/session.hpp"
#include "storage/base/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

namespace ais::http {

namespace {

using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
constexpr auto tuple_task = asio::as_tuple(use_task);

/// Takes one off `n` on every way out.
struct counted {
  explicit counted(std::atomic<size_t>& x) : n(x) {}
  counted(const counted&) = delete;
  ~counted() { --n; }
  std::atomic<size_t>& n;
};

} // namespace

struct server::impl {
  options opts;
  factory make;
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<std::unique_ptr<handler>> handlers;
  std::vector<std::thread> threads;
  std::unique_ptr<acceptor> listening;
  std::atomic<size_t> connections{0};
  std::atomic<size_t> turned_away{0};
  uint16_t port = 0;
  bool stopped = false;

  expected<void> listen();
  task<> accept();
  task<> serve(size_t i, tcp_socket socket, std::atomic<size_t>& n, bool full);
};

server::server(options opts, factory make) : impl_(std::make_unique<impl>()) {
  impl_->opts = std::move(opts);
  impl_->opts.threads = std::max<size_t>(impl_->opts.threads, 1);
  impl_->make = std::move(make);
}

server::~server() {
  stop();
}

uint16_t server::port() const {
  return impl_->port;
}

expected<void> server::start() {
  std::signal(SIGPIPE, SIG_IGN); // sendfile() has no flag for it
  auto& x = *impl_;
  for (size_t i = 0; i < x.opts.threads; ++i)
    x.workers.push_back(std::make_unique<worker>(i, x.opts.lims));
  x.handlers.resize(x.opts.threads);
  if (auto ok = x.listen(); !ok)
    return ok;
  for (size_t i = 0; i < x.opts.threads; ++i) {
    x.handlers[i] = x.make(*x.workers[i]);
    x.threads.emplace_back([&x, i] {
      auto* h = x.handlers[i].get();
      x.workers[i]->run([h] { h->tick(); });
    });
  }
  asio::co_spawn(x.workers[0]->get_executor(), x.accept(), asio::detached);
  return caf::unit;
}

expected<void> server::impl::listen() {
  boost::system::error_code ec;
  auto address = asio::ip::make_address(opts.host, ec);
  if (ec)
    return fail(errc::invalid_argument,
                "\"" + opts.host
                  + "\" is not an IP address to listen on: see --host");
  auto where = opts.host + " port " + std::to_string(opts.port);
  asio::ip::tcp::endpoint endpoint{address, opts.port};
  listening = std::make_unique<acceptor>(workers[0]->get_executor());
  listening->open(endpoint.protocol(), ec);
  if (!ec)
    listening->set_option(acceptor::reuse_address(true), ec);
  if (!ec)
    listening->bind(endpoint, ec);
  if (!ec)
    listening->listen(4096, ec);
  if (ec == asio::error::address_in_use)
    return fail(errc::busy, where
                              + " is in use by another program: stop it, or"
                                " choose another port with --port");
  if (ec == asio::error::access_denied)
    return fail(errc::io_error,
                "cannot listen on " + where
                  + ": ports below 1024 need root, or CAP_NET_BIND_SERVICE;"
                    " choose another one with --port");
  if (ec)
    return fail(errc::io_error,
                "cannot listen on " + where + ": " + ec.message()
                  + ": is it an address of this machine? See --host");
  port = listening->local_endpoint(ec).port();
  return caf::unit;
}

task<> server::impl::accept() {
  for (size_t next = 0;; ++next) {
    auto i = next % workers.size();
    tcp_socket socket{workers[i]->get_executor()};
    auto [ec] = co_await listening->async_accept(socket, tuple_task);
    if (ec == asio::error::operation_aborted || !listening->is_open())
      co_return;
    if (ec) { // out of descriptors, for example: do not spin
      log_warning("cannot accept a connection: " + ec.message());
      timer pause{listening->get_executor()};
      pause.expires_after(std::chrono::milliseconds{100});
      co_await pause.async_wait(tuple_task);
      continue;
    }
    auto full = connections.load() >= opts.lims.connections;
    if (full && turned_away.load() >= opts.lims.turned_away)
      continue; // closes it
    auto& n = full ? turned_away : connections;
    ++n;
    auto ex = socket.get_executor();
    asio::co_spawn(ex, serve(i, std::move(socket), n, full), asio::detached);
  }
}

/// Serves one connection, counted in `n`; if the server is `full`, by refusing.
task<> server::impl::serve(size_t i, tcp_socket socket, std::atomic<size_t>& n,
                           bool full) {
  counted one{n};
  session s{*workers[i], std::move(socket), *handlers[i]};
  static constexpr std::string_view refusal
    = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
      "Content-Length: 0\r\nRetry-After: 1\r\n\r\n";
  auto whole = full ? s.turn_away(refusal) : s.run();
  co_await std::move(whole);
}

void server::stop() {
  auto& x = *impl_;
  if (std::exchange(x.stopped, true) || x.threads.empty())
    return;
  asio::post(x.workers[0]->get_executor(), [&x] {
    boost::system::error_code ec;
    x.listening->close(ec);
  });
  for (size_t i = 0; i < x.workers.size(); ++i)
    asio::post(x.workers[i]->get_executor(), [&x, i] { x.workers[i]->stop(); });
  for (auto& t : x.threads)
    t.join();
  for (auto& h : x.handlers)
    h->stop();
}

} // namespace ais::http
