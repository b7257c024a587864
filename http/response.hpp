// Response headers as text: a writer over a fixed buffer for the hot paths, and
// a reply value for everything else.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http {

/// "200 OK", ...; unknown codes are a mistake of ours: "500 Internal ...".
std::string_view status_text(int status);

/// What lets a client send the body it announced with "Expect: 100-continue".
inline constexpr std::string_view continue_text
  = "HTTP/1.1 100 Continue\r\n\r\n";

/// RFC 9110 date of now, renewed once a second per thread.
std::string_view date_now();

/// Appends to a buffer of fixed size; what does not fit makes it `full`.
class head_writer {
public:
  head_writer(char* buffer, size_t size)
    : begin_(buffer), at_(buffer), end_(buffer + size) {}

  head_writer& operator<<(std::string_view x) {
    if (x.size() > static_cast<size_t>(end_ - at_)) {
      full_ = true;
    } else if (!x.empty()) {
      std::memcpy(at_, x.data(), x.size());
      at_ += x.size();
    }
    return *this;
  }
  head_writer& operator<<(uint64_t x) {
    auto [end, ec] = std::to_chars(at_, end_, x);
    if (ec != std::errc{})
      full_ = true;
    else
      at_ = end;
    return *this;
  }

  size_t size() const { return static_cast<size_t>(at_ - begin_); }
  bool full() const { return full_; }

private:
  char* begin_;
  char* at_;
  char* end_;
  bool full_ = false;
};

using header_list = std::vector<std::pair<std::string, std::string>>;

/// A whole reply.
struct reply {
  int status = 200;
  header_list headers; ///< without Date, Server, Connection, Content-Length
  std::string body;
  std::string why; ///< of an error: for the log, not sent
  /// Content-Length to announce when it is not the body's; for HEAD only.
  std::optional<uint64_t> length;
};

/// The part of head_text() that is the same for every reply of that kind: all
/// but Date, Connection and the empty line.
std::string
lasting_head(int status, const header_list& headers, uint64_t length);

/// The header text of a reply: status line to empty line. CR, LF and NUL in
/// values become spaces; a header whose name is no token is left out. Without
/// `length` no Content-Length is sent.
std::string head_text(int status, const header_list& headers,
                      std::optional<uint64_t> length, bool keep_alive,
                      bool chunked = false);

} // namespace ais::http
