#include "http/courier.hpp"

#include "actors/mover/frame.hpp"
#include "http/bridge.hpp"
#include "http/peer_stream.hpp"
#include "storage/base/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <set>
#include <thread>

namespace ais::http {

namespace {

using namespace std::chrono_literals;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
constexpr auto tuple_task = asio::as_tuple(use_task);

constexpr uint32_t connect_seconds = 5;
constexpr uint32_t frame_seconds = 10;  ///< from a frame's first byte on
constexpr uint32_t answer_seconds = 90; ///< a shard may be in between
constexpr uint32_t idle_seconds = 60;   ///< between two streams
constexpr uint32_t linger_seconds = 2;
constexpr auto door_timeout = 80s;

constexpr uint32_t grace_seconds = static_cast<uint32_t>(stream_grace.count());

struct frame {
  frame_kind kind = frame_kind::end;
  storage::bytes payload;
};

/// The next frame. errc::not_ready: the peer closed before it.
task<expected<frame>> read_frame(peer_stream& l) {
  std::array<std::byte, frame_head_bytes> raw;
  auto n = co_await l.read_some(raw);
  if (n == 0)
    co_return fail(l.late() ? errc::timed_out : errc::not_ready,
                   "the connection ended");
  l.allow(frame_seconds);
  auto rest = co_await l.read(std::span{raw}.subspan(n));
  if (!rest)
    co_return fail(errc::timed_out, "a frame broke off");
  auto head = decode_frame_head(raw);
  if (!head)
    co_return head.error();
  frame out{head->kind, storage::bytes(head->size)};
  rest = co_await l.read(out.payload);
  if (!rest)
    co_return fail(errc::timed_out, "a frame broke off");
  if (auto ok = check_payload(*head, out.payload); !ok)
    co_return ok.error();
  co_return out;
}

task<bool> write_frame(peer_stream& l, frame_kind kind,
                       std::span<const std::byte> payload = {}) {
  auto raw = encode_frame(kind, payload);
  co_return co_await l.write(raw);
}

/// The end of a stream that goes out, on its way back to the actor.
struct stream_ended {
  uint64_t number = 0;
  expected<carried> result{error{}};
};

} // namespace
} // namespace ais::http

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::http::stream_ended)

namespace ais::http {

struct tcp_courier::impl : std::enable_shared_from_this<impl> {
  impl(caf::actor_system& sys, const options& o)
    : opts(o), w(0, lims), doors(sys, w.get_executor()),
      listening(w.get_executor()) {}

  // -- sender

  struct idle_link {
    peer_stream_ptr it;
    uint32_t until = 0;
  };

  static std::string key_of(const net_info& at) {
    return at.host + ':' + std::to_string(at.port);
  }

  peer_stream_ptr take_idle(const net_info& to) {
    auto& list = idle[key_of(to)];
    while (!list.empty()) {
      auto out = std::move(list.back().it);
      list.pop_back();
      --kept;
      if (out->silent())
        return out;
    }
    return nullptr;
  }

  void keep(const net_info& to, peer_stream_ptr it) {
    if (stopping || !it->silent())
      return;
    idle[key_of(to)].push_back(
      {std::move(it), w.wheel().now() + idle_seconds / 2});
    if (++kept > opts.idle)
      drop_oldest();
  }

  void drop_oldest() {
    auto first = idle.end();
    for (auto i = idle.begin(); i != idle.end(); ++i)
      if (!i->second.empty()
          && (first == idle.end()
              || i->second.front().until < first->second.front().until))
        first = i;
    if (first == idle.end())
      return;
    first->second.pop_front();
    --kept;
  }

