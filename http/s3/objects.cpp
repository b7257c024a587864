// Objects over S3: GET, HEAD, PUT, copy, DELETE.
#include "http/s3/digest.hpp"
#include "http/s3/list.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/object_parts.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/service.hpp"
#include "http/s3/tags.hpp"
#include "http/s3/upload.hpp"
#include "http/s3/versions.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "storage/base/units.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

/// What a Range header of a GET asks for: none if it is to be ignored, as one
/// of several ranges or of another unit is.
std::optional<std::string_view> wanted_range(std::string_view x) {
  constexpr std::string_view unit = "bytes=";
  if (x.substr(0, unit.size()) != unit)
    return {};
  auto spec = x.substr(unit.size());
  auto dash = spec.find('-');
  auto digits = [](std::string_view y) {
    return y.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dash == std::string_view::npos || spec.size() < 2
      || !digits(spec.substr(0, dash)) || !digits(spec.substr(dash + 1)))
    return {};
  auto first = spec.substr(0, dash);
  auto last = spec.substr(dash + 1);
  auto backwards = !first.empty() && !last.empty()
                   && (first.size() > last.size()
                       || (first.size() == last.size() && first > last));
  if (backwards)
    return {};
  return x;
}

bool wants_checksums(const context& c) {
  return same_name(c.req.find("x-amz-checksum-mode"), "enabled");
}

/// Answers a condition that does not hold; 304 tells what there is.
task<> reply_condition(context& c, const fault& why, const storage::lom& x) {
  if (why.code.status != 304)
    co_return co_await reply_fault(c, why);
  header_list headers{{"ETag", quoted(etag_of(x))},
                      {"Last-Modified", format_http_date(x.mtime_ns)}};
  co_await reply_empty(c, 304, std::move(headers));
}

/// What a read is to answer with.
struct wanted_bytes {
  byte_range range;
  bool partial = false;
  std::optional<object_part> part;
  uint64_t part_count = 0; ///< of the object, if a part is wanted
};

/// The part that is asked for: the whole is part 1 of what has no parts.
outcome<wanted_bytes>
wanted_part(const storage::lom& x, std::string_view number) {
  auto n = whole_number(number).value_or(0);
  if (n < 1 || n > max_parts)
    return fault{
      invalid_argument, "partNumber must be a number from 1 to 10000", {}};
  auto parts = parts_of(x);
  wanted_bytes out{{0, x.size_bytes}, x.size_bytes > 0, {}, 0};
  if (!parts && n == 1)
    return out;
  if (parts && parts->parts.empty())
    return fault{not_implemented,
                 "the object's parts have so many sizes that they are not"
                 " kept: read it by Range",
                 {}};
  auto* found = parts ? parts->find(n) : nullptr;
  if (!found)
    return fault{invalid_part,
                 "the object has no part " + std::to_string(n) + ": it has "
                   + std::to_string(parts ? parts->count : 1),
                 {}};
  out.range = {found->offset, found->size};
  out.partial = found->size > 0;
  out.part = *found;
  out.part_count = parts->count;
  return out;
}

/// What a GET or HEAD wants of an object.
outcome<wanted_bytes> wanted_of(const context& c, const storage::lom& x) {
  auto range = wanted_range(c.req.find("range"));
  if (auto part = c.q.find("partNumber")) {
    if (range)
      return fault{invalid_request, "give Range or partNumber, not both", {}};
    return wanted_part(x, *part);
  }
  // A HEAD tells of the whole.
  if (!range || c.req.method == "HEAD")
    return wanted_bytes{{0, x.size_bytes}, false, {}, 0};
  auto parsed = parse_range(*range, x.size_bytes);
  if (!parsed)
    return fault_of(parsed.error());
  return wanted_bytes{*parsed, true, {}, 0};
}

/// Answers a range that the object does not have. Clients that read by ranges
/// (the AWS Common Runtime) find out by this that an object is empty.
task<> reply_range(context& c, const fault& why, const storage::lom& x) {
  auto size = std::to_string(x.size_bytes);
  xml_writer xml{"Error"};
  xml.text("Code", why.code.name)
    .text("Message", why.message)
    .text("RangeRequested", c.req.find("range"))
    .text("ActualObjectSize", size)
    .text("RequestId", c.id)
    .text("HostId", c.id);
  header_list headers;
  headers.emplace_back("Content-Range", "bytes */" + size);
  co_await reply_xml(c, xml.finish(), std::move(headers), why.code.status);
}

