#include "http/error_body.hpp"

#include "storage/base/json.hpp"

namespace ais::http {

namespace {

/// JSON strings must be UTF-8; what a client sent need not be.
std::string printable(std::string_view x, size_t limit) {
  std::string out;
  for (char c : x.substr(0, limit)) {
    auto u = static_cast<unsigned char>(c);
    out += u < 0x20 || u >= 0x7f ? '?' : c;
  }
  return out;
}

} // namespace

int status_of(errc code) {
  switch (code) {
    case errc::none:
      return 200;
    case errc::invalid_argument:
    case errc::invalid_name:
    case errc::invalid_provider:
    case errc::not_remote_bucket:
    case errc::bad_checksum:
      return 400;
    case errc::access_denied:
      return 403;
    case errc::bucket_not_found:
    case errc::remote_bucket_not_found:
    case errc::object_not_found:
    case errc::not_found:
    case errc::node_not_found:
    case errc::xact_not_found:
    case errc::mountpath_not_found:
      return 404;
    case errc::bucket_exists:
    case errc::busy:
    case errc::conflict:
      return 409;
    case errc::precondition_failed:
      return 412;
    case errc::too_large:
      return 413;
    case errc::range_not_satisfiable:
      return 416;
    case errc::too_many_requests:
      return 429;
    case errc::unsupported:
    case errc::not_implemented:
      return 501;
    case errc::not_ready:
      return 503;
    case errc::timed_out:
      return 504;
    case errc::no_space:
      return 507;
    case errc::corrupted:
    case errc::io_error:
    case errc::exists:
    case errc::not_a_directory:
    case errc::is_a_directory:
    case errc::not_empty:
    case errc::integrity:
      return 500;
  }
  return 500;
}

std::string_view tcode_of(errc code) {
  switch (code) {
    case errc::bucket_exists:
      return "ErrBucketAlreadyExists";
    case errc::bucket_not_found:
      return "ErrBckNotFound";
    case errc::remote_bucket_not_found:
      return "ErrRemoteBckNotFound";
    case errc::not_remote_bucket:
      return "ErrNotRemoteBck";
    case errc::object_not_found:
    case errc::not_found:
      return "ErrNotFound";
    case errc::node_not_found:
      return "errNodeNotFound";
    case errc::xact_not_found:
      return "ErrXactNotFound";
    case errc::mountpath_not_found:
      return "ErrMpathNotFound";
    case errc::invalid_provider:
      return "ErrInvalidBackendProvider";
    case errc::bad_checksum:
    case errc::corrupted:
      return "ErrBadCksum";
    case errc::no_space:
      return "ErrCapExceeded";
    case errc::busy:
      return "ErrBusy";
    case errc::unsupported:
      return "ErrUnsupp";
    case errc::not_implemented:
      return "ErrNotImpl";
    case errc::range_not_satisfiable:
      return "ErrRangeNotSatisfiable";
    case errc::too_many_requests:
      return "ErrTooManyRequests";
    case errc::access_denied:
      return "ErrBucketAccessDenied";
    default:
      return {};
  }
}

reply error_reply(const error& e, const request& req, std::string_view node,
                  int status) {
  auto code = code_of(e);
  if (status == 0)
    status = status_of(code);
  json::object body;
  if (auto tcode = tcode_of(code); !tcode.empty())
    body["tcode"] = tcode;
  body["message"] = message_of(e);
  body["method"] = printable(req.method, 32);
  auto path = req.target.substr(0, req.target.find('?'));
  body["url_path"] = printable(path, 1024);
  body["remote_addr"] = req.peer;
  body["caller"] = "";
  body["node"] = node;
  body["status"] = status;
  reply out;
  out.status = status;
  out.why = message_of(e);
  auto text = to_text(body);
  if (req.method == "HEAD")
    out.headers.emplace_back("Hdr-Error", text);
  else
    out.body = text + '\n';
  out.headers.emplace_back("Content-Type", "application/json");
  out.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return out;
}

} // namespace ais::http
