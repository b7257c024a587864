#include "http/s3/versions.hpp"

#include "http/s3/list.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/when.hpp"
#include "http/tokens.hpp"
#include "http/v1/list_objects.hpp"
#include "storage/base/home.hpp"
#include "storage/base/metrics.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr std::string_view null_version = "null";
constexpr const char* mark_header = "x-amz-delete-marker";
constexpr const char* version_header = "x-amz-version-id";

/// The bucket of former versions; null: there is none.
bucket_ptr versions_bucket(context& c, const bucket& b) {
  if (!keeps(b))
    return nullptr;
  auto found = c.e.buckets().find(storage::versions_of(b.ref).bck);
  return found ? *found : nullptr;
}

fault unknown_version() {
  return {no_such_version, "the key has no such version", {}};
}

/// Names of a bucket in order, fetched page by page.
class name_stream {
public:
  /// Those that begin with `prefix` and come behind `after`; of no bucket:
  /// none.
  name_stream(context& c, bucket_ptr b, std::string prefix, std::string after)
    : context_(c), bucket_(std::move(b)), uuid_(make_id(c.e.env())) {
    request_.options.prefix = std::move(prefix);
    request_.token = std::move(after);
    request_.page_size = max_keys;
    over_ = !bucket_;
  }

  /// Makes front() tell the next name.
  task<checked> look() {
    while (next_ == page_.size() && !over_) {
      v1::list_reply page{uuid_, {}, {}};
      std::vector<std::string> where;
      auto failed
        = co_await v1::list_page(context_.e, *bucket_, request_, page, where);
      if (failed)
        co_return fault_of(failed);
      over_ = page.token.empty();
      page_ = std::move(page.entries);
      next_ = 0;
      if (!page_.empty())
        request_.token = page_.back().name;
    }
    co_return std::monostate{};
  }

  /// Null at the end.
  const storage::walk_entry* front() const {
    return next_ == page_.size() ? nullptr : &page_[next_];
  }
  void pop() { ++next_; }

  /// Leaves out what is not behind that name.
  void skip_to(const std::string& name) {
    while (next_ < page_.size() && page_[next_].name <= name)
      ++next_;
    request_.token = std::max(request_.token, name);
  }

private:
  context& context_;
  bucket_ptr bucket_;
  std::string uuid_;
  v1::list_request request_;
  std::vector<storage::walk_entry> page_;
  size_t next_ = 0;
  bool over_ = false;
};

/// A version of an object, or the mark of a deletion, as a listing shows it.
struct shown_entry {
  std::string id;
  bool latest = false;
};

/// A page of versions: list_page's keys, each with what makes it a version.
struct versions_page {
  explicit versions_page(const list_query& q) : names(q) {}
  list_page names;
  std::vector<shown_entry> versions; ///< of names.keys()
  bool more = false;

  /// Takes the next version. @returns false when the page is full.
  bool add(storage::walk_entry x, shown_entry version) {
    auto before = names.keys().size();
    if (!names.add(std::move(x)))
      return false;
    if (names.keys().size() > before)
      versions.push_back(std::move(version));
    return true;
  }
};

/// Lists the versions of a bucket's objects: both buckets, merged by key.
class version_walk {
public:
  version_walk(context& c, const bucket_ptr& b, const list_query& q,
               std::string id_marker)
    : context_(c), query_(q), bid_(b->ref.bid),
      id_marker_(std::move(id_marker)), present_(c, b, q.prefix, q.after),
      former_(c, versions_bucket(c, *b), hex16(b->ref.bid) + '/' + q.prefix,
              first_former(*b)) {}

  task<checked> fill(versions_page& out) {
    if (query_.count == 0 || query_.nothing)
      co_return std::monostate{};
    skip_shown(out);
    if (id_marker_ == null_version) {
      auto ok = co_await skip_null();
      if (!ok)
        co_return ok.why();
    }
    for (;;) {
      auto ok = co_await present_.look();
      if (!ok)
        co_return ok.why();
      ok = co_await former_.look();
      if (!ok)
        co_return ok.why();
      auto* p = present_.front();
      auto name = former_.front() ? parse_former_name(former_.front()->name)
                                  : std::optional<former_name>{};
      if (former_.front() && !name) { // not one of ours
        former_.pop();
        continue;
      }
      if (!p && !name)
        co_return std::monostate{};
      auto taken = p && (!name || p->name <= name->object)
                     ? add_present(out, *p)
                     : add_former(out, *former_.front(), *name);
      if (!taken) {
        out.more = true;
        co_return std::monostate{};
      }
      skip_shown(out);
    }
  }

private:
  /// Behind what the pages before have shown.
  std::string first_former(const bucket& b) const {
    if (query_.after.empty())
      return {};
    if (id_marker_.empty())
      return former_prefix(bid_, query_.after) + '\xff';
    if (id_marker_ == null_version)
      return former_prefix(bid_, query_.after);
    return storage::version_name(b.ref, query_.after, id_marker_);
  }

