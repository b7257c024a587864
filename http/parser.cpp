#include "http/parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstring>

namespace ais::http {

namespace beast = boost::beast;

namespace {

std::string_view view(beast::string_view x) {
  return {x.data(), x.size()};
}

bool inside(std::span<const char> buffer, std::string_view x) {
  return x.empty()
         || (x.data() >= buffer.data()
             && x.data() + x.size() <= buffer.data() + buffer.size());
}

/// True for what can never become a request: a line that does not end in CRLF,
/// or bytes that are no method.
bool hopeless(std::string_view x) {
  if (!x.empty() && (x[0] < 'A' || x[0] > 'Z') && x[0] != '\r')
    return true;
  for (size_t i = x.find('\n'); i != std::string_view::npos;
       i = x.find('\n', i + 1))
    if (i == 0 || x[i - 1] != '\r')
      return true;
  return false;
}

} // namespace

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view request::find(std::string_view name) const {
  for (auto& h : headers)
    if (same_name(h.name, name))
      return h.value;
  return {};
}

parser::parser(const limits& l) : limits_(l) {
  header_limit(static_cast<uint32_t>(l.header_bytes));
  body_limit(boost::none); // checked while the header is parsed otherwise
  eager(false);
}

parser::state parser::parse_header(std::span<const char> in, request& out) {
  in_ = in;
  out_ = &out;
  error_code ec;
  auto refuse = [&](int why) {
    status = why;
    return state::refused;
  };
  // Views are taken while parsing, so the whole header must be there first.
  auto text = std::string_view{in.data(), in.size()};
  auto end = text.find("\r\n\r\n", scanned_ > 3 ? scanned_ - 3 : 0);
  if (end == std::string_view::npos) {
    scanned_ = in.size();
    if (hopeless(text))
      return refuse(400);
    return in.size() < limits_.header_bytes ? state::more : refuse(431);
  }
  used = put(boost::asio::buffer(in.data(), end + 4), ec);
  if (!is_header_done()) {
    if (ec == beast::http::error::header_limit)
      return refuse(431);
    if (ec == beast::http::error::bad_version)
      return refuse(505);
    return refuse(400);
  }
  if (out.headers.size() > limits_.header_count)
    return refuse(431);
  // RFC 9112 sections 3.2, 6.1: anything that two parsers might read
  // differently is refused.
  if (refused_ || hosts_ > 1 || (hosts_ == 0 && version_ >= 11)
      || transfer_encodings_ > 1 || content_lengths_ > 1
      || (transfer_encodings_ > 0 && content_lengths_ > 0)
      || (transfer_encodings_ > 0 && version_ < 11))
    return refuse(400);
  if (transfer_encodings_ > 0
      && !same_name(out.find("transfer-encoding"), "chunked"))
    return refuse(501);
  out.chunked = chunked();
  out.content_length = std::nullopt;
  if (auto n = content_length())
    out.content_length = *n;
  out.keep_alive = keep_alive();
  out.expect_continue = same_name(out.find("expect"), "100-continue");
  return state::done;
}

void parser::on_request_impl(beast::http::verb, sv method, sv target,
                             int version, error_code& ec) {
  ec = {};
  out_->method = view(method);
  out_->target = view(target);
  out_->headers.clear();
  version_ = version;
}

void parser::on_field_impl(beast::http::field f, sv name, sv value,
                           error_code& ec) {
  ec = {};
  // A folded value was unfolded into a buffer that goes away.
  if (!inside(in_, view(value)))
    refused_ = true;
  else
    out_->headers.push_back({view(name), view(value)});
  using beast::http::field;
  hosts_ += f == field::host;
  transfer_encodings_ += f == field::transfer_encoding;
  content_lengths_ += f == field::content_length;
}

size_t parser::on_chunk_body_impl(uint64_t, sv body, error_code& ec) {
  ec = {};
  auto n = std::min(body.size(), chunk_out_.size() - chunk_got_);
  std::memcpy(chunk_out_.data() + chunk_got_, body.data(), n);
  chunk_got_ += n;
  return n;
}

size_t
parser::decode_chunked(std::span<const char> in, std::span<std::byte> out,
                       size_t& got, error_code& ec) {
  chunk_out_ = out;
  chunk_got_ = 0;
  size_t eaten = 0;
  while (!is_done() && chunk_got_ < out.size() && eaten < in.size()) {
    auto n = put(boost::asio::buffer(in.data() + eaten, in.size() - eaten), ec);
    eaten += n;
    if (ec == beast::http::error::need_more) {
      ec = {};
      break;
    }
    if (ec)
      break;
  }
  got = chunk_got_;
  return eaten;
}

} // namespace ais::http
