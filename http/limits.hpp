// Every limit of the HTTP edge, by name.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ais::http {

struct limits {
  size_t header_bytes = 64 << 10; ///< request line and headers; more: 431
  size_t target_bytes = 56 << 10; ///< an object name of 16 KiB, each byte
                                  ///< escaped, and a query; more: 414
  size_t method_bytes = 32;       ///< more: 400
  size_t header_count = 100;      ///< header lines; more: 431
  size_t query_params = 100;      ///< more: 400
  size_t connections = 10'000;    ///< at once; more are answered 503
  size_t turned_away = 100;       ///< at once that are told 503 and why; what
                                  ///< comes beside them is closed at once
  size_t json_bytes = 8 << 20;    ///< body of a control request; more: 413
  size_t drain_bytes = 1 << 20;   ///< unread body that is read and dropped
  size_t blocks = 256;            ///< leased at once per thread, see block
  size_t block_bytes = 256 << 10; ///< piece of a body on its way to the disk
  uint32_t idle_seconds = 75;     ///< between two requests
  uint32_t header_seconds = 10;   ///< from a request's first byte to its last
                                  ///< header; later bytes do not extend it
  uint32_t grace_seconds = 20;    ///< for a body, plus bytes / min_rate
  uint32_t min_rate = 16 << 10;   ///< of bodies, both ways [bytes/s]
  uint32_t linger_seconds = 2;    ///< to read and drop what was not read
  uint32_t stop_seconds = 30;     ///< for running requests at a graceful stop
  uint32_t slow_seconds = 5;      ///< of ours between the end of a request and
                                  ///< its reply; more is logged. 0: nothing is
};

/// Bytes of a reply that go out in one call with its header.
inline constexpr size_t small_body_bytes = 4096;

} // namespace ais::http
