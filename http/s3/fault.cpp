#include "http/s3/fault.hpp"

namespace ais::http::s3 {

namespace {

const fault_code& code_for(errc x) {
  switch (x) {
    case errc::invalid_argument:
    case errc::invalid_provider:
    case errc::not_remote_bucket:
      return invalid_argument;
    case errc::invalid_name:
      return invalid_argument;
    case errc::bucket_exists:
      return bucket_already_owned;
    case errc::bucket_not_found:
    case errc::remote_bucket_not_found:
      return no_such_bucket;
    case errc::object_not_found:
    case errc::not_found:
      return no_such_key;
    case errc::bad_checksum:
      return bad_digest;
    case errc::busy:
    case errc::conflict:
      return conflict;
    case errc::unsupported:
    case errc::not_implemented:
      return not_implemented;
    case errc::range_not_satisfiable:
      return invalid_range;
    case errc::too_many_requests:
      return slow_down;
    case errc::too_large:
      return entity_too_large;
    case errc::access_denied:
      return access_denied;
    case errc::not_ready:
    case errc::no_space:
      return service_unavailable;
    case errc::timed_out:
      return request_timeout;
    case errc::precondition_failed:
      return precondition_failed;
    default:
      return internal_error;
  }
}

} // namespace

fault fault_of(const error& e) {
  return {code_for(code_of(e)), message_of(e), {}};
}

} // namespace ais::http::s3
