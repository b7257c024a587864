// What another node may send on a BASP connection (CAF's protocol between
// nodes), checked before CAF sees it: CAF 0.17.6 ends the process on a
// handshake without payload, makes room for whatever length a header claims,
// and takes messages from strangers before any handshake. Source: CAF 0.17.6,
// libcaf_io: basp/header.hpp, basp/instance.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ais::http {

inline constexpr size_t basp_header_bytes = 32;
/// Names of nodes and actors, errors: what is no message of ours.
inline constexpr uint32_t max_basp_small_bytes = 64 << 10;
/// A message: a page of a listing, a state of the cluster, a log.
inline constexpr uint32_t max_basp_frame_bytes = 128 << 20;

/// Who opened the connection.
enum class basp_side { accepted, connected };

/// Follows the frames that come in on one connection.
class basp_frames {
public:
  explicit basp_frames(basp_side side) : side_(side) {}

  /// Takes the next piece: a whole header, or its whole payload.
  /// @returns why it is refused, for people; null if it is not. After a
  /// refusal the connection is to be closed.
  const char* take(std::span<const std::byte> piece);

  /// Whether the first frame has been a good one.
  bool greeted() const { return greeted_; }

private:
  const char* take_header(std::span<const std::byte> header);

  basp_side side_;
  bool greeted_ = false;
  uint32_t payload_bytes_ = 0; ///< to come
};

} // namespace ais::http
