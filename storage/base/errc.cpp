#include "storage/base/errc.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

namespace ais {

std::string to_string(errc x) {
  switch (x) {
    case errc::none:
      return "none";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::invalid_name:
      return "invalid_name";
    case errc::invalid_provider:
      return "invalid_provider";
    case errc::bucket_exists:
      return "bucket_exists";
    case errc::bucket_not_found:
      return "bucket_not_found";
    case errc::remote_bucket_not_found:
      return "remote_bucket_not_found";
    case errc::not_remote_bucket:
      return "not_remote_bucket";
    case errc::object_not_found:
      return "object_not_found";
    case errc::not_found:
      return "not_found";
    case errc::node_not_found:
      return "node_not_found";
    case errc::xact_not_found:
      return "xact_not_found";
    case errc::mountpath_not_found:
      return "mountpath_not_found";
    case errc::bad_checksum:
      return "bad_checksum";
    case errc::corrupted:
      return "corrupted";
    case errc::io_error:
      return "io_error";
    case errc::no_space:
      return "no_space";
    case errc::busy:
      return "busy";
    case errc::conflict:
      return "conflict";
    case errc::unsupported:
      return "unsupported";
    case errc::not_implemented:
      return "not_implemented";
    case errc::range_not_satisfiable:
      return "range_not_satisfiable";
    case errc::too_many_requests:
      return "too_many_requests";
    case errc::too_large:
      return "too_large";
    case errc::access_denied:
      return "access_denied";
    case errc::not_ready:
      return "not_ready";
    case errc::timed_out:
      return "timed_out";
    case errc::exists:
      return "exists";
    case errc::not_a_directory:
      return "not_a_directory";
    case errc::is_a_directory:
      return "is_a_directory";
    case errc::not_empty:
      return "not_empty";
    case errc::integrity:
      return "integrity";
    case errc::precondition_failed:
      return "precondition_failed";
  }
  return "unknown";
}

namespace {

constexpr auto ours = caf::detail::error_factory<errc>::category;
constexpr auto exit_category = caf::atom("exit");

} // namespace

std::string message_of(const error& e) {
  if (!e)
    return "none";
  if (!e.context().empty() && e.context().match_element<std::string>(0))
    return e.context().get_as<std::string>(0);
  if (e.category() == ours)
    return to_string(static_cast<errc>(e.code()));
  return caf::to_string(e);
}

errc code_of(const error& e) {
  if (!e)
    return errc::none;
  if (e.category() == ours)
    return static_cast<errc>(e.code());
  if (e == caf::sec::request_timeout)
    return errc::timed_out;
  if (e == caf::sec::request_receiver_down || e.category() == exit_category)
    return errc::not_ready;
  return errc::io_error;
}

error fail(errc code, std::string what) {
  if (what.empty())
    return caf::make_error(code);
  return caf::make_error(code, std::move(what));
}

error with_context(const error& e, std::string_view what) {
  return fail(code_of(e), std::string{what} + ": " + message_of(e));
}

} // namespace ais
