#include "test/sim/courier.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <cstring>

namespace ais::sim {

namespace {

using namespace std::chrono_literals;
/// The courier of another node.
using segment_door = caf::typed_actor<caf::reacts_to<segment>>;
using extended = courier_actor::extend<caf::reacts_to<segment>,
                                       caf::reacts_to<atom::tick, uint64_t>>;

constexpr uint64_t pieces = 3; ///< of a content, so that it has a middle
constexpr auto door_timeout = 120s;

std::string text_of(const storage::bytes& x) {
  return {reinterpret_cast<const char*>(x.data()), x.size()};
}

storage::bytes bytes_of(const std::string& x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return {raw.begin(), raw.end()};
}

/// One end of a stream.
struct stream_end {
  caf::strong_actor_ptr peer;
  uint32_t sent = 0;                   ///< segments
  uint32_t taken = 0;                  ///< the same of the other side
  std::map<uint32_t, segment> waiting; ///< came too early
  // Sender.
  std::shared_ptr<storage::object_reader> content;
  lease_ptr valid;
  caf::typed_response_promise<carried> answer;
  bool begun = false; ///< content is on its way
  // Receiver.
  uint64_t ticket = 0;
  uint64_t size = 0;
  storage::writer_ptr writer;
};

struct courier_state {
  static inline const char* name = "sim-courier";

  extended::pointer self = nullptr;
  world* w = nullptr;
  node_t id = 0;
  stream_door door;
  std::map<uint64_t, stream_end> out, in;
  std::set<uint64_t> seen; ///< streams that came in: never twice

  void send(stream_end& to, uint64_t stream, bool back, uint8_t kind,
            std::string bytes) {
    self->send(caf::actor_cast<segment_door>(to.peer),
               segment{stream, back, to.sent++, kind, std::move(bytes)});
  }

  // -- sender

  caf::result<carried> start(const carry& req) {
    auto peer = w->connect(id, req.to);
    if (!peer)
      return fail(errc::not_ready, "nobody answers at " + req.to.url());
    auto number = w->random();
    auto& x = out[number];
    x.peer = peer;
    x.content = req.content;
    x.valid = req.valid;
    x.answer = self->make_response_promise<carried>();
    auto answer = x.answer;
    self->monitor(caf::actor_cast<segment_door>(peer));
    send(x, number, false, static_cast<uint8_t>(frame_kind::offer),
         text_of(req.offer));
    self->delayed_send(self, stream_time(req.content->attrs.size_bytes),
                       atom::tick_v, number);
    return answer;
  }

  void answered(uint64_t number, stream_end& x, const segment& s) {
    if (s.kind == static_cast<uint8_t>(frame_kind::go) && !x.begun)
      return pour(number, x);
    if (s.kind == static_cast<uint8_t>(frame_kind::receipt))
      x.answer.deliver(carried{bytes_of(s.bytes)});
    else
      x.answer.deliver(fail(errc::timed_out, "unexpected frame"));
    out.erase(number);
  }

  void pour(uint64_t number, stream_end& x) {
    x.begun = true;
    auto size = x.content->attrs.size_bytes;
    auto step = std::max<uint64_t>((size + pieces - 1) / pieces, 1);
    for (uint64_t at = 0; at < size; at += step) {
      storage::bytes piece(std::min(step, size - at));
      auto n = x.content->content->read_at(piece, at);
      if (!n || *n != piece.size()) {
        x.answer.deliver(fail(errc::io_error, "cannot read the content"));
        return give_up(number, x);
      }
      if (w->chance(w->net.corrupt))
        piece[w->random() % piece.size()] ^= std::byte{1} << (w->random() % 8);
      send(x, number, false, 0, text_of(piece));
    }
    if (x.valid && x.valid->over()) {
      x.answer.deliver(source_changed());
      return give_up(number, x);
    }
    send(x, number, false, static_cast<uint8_t>(frame_kind::end), {});
  }

  /// Tells the receiver as a closed connection would.
  void give_up(uint64_t number, stream_end& x) {
    send(x, number, false, UINT8_MAX, {});
    out.erase(number);
  }

  // -- receiver

  void offered(uint64_t number, stream_end& x, const segment& s) {
    if (s.kind != static_cast<uint8_t>(frame_kind::offer))
      return drop(number);
    if (!door) {
      refuse(number, encode_receipt(fail(errc::not_ready, "starting")));
      return;
    }
    static_cast<void>(x);
    self->request(door, door_timeout, offered_stream{bytes_of(s.bytes)})
      .then(
        [this, number](admitted_stream& a) {
          auto i = in.find(number);
          if (i == in.end())
            return back_to_door(a.ticket, nullptr, number);
          if (!a.writer)
            return refuse(number, a.receipt);
          i->second.ticket = a.ticket;
          i->second.size = a.size;
          i->second.writer = a.writer;
          send(i->second, number, true, static_cast<uint8_t>(frame_kind::go),
               {});
        },
        [this, number](error&) { drop(number); });
  }

