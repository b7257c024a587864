// Buckets over S3: create, remove, look at, list their objects.
#include "http/s3/list.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/versions.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "http/v1/list_objects.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"
#include "storage/base/metrics.hpp"

#include <algorithm>
#include <map>

namespace ais::http::s3 {

namespace {

/// Where buckets are said to be, unless the node's settings name a region.
constexpr const char* default_region = "us-east-1";

/// Of up to 1000 objects of a target.
constexpr std::chrono::seconds remove_timeout{120};

acl_owner owner_of(const bucket& b) {
  return shown_owner(b.props->values.text(owner_property));
}

/// Whether a bucket is one the caller is told of.
bool shown_to(const context& c, const bck& b, const bucket& value) {
  if (b.name.front() == '.' || of_others(b.ns))
    return false;
  if (c.who.key && !c.who.key->covers(b.name))
    return false;
  if (c.who.access == level::admin)
    return true;
  // Its owner's are his; the operator's level is for those of nobody.
  auto owner = value.props->values.text(owner_property);
  if (c.who.key && c.who.key->owns)
    return owner == c.who.user();
  return owner.empty();
}

/// S3's rules for new buckets; others may exist, made by the native API.
/// Source: Amazon S3 User Guide, "Bucket naming rules".
bool good_name(std::string_view x) {
  auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  auto inner = [&](char c) {
    return alnum(c) || c == '-' || c == '.';
  };
  auto address = x.find_first_not_of("0123456789.") == std::string_view::npos
                 && std::count(x.begin(), x.end(), '.') == 3;
  return x.size() >= 3 && x.size() <= 63 && alnum(x.front()) && alnum(x.back())
         && std::all_of(x.begin(), x.end(), inner)
         && x.find("..") == std::string_view::npos
         && x.find(".-") == std::string_view::npos // no labels of host names
         && x.find("-.") == std::string_view::npos && !address;
}

/// What a bucket is made with.
struct first_rights {
  std::string owner;
  std::string list;  ///< as it is kept
  std::string owned; ///< S3's word for its ownership
};

outcome<first_rights> first_rights_of(const context& c) {
  auto list = wanted_acl(c.req, users_of(c));
  if (!list)
    return list.why();
  first_rights out;
  out.owner = c.who.key && c.who.key->owns ? c.who.key->user : std::string{};
  out.list = list->value_or("");
  if (out.list == "private")
    out.list.clear();
  out.owned = c.req.find("x-amz-object-ownership");
  auto owned = parse_ownership(out.owned);
  if (!out.owned.empty() && !owned)
    return fault{invalid_argument,
                 "x-amz-object-ownership must be BucketOwnerEnforced,"
                 " BucketOwnerPreferred or ObjectWriter",
                 {}};
  if (owned == ownership::enforced && !out.list.empty())
    return fault{invalid_bucket_acl,
                 "a bucket with BucketOwnerEnforced has no lists: leave out"
                 " x-amz-acl and x-amz-grant-*",
                 {}};
  return out;
}

/// Whether a bucket is what somebody wants to make.
bool same_rights(const bucket& b, const first_rights& x) {
  auto& values = b.props->values;
  auto list = values.text(acl_property);
  return values.text(owner_property) == x.owner
         && (list == "private" ? "" : list) == x.list
         && (x.owned.empty() || values.text(ownership_property) == x.owned);
}

std::string first_props(const first_rights& x) {
  if (x.owner.empty() && x.list.empty() && x.owned.empty())
    return {};
  json::object section;
  section["owner"] = x.owner;
  section["acl"] = x.list;
  section["ownership"] = x.owned;
  json::object out;
  out["s3"] = std::move(section);
  return to_text(out);
}

} // namespace

task<> list_buckets(context& c) {
  constexpr uint64_t max_buckets = 10'000;
  auto count = max_buckets;
  if (auto wanted = c.q.find("max-buckets")) {
    count = whole_number(*wanted).value_or(0);
    if (count < 1 || count > max_buckets) {
      fault why{
        invalid_argument, "max-buckets must be a number from 1 to 10000", {}};
      co_return co_await reply_fault(c, std::move(why));
    }
  }
  auto paged = c.q.has("max-buckets") || c.q.has("continuation-token");
  auto prefix = c.q.get("prefix");
  auto after = c.q.get("continuation-token");
  std::map<std::string_view, const bucket*> all; // S3 lists them by name
  for (auto& [b, value] : c.e.buckets().buckets)
    if (shown_to(c, b, *value) && b.name.compare(0, prefix.size(), prefix) == 0
        && b.name > after)
      all.emplace(b.name, value.get());
  xml_writer xml{"ListAllMyBucketsResult"};
  add_owner(xml, shown_owner(c.who.user()));
  xml.open("Buckets");
  std::string_view last;
  for (auto& [bucket_name, value] : all) {
    if (paged && count-- == 0)
      break;
    last = bucket_name;
    xml.open("Bucket")
      .text("Name", bucket_name)
      .text("CreationDate", format_xml_time(value->props->created_ns))
      .close();
  }
  xml.close();
  if (!prefix.empty())
    xml.text("Prefix", prefix);
  if (paged && !all.empty() && last != all.rbegin()->first && !last.empty())
    xml.text("ContinuationToken", last);
  co_await reply_xml(c, xml.finish());
}

task<> create_bucket(context& c) {
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  if (!good_name(c.bucket)) {
    fault why{invalid_bucket_name,
              "a bucket's name has 3 to 63 lower-case letters, digits, '-' and"
              " '.', and begins and ends with a letter or digit",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (!body->empty())
    if (auto ok = parse_xml(*body, "CreateBucketConfiguration"); !ok)
      co_return co_await reply_fault(c, ok.why());
  auto rights = first_rights_of(c);
  if (!rights)
    co_return co_await reply_fault(c, rights.why());
  ais::create_bucket req{bck{provider::ais, {}, c.bucket},
                         first_props(*rights)};
  auto done = co_await c.e.actors().ask(c.e.node().proxy, proxy_timeout,
                                        std::move(req));
  auto there = find_bucket(c.e, c.bucket);
  // In us-east-1, who makes his bucket again is told that it is there.
  auto again = !done && done.error() == errc::bucket_exists && there
               && same_rights(**there, *rights);
  if (!done && !again) {
    auto why = fault_of(done.error());
    if (done.error() == errc::bucket_exists && there)
      why = {bucket_already_exists,
             "the bucket is there: another user's, or with another access"
             " control list or ownership",
             {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  header_list headers; // g++ 12: no list inside what is awaited
  headers.emplace_back("Location", '/' + c.bucket);
  co_await reply_empty(c, 200, std::move(headers));
}

task<> head_bucket(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  header_list headers;
  auto& region = c.e.shared().s3_region;
  headers.emplace_back("x-amz-bucket-region",
                       region.empty() ? default_region : region);
  co_await reply_empty(c, 200, std::move(headers));
}

task<> delete_bucket(context& c) {
  auto b = bucket_for(c, access::destroy_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  v1::list_request req;
  req.page_size = 1;
  v1::list_reply page{make_id(c.e.env()), {}, {}};
  std::vector<std::string> where;
  auto failed = co_await v1::list_page(c.e, **b, req, page, where);
  if (failed)
    co_return co_await reply_fault(c, fault_of(failed));
  if (!page.entries.empty()) {
    fault why{
      bucket_not_empty, "the bucket has objects: delete them first", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto former = co_await any_version(c, **b);
  if (!former)
    co_return co_await reply_fault(c, former.why());
  if (*former) {
    fault why{bucket_not_empty,
              "the bucket has former versions or marks of deletions: delete"
              " them first",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  destroy_bucket msg{(*b)->ref.bck};
  auto done = co_await c.e.actors().ask(c.e.node().proxy, proxy_timeout,
                                        std::move(msg));
  if (!done)
    co_return co_await reply_fault(c, fault_of(done.error()));
  co_await reply_empty(c, 204);
}

task<> get_location(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto& region = c.e.shared().s3_region;
  xml_writer out{"LocationConstraint"};
  if (region != default_region) // that is empty here
    out.content(region);
  co_await reply_xml(c, out.finish());
}

// -- listing
// ----------------------------------------------------------------------

namespace {

/// Fills a page. @returns whether there is more behind it.
task<outcome<bool>>
fill_page(context& c, const bucket& b, list_query& q, list_page& out) {
  if (q.uuid.empty())
    q.uuid = make_id(c.e.env());
  if (q.count == 0 || q.nothing)
    co_return false;
  v1::list_request req;
  req.options.prefix = q.prefix;
  req.options.non_recursive = q.delimiter == "/";
  req.token = out.resume_at(q.after);
  for (;;) {
    v1::list_reply page{q.uuid, {}, {}};
    std::vector<std::string> where;
    req.page_size = q.count - out.size() + 1;
    auto failed = co_await v1::list_page(c.e, b, req, page, where);
    if (failed)
      co_return fault_of(failed);
    for (auto& x : page.entries) {
      req.token = x.name;
      auto taken = out.add(std::move(x));
      if (!taken)
        co_return true;
    }
    if (page.token.empty())
      co_return false;
    req.token = out.resume_at(req.token);
  }
}

/// Parses, fills and answers by `write`.
template <class Write>
task<> answer_list(context& c, int version, Write write) {
  auto start = std::chrono::steady_clock::now();
  auto b = bucket_for(c, access::list_objects);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto q = parse_list_query(c.q, version);
  if (!q)
    co_return co_await reply_fault(c, q.why());
  list_page page{*q};
  auto more = co_await fill_page(c, **b, *q, page);
  if (!more) {
    count(stat::err_lst_n);
    co_return co_await reply_fault(c, more.why());
  }
  auto xml = write(owner_of(**b), *q, page, *more);
  count_listing(start);
  co_await reply_xml(c, std::move(xml));
}

std::string list_v1(const context& c, const acl_owner& owner,
                    const list_query& q, const list_page& page, bool more) {
  xml_writer xml{"ListBucketResult"};
  add_query(xml, c.bucket, q);
  xml.text("Marker", q.shown(q.after)).flag("IsTruncated", more);
  if (more)
    xml.text("NextMarker", q.shown(page.last()));
  for (auto& x : page.keys()) {
    xml.open("Contents").text("Key", q.shown(x.name));
    add_attributes(xml, x);
    add_owner(xml, owner);
    xml.close();
  }
  add_prefixes(xml, q, page);
  return xml.finish();
}

std::string list_v2(const context& c, const acl_owner& owner,
                    const list_query& q, const list_page& page, bool more) {
  xml_writer xml{"ListBucketResult"};
  add_query(xml, c.bucket, q);
  xml.number("KeyCount", page.size()).flag("IsTruncated", more);
  if (auto start = c.q.get("start-after"); !start.empty())
    xml.text("StartAfter", q.shown(start));
  if (auto token = c.q.find("continuation-token"))
    xml.text("ContinuationToken", *token);
  if (more)
    xml.text("NextContinuationToken", make_token(q.uuid, page.last()));
  for (auto& x : page.keys()) {
    xml.open("Contents").text("Key", q.shown(x.name));
    add_attributes(xml, x);
    if (q.owner)
      add_owner(xml, owner);
    xml.close();
  }
  add_prefixes(xml, q, page);
  return xml.finish();
}

} // namespace

task<> list_objects(context& c) {
  auto type = c.q.find("list-type");
  auto version = type && *type == "2" ? 2 : 1;
  auto write = [&](const acl_owner& owner, const list_query& q,
                   const list_page& page, bool more) {
    return version == 2 ? list_v2(c, owner, q, page, more)
                        : list_v1(c, owner, q, page, more);
  };
  co_await answer_list(c, version, write);
}

// -- deleting many
// -----------------------------------------------------------------------

namespace {

/// A key to remove, and what it must be: its tag, size and time, if given.
struct doomed {
  std::string key;
  std::string etag;
  std::optional<uint64_t> size = {};   ///< [bytes]
  std::optional<int64_t> mtime_s = {}; ///< Unix time [s]
  std::optional<std::string> version = {};
  removal what = {};
};

/// As messages have them.
int64_t or_any(const auto& x) {
  return x && static_cast<uint64_t>(*x) <= INT64_MAX ? static_cast<int64_t>(*x)
                                                     : -1;
}

/// Has every target remove those of its keys. @returns what is left, and why.
task<std::map<std::string, fault>>
remove_all(context& c, const bucket& b, const std::vector<doomed>& keys) {
  std::map<std::string, fault> failed;
  std::map<std::string, remove_objects> by_owner;
  for (auto& [key, etag, size, mtime_s, version, what] : keys) {
    auto* owner = owner_of(c.e.map(), home_digest(b.ref.bck, key));
    if (judge(c, to_delete, &b, c.bucket, key) != ruling::allow)
      failed.emplace(key, not_allowed(c));
    else if (auto ok = check_key(key); !ok)
      failed.emplace(key, ok.why());
    else if (!owner)
      failed.emplace(
        key, fault{service_unavailable, "the cluster has no target", {}});
    else {
      auto& req = by_owner[owner->id];
      req.names.push_back(key);
      req.etags.push_back(etag);
      req.sizes.push_back(or_any(size));
      req.mtimes.push_back(or_any(mtime_s));
      req.versions.push_back(what.version);
      req.marks.push_back(what.mark);
    }
  }
  std::vector<question<gate_actor, remove_objects>> all;
  for (auto& [id, req] : by_owner) {
    req.bucket = b.ref.bck;
    req.bid = b.ref.bid;
    all.push_back({c.e.gate_of(id), req});
  }
  auto answers = co_await c.e.actors().ask_many(std::move(all), remove_timeout);
  auto req = by_owner.begin();
  for (auto& got : answers) {
    auto asked = req->second.names.size();
    if (!got)
      for (auto& key : req->second.names)
        failed.emplace(key, fault_of(got.error()));
    else
      for (auto& x : got->failures)
        failed.emplace(x.name, fault_of(fail(x.code, x.text)));
    count(stat::del_n, got ? asked - got->failures.size() : 0);
    ++req;
  }
  co_return failed;
}

} // namespace

task<> delete_objects(context& c) {
  constexpr size_t max_deletes = 1000;
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto b = bucket_for(c, access::delete_object);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto doc = parse_xml(*body, "Delete");
  if (!doc)
    co_return co_await reply_fault(c, doc.why());
  auto top = (*doc)->document_element();
  std::vector<doomed> keys;
  auto empty = false;
  for (auto& x : top.children()) {
    if (local_name(x) != "Object")
      continue;
    auto tags = parse_tags(child_text(x, "ETag"));
    keys.push_back({child_text(x, "Key"), tags.empty() ? "" : tags.front()});
    auto ok = read_conditions(child_text(x, "Size"),
                              child_text(x, "LastModifiedTime"),
                              keys.back().size, keys.back().mtime_s);
    if (!ok)
      co_return co_await reply_fault(c, ok.why());
    empty = empty || keys.back().key.empty();
    auto& version = keys.back().version;
    if (auto text = child_text(x, "VersionId"); !text.empty())
      version = std::move(text);
    auto what = removal_of(c, **b, version);
    if (!what)
      co_return co_await reply_fault(c, what.why());
    keys.back().what = std::move(*what);
  }
  if (keys.empty() || empty || keys.size() > max_deletes) {
    fault why{
      malformed_xml, "a <Delete> needs 1 to 1000 <Object> with a <Key>", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto quiet = child_text(top, "Quiet") == "true";
  auto failed = co_await remove_all(c, **b, keys);
  xml_writer xml{"DeleteResult"};
  for (auto& x : keys) {
    auto why = failed.find(x.key);
    if (why == failed.end() && quiet)
      continue;
    xml.open(why == failed.end() ? "Deleted" : "Error").text("Key", x.key);
    if (x.version)
      xml.text("VersionId", *x.version);
    if (why == failed.end())
      add_removal(xml, **b, x.what);
    else
      xml.text("Code", why->second.code.name)
        .text("Message", why->second.message);
    xml.close();
  }
  co_await reply_xml(c, xml.finish());
}

} // namespace ais::http::s3