/// Opens the present object of the request.
task<outcome<opened_object>> open_present(context& c, error& missing) {
  auto b = bucket_for(c, access::get);
  if (!b)
    co_return b.why();
  if (auto ok = check_key(c.key); !ok)
    co_return ok.why();
  object_key key{*b, c.key};
  if (c.visiting) {
    auto visited
      = co_await open_visited(c.e, std::move(key), std::move(*c.visiting));
    if (!visited)
      co_return fault{misdirected_request, message_of(visited.error()), {}};
    co_return std::move(*visited);
  }
  auto opened = co_await open_here(c.e, std::move(key));
  if (!opened) {
    missing = opened.error();
    co_return fault_of(missing);
  }
  co_return std::move(*opened);
}

/// Opens the object, or the version of it, that the request wants.
task<outcome<opened_object>> open_wanted(context& c, error& missing) {
  if (!wanted_version(c)) // not ?: g++ 12 destroys awaited operands of it twice
    co_return co_await open_present(c, missing);
  auto at = co_await object_for(c, access::get);
  if (!at)
    co_return at.why();
  open_object req{at->key, true};
  auto lease
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!lease) {
    missing = lease.error();
    co_return fault_of(missing);
  }
  count(stat::lease_miss_n);
  co_return opened_object{std::move(*at), std::move(*lease), true};
}

void add_part_checksum(header_list& out, const object_part& part,
                       const storage::lom& x) {
  auto parts = parts_of(x);
  if (!parts || !parts->type)
    return;
  out.emplace_back(header_of(*parts->type), part.sum);
  auto whole = x.custom.find(std::string{metadata_key(*parts->type)});
  if (whole != x.custom.end())
    out.emplace_back("x-amz-checksum-type", checksum_kind(whole->second));
}

header_list
shown(const context& c, const storage::lom& x, const wanted_bytes& wanted) {
  header_list out;
  add_common(c, out);
  // Checksums are those of what is sent.
  auto sums = wants_checksums(c);
  auto whole = wanted.range.length == x.size_bytes && !wanted.part;
  add_metadata(out, x, sums && whole);
  add_version(c, out, x);
  if (sums && wanted.part)
    add_part_checksum(out, *wanted.part, x);
  add_expiration(c, out, x);
  if (wanted.part)
    out.emplace_back("x-amz-mp-parts-count", std::to_string(wanted.part_count));
  if (wanted.partial)
    out.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(wanted.range.offset) + '-'
        + std::to_string(wanted.range.offset + wanted.range.length - 1) + '/'
        + std::to_string(x.size_bytes));
  // Who cannot prove who they are must not choose what a browser makes of it.
  if (c.who.key || !c.rules->verify)
    override_headers(out, c.q);
  return out;
}

} // namespace

task<> get_object(context& c) {
  op_stats stats{stat::get_n, stat::get_ns_total, stat::err_get_n};
  error missing;
  auto opened = co_await open_wanted(c, missing);
  if (!opened) {
    stats.bad();
    if (missing)
      co_return co_await reply_missing(c, missing);
    co_return co_await reply_fault(c, opened.why());
  }
  auto& [at, lease, asked] = *opened;
  auto& attrs = lease->object->attrs;
  if (auto ok = still_allowed(c, attrs); !ok) {
    stats.bad();
    co_return co_await reply_fault(c, ok.why());
  }
  if (auto ok = check_read(c.req, attrs); !ok) {
    stats.ok();
    co_return co_await reply_condition(c, ok.why(), attrs);
  }
  auto wanted = wanted_of(c, attrs);
  if (!wanted) {
    stats.bad();
    if (!wanted.is_not(invalid_range))
      co_return co_await reply_range(c, wanted.why(), attrs);
    co_return co_await reply_fault(c, wanted.why());
  }
  auto range = wanted->range;
  auto headers = shown(c, attrs, *wanted);
  auto status = wanted->partial ? 206 : 200;
  auto begun = co_await c.x.begin(status, headers, range.length);
  if (!begun)
    co_return stats.bad();
  auto sent = co_await send_object(c.e, c.x, at, lease, range);
  if (!sent) {
    c.x.abort();
    co_return stats.bad();
  }
  if (asked)
    c.e.keep(at, lease);
  count(stat::get_size, range.length);
  stats.ok();
}

