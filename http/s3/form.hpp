// Uploads by a browser's form: a multipart/form-data body whose fields come
// first and the file last. The fields are read at once and are few; the file is
// cut out of the stream, in place, whatever its size.
// Source: RFC 7578; RFC 2046 section 5.1; Amazon S3 API Reference, "POST
// Object".
#pragma once

#include "http/s3/fault.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_form_bytes = 64 << 10; ///< before the file
inline constexpr size_t max_form_fields = 100;
inline constexpr size_t max_boundary_bytes = 70; ///< RFC 2046

/// The boundary of a form's body, from the header Content-Type.
/// @returns invalid_argument.
outcome<std::string> form_boundary(std::string_view content_type);

/// What comes before the file's content.
struct form_head {
  /// Names in lower case, each there once.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string filename; ///< without directories
  size_t size = 0;      ///< up to the content [bytes]

  /// Empty if there is no such field.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
};

/// Reads the beginning of a body; none: more bytes are needed.
/// @returns invalid_argument, malformed_post.
outcome<std::optional<form_head>>
parse_form_head(std::string_view begin, std::string_view boundary);

/// Cuts the file out of a body.
class form_file {
public:
  /// @param head_bytes  what comes before it
  form_file(std::string_view boundary, size_t head_bytes);

  /// What of the next bytes of the body is content: a part of `raw`, at its
  /// front. It lags behind by less than a delimiter.
  std::span<std::byte> pass(std::span<std::byte> raw);

  /// The body is over. @returns incomplete_body without a closing delimiter.
  checked finish() const;

private:
  std::string delimiter_; ///< CRLF, dashes, boundary
  size_t skip_;           ///< still before the file [bytes]
  std::string held_;      ///< may be the beginning of the delimiter
  bool done_ = false;
};

} // namespace ais::http::s3