  task<expected<carried>> send(carry req) {
    auto it = take_idle(req.to);
    // The peer may close what was idle at this very moment; nothing is lost
    // then, and nothing happened, as long as it has not said "go".
    for (auto fresh = !it;; fresh = true) {
      if (!it) {
        auto made = co_await peer_stream::connect(w, req.to.host, req.to.port,
                                                  connect_seconds);
        if (!made)
          co_return made.error();
        it = std::move(*made);
        it->allow(connect_seconds);
        auto agreed = co_await it->secure(opts.tls, false);
        if (!agreed)
          co_return fail(errc::not_ready,
                         key_of(req.to) + ": " + message_of(agreed.error()));
      }
      running one{*this, *it};
      it->allow(answer_seconds);
      auto ok = co_await write_frame(*it, frame_kind::offer, req.offer);
      expected<frame> answer{fail(errc::not_ready, "the connection broke")};
      if (ok)
        answer = co_await read_frame(*it);
      if (answer && answer->kind == frame_kind::go) {
        auto out = co_await pour(*it, req);
        if (out)
          keep(req.to, std::move(it));
        co_return out;
      }
      if (answer && answer->kind == frame_kind::receipt) {
        keep(req.to, std::move(it));
        co_return carried{std::move(answer->payload)};
      }
      auto why
        = answer ? fail(errc::io_error, "unexpected frame") : answer.error();
      if (fresh || stopping || why != errc::not_ready)
        co_return fail(errc::not_ready,
                       key_of(req.to) + ": " + message_of(why));
      one.forget();
      it = nullptr;
    }
  }

  /// Content, end, receipt.
  task<expected<carried>> pour(peer_stream& l, const carry& req) {
    auto& object = *req.content;
    auto size = object.attrs.size_bytes;
    l.allow(grace_seconds, stream_min_rate);
    auto fd = object.content->native_handle();
    auto sent = true;
    for (uint64_t at = 0; sent && at < size;) {
      // An early word can only be that it goes wrong over there.
      if (!l.silent())
        break;
      auto step = std::min<uint64_t>(size - at, stream_block_bytes * 8);
      if (fd >= 0) {
        sent = co_await l.send_file(fd, at, step);
      } else {
        auto block = co_await w.lease();
        step = std::min<uint64_t>(step, block.bytes().size());
        auto n = object.content->read_at(block.bytes().first(step), at);
        if (!n || *n != step)
          co_return fail(errc::io_error, "cannot read the content");
        sent = co_await l.write(block.bytes().first(step));
      }
      at += step;
    }
    if (req.valid && req.valid->over())
      co_return source_changed();
    if (sent && l.silent())
      sent = co_await write_frame(l, frame_kind::end);
    l.allow(answer_seconds);
    auto answer = co_await read_frame(l);
    if (answer && answer->kind == frame_kind::receipt)
      co_return carried{std::move(answer->payload)};
    co_return fail(errc::timed_out,
                   "the stream to " + key_of(req.to) + " broke off");
  }

  // -- receiver

  task<> accept() {
    for (;;) {
      tcp_socket socket{w.get_executor()};
      auto [ec] = co_await listening.async_accept(socket, tuple_task);
      if (stopping || !listening.is_open())
        co_return;
      if (ec) { // out of descriptors, for example: do not spin
        log_warning("cannot accept a stream: " + ec.message());
        timer pause{w.get_executor()};
        pause.expires_after(100ms);
        co_await pause.async_wait(tuple_task);
        continue;
      }
      if (incoming >= opts.connections) {
        complain("too many connections");
        continue; // closes it
      }
      asio::co_spawn(w.get_executor(), serve(std::move(socket)),
                     asio::detached);
    }
  }

  task<> serve(tcp_socket socket) {
    peer_stream l{w, std::move(socket)};
    running one{*this, l};
    ++incoming;
    l.allow(frame_seconds);
    auto agreed = co_await l.secure(opts.tls, true);
    if (!agreed && !stopping)
      complain(l.peer() + ": " + message_of(agreed.error()));
    for (auto more = bool(agreed); more && !stopping;) {
      l.allow(idle_seconds);
      auto offer = co_await read_frame(l);
      if (!offer && (stopping || code_of(offer.error()) == errc::not_ready))
        break;
      if (!offer || offer->kind != frame_kind::offer) {
        complain(l.peer() + ": "
                 + (offer ? "a stream must begin with an offer"
                          : message_of(offer.error())));
        break;
      }
      more = co_await take(l, std::move(offer->payload));
    }
    --incoming;
  }