  /// Leaves out what lies below a prefix that the page shows.
  void skip_shown(const versions_page& out) {
    auto last = out.names.last().empty() ? query_.after : out.names.last();
    auto at = out.names.resume_at(last);
    if (at == last)
      return;
    present_.skip_to(at);
    former_.skip_to(hex16(bid_) + '/' + at);
  }

  /// Behind the former version that is "null"; if there is none, it is the
  /// present one that was shown.
  task<checked> skip_null() {
    std::string to;
    name_stream look{
      context_, former_bucket(), former_prefix(bid_, query_.after), {}};
    for (;;) {
      auto ok = co_await look.look();
      if (!ok)
        co_return ok.why();
      auto* x = look.front();
      if (!x)
        break;
      auto name = parse_former_name(x->name);
      if (name && storage::is_null_version(name->id)) {
        to = x->name;
        break;
      }
      look.pop();
    }
    if (!to.empty())
      former_.skip_to(to);
    co_return std::monostate{};
  }

  bucket_ptr former_bucket() const {
    auto b = find_bucket(context_.e, context_.bucket);
    return b ? versions_bucket(context_, **b) : nullptr;
  }

  bool add_present(versions_page& out, const storage::walk_entry& x) {
    auto id = storage::version_id(x.attrs);
    if (!out.add(x, {id, true}))
      return false;
    last_ = x.name;
    present_id_ = std::move(id);
    present_.pop();
    return true;
  }

  bool add_former(versions_page& out, storage::walk_entry x,
                  const former_name& name) {
    std::string object{name.object};
    std::string id{name.id};
    auto latest = object != last_ && object != query_.after;
    auto twice = object == last_ && id == present_id_;
    x.name = object;
    if (!twice && !out.add(std::move(x), {std::move(id), latest}))
      return false;
    last_ = std::move(object);
    former_.pop();
    return true;
  }

  context& context_;
  const list_query& query_;
  uint64_t bid_;
  std::string id_marker_;
  name_stream present_;
  name_stream former_;
  std::string last_;       ///< object that was taken
  std::string present_id_; ///< of the last present version
};

std::string to_xml(const context& c, const bucket& b, const list_query& q,
                   const versions_page& page, std::string_view id_marker) {
  auto owner = shown_owner(b.props->values.text(owner_property));
  xml_writer xml{"ListVersionsResult"};
  add_query(xml, c.bucket, q);
  xml.text("KeyMarker", q.shown(q.after)).text("VersionIdMarker", id_marker);
  xml.flag("IsTruncated", page.more);
  auto& keys = page.names.keys();
  if (page.more)
    xml.text("NextKeyMarker", q.shown(page.names.last()));
  if (page.more && !keys.empty() && keys.back().name == page.names.last())
    xml.text("NextVersionIdMarker",
             storage::shown_version(page.versions.back().id));
  for (size_t i = 0; i < keys.size(); ++i) {
    auto& x = keys[i];
    auto& version = page.versions[i];
    auto mark = storage::is_mark(version.id);
    xml.open(mark ? "DeleteMarker" : "Version")
      .text("Key", q.shown(x.name))
      .text("VersionId", storage::shown_version(version.id))
      .flag("IsLatest", version.latest);
    if (mark)
      xml.text("LastModified", format_xml_time(x.attrs.mtime_ns));
    else
      add_attributes(xml, x);
    add_owner(xml, owner);
    xml.close();
  }
  add_prefixes(xml, q, page.names);
  return xml.finish();
}

} // namespace

// -- which version
// --------------------------------------------------------------------

bool keeps(const bucket& b) {
  return b.keeping != storage::keeping::off;
}

std::optional<std::string> wanted_version(const context& c) {
  auto x = c.q.find("versionId");
  return x ? std::optional{std::string{*x}} : std::nullopt;
}

task<outcome<located>> version_named(context& c, bucket_ptr b, std::string key,
                                     std::optional<std::string> version) {
  if (version && !keeps(*b) && *version != null_version)
    co_return unknown_version();
  auto at = co_await object_named(c, b, std::move(key));
  if (!at || !version || !keeps(*b))
    co_return at;
  if (*version != null_version && version->size() != version_id_chars)
    co_return unknown_version();
  find_version req{at->key, *version};
  auto found
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!found) {
    if (found.error() == errc::object_not_found)
      co_return unknown_version();
    co_return fault_of(found.error());
  }
  if (found->present)
    co_return at;
  auto name = parse_former_name(found->name);
  auto former = versions_bucket(c, *b);
  if (!name || !former)
    co_return unknown_version();
  if (storage::is_mark(name->id))
    co_return fault{
      method_not_allowed, "the version is the mark of a deletion", {}};
  object_key what{former, std::move(found->name)};
  auto there = co_await locate(c.e, std::move(what));
  if (!there)
    co_return fault_of(there.error());
  co_return std::move(*there);
}

