// A request as the parser leaves it: views into the connection's buffer, valid
// until the next request on that connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http {

struct header {
  std::string_view name;
  std::string_view value;
};

struct request {
  std::string_view method;
  std::string_view target; ///< as sent
  int version = 11;        ///< of HTTP: 10 or 11
  std::vector<header> headers;
  std::optional<uint64_t> content_length; ///< [bytes]
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
  std::string peer; ///< "address:port", "[address]:port" for IPv6

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }

  /// The peer's address alone, without brackets.
  std::string_view peer_host() const;
  /// The value of the first header of that name (any case), else empty.
  std::string_view find(std::string_view name) const;
  /// The values of all headers of that name, in order.
  std::vector<std::string_view> find_all(std::string_view name) const;
  /// Forgets everything but the peer.
  void reset();
};

/// ASCII case-insensitive comparison.
bool same_name(std::string_view a, std::string_view b);

} // namespace ais::http