  /// One stream. @returns whether the connection can carry another.
  task<bool> take(peer_stream& l, storage::bytes offer) {
    offered_stream ask{std::move(offer)};
    auto admitted = co_await doors.ask(door, door_timeout, std::move(ask));
    l.allow(frame_seconds);
    if (!admitted || !admitted->writer) {
      auto receipt
        = admitted ? admitted->receipt : encode_receipt(admitted.error());
      co_return co_await write_frame(l, frame_kind::receipt, receipt);
    }
    auto writer = std::move(admitted->writer);
    auto filled = co_await fill(l, *writer, admitted->size);
    ended_stream end{admitted->ticket, filled ? std::move(writer) : nullptr};
    writer = nullptr;
    auto receipt = co_await doors.ask(door, door_timeout, std::move(end));
    if (!filled) {
      complain(l.peer() + ": " + message_of(filled.error()));
      co_await refuse(l, filled.error());
      co_return false;
    }
    l.allow(frame_seconds);
    auto last = receipt ? receipt->receipt : encode_receipt(receipt.error());
    co_return co_await write_frame(l, frame_kind::receipt, last);
  }

  /// Takes the content and the frame behind it.
  task<expected<void>>
  fill(peer_stream& l, storage::object_writer& to, uint64_t size) {
    auto ok = co_await write_frame(l, frame_kind::go);
    auto block = co_await w.lease();
    l.allow(grace_seconds, stream_min_rate);
    for (uint64_t left = size; ok && left > 0;) {
      auto room
        = block.bytes().first(std::min<uint64_t>(left, block.bytes().size()));
      ok = co_await l.read(room);
      if (!ok)
        break;
      if (auto stored = to.append(room); !stored)
        co_return stored.error();
      left -= room.size();
    }
    if (!ok)
      co_return fail(errc::timed_out,
                     l.late() ? "a stream was too slow" : "a stream broke off");
    auto end = co_await read_frame(l);
    if (!end)
      co_return end.error();
    if (end->kind != frame_kind::end || !end->payload.empty())
      co_return fail(errc::invalid_argument,
                     "a stream must end where its offer said");
    co_return caf::unit;
  }

  /// Says why while the sender may still be sending, and closes.
  task<> refuse(peer_stream& l, error why) {
    l.allow(linger_seconds);
    auto receipt = encode_receipt(why);
    auto told = co_await write_frame(l, frame_kind::receipt, receipt);
    l.shut();
    std::array<std::byte, 16 << 10> sink;
    for (size_t dropped = 0; told && dropped < lims.drain_bytes;) {
      auto n = co_await l.read_some(sink);
      if (n == 0)
        co_return;
      dropped += n;
    }
  }

  void complain(const std::string& what) {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    warnings.warn(std::chrono::nanoseconds{now}.count(),
                  "data network: " + what);
  }

  // -- life

  /// A stream that somebody waits on, so that stop() can end the wait.
  struct running {
    running(impl& i, peer_stream& l) : in(i), it(&l) { in.links.insert(it); }
    ~running() { forget(); }
    void forget() {
      if (auto* x = std::exchange(it, nullptr))
        in.links.erase(x);
    }
    impl& in;
    peer_stream* it;
  };

  void each_second() {
    doors.expire(std::chrono::steady_clock::now());
    auto now = w.wheel().now();
    for (auto& [to, list] : idle)
      kept -= std::erase_if(list, [&](auto& x) { return x.until <= now; });
    std::erase_if(idle, [](auto& x) { return x.second.empty(); });
  }

  expected<void> listen() {
    boost::system::error_code ec;
    auto address = asio::ip::make_address(opts.listen.host, ec);
    if (ec)
      return fail(errc::invalid_argument,
                  "\"" + opts.listen.host
                    + "\" is not an IP address to listen on");
    asio::ip::tcp::endpoint at{address, opts.listen.port};
    listening.open(at.protocol(), ec);
    if (!ec)
      listening.set_option(acceptor::reuse_address(true), ec);
    if (!ec)
      listening.bind(at, ec);
    if (!ec)
      listening.listen(256, ec);
    if (ec)
      return fail(
        ec == asio::error::address_in_use ? errc::busy : errc::io_error,
        "cannot listen for other nodes' objects on " + key_of(opts.listen)
          + ": " + ec.message() + "; choose another port with --data-port");
    port = listening.local_endpoint(ec).port();
    return caf::unit;
  }

