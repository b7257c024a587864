#include "http/basp_frames.hpp"

#include <caf/atom.hpp>

namespace ais::http {

namespace {

enum kind : uint8_t {
  server_handshake,
  client_handshake,
  direct_message,
  routed_message,
  monitor_message,
  down_message,
  heartbeat,
};

/// Of the flags: the receiver is a name, not an id.
constexpr uint8_t named_receiver = 1;
/// The only named receiver that nodes speak to: CAF asks it for its actor
/// types when it meets a node.
constexpr auto spawn_server = static_cast<uint64_t>(caf::atom("SpawnServ"));

uint64_t big_endian(std::span<const std::byte> x) {
  uint64_t out = 0;
  for (auto b : x)
    out = out << 8 | std::to_integer<uint64_t>(b);
  return out;
}

} // namespace

const char* basp_frames::take(std::span<const std::byte> piece) {
  if (payload_bytes_ == 0)
    return take_header(piece);
  if (piece.size() != payload_bytes_)
    return "a message is not as long as its header says";
  payload_bytes_ = 0;
  return nullptr;
}

const char* basp_frames::take_header(std::span<const std::byte> header) {
  if (header.size() != basp_header_bytes)
    return "a header is not whole";
  auto operation = std::to_integer<uint8_t>(header[0]);
  auto flags = std::to_integer<uint8_t>(header[3]);
  auto payload = static_cast<uint32_t>(big_endian(header.subspan(4, 4)));
  auto receiver = big_endian(header.subspan(24, 8));
  if (operation > heartbeat)
    return "it does not speak the protocol of nodes";
  auto handshake
    = operation == server_handshake || operation == client_handshake;
  auto theirs
    = side_ == basp_side::accepted ? client_handshake : server_handshake;
  if (handshake ? operation != theirs : !greeted_)
    return "it does not begin as a node does";
  if (operation == server_handshake && greeted_)
    return "it begins twice";
  if (operation == heartbeat ? payload != 0 : payload == 0)
    return "a message has no content, or a heartbeat has some";
  auto message = operation == direct_message || operation == routed_message;
  if (payload > (message ? max_basp_frame_bytes : max_basp_small_bytes))
    return "a message is too large";
  if (message && (flags & named_receiver) != 0 && receiver != spawn_server)
    return "a message is for nobody who takes some";
  greeted_ = true;
  payload_bytes_ = payload;
  return nullptr;
}

} // namespace ais::http