task<> head_object(context& c) {
  op_stats stats{stat::head_n, stat::head_ns_total, stat::err_head_n};
  auto at = co_await object_for(c, access::head_object);
  if (!at) {
    stats.bad();
    co_return co_await reply_fault(c, at.why());
  }
  ais::head_object req{at->key, false};
  auto attrs
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!attrs) {
    stats.bad();
    co_return co_await reply_missing(c, attrs.error());
  }
  stats.ok();
  if (auto ok = still_allowed(c, **attrs); !ok)
    co_return co_await reply_fault(c, ok.why());
  if (auto ok = check_read(c.req, **attrs); !ok)
    co_return co_await reply_condition(c, ok.why(), **attrs);
  auto wanted = wanted_of(c, **attrs);
  if (!wanted)
    co_return co_await reply_fault(c, wanted.why());
  reply r;
  r.status = wanted->partial ? 206 : 200;
  r.headers = shown(c, **attrs, *wanted);
  r.length = wanted->range.length;
  co_await c.x.reply(std::move(r));
}

// -- attributes
// -------------------------------------------------------------------

namespace {

/// A page of the parts: of the headers x-amz-max-parts and
/// x-amz-part-number-marker.
struct parts_page {
  uint64_t after = 0;
  uint64_t count = max_keys;
};

outcome<parts_page> parts_page_of(const context& c) {
  parts_page out;
  auto read = [&](std::string_view name, uint64_t& to) {
    auto text = c.req.find(name);
    auto n = whole_number(text);
    if (n)
      to = *n;
    return text.empty() || n;
  };
  if (!read("x-amz-max-parts", out.count)
      || !read("x-amz-part-number-marker", out.after))
    return fault{invalid_argument,
                 "x-amz-max-parts and x-amz-part-number-marker must be numbers",
                 {}};
  out.count = std::min<uint64_t>(out.count, max_keys);
  return out;
}

void add_parts(xml_writer& xml, const object_parts& all,
               const parts_page& page) {
  xml.open("ObjectParts").number("PartsCount", all.count);
  auto first = std::upper_bound(
    all.parts.begin(), all.parts.end(), page.after,
    [](uint64_t after, auto& x) { return after < x.number; });
  auto left = static_cast<uint64_t>(all.parts.end() - first);
  auto last = first + static_cast<ptrdiff_t>(std::min(left, page.count));
  xml.number("PartNumberMarker", page.after)
    .number("NextPartNumberMarker",
            first == last ? page.after : (last - 1)->number)
    .number("MaxParts", page.count)
    .flag("IsTruncated", left > page.count);
  for (; first != last; ++first) {
    xml.open("Part")
      .number("PartNumber", first->number)
      .number("Size", first->size);
    if (all.type)
      xml.text(element_of(*all.type), first->sum);
    xml.close();
  }
  xml.close();
}

void add_attribute(xml_writer& xml, std::string_view name,
                   const storage::lom& x, const parts_page& page) {
  if (name == "ETag")
    xml.text("ETag", etag_of(x));
  else if (name == "StorageClass")
    xml.text("StorageClass", "STANDARD");
  else if (name == "ObjectSize")
    xml.number("ObjectSize", x.size_bytes);
  else if (auto parts = parts_of(x); parts && name == "ObjectParts")
    add_parts(xml, *parts, page);
  if (name != "Checksum")
    return;
  for (auto a : algorithms)
    if (auto i = x.custom.find(std::string{metadata_key(a)});
        i != x.custom.end())
      xml.open("Checksum")
        .text(element_of(a), i->second)
        .text("ChecksumType", checksum_kind(i->second))
        .close();
}

} // namespace