  /// On the thread.
  void end() {
    stopping = true;
    boost::system::error_code ec;
    listening.close(ec);
    door = nullptr;
    idle.clear();
    for (auto* l : links)
      l->cut();
    doors.cancel_all();
    w.stop();
  }

  options opts;
  limits lims;
  worker w;
  bridge doors;
  acceptor listening;
  stream_door door; ///< null: nobody takes streams
  std::map<std::string, std::deque<idle_link>> idle; ///< by address
  size_t kept = 0;                                   ///< in all of idle
  std::set<peer_stream*> links;                      ///< under way
  size_t incoming = 0;                               ///< connections
  rare_warnings warnings;
  uint16_t port = 0;
  bool stopping = false;
  std::thread thread;
  courier_actor front;
};

// -- actor --------------------------------------------------------------------

namespace {

using extended = courier_actor::extend<caf::reacts_to<stream_ended>>;

struct courier_state {
  static inline const char* name = "courier";
  uint64_t last = 0;
  std::map<uint64_t, caf::typed_response_promise<carried>> waiting;
};

template <class Impl>
task<>
run(std::shared_ptr<Impl> to, uint64_t number, extended back, carry req) {
  expected<carried> result{fail(errc::not_ready, "the node is stopping")};
  if (!to->stopping)
    result = co_await to->send(std::move(req));
  stream_ended end{number, std::move(result)};
  caf::anon_send(back, std::move(end));
}

template <class Impl>
extended::behavior_type courier(extended::stateful_pointer<courier_state> self,
                                std::weak_ptr<Impl> weak) {
  auto& st = self->state;
  return {
    [self, weak, &st](carry& req) -> caf::result<carried> {
      auto to = weak.lock();
      if (!to)
        return fail(errc::not_ready, "the node is stopping");
      auto number = ++st.last;
      auto answer = self->make_response_promise<carried>();
      st.waiting[number] = answer;
      auto back = caf::actor_cast<extended>(self);
      asio::post(to->w.get_executor(), [to, number, back, req] {
        asio::co_spawn(to->w.get_executor(), run(to, number, back, req),
                       asio::detached);
      });
      return answer;
    },
    [weak](const receive_streams& x) {
      if (auto to = weak.lock())
        asio::post(to->w.get_executor(), [to, door = x.to] {
          to->door = to->stopping ? stream_door{} : door;
        });
    },
    [&st](stream_ended& x) {
      auto i = st.waiting.find(x.number);
      if (i == st.waiting.end())
        return;
      if (x.result)
        i->second.deliver(std::move(*x.result));
      else
        i->second.deliver(x.result.error());
      st.waiting.erase(i);
    },
  };
}

} // namespace

tcp_courier::tcp_courier(caf::actor_system& sys, const options& opts)
  : impl_(std::make_shared<impl>(sys, opts)) {
  impl_->front = caf::actor_cast<courier_actor>(
    sys.spawn(courier<impl>, std::weak_ptr<impl>{impl_}));
}

tcp_courier::~tcp_courier() {
  stop();
}

expected<void> tcp_courier::start() {
  auto& x = *impl_;
  if (auto ok = x.listen(); !ok)
    return ok;
  asio::co_spawn(x.w.get_executor(), x.accept(), asio::detached);
  x.thread = std::thread{[&x] {
    if (x.opts.give_way)
      x.opts.give_way(); // to clients: streams are jobs' for the most part
    x.w.run([&x] { x.each_second(); });
  }};
  return caf::unit;
}

void tcp_courier::stop() {
  auto& x = *impl_;
  if (auto front = std::exchange(x.front, nullptr))
    caf::anon_send_exit(front, caf::exit_reason::user_shutdown);
  if (!x.thread.joinable())
    return;
  asio::post(x.w.get_executor(), [&x] { x.end(); });
  x.thread.join();
}

uint16_t tcp_courier::port() const {
  return impl_->port;
}

const courier_actor& tcp_courier::actor() const {
  return impl_->front;
}

} // namespace ais::http
