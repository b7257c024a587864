#include "http/parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstring>

namespace ais::http {

namespace beast = boost::beast;

namespace {

constexpr auto npos = std::string_view::npos;

std::string_view view(beast::string_view x) {
  return {x.data(), x.size()};
}

bool inside(std::span<const char> buffer, std::string_view x) {
  return x.empty()
         || (x.data() >= buffer.data()
             && x.data() + x.size() <= buffer.data() + buffer.size());
}

bool all_digits(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

/// Two hosts in one line, or a path behind it, are read differently by
/// different servers.
bool plain_host(std::string_view x) {
  return x.find_first_of(" \t,/?#@\\") == npos;
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

std::string_view request::peer_host() const {
  auto host = std::string_view{peer}.substr(0, peer.rfind(':'));
  if (!host.empty() && host.front() == '[')
    host = host.substr(1, host.size() - 2);
  return host;
}

std::vector<std::string_view> request::find_all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (auto& h : headers)
    if (same_name(h.name, name))
      out.push_back(h.value);
  return out;
}

void request::reset() {
  method = target = {};
  version = 11;
  headers.clear();
  content_length = std::nullopt;
  chunked = expect_continue = false;
  keep_alive = true;
}

parser::parser(const limits& l) : limits_(l) {
  header_limit(static_cast<uint32_t>(l.header_bytes));
  body_limit(boost::none); // checked while the header is parsed otherwise
  eager(false);
}

// -- the header ---------------------------------------------------------------

parser::state parser::parse_header(std::span<const char> in, request& out) {
  in_ = in;
  out_ = &out;
  // Views are taken while parsing, so the whole header must be there first.
  auto text = std::string_view{in.data(), in.size()};
  auto end = text.find("\r\n\r\n", scanned_ > 3 ? scanned_ - 3 : 0);
  auto too_large = end == npos ? text.size() >= limits_.header_bytes
                               : end + 4 > limits_.header_bytes;
  if (end == npos || too_large) {
    if (auto why = check_front(text))
      return refuse(why);
    scanned_ = text.size();
    return too_large ? refuse(431) : state::more;
  }
  error_code ec;
  used = put(boost::asio::buffer(in.data(), end + 4), ec);
  if (status != 0)
    return state::refused;
  if (!is_header_done())
    return refuse(ec == beast::http::error::header_limit ? 431 : 400);
  if (!framing_is_plain())
    return refuse(400);
  out.chunked = chunked();
  if (auto n = content_length())
    out.content_length = *n;
  out.keep_alive = keep_alive();
  return state::done;
}

parser::state parser::refuse(int why) {
  status = why;
  return state::refused;
}

/// Finds what can never become a request before its header is complete, so that
/// the peer hears of it now and not at the deadline. Returns a status, or 0.
int parser::check_front(std::string_view text) const {
  for (auto i = text.find('\n', scanned_); i != npos;
       i = text.find('\n', i + 1))
    if (i == 0 || text[i - 1] != '\r')
      return 400;
  auto line_end = text.find("\r\n");
  auto line = text.substr(0, line_end);
  auto method = line.substr(0, line.find(' '));
  if (method.size() > limits_.method_bytes
      || (!method.empty() && static_cast<unsigned char>(method[0]) <= ' ')
      || (method.empty() && !line.empty()))
    return 400;
  if (method.size() == line.size()) // no space so far
    return line_end == npos ? 0 : 400;
  auto target = line.substr(method.size() + 1);
  auto target_end = target.find(' ');
  if (std::min(target_end, target.size()) > limits_.target_bytes)
    return 414;
  if (line_end == npos)
    return 0;
  if (target_end == npos)
    return 400; // HTTP/0.9
  auto version = target.substr(target_end + 1);
  return version == "HTTP/1.1" || version == "HTTP/1.0" ? 0 : 400;
}

/// RFC 9112 sections 3.2, 6.1, 6.3: whatever two parsers might read differently
/// is not plain.
bool parser::framing_is_plain() const {
  auto http10 = out_->version < 11;
  if (hosts_ > 1 || (hosts_ == 0 && !http10))
    return false;
  if (transfer_encodings_ == 0)
    return content_lengths_ <= 1;
  return transfer_encodings_ == 1 && content_lengths_ == 0 && !http10
         && same_name(out_->find("transfer-encoding"), "chunked");
}

void parser::on_request_impl(beast::http::verb, sv method, sv target,
                             int version, error_code& ec) {
  ec = {};
  out_->reset();
  out_->method = view(method);
  out_->target = view(target);
  out_->version = version;
  if (method.size() > limits_.method_bytes)
    refuse_field(400, ec);
  else if (target.size() > limits_.target_bytes)
    refuse_field(414, ec);
}

void parser::on_field_impl(beast::http::field f, sv name, sv value,
                           error_code& ec) {
  ec = {};
  if (is_header_done())
    return; // a trailer: must not pass for a header
  if (out_->headers.size() == limits_.header_count)
    return refuse_field(431, ec);
  // A folded value was unfolded into a buffer that goes away.
  if (!inside(in_, view(value)))
    return refuse_field(400, ec);
  out_->headers.push_back({view(name), view(value)});
  using beast::http::field;
  switch (f) {
    case field::host:
      ++hosts_;
      if (!plain_host(view(value)))
        refuse_field(400, ec);
      break;
    case field::transfer_encoding:
      ++transfer_encodings_;
      break;
    case field::content_length:
      ++content_lengths_;
      if (!all_digits(view(value))) // Beast takes lists such as "5, 5"
        refuse_field(400, ec);
      break;
    case field::expect:
      out_->expect_continue
        = out_->version >= 11 && same_name(view(value), "100-continue");
      break;
    default:
      break;
  }
}

void parser::refuse_field(int why, error_code& ec) {
  status = why;
  ec = beast::http::error::bad_field;
}

// -- chunked bodies -----------------------------------------------------------

size_t parser::on_chunk_body_impl(uint64_t, sv body, error_code& ec) {
  ec = {};
  auto n = std::min(body.size(), chunk_out_.size() - chunk_got_);
  auto* to = reinterpret_cast<char*>(chunk_out_.data()) + chunk_got_;
  if (to != body.data())
    std::memcpy(to, body.data(), n);
  chunk_got_ += n;
  chunk_left_ -= n;
  return n;
}

size_t
parser::decode_chunked(std::span<const char> in, std::span<std::byte> out,
                       size_t& got, error_code& ec) {
  chunk_out_ = out;
  chunk_got_ = 0;
  // The shortest body has five bytes. Given "0\r\n" and then "0\r\n\r", Beast
  // asserts that they are there (1.81, basic_parser::parse_chunk_header).
  if (!chunk_seen_ && in.size() < 5) {
    got = 0;
    return 0;
  }
  size_t eaten = 0;
  while (!is_done() && chunk_got_ < out.size() && eaten < in.size()) {
    eaten += put(boost::asio::buffer(in.data() + eaten, in.size() - eaten), ec);
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
