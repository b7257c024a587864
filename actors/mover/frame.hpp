// Frames of a stream that takes one object from node to node, as bytes.
//
//   sender                              receiver
//   offer: who, what, on what condition ->
//                                       <- go, or receipt: refused
//   content, as many bytes as offered ->
//   end ->
//                                       <- receipt: how it ended
//
// A frame is "AISm" | u8 protocol | u8 kind | u16 0 | u32 length | u32 low half
// of the payload's XXH64 | payload; content stands between frames as it is. A
// connection carries one stream after the other. The offer ends with an
// HMAC-SHA256 under the cluster's secret: only its nodes can make one.
#pragma once

#include "storage/base/mac.hpp"
#include "storage/base/names.hpp"
#include "storage/lom.hpp"

#include <array>
#include <span>

namespace ais {

inline constexpr uint8_t stream_protocol = 1;
inline constexpr size_t frame_head_bytes = 16;
inline constexpr size_t max_frame_bytes = 32 << 10; ///< of a payload
inline constexpr size_t max_receipt_text = 1024;    ///< [bytes]

// -- frames -------------------------------------------------------------------

enum class frame_kind : uint8_t { offer = 1, go, end, receipt };

/// A whole frame; the payload has at most max_frame_bytes.
storage::bytes
encode_frame(frame_kind kind, std::span<const std::byte> payload);

struct frame_head {
  frame_kind kind = frame_kind::offer;
  uint32_t size = 0; ///< of the payload [bytes]
  uint32_t sum = 0;  ///< of the payload
};

/// Reads the first frame_head_bytes of a frame.
/// @returns errc::invalid_argument for anything else, with the reason.
expected<frame_head> decode_frame_head(std::span<const std::byte> raw);

/// Whether the payload is what the head announced. errc::invalid_argument.
expected<void>
check_payload(const frame_head& head, std::span<const std::byte> payload);

// -- offer --------------------------------------------------------------------

/// When a write takes place, looking at the object that is there at commit:
/// in any case, only if there is none, only if what is there is older.
enum class write_if : uint8_t { always, absent, older };

/// What the receiver makes of the content: a new version of its own, or the
/// version that it was, number and times included.
enum class stream_write : uint8_t { copy, move };

/// What a sender says of a stream.
struct stream_offer {
  std::string cluster; ///< uuid
  uint64_t epoch = 0;  ///< the highest the sender obeys
  std::string from;    ///< id of the sending target
  std::string to;      ///< id of the receiving target
  uint64_t id = 0;     ///< of the stream, by chance; for logs
  bck bucket;          ///< at the receiver
  uint64_t bid = 0;    ///< of that bucket
  std::string name;    ///< of the object there
  stream_write how = stream_write::copy;
  write_if when = write_if::always;
  bool anywhere = false; ///< the receiver need not own the object
  storage::lom attrs;    ///< size, checksum, version, custom metadata, times
  bool operator==(const stream_offer&) const = default;
};

/// @returns errc::too_large.
expected<storage::bytes>
encode_offer(const stream_offer& x, std::string_view secret);

/// Accepts any bytes.
/// @returns errc::access_denied when it was not made with the secret,
///          invalid_argument when fields are missing, too many or invalid.
expected<stream_offer>
decode_offer(std::span<const std::byte> raw, std::string_view secret);

// -- receipt ------------------------------------------------------------------

struct stream_receipt {
  errc code = errc::none; ///< why it was not stored
  std::string text;       ///< the same for people
  bool stored = false;    ///< false without a code: what was there is not older
  storage::lom attrs;     ///< what is stored, if it was
  bool busy = false;      ///< clients ask the receiver: fewer at once, please
  bool operator==(const stream_receipt&) const = default;
};

storage::bytes encode_receipt(const stream_receipt& x);
storage::bytes encode_receipt(const error& e);

/// Accepts any bytes. errc::invalid_argument.
expected<stream_receipt> decode_receipt(std::span<const std::byte> raw);

} // namespace ais
