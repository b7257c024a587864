// The RELAY passes a request on to the node that owns its object, and the
// answer back: bytes as they come, a block at a time. One per I/O thread; it
// keeps connections to other nodes for the next request.
#pragma once

#include "actors/meta/smap.hpp"
#include "http/handler.hpp"
#include "http/peer_stream.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ais::http {

/// Tells a node that the request was relayed to it, and by whom: it is answered
/// there or refused, never passed on.
inline constexpr std::string_view relayed_header = "Ais-Relayed-By";
/// On a GET that the owner of an object relays to the target that still has it:
/// the generation of the placement by which it is the owner. Who cannot answer
/// for the owner says 421, who has the object brought home then.
inline constexpr std::string_view placement_header = "Ais-Placement";
inline constexpr int misdirected = 421;

class relay {
public:
  explicit relay(worker& w) : worker_(w) {}

  /// Sends the request of `x` to `to` with the target `target`, and replies
  /// what comes back. `by` is our id, `more` are headers to add, or to send
  /// instead of the client's. Host stays the client's: signatures of S3 cover
  /// it. `still`, if set, says whether the answer counts when it comes.
  /// @returns errc::not_ready when nobody answers there (nothing happened), or
  ///          he who does says that it is not for him (status 421), or the
  ///          answer does not count;
  ///          timed_out when it is not known whether something happened. There
  ///          is no reply then.
  task<expected<void>>
  pass(exchange& x, net_info to, std::string target, std::string by,
       header_list more = {}, std::function<bool()> still = {});

  /// Takes the body of an answer, piece by piece.
  using sink = std::function<expected<void>(std::span<const std::byte>)>;
  /// Sends the request of `x`, which has no body and changes nothing there, to
  /// `to`, and hands the body of the answer to
  /// `take`, if it is a 200; any other answer becomes that to `x`.
  /// @returns whether all of a 200 was taken; errors as pass(), and take()'s.
  task<expected<bool>> fetch(exchange& x, net_info to, std::string by,
                             header_list more, const sink& take);

  /// One second has passed; see handler::tick.
  void tick();
  /// Closes what is kept.
  void stop() { idle_.clear(); }

private:
  struct idle_link {
    peer_stream_ptr it;
    uint32_t until = 0;
  };
  struct running;
  struct response;

  task<expected<peer_stream_ptr>> open(const net_info& to, bool& fresh);
  enum class progress { more, done, refused };
  task<bool> read_head(peer_stream& l, response& out);
  task<expected<bool>> send_body(exchange& x, peer_stream& l);
  task<expected<progress>>
  send_piece(exchange& x, peer_stream& l, std::span<std::byte> room);
  task<bool> answer(exchange& x, peer_stream& l, response& from);
  task<bool> answer_piece(exchange& x, peer_stream& l,
                          std::span<std::byte> room, uint64_t& left);
  task<expected<void>>
  take_body(peer_stream& l, response& from, const sink& take);
  void keep(const net_info& to, peer_stream_ptr it);

  worker& worker_;
  std::map<std::string, std::vector<idle_link>> idle_; ///< by address
  std::set<peer_stream*> running_;
  uint32_t stopping_since_ = 0;
};

} // namespace ais::http
