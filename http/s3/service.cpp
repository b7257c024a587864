#include "http/s3/service.hpp"

#include "http/s3/cors.hpp"
#include "http/s3/lifecycle.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/sigv2.hpp"
#include "http/s3/upload.hpp"
#include "http/s3/versions.hpp"
#include "http/s3/virtual_host.hpp"
#include "http/s3/xml.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"

#include <algorithm>
#include <cstring>

namespace ais::http::s3 {

namespace {

constexpr std::string_view prefix = "/s3";

/// Query parameters that make another operation of a request.
constexpr std::string_view sub_resources[] = {
  "accelerate",
  "acl",
  "analytics",
  "attributes",
  "cors",
  "delete",
  "encryption",
  "intelligent-tiering",
  "inventory",
  "legal-hold",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "replication",
  "requestPayment",
  "restore",
  "retention",
  "select",
  "session",
  "tagging",
  "torrent",
  "uploads",
  "uploadId",
  "versioning",
  "versions",
  "website",
};

enum class kind : uint8_t { service, bucket, object };

struct operation {
  std::string_view method;
  kind on;
  std::string_view sub; ///< sub-resource; empty: none
  wish what;
  task<> (*serve)(context&);
};

using enum level;
using p = permission;

/// What only owners and administrators may, unless a policy allows it.
constexpr wish reserved(std::string_view action) {
  return {action, admin, p::none, false};
}
/// What lists grant to whoever may list.
constexpr wish listing(std::string_view action) {
  return {action, read, p::read, false};
}

constexpr operation operations[] = {
  {"GET",
   kind::service,
   "",
   {"s3:ListAllMyBuckets", read, p::none, false},
   list_buckets},
  {"PUT", kind::bucket, "", reserved("s3:CreateBucket"), create_bucket},
  {"HEAD", kind::bucket, "", to_list, head_bucket},
  {"DELETE", kind::bucket, "", reserved("s3:DeleteBucket"), delete_bucket},
  {"GET", kind::bucket, "", to_list, list_objects},
  {"GET",
   kind::bucket,
   "location",
   {"s3:GetBucketLocation", read, p::none, false},
   get_location},
  {"GET",
   kind::bucket,
   "versioning",
   {"s3:GetBucketVersioning", read, p::none, false},
   get_versioning},
  {"PUT", kind::bucket, "versioning", reserved("s3:PutBucketVersioning"),
   put_versioning},
  {"GET", kind::bucket, "versions", listing("s3:ListBucketVersions"),
   list_versions},
  {"GET",
   kind::bucket,
   "acl",
   {"s3:GetBucketAcl", read, p::read_acl, false},
   get_acl},
  {"PUT",
   kind::bucket,
   "acl",
   {"s3:PutBucketAcl", admin, p::write_acl, false},
   put_acl},
  {"GET", kind::bucket, "policy", reserved("s3:GetBucketPolicy"), get_policy},
  {"PUT", kind::bucket, "policy", reserved("s3:PutBucketPolicy"), put_policy},
  {"DELETE", kind::bucket, "policy", reserved("s3:DeleteBucketPolicy"),
   delete_policy},
  {"GET", kind::bucket, "policyStatus", reserved("s3:GetBucketPolicyStatus"),
   get_policy_status},
  {"GET", kind::bucket, "publicAccessBlock",
   reserved("s3:GetBucketPublicAccessBlock"), get_public_block},
  {"PUT", kind::bucket, "publicAccessBlock",
   reserved("s3:PutBucketPublicAccessBlock"), put_public_block},
  {"DELETE", kind::bucket, "publicAccessBlock",
   reserved("s3:PutBucketPublicAccessBlock"), delete_public_block},
  {"GET", kind::bucket, "ownershipControls",
   reserved("s3:GetBucketOwnershipControls"), get_ownership},
  {"PUT", kind::bucket, "ownershipControls",
   reserved("s3:PutBucketOwnershipControls"), put_ownership},
  {"DELETE", kind::bucket, "ownershipControls",
   reserved("s3:PutBucketOwnershipControls"), delete_ownership},
  {"GET", kind::bucket, "uploads", listing("s3:ListBucketMultipartUploads"),
   list_uploads},
  {"POST", kind::bucket, "delete", to_delete, delete_objects},
  {"GET", kind::bucket, "lifecycle", reserved("s3:GetLifecycleConfiguration"),
   get_lifecycle},
  {"PUT", kind::bucket, "lifecycle", reserved("s3:PutLifecycleConfiguration"),
   put_lifecycle},
  {"DELETE", kind::bucket, "lifecycle",
   reserved("s3:PutLifecycleConfiguration"), delete_lifecycle},
  {"GET",
   kind::bucket,
   "cors",
   {"s3:GetBucketCORS", read, p::none, false},
   get_cors},
  {"PUT", kind::bucket, "cors", reserved("s3:PutBucketCORS"), put_cors},
  {"DELETE", kind::bucket, "cors", reserved("s3:PutBucketCORS"), delete_cors},
  {"GET",
   kind::bucket,
   "tagging",
   {"s3:GetBucketTagging", read, p::none, false},
   get_bucket_tagging},
  {"PUT", kind::bucket, "tagging", reserved("s3:PutBucketTagging"),
   put_bucket_tagging},
  {"DELETE", kind::bucket, "tagging", reserved("s3:PutBucketTagging"),
   delete_bucket_tagging},
  {"GET", kind::object, "", to_get, get_object},
  {"GET",
   kind::object,
   "acl",
   {"s3:GetObjectAcl", read, p::read_acl, true},
   get_acl},
  {"PUT",
   kind::object,
   "acl",
   {"s3:PutObjectAcl", write, p::write_acl, true},
   put_acl},
  {"HEAD", kind::object, "", to_get, head_object},
  {"GET", kind::object, "attributes", to_get, get_attributes},
  {"PUT", kind::object, "", to_put, put_object},
  {"DELETE", kind::object, "", to_delete, delete_object},
  {"GET",
   kind::object,
   "tagging",
   {"s3:GetObjectTagging", read, p::none, true},
   get_object_tagging},
  {"PUT",
   kind::object,
   "tagging",
   {"s3:PutObjectTagging", write, p::none, true},
   put_object_tagging},
  {"DELETE",
   kind::object,
   "tagging",
   {"s3:DeleteObjectTagging", write, p::none, true},
   delete_object_tagging},
  {"POST", kind::object, "uploads", to_put, create_upload},
  {"PUT", kind::object, "uploadId", to_put, put_part},
  {"GET",
   kind::object,
   "uploadId",
   {"s3:ListMultipartUploadParts", read, p::write, false},
   list_parts},
  {"POST", kind::object, "uploadId", to_put, complete_upload},
  {"DELETE",
   kind::object,
   "uploadId",
   {"s3:AbortMultipartUpload", write, p::write, false},
   abort_upload},
};

bool begins(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

std::string_view sub_resource_of(const query& q) {
  for (auto x : sub_resources)
    if (q.has(x))
      return x;
  return {};
}

outcome<const operation*> operation_of(const context& c) {
  auto on = c.bucket.empty() ? kind::service
            : c.key.empty()  ? kind::bucket
                             : kind::object;
  auto sub = sub_resource_of(c.q);
  auto method = c.req.method;
  for (auto& x : operations)
    if (x.method == method && x.on == on && x.sub == sub)
      return &x;
  if (!sub.empty() || method == "POST")
    return fault{not_implemented,
                 std::string{method.substr(0, 16)}
                   + (sub.empty() ? "" : " of ?" + std::string{sub})
                   + " is not available in this version",
                 {}};
  return fault{
    method_not_allowed, "the method is not allowed against this resource", {}};
}

/// The bucket that the host names.
std::optional<std::string> virtual_bucket(const context& c) {
  return bucket_of_host(c.req.find("host"), c.e.shared().s3_domains);
}

/// Splits "/bucket/key", still encoded; the key keeps its slashes.
/// Or "/key", if the host is the bucket's.
checked read_path(context& c, std::string_view path) {
  if (auto bucket = virtual_bucket(c)) {
    auto key = percent_decode(path.substr(std::min<size_t>(path.size(), 1)));
    if (!key)
      return fault{invalid_uri, message_of(key.error()), {}};
    c.bucket = std::move(*bucket);
    c.key = std::move(*key);
    auto sender = c.req.find(virtual_bucket_header);
    if (sender.empty() || sender == c.bucket)
      return std::monostate{};
  }
  if (!c.req.find(virtual_bucket_header).empty())
    return fault{service_unavailable,
                 "the nodes do not agree which hosts are buckets: start all of"
                 " them with the same --s3-domain",
                 {}};
  if (begins(path, prefix)
      && (path.size() == prefix.size() || path[prefix.size()] == '/'))
    path.remove_prefix(prefix.size());
  if (!path.empty())
    path.remove_prefix(1);
  auto slash = path.find('/');
  auto bucket = percent_decode(path.substr(0, slash));
  auto key
    = percent_decode(slash == std::string_view::npos ? std::string_view{}
                                                     : path.substr(slash + 1));
  if (!bucket || !key)
    return fault{
      invalid_uri, message_of(bucket ? key.error() : bucket.error()), {}};
  c.bucket = std::move(*bucket);
  c.key = std::move(*key);
  if (c.bucket.empty() && !c.key.empty())
    return fault{invalid_uri, "the URL names no bucket", {}};
  return std::monostate{};
}

outcome<const access_key*> known_key(const context& c, std::string_view id) {
  if (auto* key = c.rules->find(id))
    return key;
  return fault{invalid_access_key,
               "the access key \"" + std::string{id.substr(0, 128)}
                 + "\" does not exist on this node",
               {}};
}

/// The same for signature version 2.
checked
authenticate_old(context& c, const old_claim& who, const signed_request& x) {
  auto key = known_key(c, who.access_key);
  if (!key)
    return key.why();
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  auto bucket = virtual_bucket(c).value_or("");
  if (auto ok = check_old_claim(who, x, bucket, (*key)->secret, now); !ok)
    return ok.why();
  c.who = {*key, (*key)->access};
  return std::monostate{};
}

} // namespace

checked authenticate(context& c, std::string_view path) {
  c.payload = c.req.find("x-amz-content-sha256");
  c.who = {nullptr, c.rules->anonymous};
  if (!c.rules->verify)
    return std::monostate{};
  signed_request as_signed{c.req, path, c.q};
  auto old = parse_old_claim(as_signed);
  if (!old)
    return old.why();
  if (*old)
    return authenticate_old(c, **old, as_signed);
  auto claimed = parse_claim(as_signed);
  if (!claimed)
    return claimed.why();
  if (!*claimed)
    return std::monostate{};
  auto& who = **claimed;
  if (auto ok = check_region(who, c.e.shared().s3_region); !ok)
    return ok.why();
  auto found = known_key(c, who.access_key);
  if (!found)
    return found.why();
  auto* key = *found;
  auto& signing = c.e.s3_signing_keys().find(who, key->secret);
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  if (auto ok = check_claim(who, as_signed, signing, now); !ok)
    return ok.why();
  c.payload = who.payload;
  c.signer = chunk_signer{signing, std::string{who.time},
                          std::string{who.scope}, std::string{who.signature}};
  c.who = {key, key->access};
  return std::monostate{};
}

namespace {

/// Who answers, if it is another node: the owner of the object in the path, or
/// of the source of a copy, which is sent from where it is. A part is copied by
/// the owner of what it becomes a part of, who asks the source's for its bytes.
std::optional<snode> other_node(context& c, const operation& op) {
  if (op.on != kind::object)
    return {};
  auto source = c.req.find("x-amz-copy-source");
  source_name name{c.bucket, c.key};
  auto bytes_only
    = op.serve == put_part && !c.req.find(part_source_header).empty();
  if (!source.empty() && (op.serve == put_object || bytes_only)) {
    auto parsed = parse_copy_source(source);
    if (!parsed)
      return {}; // refused below
    name = std::move(*parsed);
  }
  auto b = find_bucket(c.e, name.bucket);
  if (!b)
    return {};
  return c.e.other_owner((*b)->ref.bck, name.key);
}

/// What the request is, and whether it may be; where it depends on the object,
/// its owner decides.
outcome<const operation*> admit(context& c, std::string_view path) {
  auto client = client_address(c);
  if (!client)
    return client.why();
  c.client = std::move(*client);
  if (auto ok = authenticate(c, path); !ok)
    return ok.why();
  auto op = operation_of(c);
  if (!op) // who may do nothing is not told what there is to be done
    return c.who.key || c.who.access != level::none ? op.why() : not_allowed(c);
  c.what = &(*op)->what;
  c.makes_bucket = (*op)->serve == create_bucket;
  c.per_key = (*op)->serve == delete_objects;
  return op;
}

/// For traces: the name of the request's bucket, its namespace included.
std::string full_name(const context& c) {
  if (c.bucket.empty())
    return {};
  auto there = find_bucket(c.e, c.bucket);
  return cname_of(there ? (*there)->ref.bck : bck{provider::ais, {}, c.bucket});
}

bool is_relayed(const context& c) {
  return !c.req.find(relayed_header).empty();
}

/// For a node that shall see the request as it came here.
header_list relayed_headers(const context& c) {
  header_list out;
  out.emplace_back(client_header, client_proof(c));
  add_virtual_bucket(c, out);
  return out;
}

/// Answers for the owner of an object that is still here.
task<>
answer_visit(context& c, std::optional<snode> owner, uint64_t generation) {
  if (!owner) {
    fault why{misdirected_request, "this is for its owner: try again", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  c.visiting = visit{owner->id, generation};
  co_await get_object(c);
}

/// Has the object read where it still is. @returns whether that is the answer.
task<bool> ask_source(context& c) {
  auto b = find_bucket(c.e, c.bucket);
  if (!b)
    co_return false;
  object_key key{*b, c.key};
  auto source = co_await source_of(c.e, std::move(key));
  if (!source)
    co_return false;
  auto more = relayed_headers(c);
  auto done = co_await pass_to_source(
    c.e, c.x, std::move(*source), std::string{c.req.target}, std::move(more));
  if (done)
    co_return true;
  if (done.error() == errc::not_ready)
    co_return false;
  co_await reply_fault(c, fault_of(done.error()));
  co_return true;
}

task<> run(context& c, std::string_view path) {
  if (auto ok = read_path(c, path); !ok)
    co_return co_await reply_fault(c, ok.why());
  if (!c.e.ready()) {
    fault why{service_unavailable, "the node is starting: try again", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (c.x.traced())
    c.x.trace_s3(full_name(c), c.key);
  if (c.req.method == "OPTIONS")
    co_return co_await preflight(c);
  if (is_form(c))
    co_return co_await post_object(c);
  auto op = admit(c, path);
  if (!op)
    co_return co_await reply_fault(c, op.why());
  auto said = judge_request(c);
  if (said == ruling::deny) {
    auto why = refusal(c);
    co_return co_await reply_fault(c, std::move(why));
  }
  auto to = other_node(c, **op);
  auto present
    = (*op)->serve == get_object && !wanted_version(c) && said != ruling::look;
  if (auto placement = placement_of(c.req); placement && is_relayed(c)) {
    if (!present)
      to.reset();
    co_return co_await answer_visit(c, std::move(to), *placement);
  }
  if (to && is_relayed(c)) {
    co_await c.e.next_map(); // who relayed it has another one
    to = other_node(c, **op);
  }
  if (to)
    co_return co_await hand_over(c, std::move(*to));
  if (said == ruling::look) {
    auto ok = co_await judge_object(c);
    if (!ok)
      co_return co_await reply_fault(c, ok.why());
  }
  if (present && moving(c.e.map())) {
    auto answered = co_await ask_source(c);
    if (answered)
      co_return;
  }
  co_await (*op)->serve(c);
}

} // namespace

// -- entry
// ------------------------------------------------------------------------

bool wants(edge& e, const call& c, std::string_view path) {
  if (path == prefix || begins(path, "/s3/")
      || bucket_of_host(c.req.find("host"), e.shared().s3_domains))
    return true;
  if (path == "/v1" || begins(path, "/v1/"))
    return false;
  if (!c.req.find(relayed_header).empty())
    return true; // decided by the node that relayed it
  if (c.q.has("X-Amz-Signature") || c.q.has("X-Amz-Algorithm")
      || (c.q.has("AWSAccessKeyId") && c.q.has("Signature")))
    return true;
  for (auto& h : c.req.headers)
    if ((same_name(h.name, "authorization") && begins(h.value, "AWS"))
        || same_name(h.name.substr(0, 6), "x-amz-")
        || same_name(h.name.substr(0, 8), "amz-sdk-"))
      return true;
  if (path == "/metrics" || path.size() < 2)
    return false;
  auto bucket = percent_decode(path.substr(1, path.find('/', 1) - 1));
  return bucket && e.ready() && find_bucket(e, *bucket);
}

task<> serve(edge& e, call& call, std::string_view path) {
  context c{e, call.x, call.req, call.q, call.x.id()};
  c.rules = e.s3_rules();
  co_await run(c, path);
}

// -- for operations that judge themselves
// ---------------------------------------------------------

fault refusal(const context& c) {
  if (!c.bucket.empty() && !c.makes_bucket && !c.rules->keys.empty())
    if (auto b = find_bucket(c.e, c.bucket); !b)
      return b.why();
  return not_allowed(c);
}

/// The owner looks at the signature once more, by its own keys: it need not
/// believe whoever says to be a node.
void add_virtual_bucket(const context& c, header_list& out) {
  if (virtual_bucket(c)) // what is signed is "/key": see read_path()
    out.emplace_back(virtual_bucket_header, c.bucket);
}

task<> hand_over(context& c, snode to) {
  if (is_relayed(c)) {
    fault why{service_unavailable,
              "the object belongs to another node by now: try again",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (c.e.shared().s3_redirect) {
    fault why{temporary_redirect, "the object is on " + name_of(to),
              to.pub.url()};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto more = relayed_headers(c);
  auto done = co_await c.e.relay().pass(c.x, to.pub, std::string{c.req.target},
                                        c.e.own_id(), std::move(more));
  if (!done)
    co_await reply_fault(c, fault_of(with_context(done.error(), name_of(to))));
}

// -- names
// ------------------------------------------------------------------------

outcome<bucket_ptr> find_bucket(edge& e, std::string_view name) {
  // By name alone; the global namespace first.
  bck b{provider::ais, {}, std::string{name}};
  auto found = e.buckets().find(b);
  if (!found)
    for (auto& [x, value] : e.buckets().buckets)
      if (x.name == name && !of_others(x.ns)) {
        if (found)
          return fault{no_such_bucket,
                       "several buckets have this name: S3 cannot tell them"
                       " apart",
                       {}};
        found = value;
      }
  if (!found)
    return fault{no_such_bucket,
                 "the bucket \"" + b.name.substr(0, 64) + "\" does not exist",
                 {}};
  return *found;
}

outcome<bucket_ptr>
bucket_named(edge& e, std::string_view name, access wanted) {
  auto found = find_bucket(e, name);
  if (!found)
    return found;
  if (auto ok = check_access(*(*found)->props, (*found)->ref.bck, wanted); !ok)
    return fault_of(ok.error());
  return found;
}

outcome<bucket_ptr> bucket_for(context& c, access wanted) {
  return bucket_named(c.e, c.bucket, wanted);
}

known_user users_of(const context& c) {
  return [rules = c.rules](std::string_view x) {
    return rules->has_user(x) || x == shown_owner({}).id;
  };
}

outcome<storage::custom_map> metadata_of(const context& c) {
  auto out = read_metadata(c.req);
  auto list = wanted_acl(c.req, users_of(c));
  if (!out || !list)
    return out ? list.why() : out.why();
  auto b = find_bucket(c.e, c.bucket);
  if (!b)
    return b.why();
  auto rights = rights_of(c.e, **b);
  if (*list)
    if (auto ok = check_list(**list, rights); !ok)
      return ok.why();
  if (*list && **list != "private")
    (*out)[acl_key] = **list;
  auto handed_over = rights.owned == ownership::preferred && *list
                     && **list == "bucket-owner-full-control";
  auto foreign = c.who.key && c.who.key->owns && !rights.owner.empty()
                 && rights.owner != c.who.user();
  if (foreign && rights.lists() && !handed_over)
    (*out)[object_owner_key] = c.who.user();
  return out;
}

checked check_key(std::string_view key) {
  if (key.size() > max_object_name)
    return fault{key_too_long,
                 "the key has more than " + std::to_string(max_object_name)
                   + " bytes",
                 {}};
  // "dir/" is a key of its own in S3.
  auto last = key.find_last_not_of('/');
  if (last == std::string_view::npos)
    return std::monostate{};
  if (auto ok = check_object_name(key.substr(0, last + 1)); !ok)
    return fault{invalid_argument, message_of(ok.error()), {}};
  return std::monostate{};
}

task<outcome<located>> object_named(context& c, bucket_ptr b, std::string key) {
  if (auto ok = check_key(key); !ok)
    co_return ok.why();
  object_key what{std::move(b), std::move(key)};
  auto at = co_await locate(c.e, std::move(what));
  if (!at)
    co_return fault_of(at.error());
  co_return std::move(*at);
}

outcome<copied> copy_source(context& c) {
  auto name = parse_copy_source(c.req.find("x-amz-copy-source"));
  if (!name)
    return name.why();
  auto b = bucket_named(c.e, name->bucket, access::get);
  auto* known = b ? b->get() : nullptr;
  if (judge(c, to_get, known, name->bucket, name->key) == ruling::deny)
    return not_allowed(c);
  if (!b)
    return b.why();
  if (auto ok = check_key(name->key); !ok)
    return ok.why();
  return copied{{*b, std::move(name->key)}, std::move(name->version)};
}

task<outcome<located>> object_for(context& c, access wanted) {
  auto b = bucket_for(c, wanted);
  if (!b)
    co_return b.why();
  co_return co_await version_named(c, *b, c.key, wanted_version(c));
}

task<outcome<lom_ptr>> attributes_for(context& c) {
  auto at = co_await object_for(c, access::head_object);
  if (!at)
    co_return at.why();
  ais::head_object req{at->key, false};
  auto attrs
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!attrs)
    co_return fault_of(attrs.error());
  if (auto ok = still_allowed(c, **attrs); !ok)
    co_return ok.why();
  co_return *attrs;
}

task<outcome<std::string>> read_body(context& c, bool checksums) {
  if (!c.req.has_body() && !c.req.content_length)
    co_return std::string{};
  auto body = co_await c.x.read_all(max_xml_bytes);
  if (!body)
    co_return fault_of(body.error());
  auto made = upload::make(c.req, c.payload, c.signer, checksums);
  if (!made)
    co_return made.why();
  write_options unused;
  auto raw = std::as_writable_bytes(std::span{body->data(), body->size()});
  auto content = (*made)->pass(raw);
  auto ok = content ? (*made)->finish(unused) : content.error();
  if (!ok)
    co_return *(*made)->why();
  body->resize(content->size()); // it was decoded in place
  co_return std::move(*body);
}

task<> set_bucket_text(context& c, std::string_view name, std::string value,
                       int status) {
  auto b = bucket_for(c, access::patch);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  json::object section;
  section[name] = value;
  json::object props;
  props["s3"] = std::move(section);
  set_bucket_props req{(*b)->ref.bck, to_text(props)};
  auto done = co_await c.e.actors().ask(c.e.node().proxy, proxy_timeout,
                                        std::move(req));
  if (!done)
    co_return co_await reply_fault(c, fault_of(done.error()));
  co_await reply_empty(c, status);
}

// -- replies
// ----------------------------------------------------------------------

void add_common(const context& c, header_list& out) {
  out.emplace_back("x-amz-request-id", c.id);
  auto origin = c.req.find("origin");
  if (origin.empty() || c.req.method == "OPTIONS")
    return;
  auto b = find_bucket(c.e, c.bucket);
  if (!b)
    return;
  auto text = (*b)->props->values.text(cors_property);
  if (text.empty())
    return;
  auto rules = parse_cors(text);
  cors_request asked{origin, c.req.method, {}};
  if (auto* rule = rules ? find_rule(*rules, asked) : nullptr)
    add_cors(out, *rule, asked, false);
}

void add_expiration(const context& c, header_list& out, const storage::lom& x) {
  auto b = find_bucket(c.e, c.bucket);
  if (!b || !(*b)->lifecycle)
    return;
  auto value = expiration_header(*(*b)->lifecycle, c.key, x);
  if (!value.empty())
    out.emplace_back("x-amz-expiration", std::move(value));
}

void warn(const context& c, const std::string& line) {
  log_warning("S3: " + line, {{"request", c.id}});
}

task<> reply_fault(context& c, fault why, header_list headers) {
  // Which keys there are is for those who may list them.
  if (why.code.name == no_such_key.name && c.what && c.what->of_object)
    if (auto b = find_bucket(c.e, c.bucket))
      why = missing_key(c, b->get(), c.bucket, c.key);
  if (why.code.name == no_such_key.name && wanted_version(c))
    why = {no_such_version, "the key has no such version", {}};
  reply r;
  r.status = why.code.status;
  r.headers = std::move(headers);
  add_common(c, r.headers);
  r.headers.emplace_back("Content-Type", "application/xml");
  if (!why.endpoint.empty())
    r.headers.emplace_back("Location",
                           why.endpoint + std::string{c.req.target});
  if (r.status == 503)
    r.headers.emplace_back("Retry-After", "1");
  xml_writer xml{"Error"};
  xml.text("Code", why.code.name).text("Message", why.message);
  if (!why.endpoint.empty())
    xml.text("Endpoint", why.endpoint);
  if (!c.bucket.empty())
    xml.text("BucketName", c.bucket);
  if (!c.key.empty())
    xml.text("Key", c.key);
  xml.text("Resource", c.req.target.substr(0, c.req.target.find('?')));
  r.why = why.message;
  r.body = xml.text("RequestId", c.id).text("HostId", c.id).finish();
  co_await c.x.reply(std::move(r));
}

task<> reply_xml(context& c, std::string xml, header_list headers, int status) {
  reply r;
  r.status = status;
  r.headers = std::move(headers);
  add_common(c, r.headers);
  r.headers.emplace_back("Content-Type", "application/xml");
  r.body = std::move(xml);
  co_await c.x.reply(std::move(r));
}

task<> reply_empty(context& c, int status, header_list headers) {
  reply r;
  r.status = status;
  r.headers = std::move(headers);
  add_common(c, r.headers);
  co_await c.x.reply(std::move(r));
}

} // namespace ais::http::s3
