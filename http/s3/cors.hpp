// Which web pages may use a bucket from a browser: the rules, as XML bodies and
// as they are kept in the bucket property s3.cors (the same XML), and what they
// say to a request. Source: Amazon S3 User Guide, "Using cross-origin resource
// sharing"; Fetch Standard, "HTTP-network-or-cache fetch", CORS protocol.
#pragma once

#include "http/response.hpp"
#include "http/s3/fault.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_cors_rules = 100;
inline constexpr size_t max_cors_bytes = 64 << 10; ///< of the XML

/// The bucket property.
inline constexpr std::string_view cors_property = "s3.cors";

struct cors_rule {
  std::string id;
  std::vector<std::string> origins; ///< each with at most one '*'
  std::vector<std::string> methods; ///< GET, PUT, HEAD, POST, DELETE
  std::vector<std::string> headers; ///< each with at most one '*'; any case
  std::vector<std::string> exposed;
  std::optional<uint64_t> max_age; ///< [s]
  bool operator==(const cors_rule&) const = default;
};
using cors_rules = std::vector<cors_rule>;

/// Reads a <CORSConfiguration>. @returns malformed_xml, invalid_request.
outcome<cors_rules> parse_cors(std::string_view body);

/// The inverse.
std::string to_xml(const cors_rules& x);

/// What a browser asks.
struct cors_request {
  std::string_view origin;
  std::string_view method;  ///< it uses, or wants to use
  std::string_view headers; ///< it wants to send: "a, b"
};

/// The first rule that allows it, or null.
const cors_rule* find_rule(const cors_rules& rules, const cors_request& x);

/// The headers that tell the browser so. @param preflight  answers OPTIONS
void add_cors(header_list& out, const cors_rule& rule, const cors_request& x,
              bool preflight);

} // namespace ais::http::s3
