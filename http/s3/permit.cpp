#include "http/s3/permit.hpp"

#include "http/s3/policy_facts.hpp"
#include "http/s3/versions.hpp"
#include "storage/base/mac.hpp"

#include <charconv>
#include <cstdlib>

namespace ais::http::s3 {

namespace {

tag_set tags_of(const storage::lom& x) {
  auto i = x.custom.find(tags_key);
  if (i == x.custom.end())
    return {};
  auto parsed = parse_tag_query(i->second, max_object_tags);
  return parsed ? std::move(*parsed) : tag_set{};
}

const bucket* found(const outcome<bucket_ptr>& x) {
  return x ? x->get() : nullptr;
}

std::string
proof_of(const context& c, std::string_view address, std::string_view time) {
  std::string text;
  for (auto x : {std::string_view{"s3-client"}, address, time, c.req.method,
                 c.req.target}) {
    text.append(x);
    text += '\0';
  }
  auto secret = c.e.shared().boards->sync->read()->state->secret;
  return secret.empty() ? std::string{} : base64url(hmac_sha256(secret, text));
}

} // namespace

bucket_rights rights_of(edge& e, const bucket& b) {
  auto& values = b.props->values;
  bucket_rights out;
  out.owner = values.text(owner_property);
  out.list = kept_acl(values.text(acl_property), shown_owner(out.owner).id);
  auto text = std::string{values.text(policy_property)};
  out.has_policy = !text.empty();
  if (out.has_policy)
    out.rules = e.s3_access().policy_of(text, b.ref.bck.name);
  out.guard = kept_public_block(values.text(public_block_property))
                .value_or(public_block{});
  out.owned = kept_ownership(values.text(ownership_property));
  return out;
}

std::string owner_of(const storage::lom& x, const bucket_rights& rights) {
  auto i = x.custom.find(object_owner_key);
  return i == x.custom.end() || !rights.lists() ? rights.owner : i->second;
}

acl list_of(const storage::lom& x, const bucket_rights& rights) {
  auto i = x.custom.find(acl_key);
  auto kept = i != x.custom.end() && rights.lists();
  return kept_acl(kept ? std::string_view{i->second} : std::string_view{},
                  shown_owner(owner_of(x, rights)).id,
                  shown_owner(rights.owner).id);
}

checked check_list(const std::string& list, const bucket_rights& rights) {
  if (!rights.lists() && list != "bucket-owner-full-control")
    return fault{acl_not_supported,
                 "the bucket has no access control lists: its ownership"
                 " controls say BucketOwnerEnforced; use a bucket policy",
                 {}};
  if (rights.guard.block_acls && is_public(kept_acl(list, {})))
    return fault{access_denied,
                 "the bucket's public access block refuses public lists",
                 {}};
  return std::monostate{};
}

ruling judge(context& c, const wish& what, const bucket* b,
             std::string_view name, std::string_view key, seen object,
             std::optional<std::string_view> listed) {
  bucket_rights rights;
  acl list;
  tag_set tags;
  if (b)
    rights = rights_of(c.e, *b);
  if (object.attrs) {
    list = list_of(*object.attrs, rights);
    tags = tags_of(*object.attrs);
  }
  request_facts facts{c.req,
                      c.q,
                      c.who.user(),
                      c.client,
                      c.e.env().wall_ns() / 1'000'000'000,
                      object.attrs ? &tags : nullptr,
                      object.looked || !what.of_object,
                      listed};
  auto resource = std::string{name};
  if (!key.empty())
    resource.append("/").append(key);
  policy_question asked{what.action, resource, c.who.user(),
                        c.who.key ? std::string_view{c.who.key->id}
                                  : std::string_view{},
                        [&](std::string_view x) {
                          return fact_of(facts, x);
                        }};
  return decide(c.who, what, name, b ? &rights : nullptr, asked,
                object.looked ? &list : nullptr);
}

namespace {

/// What a PUT brings beside the bytes needs a permission, too.
ruling judge_extras(context& c, const bucket* b) {
  constexpr wish to_set_acl{"s3:PutObjectAcl", level::write, permission::write,
                            false};
  constexpr wish to_tag{"s3:PutObjectTagging", level::write, permission::write,
                        false};
  auto out = ruling::allow;
  auto lists = !c.req.find("x-amz-acl").empty();
  for (auto& h : c.req.headers)
    lists = lists || same_name(h.name.substr(0, 12), "x-amz-grant-");
  if (lists)
    out = judge(c, to_set_acl, b, c.bucket, c.key);
  if (out == ruling::allow && !c.req.find("x-amz-tagging").empty())
    out = judge(c, to_tag, b, c.bucket, c.key);
  return out;
}

} // namespace

ruling judge_request(context& c) {
  auto known = c.bucket.empty() || c.makes_bucket
                 ? outcome<bucket_ptr>{fault{no_such_bucket, {}, {}}}
                 : find_bucket(c.e, c.bucket);
  auto* b = found(known);
  auto account = c.req.find("x-amz-expected-bucket-owner");
  if (b && !account.empty()
      && account != shown_owner(b->props->values.text(owner_property)).id)
    return ruling::deny;
  if (c.per_key && b && !b->props->values.text(policy_property).empty())
    return ruling::allow; // the operation judges every key
  auto out = judge(c, *c.what, b, c.bucket, c.key);
  if (out == ruling::allow && c.what->action == to_put.action)
    out = judge_extras(c, b);
  return out;
}

task<checked> judge_object(context& c) {
  auto b = find_bucket(c.e, c.bucket);
  if (!b)
    co_return b.why();
  auto at = co_await version_named(c, *b, c.key, wanted_version(c));
  if (!at)
    co_return at.why();
  ais::head_object req{at->key, false};
  auto attrs
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!attrs && attrs.error() != errc::object_not_found)
    co_return fault_of(attrs.error());
  seen object{true, attrs ? attrs->get() : nullptr};
  if (judge(c, *c.what, b->get(), c.bucket, c.key, object) != ruling::allow)
    co_return attrs ? not_allowed(c)
                    : missing_key(c, b->get(), c.bucket, c.key);
  c.by_object = true;
  co_return std::monostate{};
}

