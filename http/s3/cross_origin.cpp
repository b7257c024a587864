// The CORS rules of a bucket over S3, and what browsers ask by OPTIONS.
#include "http/s3/cors.hpp"
#include "http/s3/service.hpp"

namespace ais::http::s3 {

namespace {

/// The rules of the bucket. @returns no_such_cors.
outcome<cors_rules> rules_of(const bucket& b) {
  auto text = b.props->values.text(cors_property);
  if (text.empty())
    return fault{no_such_cors, "the bucket has no CORS rules", {}};
  return parse_cors(text);
}

} // namespace

task<> get_cors(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto rules = rules_of(**b);
  if (!rules)
    co_return co_await reply_fault(c, rules.why());
  co_await reply_xml(c, to_xml(*rules));
}

task<> put_cors(context& c) {
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto rules = parse_cors(*body);
  if (!rules)
    co_return co_await reply_fault(c, rules.why());
  co_await set_bucket_text(c, "cors", to_xml(*rules), 200);
}

task<> delete_cors(context& c) {
  co_await set_bucket_text(c, "cors", "");
}

task<> preflight(context& c) {
  cors_request asked{c.req.find("origin"),
                     c.req.find("access-control-request-method"),
                     c.req.find("access-control-request-headers")};
  if (asked.origin.empty() || asked.method.empty()) {
    fault why{bad_request,
              "OPTIONS needs the headers Origin and"
              " Access-Control-Request-Method",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto b = find_bucket(c.e, c.bucket);
  auto rules = b ? rules_of(**b) : outcome<cors_rules>{b.why()};
  auto* rule = rules ? find_rule(*rules, asked) : nullptr;
  if (!rule) {
    // The same for buckets that do not exist: nobody was asked for a signature.
    fault why{access_forbidden,
              "the bucket's CORS rules do not allow this request",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  header_list headers;
  add_cors(headers, *rule, asked, true);
  co_await reply_empty(c, 200, std::move(headers));
}

} // namespace ais::http::s3
