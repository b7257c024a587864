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
    owner = shown_owner(owner_of(**attrs, rights));
    rights.list = list_of(**attrs, rights);
  } else if (!rights.lists()) {
    rights.list = kept_acl({}, owner.id);
  }
  co_await reply_xml(c, acl_xml(owner, rights.list));
}

task<> put_acl(context& c) {
  auto b = bucket_for(c, access::set_acl);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto rights = rights_of(c.e, **b);
  auto owner = rights.owner;
  if (!c.key.empty()) {
    auto attrs = co_await attributes_for(c);
    if (!attrs)
      co_return co_await reply_fault(c, attrs.why());
    owner = owner_of(**attrs, rights);
  }
  auto list = co_await read_list(c, shown_owner(owner).id);
  if (!list)
    co_return co_await reply_fault(c, list.why());
  if (auto ok = check_list(*list, rights); !ok)
    co_return co_await reply_fault(c, ok.why());
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
  if (rights_of(c.e, **b).guard.block_policy && (*parsed)->is_public()) {
    fault why{access_denied,
              "the bucket's public access block refuses public policies",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
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
  auto by_list
    = is_public(rights.list) && rights.lists() && !rights.guard.ignore_acls;
  auto by_policy = rights.rules && rights.rules->is_public()
                   && !rights.guard.restrict_buckets;
  xml_writer xml{"PolicyStatus"};
  xml.flag("IsPublic", by_list || by_policy);
  co_await reply_xml(c, xml.finish());
}

// -- what closes a bucket
// ---------------------------------------------------------

task<> get_public_block(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto kept
    = kept_public_block((*b)->props->values.text(public_block_property));
  if (!kept) {
    fault why{
      no_such_public_block, "the bucket has no public access block", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  co_await reply_xml(c, to_xml(*kept));
}

task<> put_public_block(context& c) {
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto parsed = parse_public_block(*body);
  if (!parsed)
    co_return co_await reply_fault(c, parsed.why());
  co_await set_bucket_text(c, "public_block", kept_text(*parsed), 200);
}

task<> delete_public_block(context& c) {
  co_await set_bucket_text(c, "public_block", "");
}

task<> get_ownership(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto text = (*b)->props->values.text(ownership_property);
  if (text.empty()) {
    fault why{no_ownership, "the bucket has no ownership controls", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  co_await reply_xml(c, to_xml(kept_ownership(text)));
}

task<> put_ownership(context& c) {
  auto b = bucket_for(c, access::patch);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto wanted = parse_ownership_body(*body);
  if (!wanted)
    co_return co_await reply_fault(c, wanted.why());
  auto rights = rights_of(c.e, **b);
  auto own = kept_acl({}, shown_owner(rights.owner).id);
  if (*wanted == ownership::enforced && rights.list != own) {
    fault why{invalid_bucket_acl,
              "the bucket's list grants something to others: set it to private"
              " before lists are switched off",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  co_await set_bucket_text(c, "ownership", std::string{to_string(*wanted)},
                           200);
}

task<> delete_ownership(context& c) {
  co_await set_bucket_text(c, "ownership", "");
}

} // namespace ais::http::s3
