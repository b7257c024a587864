// Request parser: Beast's strict grammar without its field container (half the
// cost, datapath 2.2), plus the framing rules that guard against smuggling.
#pragma once

#include "http/limits.hpp"
#include "http/request.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <span>

namespace ais::http {

class parser : public boost::beast::http::basic_parser<true> {
public:
  using error_code = boost::beast::error_code;

  explicit parser(const limits& l);

  enum class state { more, done, refused };

  /// Reads one header off the front of `in`. Call again with more bytes (and
  /// the same ones before them) after `more`. Views in `out` point into `in`.
  /// After `done`, `used` bytes belong to the header; after `refused`, `status`
  /// says why (400, 414, 431). How the bytes were cut makes no difference.
  state parse_header(std::span<const char> in, request& out);

  size_t used = 0;
  int status = 0;

  /// Decodes the next piece of a chunked body from `in` into `out`; the two may
  /// begin at the same address, then nothing is copied. Trailers are dropped.
  /// @returns bytes of `in` used; `got` is what was written to `out`.
  ///          `ec` is set for broken framing, not for want of more.
  size_t decode_chunked(std::span<const char> in, std::span<std::byte> out,
                        size_t& got, error_code& ec);

  /// Bytes of the current chunk that have not come yet: no framing stands
  /// between them.
  uint64_t chunk_left() const { return chunk_left_; }

private:
  using sv = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb, sv method, sv target,
                       int version, error_code& ec) override;
  void on_response_impl(int, sv, int, error_code& ec) override { ec = {}; }
  void on_field_impl(boost::beast::http::field, sv name, sv value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override { ec = {}; }
  void
  on_body_init_impl(const boost::optional<uint64_t>&, error_code& ec) override {
    ec = {};
  }
  size_t on_body_impl(sv body, error_code& ec) override {
    ec = {};
    return body.size();
  }
  void on_chunk_header_impl(uint64_t size, sv, error_code& ec) override {
    ec = {};
    chunk_left_ = size;
    chunk_seen_ = true;
  }
  size_t on_chunk_body_impl(uint64_t, sv body, error_code& ec) override;
  void on_finish_impl(error_code& ec) override { ec = {}; }

  state refuse(int why);
  int check_front(std::string_view text) const;
  void refuse_field(int why, error_code& ec);
  bool framing_is_plain() const;

  const limits& limits_;
  request* out_ = nullptr;
  std::span<const char> in_;
  size_t scanned_ = 0; ///< bytes that hold no end of the header
  size_t hosts_ = 0;
  size_t transfer_encodings_ = 0;
  size_t content_lengths_ = 0;
  std::span<std::byte> chunk_out_;
  size_t chunk_got_ = 0;
  uint64_t chunk_left_ = 0;
  bool chunk_seen_ = false; ///< the header of a chunk was whole
};

} // namespace ais::http
