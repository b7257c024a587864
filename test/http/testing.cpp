#include "test/http/testing.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace ais::http::testing {

// -- client -------------------------------------------------------------------

std::string answer::find(std::string_view name) const {
  for (auto& [k, v] : headers)
    if (same_name(k, name))
      return v;
  return {};
}

client::client(uint16_t port, int receive_bytes)
  : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  timeval patience{20, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (receive_bytes > 0)
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                 sizeof(receive_bytes));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connected_
    = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
}

client::~client() {
  ::close(fd_);
}

bool client::send(std::string_view data) {
  while (!data.empty()) {
    auto n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void client::end_sending() {
  ::shutdown(fd_, SHUT_WR);
}

bool client::more() {
  char piece[65'536];
  auto n = ::recv(fd_, piece, sizeof(piece), 0);
  timed_out_ = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (n > 0)
    buffer_.append(piece, static_cast<size_t>(n));
  return n > 0;
}

std::string client::take(size_t n) {
  while (buffer_.size() < n && more()) {
  }
  auto out = buffer_.substr(0, n);
  buffer_.erase(0, out.size());
  return out;
}

answer client::read(bool head) {
  answer out;
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!more())
      return out;
  auto text = take(end + 4);
  out.status = std::atoi(text.substr(9, 3).c_str());
  for (auto at = text.find("\r\n") + 2; at < end;) {
    auto line = text.substr(at, text.find("\r\n", at) - at);
    auto colon = line.find(": ");
    out.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    at += line.size() + 2;
  }
  out.complete = true;
  if (head || out.status == 100 || out.status == 204 || out.status == 304)
    return out;
  if (out.find("Transfer-Encoding") != "chunked") {
    if (out.find("Content-Length").empty()) {
      out.body = rest();
      return out;
    }
    auto length = std::stoull(out.find("Content-Length"));
    out.body = take(length);
    out.complete = out.body.size() == length;
    return out;
  }
  for (;;) {
    while ((end = buffer_.find("\r\n")) == std::string::npos)
      if (!more()) {
        out.complete = false;
        return out;
      }
    auto size = std::stoull(take(end + 2), nullptr, 16);
    auto piece = take(size + 2);
    if (piece.size() != size + 2 || piece.substr(size) != "\r\n") {
      out.complete = false;
      return out;
    }
    if (size == 0)
      return out;
    out.body.append(piece, 0, size);
  }
}

answer client::ask(std::string_view data) {
  send(data);
  return read();
}

std::string client::rest() {
  while (more()) {
  }
  if (timed_out_)
    throw std::runtime_error("the connection does not end");
  return std::exchange(buffer_, {});
}

bool client::ended() {
  return rest().empty();
}

// -- handler ------------------------------------------------------------------

class test_handler : public handler {
public:
  uint64_t random() override { return 0xABCDEF; }
  explicit test_handler(fixture& f) : f_(f) {}

  bool fast(const request& req, bool keep_alive, reply_plan& plan) override {
    if (req.method != "GET" || (req.target != "/fast" && req.target != "/file"))
      return false;
    auto file = req.target == "/file";
    auto head = head_text(200, {}, file ? f_.file_.size() : 5, keep_alive)
                + (file ? "" : "fast\n");
    head.copy(plan.text.data(), head.size());
    plan.size = head.size();
    if (file) {
      plan.fd = f_.fd_;
      plan.offset = 0;
      plan.length = f_.file_.size();
    }
    return true;
  }

  task<> handle(exchange& x) override {
    auto target = x.request().target;
    auto path = std::string{target.substr(0, target.find('?'))};
    if (path == "/echo")
      co_await echo(x);
    else if (path == "/pull")
      co_await pull(x);
    else if (path == "/again") { // reads some, gives it back, reads all
      std::array<std::byte, 1000> piece;
      auto n = co_await x.read_body(piece);
      if (n)
        x.unread({reinterpret_cast<const char*>(piece.data()), *n});
      co_await pull(x);
    } else if (path == "/ignore")
      co_await x.reply(ok("ignored"));
    else if (path == "/twice") {
      co_await x.reply(ok("first"));
      co_await x.reply(ok("second"));
    } else if (path == "/short") {
      co_await x.begin(200, {}, 10);
      co_await x.send(view("abc"));
    } else if (path == "/long") {
      co_await x.begin(200, {}, 3);
      co_await x.send(view("abc"));
      co_await x.send(view("HTTP/1.1 200 OK\r\n\r\n"));
    } else if (path == "/abort") {
      co_await x.begin(200, {}, std::nullopt);
      co_await x.send(view("part"));
      x.abort();
    } else if (path == "/stream")
      co_await stream(x);
    else if (path == "/no-content") {
      reply r;
      r.status = 204;
      co_await x.reply(std::move(r));
    } else if (path == "/wait") {
      f_.entered_.release();
      co_await f_.gate_->async_wait(asio::as_tuple(use_task));
      co_await echo(x);
    } else if (path == "/throw")
      throw std::runtime_error("on purpose");
    else if (path == "/hidden") {
      x.hide();
      co_await x.reply(ok("hidden"));
    } else if (path != "/none")
      co_await x.reply(ok("other"));
  }

  reply refusal(int status, const request&) override {
    reply r;
    r.status = status;
    r.body = "refused\n";
    return r;
  }

private:
  static reply ok(std::string body) {
    reply r;
    r.body = std::move(body);
    return r;
  }

  static std::span<const char> view(std::string_view x) {
    return {x.data(), x.size()};
  }

  /// Says what the request was once its body has been read.
  task<> echo(exchange& x) {
    f_.entered_.release();
    auto body = co_await x.read_all(4 << 20);
    if (!body) {
      auto r = refusal(body.error() == errc::too_large   ? 413
                       : body.error() == errc::timed_out ? 408
                                                         : 400,
                       x.request());
      co_await x.reply(std::move(r));
      co_return;
    }
    auto& req = x.request();
    std::string out{req.method};
    out.append(" ").append(req.target).append(" ").append(req.find("X-Tag"));
    out.append("\n").append(*body);
    co_await x.reply(ok(std::move(out)));
  }

  task<> pull(exchange& x) {
    f_.entered_.release();
    auto block = co_await x.thread().lease();
    uint64_t size = 0, sum = 0;
    for (;;) {
      auto n = co_await x.read_body(block.bytes());
      if (!n)
        co_return co_await x.reply(refusal(400, x.request()));
      if (*n == 0)
        break;
      for (auto b : block.bytes().first(*n))
        sum = sum * 31 + static_cast<uint64_t>(b);
      size += *n;
    }
    co_await x.reply(ok(std::to_string(size) + " " + std::to_string(sum)));
  }

  task<> stream(exchange& x) {
    header_list headers;
    headers.emplace_back("X-Kind", "stream");
    co_await x.begin(200, headers, std::nullopt);
    co_await x.send(view("one,"));
    co_await x.send(view(""));
    co_await x.send_file(f_.fd_, 100, 1000);
    co_await x.send(view(",two"));
    co_await x.end();
  }

  fixture& f_;
};

// -- fixture ------------------------------------------------------------------

fixture::fixture(limits l) : file_(3 << 20, '\0') {
  for (size_t i = 0; i < file_.size(); ++i)
    file_[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  fd_ = ::memfd_create("ais-http-test", MFD_CLOEXEC);
  REQUIRE(::pwrite(fd_, file_.data(), file_.size(), 0)
          == static_cast<ssize_t>(file_.size()));
  server::options options;
  options.port = 0;
  options.lims = l;
  server_ = std::make_unique<http::server>(options, [this](worker& w) {
    worker_ = &w;
    w.trace(&trace_);
    gate_ = std::make_unique<timer>(w.get_executor());
    gate_->expires_at(timer::time_point::max());
    return std::make_unique<test_handler>(*this);
  });
  REQUIRE(server_->start());
}

fixture::~fixture() {
  server_->stop();
  gate_.reset();
  server_.reset();
  ::close(fd_);
}

void fixture::run(std::function<void()> f) {
  std::promise<void> done;
  asio::post(worker_->get_executor(), [&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

void fixture::settle() {
  // What a client sent is readable at once on loopback, and each turn of the
  // loop takes what is readable and then runs what follows from it.
  for (int i = 0; i < 4; ++i)
    run([] {});
}

void fixture::pass(int seconds) {
  settle();
  for (int i = 0; i < seconds; ++i)
    run([this] { worker_->tick(); });
}

void fixture::await_handler() {
  if (!entered_.try_acquire_for(std::chrono::seconds{20}))
    throw std::runtime_error("the handler was not called");
}

void fixture::open_gate() {
  run([this] { gate_->cancel(); });
}

bool fixture::alive() {
  client c{port()};
  return c.ask(text("GET", "/fast")).body == "fast\n";
}

// -- requests -----------------------------------------------------------------

std::string text(std::string_view method, std::string_view target,
                 std::string_view headers, std::string_view body) {
  std::string out{method};
  out.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  return out.append(headers).append("\r\n").append(body);
}

std::string
sized(std::string_view method, std::string_view target, std::string_view body) {
  return text(method, target,
              "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

std::string chunked(std::string_view body, size_t size) {
  std::string out;
  char line[20];
  while (!body.empty()) {
    auto piece = body.substr(0, size);
    body.remove_prefix(piece.size());
    std::snprintf(line, sizeof(line), "%zx\r\n", piece.size());
    out.append(line).append(piece).append("\r\n");
  }
  return out + "0\r\n\r\n";
}

} // namespace ais::http::testing
