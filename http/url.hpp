// Request targets: path, query, percent-encoding.
// Source: RFC 3986; api-data 0.9 (decoding), 0.10 (query).
#pragma once

#include "storage/base/errc.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http {

/// Decodes %XX once; '+' stays unless `plus_is_space`.
/// @returns errc::invalid_argument for a broken escape, "%00", or a control
///          character that is not escaped.
expected<std::string>
percent_decode(std::string_view x, bool plus_is_space = false);

/// Encodes all but unreserved characters and `keep`: "/" for a path, "" for
/// keys and values of a query.
std::string percent_encode(std::string_view x, std::string_view keep = "/");

/// Whether neither of both would change it.
bool is_plain(std::string_view x, std::string_view keep = "/");

/// A decoded query string, in order.
class query {
public:
  /// @returns errc::invalid_argument for broken escapes or too many parameters.
  static expected<query> parse(std::string_view raw, size_t max_params);

  /// The first value of `key`: empty for a bare key, none if absent.
  std::optional<std::string_view> find(std::string_view key) const;
  /// The same, empty if absent.
  std::string_view get(std::string_view key) const;
  bool has(std::string_view key) const { return find(key).has_value(); }
  /// True for 1, t, true, y, yes, on in any case; api-control 0.1.
  bool flag(std::string_view key) const;

  const std::vector<std::pair<std::string, std::string>>& all() const {
    return params_;
  }

private:
  std::vector<std::pair<std::string, std::string>> params_;
};

/// The parts of a request target, still encoded.
struct target {
  std::string_view host; ///< of an absolute-form target, else empty
  std::string_view path; ///< begins with '/'
  std::string_view query;
};

/// Splits origin-form and absolute-form targets, and "*".
/// @returns errc::invalid_argument for anything else.
expected<target> split_target(std::string_view raw);

} // namespace ais::http
