#include "http/response.hpp"

#include <ctime>

namespace ais::http {

std::string_view status_text(int status) {
  switch (status) {
    case 100:
      return "100 Continue";
    case 200:
      return "200 OK";
    case 201:
      return "201 Created";
    case 202:
      return "202 Accepted";
    case 204:
      return "204 No Content";
    case 206:
      return "206 Partial Content";
    case 301:
      return "301 Moved Permanently";
    case 302:
      return "302 Found";
    case 303:
      return "303 See Other";
    case 304:
      return "304 Not Modified";
    case 307:
      return "307 Temporary Redirect";
    case 308:
      return "308 Permanent Redirect";
    case 400:
      return "400 Bad Request";
    case 401:
      return "401 Unauthorized";
    case 403:
      return "403 Forbidden";
    case 404:
      return "404 Not Found";
    case 405:
      return "405 Method Not Allowed";
    case 408:
      return "408 Request Timeout";
    case 409:
      return "409 Conflict";
    case 410:
      return "410 Gone";
    case 411:
      return "411 Length Required";
    case 412:
      return "412 Precondition Failed";
    case 413:
      return "413 Content Too Large";
    case 414:
      return "414 URI Too Long";
    case 416:
      return "416 Range Not Satisfiable";
    case 417:
      return "417 Expectation Failed";
    case 421:
      return "421 Misdirected Request";
    case 422:
      return "422 Unprocessable Content";
    case 423:
      return "423 Locked";
    case 429:
      return "429 Too Many Requests";
    case 431:
      return "431 Request Header Fields Too Large";
    case 500:
      return "500 Internal Server Error";
    case 501:
      return "501 Not Implemented";
    case 502:
      return "502 Bad Gateway";
    case 503:
      return "503 Service Unavailable";
    case 504:
      return "504 Gateway Timeout";
    case 505:
      return "505 HTTP Version Not Supported";
    case 507:
      return "507 Insufficient Storage";
    default:
      return "500 Internal Server Error";
  }
}

namespace {

/// RFC 9110 section 5.6.2; what is none would end the header early.
bool token(std::string_view x) {
  for (char c : x)
    if (c <= ' ' || c >= 0x7f
        || std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(c)
             != std::string_view::npos)
      return false;
  return !x.empty();
}

void add_header(std::string& out, std::string_view name,
                std::string_view value) {
  if (!token(name))
    return;
  out.append(name).append(": ");
  for (char c : value)
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out.append("\r\n");
}

void add_length(std::string& out, uint64_t length) {
  out.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
}

} // namespace

std::string_view date_now() {
  thread_local time_t last = 0;
  thread_local char text[40];
  thread_local size_t size = 0;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != last) {
    last = now.tv_sec;
    tm parts;
    ::gmtime_r(&last, &parts);
    size = ::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return {text, size};
}

std::string
lasting_head(int status, const header_list& headers, uint64_t length) {
  std::string out = "HTTP/1.1 ";
  out.append(status_text(status)).append("\r\nServer: AIStore\r\n");
  for (auto& [name, value] : headers)
    add_header(out, name, value);
  add_length(out, length);
  return out;
}

std::string
head_text(int status, const header_list& headers,
          std::optional<uint64_t> length, bool keep_alive, bool chunked) {
  std::string out = "HTTP/1.1 ";
  out.reserve(256);
  out.append(status_text(status)).append("\r\nServer: AIStore\r\nDate: ");
  out.append(date_now()).append("\r\n");
  for (auto& [name, value] : headers)
    add_header(out, name, value);
  if (!keep_alive)
    out.append("Connection: close\r\n");
  if (chunked)
    out.append("Transfer-Encoding: chunked\r\n");
  else if (length)
    add_length(out, *length);
  out.append("\r\n");
  return out;
}

} // namespace ais::http