task<outcome<bool>> any_version(context& c, const bucket& b) {
  name_stream all{c, versions_bucket(c, b), hex16(b.ref.bid) + '/', {}};
  auto ok = co_await all.look();
  if (!ok)
    co_return ok.why();
  co_return all.front() != nullptr;
}

void add_version(const context& c, header_list& out, const storage::lom& x) {
  auto b = find_bucket(c.e, c.bucket);
  if (b && keeps(**b))
    out.emplace_back(version_header,
                     storage::shown_version(storage::version_id(x)));
}

task<> reply_missing(context& c, error why) {
  header_list headers;
  auto b = find_bucket(c.e, c.bucket);
  if (why == errc::object_not_found && b && keeps(**b) && !wanted_version(c)) {
    name_stream all{
      c, versions_bucket(c, **b), former_prefix((*b)->ref.bid, c.key), {}};
    auto ok = co_await all.look();
    if (!ok)
      co_return co_await reply_fault(c, ok.why());
    auto newest = all.front() ? parse_former_name(all.front()->name)
                              : std::optional<former_name>{};
    if (newest && storage::is_mark(newest->id)) {
      headers.emplace_back(mark_header, "true");
      headers.emplace_back(version_header, storage::shown_version(newest->id));
    }
  }
  co_await reply_fault(c, fault_of(why), std::move(headers));
}

// -- deletions
// --------------------------------------------------------------------

outcome<removal> removal_of(const context& c, const bucket& b,
                            const std::optional<std::string>& version) {
  removal out;
  if (!keeps(b)) {
    if (version && *version != null_version)
      return unknown_version();
    return out;
  }
  if (version)
    out.version = *version;
  else if (b.keeping == storage::keeping::enabled)
    out.mark
      = storage::make_version_id(c.e.env().wall_ns(), c.e.env().random(), true);
  else
    out.mark = null_version;
  return out;
}

void add_removal(header_list& out, const bucket& b, const removal& x) {
  if (!keeps(b))
    return;
  out.emplace_back(version_header, x.version.empty() ? x.mark : x.version);
  if (x.version.empty() || storage::is_mark(x.version))
    out.emplace_back(mark_header, "true");
}

void add_removal(xml_writer& out, const bucket& b, const removal& x) {
  if (!keeps(b) || (!x.version.empty() && !storage::is_mark(x.version)))
    return;
  out.flag("DeleteMarker", true)
    .text("DeleteMarkerVersionId", x.version.empty() ? x.mark : x.version);
}

// -- the switch
// -------------------------------------------------------------------

task<> get_versioning(context& c) {
  auto b = bucket_for(c, access::head_bucket);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  xml_writer xml{"VersioningConfiguration"};
  if (keeps(**b))
    xml.text("Status", to_string((*b)->keeping));
  co_await reply_xml(c, xml.finish());
}

task<> put_versioning(context& c) {
  auto body = co_await read_body(c);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto doc = parse_xml(*body, "VersioningConfiguration");
  if (!doc)
    co_return co_await reply_fault(c, doc.why());
  auto top = (*doc)->document_element();
  auto status = child_text(top, "Status");
  auto mfa = child_text(top, "MfaDelete");
  if (mfa == "Enabled") {
    fault why{
      not_implemented, "MfaDelete is not available in this version", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (storage::parse_keeping(status) == storage::keeping::off) {
    fault why{illegal_versioning, "Status must be Enabled or Suspended", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  co_await set_bucket_text(c, "versioning", std::move(status), 200);
}

// -- listing
// ----------------------------------------------------------------------

task<> list_versions(context& c) {
  auto start = std::chrono::steady_clock::now();
  auto b = bucket_for(c, access::list_objects);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto q = parse_list_query(c.q, 0);
  if (!q)
    co_return co_await reply_fault(c, q.why());
  std::string id_marker{c.q.get("version-id-marker")};
  if (!id_marker.empty() && q->after.empty()) {
    fault why{
      invalid_argument, "version-id-marker needs key-marker beside it", {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  version_walk walk{c, *b, *q, id_marker};
  versions_page page{*q};
  auto ok = co_await walk.fill(page);
  if (!ok) {
    count(stat::err_lst_n);
    co_return co_await reply_fault(c, ok.why());
  }
  auto xml = to_xml(c, **b, *q, page, id_marker);
  count_listing(start);
  co_await reply_xml(c, std::move(xml));
}

} // namespace ais::http::s3