  void refuse(uint64_t number, const storage::bytes& receipt) {
    auto i = in.find(number);
    if (i == in.end())
      return;
    send(i->second, number, true, static_cast<uint8_t>(frame_kind::receipt),
         text_of(receipt));
    in.erase(i);
  }

  void filled(uint64_t number, stream_end& x, const segment& s) {
    if (s.kind == static_cast<uint8_t>(frame_kind::end)) {
      auto writer = std::exchange(x.writer, nullptr);
      return back_to_door(x.ticket, writer, number);
    }
    auto more = bytes_of(s.bytes);
    if (s.kind != 0 || x.writer->size_bytes() + more.size() > x.size)
      return drop(number);
    if (auto ok = x.writer->append(more); !ok)
      drop(number);
  }

  /// With its answer as the receipt.
  void back_to_door(uint64_t ticket, const storage::writer_ptr& writer,
                    uint64_t number) {
    if (!door || ticket == 0)
      return;
    self->request(door, door_timeout, ended_stream{ticket, writer})
      .then([this, number](carried& x) { refuse(number, x.receipt); },
            [this, number](error&) { drop(number); });
  }

  void drop(uint64_t number) {
    auto i = in.find(number);
    if (i == in.end())
      return;
    auto x = std::move(i->second);
    in.erase(i);
    if (x.writer)
      back_to_door(x.ticket, nullptr, number);
  }

  // -- both

  void take(const segment& s) {
    if (s.back) {
      if (auto i = out.find(s.stream); i != out.end())
        in_order(out, s);
      return;
    }
    if (in.count(s.stream) == 0) {
      if (s.number != 0 || !seen.insert(s.stream).second)
        return; // late, or of a stream whose offer was lost
      auto& x = in[s.stream];
      x.peer = self->current_sender();
      self->monitor(caf::actor_cast<segment_door>(x.peer));
      self->delayed_send(self, stream_grace, atom::tick_v, s.stream);
    }
    in_order(in, s);
  }

  void in_order(std::map<uint64_t, stream_end>& streams, const segment& s) {
    streams[s.stream].waiting.emplace(s.number, s);
    for (;;) {
      auto i = streams.find(s.stream);
      if (i == streams.end())
        return;
      auto& x = i->second;
      auto next = x.waiting.find(x.taken);
      if (next == x.waiting.end())
        return;
      auto now = std::move(next->second);
      x.waiting.erase(next);
      ++x.taken;
      if (s.back)
        answered(s.stream, x, now);
      else if (now.number == 0)
        offered(s.stream, x, now);
      else if (x.writer)
        filled(s.stream, x, now);
      else
        drop(s.stream);
    }
  }

  void late(uint64_t number) {
    if (auto i = out.find(number); i != out.end()) {
      i->second.answer.deliver(
        fail(i->second.begun ? errc::timed_out : errc::not_ready,
             "the stream took too long"));
      give_up(number, i->second);
    }
    if (auto i = in.find(number); i != in.end() && i->second.writer)
      drop(number);
  }

  void down(const caf::actor_addr& who) {
    std::vector<uint64_t> lost_out, lost_in;
    for (auto& [number, x] : out)
      if (x.peer->address() == who)
        lost_out.push_back(number);
    for (auto& [number, x] : in)
      if (x.peer->address() == who)
        lost_in.push_back(number);
    for (auto number : lost_out) {
      auto& x = out[number];
      x.answer.deliver(fail(x.begun ? errc::timed_out : errc::not_ready,
                            "the connection broke"));
      out.erase(number);
    }
    for (auto number : lost_in)
      drop(number);
  }
};

extended::behavior_type
courier(extended::stateful_pointer<courier_state> self, world* w, node_t id) {
  auto& st = self->state;
  st.self = self;
  st.w = w;
  st.id = id;
  self->set_down_handler([&st](const caf::down_msg& x) { st.down(x.source); });
  return {
    [&st](const carry& x) { return st.start(x); },
    [&st](const receive_streams& x) { st.door = x.to; },
    [&st](const segment& x) { st.take(x); },
    [&st](atom::tick, uint64_t number) { st.late(number); },
  };
}

} // namespace

courier_actor spawn_courier(world& w, node_t id, const environment& env) {
  return caf::actor_cast<courier_actor>(
    spawn_plain(w.sys, env, courier, &w, id));
}

} // namespace ais::sim
