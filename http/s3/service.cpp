#include "http/s3/service.hpp"

#include "http/s3/cors.hpp"
#include "http/s3/upload.hpp"
#include "http/s3/xml.hpp"
#include "storage/base/home.hpp"

#include <algorithm>
#include <cstdio>
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

enum class what : uint8_t { service, bucket, object };

struct operation {
  std::string_view method;
  what on;
  std::string_view sub; ///< sub-resource; empty: none
  level needs;
  task<> (*serve)(context&);
};

constexpr operation operations[] = {
  {"GET", what::service, "", level::read, list_buckets},
  {"PUT", what::bucket, "", level::admin, create_bucket},
  {"HEAD", what::bucket, "", level::read, head_bucket},
  {"DELETE", what::bucket, "", level::admin, delete_bucket},
  {"GET", what::bucket, "", level::read, list_objects},
  {"GET", what::bucket, "location", level::read, get_location},
  {"GET", what::bucket, "versioning", level::read, get_versioning},
  {"GET", what::bucket, "versions", level::read, list_versions},
  {"GET", what::bucket, "acl", level::read, get_acl},
  {"GET", what::bucket, "uploads", level::read, list_uploads},
  {"POST", what::bucket, "delete", level::write, delete_objects},
  {"GET", what::bucket, "cors", level::read, get_cors},
  {"PUT", what::bucket, "cors", level::admin, put_cors},
  {"DELETE", what::bucket, "cors", level::admin, delete_cors},
  {"GET", what::bucket, "tagging", level::read, get_bucket_tagging},
  {"PUT", what::bucket, "tagging", level::admin, put_bucket_tagging},
  {"DELETE", what::bucket, "tagging", level::admin, delete_bucket_tagging},
  {"GET", what::object, "", level::read, get_object},
  {"GET", what::object, "acl", level::read, get_acl},
  {"HEAD", what::object, "", level::read, head_object},
  {"GET", what::object, "attributes", level::read, get_attributes},
  {"PUT", what::object, "", level::write, put_object},
  {"DELETE", what::object, "", level::write, delete_object},
  {"GET", what::object, "tagging", level::read, get_object_tagging},
  {"PUT", what::object, "tagging", level::write, put_object_tagging},
  {"DELETE", what::object, "tagging", level::write, delete_object_tagging},
  {"POST", what::object, "uploads", level::write, create_upload},
  {"PUT", what::object, "uploadId", level::write, put_part},
  {"GET", what::object, "uploadId", level::read, list_parts},
  {"POST", what::object, "uploadId", level::write, complete_upload},
  {"DELETE", what::object, "uploadId", level::write, abort_upload},
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
  auto on = c.bucket.empty() ? what::service
            : c.key.empty()  ? what::bucket
                             : what::object;
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

/// Splits "/bucket/key", still encoded; the key keeps its slashes.
checked read_path(context& c, std::string_view path) {
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

fault not_allowed(const access_rules& rules) {
  if (rules.verify && rules.anonymous == level::none && rules.keys.empty())
    return {access_denied,
            "this node has no S3 access keys: write some to the file "
              + std::string{access_file}
              + " in its directory (http/README.md tells how)",
            {}};
  return {access_denied, "access denied", {}};
}

/// Finds out who asks. @returns what they may do.
outcome<level> authenticate(context& c, std::string_view path) {
  auto& rules = c.e.s3_access().rules();
  signed_request as_signed{c.req, path, c.q};
  c.payload = c.req.find("x-amz-content-sha256");
  if (!rules.verify)
    return rules.anonymous;
  auto claimed = parse_claim(as_signed);
  if (!claimed)
    return claimed.why();
  if (!*claimed)
    return rules.anonymous;
  auto& who = **claimed;
  auto* key = rules.find(who.access_key);
  if (!key)
    return fault{invalid_access_key,
                 "the access key \"" + who.access_key.substr(0, 128)
                   + "\" does not exist on this node",
                 {}};
  auto signing = signing_key(key->secret, who.scope);
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  if (auto ok = check_claim(who, as_signed, signing, now); !ok)
    return ok.why();
  c.payload = who.payload;
  c.signer = chunk_signer{signing, who.time, who.scope, who.signature};
  c.user = key->id;
  c.owner = key;
  return key->access;
}

/// Who answers, if it is another node: the owner of the object in the path, or
/// of the source of a copy, which is sent from where it is. A part is copied by
/// the owner of what it becomes a part of, who asks the source's for its bytes.
std::optional<snode> other_node(context& c, const operation& op) {
  if (op.on != what::object)
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

/// The owner looks at the signature once more, by its own keys: it need not
/// believe whoever says to be a node.
task<> hand_over(context& c, snode to) {
  if (!c.req.find(relayed_header).empty()) {
    // Nodes whose maps differ for a moment must not send it to and fro.
    fault why{service_unavailable,
              "the object belongs to " + name_of(to) + " by now: try again",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (c.e.shared().s3_redirect) {
    fault why{temporary_redirect, "the object is on " + name_of(to),
              to.pub.url()};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto done = co_await c.e.relay().pass(c.x, to.pub, std::string{c.req.target},
                                        c.e.own_id());
  if (!done)
    co_await reply_fault(c, fault_of(with_context(done.error(), name_of(to))));
}

task<> run(context& c, std::string_view path) {
  fault why{internal_error, {}, {}};
  if (auto ok = read_path(c, path); !ok) {
    why = ok.why();
  } else if (!c.e.ready()) {
    why = {service_unavailable, "the node is starting: try again", {}};
  } else if (c.req.method == "OPTIONS") {
    co_return co_await preflight(c);
  } else {
    auto may = authenticate(c, path);
    auto op = operation_of(c);
    if (!may) {
      why = may.why();
    } else if (*may == level::none) {
      why = not_allowed(c.e.s3_access().rules());
    } else if (!op) {
      why = op.why();
    } else if (*may < (*op)->needs
               || (c.owner && !c.bucket.empty()
                   && !c.owner->covers(c.bucket))) {
      why = not_allowed(c.e.s3_access().rules());
    } else if (auto to = other_node(c, **op)) {
      co_return co_await hand_over(c, std::move(*to));
    } else {
      co_return co_await (*op)->serve(c);
    }
  }
  co_await reply_fault(c, std::move(why));
}

std::string request_id(const environment& env) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llX",
                static_cast<unsigned long long>(env.random()));
  return text;
}

} // namespace

// -- entry
// ------------------------------------------------------------------------

bool wants(edge& e, const call& c, std::string_view path) {
  if (path == prefix || begins(path, "/s3/"))
    return true;
  if (path == "/v1" || begins(path, "/v1/"))
    return false;
  if (!c.req.find(relayed_header).empty())
    return true; // decided by the node that relayed it
  if (c.q.has("X-Amz-Signature") || c.q.has("X-Amz-Algorithm"))
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
  context c{e,  call.x, call.req, call.q, request_id(e.env()), {}, {},
            {}, {},     {},       nullptr};
  co_await run(c, path);
}

// -- names
// ------------------------------------------------------------------------

outcome<bucket_ptr> find_bucket(edge& e, std::string_view name) {
  // By name alone; the global namespace first.
  bck b{provider::ais, {}, std::string{name}};
  auto found = e.buckets().find(b);
  if (!found)
    for (auto& [x, value] : e.buckets().buckets)
      if (x.name == name && x.ns != uploads_ns()) {
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

outcome<object_key> copy_source(context& c) {
  auto name = parse_copy_source(c.req.find("x-amz-copy-source"));
  if (!name)
    return name.why();
  if (c.owner && !c.owner->covers(name->bucket))
    return fault{access_denied, "access denied", {}};
  auto b = bucket_named(c.e, name->bucket, access::get);
  if (!b)
    return b.why();
  if (auto ok = check_key(name->key); !ok)
    return ok.why();
  return object_key{*b, std::move(name->key)};
}

task<outcome<located>> object_for(context& c, access wanted) {
  auto b = bucket_for(c, wanted);
  if (!b)
    co_return b.why();
  if (auto version = c.q.find("versionId"); version && *version != "null")
    co_return fault{
      no_such_version, "objects have no other versions than \"null\" here", {}};
  co_return co_await object_named(c, *b, c.key);
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

task<> reply_fault(context& c, fault why) {
  reply r;
  r.status = why.code.status;
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
