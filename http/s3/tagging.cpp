// Tags of objects and buckets over S3: GET, PUT, DELETE.
#include "http/s3/service.hpp"
#include "http/s3/tags.hpp"

namespace ais::http::s3 {

namespace {

/// The tags a request brings.
task<outcome<tag_set>> read_tags(context& c, size_t max) {
  auto body = co_await read_body(c);
  if (!body)
    co_return body.why();
  co_return parse_tagging(*body, max);
}

/// Sets the tags of the request's object; none: takes them away.
task<checked> store_tags(context& c, const tag_set& tags) {
  auto at = co_await object_for(c, access::update_object);
  if (!at)
    co_return at.why();
  set_custom req{at->key, {}, false, {}};
  if (tags.empty())
    req.erase.emplace_back(tags_key);
  else
    req.custom.emplace(tags_key, to_query(tags));
  auto done
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!done && done.error() == errc::too_large)
    co_return fault{invalid_tag,
                    "the tags and the object's metadata together are too long:"
                    " an object has room for some 3 KiB of both",
                    {}};
  if (!done)
    co_return fault_of(done.error());
  co_return std::monostate{};
}

} // namespace

task<> get_object_tagging(context& c) {
  auto attrs = co_await attributes_for(c);
  if (!attrs)
    co_return co_await reply_fault(c, attrs.why());
  tag_set tags;
  auto& custom = (*attrs)->custom;
  if (auto i = custom.find(tags_key); i != custom.end()) {
    auto parsed = parse_tag_query(i->second, max_object_tags);
    if (!parsed)
      co_return co_await reply_fault(c, parsed.why());
    tags = std::move(*parsed);
  }
  co_await reply_xml(c, to_xml(tags));
}

task<> put_object_tagging(context& c) {
  auto tags = co_await read_tags(c, max_object_tags);
  if (!tags)
    co_return co_await reply_fault(c, tags.why());
  auto done = co_await store_tags(c, *tags);
  if (!done)
    co_return co_await reply_fault(c, done.why());
  co_await reply_empty(c, 200);
}

task<> delete_object_tagging(context& c) {
  auto done = co_await store_tags(c, {});
  if (!done)
    co_return co_await reply_fault(c, done.why());
  co_await reply_empty(c, 204);
}

// -- buckets
// ----------------------------------------------------------------------

task<> get_bucket_tagging(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto tags
    = parse_tag_query((*b)->props->values.text(tags_property), max_bucket_tags);
  if (tags && tags->empty())
    tags = fault{no_such_tag_set, "the bucket has no tags", {}};
  if (!tags)
    co_return co_await reply_fault(c, tags.why());
  co_await reply_xml(c, to_xml(*tags));
}

task<> put_bucket_tagging(context& c) {
  auto tags = co_await read_tags(c, max_bucket_tags);
  if (!tags)
    co_return co_await reply_fault(c, tags.why());
  co_await set_bucket_text(c, "tags", to_query(*tags));
}

task<> delete_bucket_tagging(context& c) {
  co_await set_bucket_text(c, "tags", "");
}

} // namespace ais::http::s3
