// The lifecycle rules of a bucket over S3: GET, PUT, DELETE. They are carried
// out by a job of the targets, actors/xact/lifecycle.hpp.
#include "http/s3/lifecycle.hpp"
#include "http/s3/service.hpp"

namespace ais::http::s3 {

task<> get_lifecycle(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto text = (*b)->props->values.text(storage::lifecycle_property);
  if (text.empty()) {
    fault why{no_such_lifecycle, "the bucket has no lifecycle rules", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto rules = storage::parse_lifecycle(text);
  if (!rules)
    co_return co_await reply_fault(c, fault_of(rules.error()));
  co_await reply_xml(c, to_xml(*rules));
}

task<> put_lifecycle(context& c) {
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto rules = parse_lifecycle_body(*body);
  if (!rules)
    co_return co_await reply_fault(c, rules.why());
  for (auto& x : *rules)
    if (x.id.empty())
      x.id = make_id(c.e.env());
  auto text = storage::to_text(*rules);
  if (text.size() > storage::max_lifecycle_bytes) {
    fault why{invalid_request,
              "the rules together are too long: a bucket has room for 256 KiB",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  co_await set_bucket_text(c, "lifecycle", std::move(text), 200);
}

task<> delete_lifecycle(context& c) {
  co_await set_bucket_text(c, "lifecycle", "");
}

} // namespace ais::http::s3