task<> get_attributes(context& c) {
  constexpr std::string_view known[]
    = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"};
  std::vector<std::string> wanted;
  for (auto list : c.req.find_all("x-amz-object-attributes"))
    for (auto& x : parse_tags(list))
      wanted.push_back(std::move(x));
  auto strange = std::any_of(wanted.begin(), wanted.end(), [&](auto& x) {
    return std::find(std::begin(known), std::end(known), x) == std::end(known);
  });
  if (wanted.empty() || strange) {
    fault why{invalid_argument,
              "x-amz-object-attributes must list some of ETag, Checksum,"
              " ObjectParts, StorageClass and ObjectSize",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  auto page = parts_page_of(c);
  if (!page)
    co_return co_await reply_fault(c, page.why());
  auto attrs = co_await attributes_for(c);
  if (!attrs)
    co_return co_await reply_fault(c, attrs.why());
  xml_writer xml{"GetObjectAttributesResponse"};
  for (auto name : known)
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end())
      add_attribute(xml, name, **attrs, *page);
  header_list headers;
  headers.emplace_back("Last-Modified", format_http_date((*attrs)->mtime_ns));
  co_await reply_xml(c, xml.finish(), std::move(headers));
}

// -- PUT
// --------------------------------------------------------------------------

namespace {

/// Everything a write brings beside its bytes.
outcome<write_options> write_options_of(const context& c) {
  auto metadata = metadata_of(c);
  if (!metadata)
    return metadata.why();
  write_options out;
  out.custom = std::move(*metadata);
  out.if_match = parse_tags(c.req.find("if-match"));
  out.if_none_match = parse_tags(c.req.find("if-none-match"));
  return out;
}

/// Why a write failed.
fault write_fault(const error& e, const upload* body) {
  if (body && body->why())
    return *body->why();
  if (e == errc::too_large)
    return {metadata_too_large, message_of(e), {}};
  if (e == errc::timed_out && body)
    return {incomplete_body, message_of(e), {}};
  return fault_of(e);
}

} // namespace

task<> put_object(context& c) {
  if (!c.req.find("x-amz-copy-source").empty())
    co_return co_await copy_object(c);
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  auto at = co_await object_for(c, access::put);
  auto options = write_options_of(c);
  auto body = upload::make(c.req, c.payload, c.signer);
  if (!at || !options || !body) {
    stats.bad();
    co_return co_await reply_fault(c, !at        ? at.why()
                                      : !options ? options.why()
                                                 : body.why());
  }
  auto& filter = **body;
  auto stored
    = co_await put_body(c.e, c.x, *at, *options, filter.size(), body->get());
  if (!stored) {
    stats.bad();
    if (stored.error() == errc::io_error)
      count(stat::err_io_put_n);
    co_return co_await reply_fault(c, write_fault(stored.error(), &filter));
  }
  stats.ok();
  count(stat::put_size, (*stored)->size_bytes);
  header_list headers{{"ETag", quoted(etag_of(**stored))}};
  add_version(c, headers, **stored);
  add_checksums(headers, **stored);
  add_expiration(c, headers, **stored);
  co_await reply_empty(c, 200, std::move(headers));
}

// -- copy
// -------------------------------------------------------------------------

namespace {

/// The source of a copy: an object of this node, or a former version of it.
struct local_source {
  copied from;
  located at;
};

task<outcome<local_source>> source_here(context& c) {
  auto from = copy_source(c);
  if (!from)
    co_return from.why();
  auto at = co_await version_named(c, from->key.bucket, from->key.name,
                                   from->version);
  if (!at)
    co_return at.why();
  co_return local_source{std::move(*from), std::move(*at)};
}

/// Where it is copied to: perhaps another node.
outcome<object_key> copy_destination(context& c) {
  auto b = bucket_for(c, access::put);
  if (!b)
    return b.why();
  if (auto ok = check_key(c.key); !ok)
    return ok.why();
  return object_key{*b, c.key};
}

/// Copies, if the source is what the conditions want.
task<outcome<lom_ptr>>
copy_if(context& c, const local_source& from, object_key to, bool replace,
        storage::custom_map custom) {
  open_object open{from.at.key, false};
  auto source
    = co_await c.e.actors().ask(from.at.shard, shard_timeout, std::move(open));
  if (!source && source.error() != errc::object_not_found)
    co_return fault_of(source.error());
  auto allowed
    = may_copy(c, from.from.key, source ? &(*source)->object->attrs : nullptr);
  if (!allowed)
    co_return allowed.why();
  auto& attrs = (*source)->object->attrs;
  auto ok = check_read(c.req, attrs, "x-amz-copy-source-");
  if (!ok)
    co_return ok.why();
  // Metadata and tags are copied or replaced each by itself.
  auto new_tags = c.req.find("x-amz-tagging-directive") == "REPLACE";
  if (!new_tags)
    custom.erase(tags_key);
  for (auto& [key, value] : attrs.custom) {
    auto goes = key == tags_key ? new_tags : replace;
    // A list is for one object: a copy is private, unless the request says so.
    auto own = storage::internal(key) && key != tags_key;
    if (!own && (!goes || storage::of_content(key)))
      custom[key] = value;
  }
  ais::copy_object req{from.at.key, std::move(to), false, *source,
                       std::move(custom)};
  auto done = co_await ask_mover(c.e, std::move(req));
  if (!done)
    co_return write_fault(done.error(), nullptr);
  co_return *done;
}

} // namespace

task<> copy_object(context& c) {
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  auto from = co_await source_here(c);
  auto to = copy_destination(c);
  auto options = write_options_of(c);
  auto directive = c.req.find("x-amz-metadata-directive");
  auto replace = directive == "REPLACE";
  fault why{internal_error, {}, {}};
  if (!from) {
    why = from.why();
  } else if (!to) {
    why = to.why();
  } else if (!options) {
    why = options.why();
  } else if (!options->if_match.empty() || !options->if_none_match.empty()) {
    why = {not_implemented,
           "conditions on the destination of a copy are not available in this"
           " version: use x-amz-copy-source-if-*",
           {}};
  } else if (!directive.empty() && !replace && directive != "COPY") {
    why = {
      invalid_argument, "x-amz-metadata-directive must be COPY or REPLACE", {}};
  } else if (!replace && from->at.key.bucket->ref.bid == to->bucket->ref.bid
             && from->at.key.name == to->name) {
    why = {invalid_request,
           "copying an object to itself needs"
           " x-amz-metadata-directive: REPLACE",
           {}};
  } else {
    auto done = co_await copy_if(c, *from, std::move(*to), replace,
                                 std::move(options->custom));
    if (done) {
      stats.ok();
      xml_writer xml{"CopyObjectResult"};
      xml.text("LastModified", format_xml_time((*done)->mtime_ns))
        .text("ETag", quoted(etag_of(**done)));
      header_list headers;
      add_version(c, headers, **done);
      if (auto& version = from->from.version)
        headers.emplace_back("x-amz-copy-source-version-id", *version);
      co_return co_await reply_xml(c, xml.finish(), std::move(headers));
    }
    why = done.why();
  }
  stats.bad();
  co_await reply_fault(c, std::move(why));
}

// -- DELETE
// -----------------------------------------------------------------------

task<> delete_object(context& c) {
  op_stats stats{stat::del_n, stat::head_ns_total, stat::err_del_n};
  auto b = bucket_for(c, access::delete_object);
  if (!b) {
    stats.bad();
    co_return co_await reply_fault(c, b.why());
  }
  auto at = co_await object_named(c, *b, c.key);
  if (!at) {
    stats.bad();
    co_return co_await reply_fault(c, at.why());
  }
  ais::delete_object req{at->key};
  auto what = removal_of(c, **b, wanted_version(c));
  if (!what) {
    stats.bad();
    co_return co_await reply_fault(c, what.why());
  }
  req.version = what->version;
  req.mark = what->mark;
  req.if_match = parse_tags(c.req.find("if-match"));
  auto ok = read_conditions(c.req.find("x-amz-if-match-size"),
                            c.req.find("x-amz-if-match-last-modified-time"),
                            req.if_size, req.if_mtime_s);
  if (!ok) {
    stats.bad();
    co_return co_await reply_fault(c, ok.why());
  }
  auto gone
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!gone && gone.error() != errc::object_not_found) {
    stats.bad();
    co_return co_await reply_fault(c, fault_of(gone.error()));
  }
  if (gone)
    count(stat::del_n);
  header_list headers;
  add_removal(headers, **b, *what);
  co_await reply_empty(c, 204, std::move(headers));
}

} // namespace ais::http::s3
