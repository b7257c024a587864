// Access control lists and bucket policies over S3: GET, PUT, DELETE.
#include "http/s3/permit.hpp"
#include "http/s3/xml.hpp"

namespace ais::http::s3 {

namespace {

constexpr fault_code missing_security_header{"MissingSecurityHeader", 400};

/// The list that a request brings, by header or body, as it is kept.
task<outcome<std::string>> read_list(context& c, const std::string& owner_id) {
  auto body = co_await read_body(c);
  if (!body)
    co_return body.why();
  auto header = wanted_acl(c.req, users_of(c));
  if (!header)
    co_return header.why();
  if (*header && !body->empty())
    co_return fault{
      invalid_request, "give the list by headers or as the body, not both", {}};
  if (*header)
    co_return std::move(**header);
  if (body->empty())
    co_return fault{missing_security_header,
                    "the request needs a list: x-amz-acl, x-amz-grant-*, or an"
                    " <AccessControlPolicy>",
                    {}};
  co_return parse_acl_body(*body, owner_id, users_of(c));
}

task<checked> store_list(context& c, std::string text) {
  auto at = co_await object_for(c, access::update_object);
  if (!at)
    co_return at.why();
  set_custom req{at->key, {}, false, {}};
  if (text == "private")
    req.erase.emplace_back(acl_key);
  else
    req.custom.emplace(acl_key, std::move(text));
  auto done
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!done && done.error() == errc::too_large)
    co_return fault{invalid_argument,
                    "the list and the object's metadata together are too long:"
                    " an object has room for some 3 KiB of both",
                    {}};
  if (!done)
    co_return fault_of(done.error());
  co_return std::monostate{};
}

} // namespace

// -- lists
// ------------------------------------------------------------------------

task<> get_acl(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto rights = rights_of(c.e, **b);
  auto owner = shown_owner(rights.owner);
  if (!c.key.empty()) {
    auto attrs = co_await attributes_for(c);
    if (!attrs)
      co_return co_await reply_fault(c, attrs.why());
    auto& custom = (*attrs)->custom;
    auto kept = custom.find(acl_key);
    auto text = kept == custom.end() ? std::string{} : kept->second;
    rights.list = kept_acl(text, owner.id);
  }
  co_await reply_xml(c, acl_xml(owner, rights.list));
}

task<> put_acl(context& c) {
  auto b = bucket_for(c, access::set_acl);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto owner = rights_of(c.e, **b).owner;
  auto list = co_await read_list(c, shown_owner(owner).id);
  if (!list)
    co_return co_await reply_fault(c, list.why());
  if (c.key.empty())
    co_return co_await set_bucket_text(c, "acl", std::move(*list), 200);
  auto done = co_await store_list(c, std::move(*list));
  if (!done)
    co_return co_await reply_fault(c, done.why());
  co_await reply_empty(c, 200);
}

// -- policies
// ---------------------------------------------------------------------

task<> get_policy(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  reply r;
  r.body = (*b)->props->values.text(policy_property);
  if (r.body.empty()) {
    fault why{no_such_bucket_policy, "the bucket has no policy", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  add_common(c, r.headers);
  r.headers.emplace_back("Content-Type", "application/json");
  co_await c.x.reply(std::move(r));
}

task<> put_policy(context& c) {
  auto b = bucket_for(c, access::patch);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto parsed = policy::parse(*body, (*b)->ref.bck.name);
  if (!parsed)
    co_return co_await reply_fault(c, parsed.why());
  co_await set_bucket_text(c, "policy", std::move(*body), 204);
}

task<> delete_policy(context& c) {
  co_await set_bucket_text(c, "policy", "");
}

task<> get_policy_status(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto rights = rights_of(c.e, **b);
  auto open
    = is_public(rights.list) || (rights.rules && rights.rules->is_public());
  xml_writer xml{"PolicyStatus"};
  xml.flag("IsPublic", open);
  co_await reply_xml(c, xml.finish());
}

} // namespace ais::http::s3