checked still_allowed(context& c, const storage::lom& object) {
  auto version = wanted_version(c);
  if (version
      && storage::shown_version(storage::version_id(object)) != *version)
    return fault{service_unavailable,
                 "another version was written meanwhile: try again",
                 {}};
  if (!c.by_object)
    return std::monostate{};
  auto b = find_bucket(c.e, c.bucket);
  auto* known = found(b);
  seen now{true, &object};
  if (!known || judge(c, *c.what, known, c.bucket, c.key, now) != ruling::allow)
    return not_allowed(c);
  return std::monostate{};
}

checked
may_copy(context& c, const object_key& from, const storage::lom* attrs) {
  auto& name = from.bucket->ref.bck.name;
  seen object{true, attrs};
  auto said = judge(c, to_get, from.bucket.get(), name, from.name, object);
  if (said == ruling::allow && attrs)
    return std::monostate{};
  return attrs ? not_allowed(c)
               : missing_key(c, from.bucket.get(), name, from.name);
}

fault missing_key(context& c, const bucket* b, std::string_view bucket,
                  std::string_view key) {
  // Who may list names that begin with it may know that it is not there.
  if (judge(c, to_list, b, bucket, {}, {}, key) == ruling::allow)
    return {no_such_key, "the key does not exist", {}};
  return not_allowed(c);
}

fault not_allowed(const context& c) {
  auto& rules = *c.rules;
  if (rules.verify && rules.anonymous == level::none && rules.keys.empty())
    return {access_denied,
            "this node has no S3 access keys: write some to the file "
              + std::string{access_file}
              + " in its directory (http/README.md tells how)",
            {}};
  return {access_denied, "access denied", {}};
}

// -- addresses of clients
// -------------------------------------------------------

std::string client_proof(const context& c) {
  char when[20];
  auto now = static_cast<uint64_t>(c.e.env().wall_ns() / 1'000'000'000);
  std::string_view time{when,
                        std::to_chars(when, when + sizeof(when), now).ptr};
  auto proof = proof_of(c, c.client, time);
  if (proof.empty())
    return {};
  return c.client + ' ' + std::string{time} + ' ' + proof;
}

outcome<std::string> client_address(const context& c) {
  auto header = c.req.find(client_header);
  if (header.empty())
    return std::string{c.req.peer_host()};
  auto first = header.find(' ');
  auto second = header.rfind(' ');
  fault wrong{access_denied,
              "the header Ais-Client is for nodes of this cluster; if one sent"
              " it, compare their clocks",
              {}};
  if (first == std::string_view::npos || first == second)
    return wrong;
  auto address = header.substr(0, first);
  auto time = header.substr(first + 1, second - first - 1);
  auto proof = proof_of(c, address, time);
  int64_t then = 0;
  auto [end, ec]
    = std::from_chars(time.data(), time.data() + time.size(), then);
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  if (proof.empty() || !same_secret(proof, header.substr(second + 1))
      || ec != std::errc{} || end != time.data() + time.size()
      || std::llabs(now - then) > max_skew_seconds)
    return wrong;
  return std::string{address};
}

} // namespace ais::http::s3
