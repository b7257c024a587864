// Multipart uploads. An upload is a few objects of a bucket of its own,
// ais://@#s3-uploads/<bucket>, which no S3 listing shows:
//
//   uploads/<upload id>/<key>   the record: empty, with the metadata
//   parts/<upload id>/00001     part 1, with its ETag and checksums
//
// All of them live on the target that owns the key (storage/base/home.hpp), and
// so do the requests: see other_node() in service.cpp. So parts are written,
// synced, verified and found again after a crash as all objects are, and the
// whole becomes visible by one ordinary commit. The record is written first and
// removed last: what a crash leaves can be listed and aborted. The id begins
// with the bid of the bucket: uploads to a bucket that was destroyed are not
// continued in the next one of that name.
#include "http/s3/list.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/upload.hpp"
#include "http/s3/uploads.hpp"
#include "http/s3/versions.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "http/v1/list_objects.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace ais::http::s3 {

namespace {

/// Of all parts but the last.
constexpr uint64_t min_part_bytes = 5 << 20;
constexpr size_t max_uploads_seen = 10'000;
constexpr std::string_view records = "uploads/";
/// Custom metadata of the record: the user who began the upload.
constexpr const char* initiator_key = "s3:initiator";
constexpr std::string_view part_names = "parts/";

bck uploads_bck(const bucket& parent) {
  return {provider::ais, uploads_ns(), parent.ref.bck.name};
}

uint64_t home_of(const bucket& parent, std::string_view key) {
  return home_digest(parent.ref.bck, key);
}

/// Whether it may be the id of an upload to this key.
bool fits(std::string_view id, const bucket& parent, std::string_view key) {
  auto like = make_upload_id(parent.ref.bid, home_of(parent, key), 0);
  return id.size() == like.size() && from_hex(id)
         && id.substr(0, 32) == std::string_view{like}.substr(0, 32);
}

std::string record_name(std::string_view id, std::string_view key) {
  return std::string{records}.append(id).append("/").append(key);
}

std::string part_name(std::string_view id, uint64_t number) {
  char text[8];
  std::snprintf(text, sizeof(text), "/%05u", static_cast<unsigned>(number));
  return std::string{part_names}.append(id).append(text);
}

fault unknown_upload() {
  return {no_such_upload,
          "the upload does not exist: it may have been completed or aborted",
          {}};
}

task<expected<located>>
place_of(context& c, const bucket_ptr& b, std::string name) {
  object_key what{b, std::move(name)};
  return locate(c.e, std::move(what));
}

task<expected<lease_ptr>>
open_at(context& c, const bucket_ptr& b, std::string name) {
  auto at = co_await place_of(c, b, std::move(name));
  if (!at)
    co_return at.error();
  open_object req{at->key, true};
  co_return co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
}

/// Removes an object; that it is gone already is fine.
task<error> remove_at(context& c, const bucket_ptr& b, std::string name) {
  auto at = co_await place_of(c, b, std::move(name));
  if (!at)
    co_return at.error();
  ais::delete_object req{at->key, {}};
  auto gone
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!gone && gone.error() != errc::object_not_found)
    co_return gone.error();
  co_return error{};
}

/// Reads the parts of an upload behind `after`, at most `count`.
task<outcome<std::vector<storage::walk_entry>>>
read_parts(context& c, const upload_ref& up, uint64_t after, size_t count) {
  v1::list_request req;
  req.options.prefix = std::string{part_names} + up.id + '/';
  req.token = part_name(up.id, after);
  req.page_size = count;
  v1::list_reply page{make_id(c.e.env()), {}, {}};
  std::vector<std::string> where;
  auto failed = co_await v1::list_page(c.e, *up.bucket, req, page, where);
  if (failed)
    co_return fault_of(failed);
  co_return std::move(page.entries);
}

uint64_t number_of(const storage::walk_entry& part) {
  return whole_number(
           std::string_view{part.name}.substr(part.name.rfind('/') + 1))
    .value_or(0);
}

/// The checksum of that kind, in base64; empty if there is none.
std::string sum_of(const storage::lom& x, algorithm a) {
  auto i = x.custom.find(std::string{metadata_key(a)});
  return i == x.custom.end() ? std::string{} : i->second;
}

/// Who began an upload, and whose the object will be.
void add_people(xml_writer& xml, const storage::lom& record,
                const bucket_rights& rights) {
  auto i = record.custom.find(initiator_key);
  auto by = i == record.custom.end() ? rights.owner : i->second;
  add_owner(xml, shown_owner(by), "Initiator");
  add_owner(xml, shown_owner(owner_of(record, rights)));
}

void add_sums(xml_writer& xml, const storage::lom& record) {
  if (auto sums = sums_of(record))
    xml.text("ChecksumAlgorithm", to_string(sums->type))
      .text("ChecksumType", kind_of(*sums));
}

/// Removes parts, then the record.
task<error> remove_upload(context& c, const upload_ref& up) {
  for (;;) {
    auto parts = co_await read_parts(c, up, 0, max_page_size);
    if (!parts)
      co_return fail(errc::io_error, parts.why().message);
    if (parts->empty())
      break;
    for (auto& x : *parts) {
      auto failed = co_await remove_at(c, up.bucket, x.name);
      if (failed)
        co_return failed;
    }
  }
  co_return co_await remove_at(c, up.bucket, record_name(up.id, c.key));
}

} // namespace

// -- shared with others
// ----------------------------------------------------------

task<outcome<upload_ref>> find_upload(context& c, access wanted) {
  auto parent = bucket_for(c, wanted);
  if (!parent)
    co_return parent.why();
  auto valid = check_key(c.key);
  if (!valid)
    co_return valid.why();
  upload_ref out{*parent, nullptr, std::string{c.q.get("uploadId")}, nullptr};
  auto known = c.e.buckets().find(uploads_bck(**parent));
  if (!known || !fits(out.id, **parent, c.key))
    co_return unknown_upload();
  out.bucket = *known;
  auto record = co_await open_at(c, out.bucket, record_name(out.id, c.key));
  if (!record) {
    if (record.error() == errc::object_not_found)
      co_return unknown_upload();
    co_return fault_of(record.error());
  }
  out.record = *record;
  co_return out;
}

outcome<uint64_t> part_number(const context& c) {
  auto n = whole_number(c.q.get("partNumber")).value_or(0);
  if (n < 1 || n > max_parts)
    return fault{
      invalid_argument, "partNumber must be a number from 1 to 10000", {}};
  return n;
}

task<expected<located>>
place_of_part(context& c, const upload_ref& up, uint64_t number) {
  return place_of(c, up.bucket, part_name(up.id, number));
}

task<checked> keep_part(context& c, const upload_ref& up, uint64_t number) {
  auto still = co_await find_upload(c, access::put);
  if (still)
    co_return std::monostate{};
  auto failed = co_await remove_at(c, up.bucket, part_name(up.id, number));
  if (failed)
    co_return fault_of(failed);
  co_return still.why();
}

std::optional<parts_checksum> sums_of(const storage::lom& record) {
  auto i = record.custom.find(parts_checksum_key);
  if (i == record.custom.end())
    return {};
  return parse_parts_checksum(i->second);
}

// -- begin
// ------------------------------------------------------------------------

namespace {

/// The bucket for uploads to `parent`, made if it is not there.
task<outcome<bucket_ptr>> uploads_bucket(context& c, const bucket& parent) {
  auto b = uploads_bck(parent);
  auto known = c.e.buckets().find(b);
  if (known)
    co_return *known;
  auto props = "{\"versioning\":{\"enabled\":false},\"durability\":\""
               + std::string{to_string(parent.durability)} + "\"}";
  ais::create_bucket req{b, std::move(props)};
  auto done = co_await c.e.actors().ask(c.e.node().proxy, proxy_timeout,
                                        std::move(req));
  if (!done && done.error() != errc::bucket_exists)
    co_return fault_of(done.error());
  known = c.e.buckets().find(b);
  if (!known)
    co_return fault{service_unavailable,
                    "the bucket is not ready for uploads yet: try again",
                    {}};
  co_return *known;
}

} // namespace

task<> create_upload(context& c) {
  auto parent = bucket_for(c, access::put);
  auto valid = check_key(c.key);
  auto metadata = metadata_of(c);
  auto sums = wanted_checksum(c.req);
  if (!parent || !valid || !metadata || !sums)
    co_return co_await reply_fault(c, !parent     ? parent.why()
                                      : !valid    ? valid.why()
                                      : !metadata ? metadata.why()
                                                  : sums.why());
  auto b = co_await uploads_bucket(c, **parent);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto id = make_upload_id((*parent)->ref.bid, home_of(**parent, c.key),
                           c.e.env().random());
  auto name = record_name(id, c.key);
  auto storable = check_key(name);
  if (!storable)
    co_return co_await reply_fault(c, storable.why());
  auto at = co_await place_of(c, *b, std::move(name));
  if (!at)
    co_return co_await reply_fault(c, fault_of(at.error()));
  write_options options;
  options.custom = std::move(*metadata);
  if (c.who.key)
    options.custom[initiator_key] = c.who.user();
  header_list headers;
  if (*sums) {
    options.custom[parts_checksum_key] = to_text(**sums);
    headers.emplace_back("x-amz-checksum-algorithm", to_string((*sums)->type));
    headers.emplace_back("x-amz-checksum-type", kind_of(**sums));
  }
  auto content = std::make_shared<storage::bytes>();
  ais::put_object req{at->key, std::move(options), std::move(content)};
  auto stored
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!stored)
    co_return co_await reply_fault(c, fault_of(stored.error()));
  xml_writer xml{"InitiateMultipartUploadResult"};
  xml.text("Bucket", c.bucket).text("Key", c.key).text("UploadId", id);
  co_await reply_xml(c, xml.finish(), std::move(headers));
}

// -- parts
// ------------------------------------------------------------------------

task<> put_part(context& c) {
  if (!c.req.find("x-amz-copy-source").empty())
    co_return co_await copy_part(c);
  auto number = part_number(c);
  auto body = upload::make(c.req, c.payload, c.signer);
  if (!number || !body)
    co_return co_await reply_fault(c, number ? body.why() : number.why());
  auto up = co_await find_upload(c, access::put);
  if (!up)
    co_return co_await reply_fault(c, up.why());
  if (auto sums = sums_of(up->record->object->attrs))
    if (auto ok = (*body)->want(sums->type); !ok)
      co_return co_await reply_fault(c, ok.why());
  auto at = co_await place_of_part(c, *up, *number);
  if (!at)
    co_return co_await reply_fault(c, fault_of(at.error()));
  write_options options;
  auto& filter = **body;
  auto stored
    = co_await put_body(c.e, c.x, *at, options, filter.size(), body->get());
  if (!stored) {
    auto why = filter.why() ? *filter.why() : fault_of(stored.error());
    co_return co_await reply_fault(c, std::move(why));
  }
  auto kept = co_await keep_part(c, *up, *number);
  if (!kept)
    co_return co_await reply_fault(c, kept.why());
  header_list headers;
  headers.emplace_back("ETag", quoted(etag_of(**stored)));
  add_checksums(headers, **stored);
  co_await reply_empty(c, 200, std::move(headers));
}

task<> list_parts(context& c) {
  auto up = co_await find_upload(c, access::put);
  if (!up)
    co_return co_await reply_fault(c, up.why());
  auto after = whole_number(c.q.get("part-number-marker")).value_or(0);
  auto count = std::min<uint64_t>(
    whole_number(c.q.get("max-parts")).value_or(max_keys), max_keys);
  auto parts
    = co_await read_parts(c, *up, std::min(after, max_parts), count + 1);
  if (!parts)
    co_return co_await reply_fault(c, parts.why());
  auto more = parts->size() > count;
  if (more)
    parts->resize(count);
  xml_writer xml{"ListPartsResult"};
  xml.text("Bucket", c.bucket).text("Key", c.key).text("UploadId", up->id);
  xml.number("PartNumberMarker", after);
  xml.number("NextPartNumberMarker",
             parts->empty() ? after : number_of(parts->back()));
  xml.number("MaxParts", count).flag("IsTruncated", more);
  xml.text("StorageClass", "STANDARD");
  add_people(xml, up->record->object->attrs, rights_of(c.e, *up->parent));
  add_sums(xml, up->record->object->attrs);
  for (auto& x : *parts) {
    xml.open("Part")
      .number("PartNumber", number_of(x))
      .text("LastModified", format_xml_time(x.attrs.mtime_ns))
      .text("ETag", quoted(etag_of(x.attrs)))
      .number("Size", x.attrs.size_bytes);
    for (auto a : algorithms)
      if (auto sum = sum_of(x.attrs, a); !sum.empty())
        xml.text(element_of(a), sum);
    xml.close();
  }
  co_await reply_xml(c, xml.finish());
}

// -- end
// --------------------------------------------------------------------------

namespace {

struct wanted_part {
  uint64_t number = 0;
  std::string etag;
  /// By element_of(): as the client knows them.
  std::vector<std::pair<algorithm, std::string>> sums;
};

outcome<std::vector<wanted_part>> parse_complete(const std::string& body) {
  auto doc = parse_xml(body, "CompleteMultipartUpload");
  if (!doc)
    return doc.why();
  std::vector<wanted_part> out;
  for (auto& x : (*doc)->document_element().children()) {
    if (local_name(x) != "Part")
      continue;
    auto tags = parse_tags(child_text(x, "ETag"));
    auto number = whole_number(child_text(x, "PartNumber"));
    if (!number || tags.size() != 1)
      return fault{
        malformed_xml, "a <Part> needs a PartNumber and an ETag", {}};
    if (!out.empty() && *number <= out.back().number)
      return fault{
        invalid_part_order, "the parts must be in ascending order", {}};
    out.push_back({*number, std::move(tags.front()), {}});
    for (auto a : algorithms)
      if (auto sum = child_text(x, std::string{element_of(a)}.c_str());
          !sum.empty())
        out.back().sums.emplace_back(a, std::move(sum));
  }
  if (out.empty() || out.size() > max_parts)
    return fault{malformed_xml, "name 1 to 10000 parts", {}};
  return out;
}

/// The parts, open, if they are what the client says.
task<outcome<std::vector<lease_ptr>>>
open_parts(context& c, const upload_ref& up,
           const std::vector<wanted_part>& wanted) {
  std::vector<lease_ptr> out;
  for (auto& x : wanted) {
    auto part = co_await open_at(c, up.bucket, part_name(up.id, x.number));
    if (!part && part.error() != errc::object_not_found)
      co_return fault_of(part.error());
    auto same = part && etag_of((*part)->object->attrs) == x.etag;
    for (auto& [a, sum] : x.sums)
      same = same && sum_of((*part)->object->attrs, a) == sum;
    if (!same)
      co_return fault{invalid_part,
                      "part " + std::to_string(x.number)
                        + " was not uploaded, or has another ETag or checksum",
                      {}};
    if (&x != &wanted.back()
        && (*part)->object->attrs.size_bytes < min_part_bytes)
      co_return fault{entity_too_small,
                      "part " + std::to_string(x.number)
                        + " is smaller than 5 MiB and not the last one",
                      {}};
    out.push_back(std::move(*part));
  }
  co_return out;
}

/// S3's tag of an object made of parts: MD5 of their MD5s, and their number.
std::string tag_of(const std::vector<wanted_part>& parts) {
  storage::hasher md5{storage::cksum_type::md5};
  for (auto& x : parts) {
    auto raw = from_hex(x.etag).value_or(x.etag);
    md5.update(std::as_bytes(std::span{raw.data(), raw.size()}));
  }
  return md5.finish().value + '-' + std::to_string(parts.size());
}

/// The checksum of the whole, if the upload was begun with one, as metadata.
/// @returns bad_digest if the client knows another one.
checked
add_whole_sum(const context& c, const upload_ref& up,
              const std::vector<lease_ptr>& parts, storage::custom_map& out) {
  auto how = sums_of(up.record->object->attrs);
  out.erase(parts_checksum_key);
  if (!how)
    return std::monostate{};
  std::vector<summed_part> sums;
  for (auto& x : parts)
    sums.push_back(
      {sum_of(x->object->attrs, how->type), x->object->attrs.size_bytes});
  auto whole = join_checksums(*how, sums);
  if (!whole)
    return fault{invalid_part, "a part has no checksum: upload it again", {}};
  auto claimed = c.req.find(header_of(how->type));
  if (!claimed.empty() && claimed != *whole
      && claimed != std::string_view{*whole}.substr(0, whole->find('-')))
    return fault{bad_digest,
                 "the checksum of the whole object is " + *whole
                   + ", not what the request says",
                 {}};
  out[std::string{metadata_key(how->type)}] = *whole;
  return std::monostate{};
}

/// Keeps what the object can tell of its parts.
void keep_parts_of(const context& c, const upload_ref& up,
                   const std::vector<wanted_part>& wanted,
                   const std::vector<lease_ptr>& parts,
                   storage::custom_map& out) {
  auto how = sums_of(up.record->object->attrs);
  std::vector<object_part> all;
  uint64_t at = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    auto& attrs = parts[i]->object->attrs;
    all.push_back({wanted[i].number, at, attrs.size_bytes,
                   how ? sum_of(attrs, how->type) : std::string{}});
    at += attrs.size_bytes;
  }
  keep_parts(out, c.key, all, how ? std::optional{how->type} : std::nullopt);
}

/// Writes the parts, one behind the other, as the object.
task<expected<lom_ptr>>
join_parts(context& c, const located& to, std::vector<lease_ptr> parts,
           const write_options& options) {
  uint64_t size = 0;
  for (auto& x : parts)
    size += x->object->attrs.size_bytes;
  begin_put first{to.key, options, size};
  auto begun
    = co_await c.e.actors().ask(to.shard, shard_timeout, std::move(first));
  if (!begun)
    co_return begun.error();
  for (auto& x : parts) {
    copy_content work{x, begun->writer};
    auto io = to.mpath->io.front();
    auto copied = co_await c.e.actors().ask(io, copy_timeout, std::move(work));
    if (!copied)
      co_return copied.error();
  }
  commit_put last{to.key, options, std::move(begun->writer)};
  co_return co_await c.e.actors().ask(to.shard, shard_timeout, std::move(last));
}

} // namespace

namespace {

/// Custom metadata of an object made of parts: the upload's id. Who did not get
/// the answer completes it again, and should be told that all is well.
constexpr const char* upload_key = "s3:upload";

task<> reply_completed(context& c, const storage::lom& x) {
  xml_writer xml{"CompleteMultipartUploadResult"};
  xml.text("Location", '/' + c.bucket + '/' + c.key)
    .text("Bucket", c.bucket)
    .text("Key", c.key)
    .text("ETag", quoted(etag_of(x)));
  for (auto a : algorithms)
    if (auto sum = sum_of(x, a); !sum.empty())
      xml.text(element_of(a), sum).text("ChecksumType", checksum_kind(sum));
  header_list headers;
  add_version(c, headers, x);
  co_await reply_xml(c, xml.finish(), std::move(headers));
}

/// The object, if it is what this upload was completed to, by these parts.
task<lom_ptr> completed_before(context& c, const std::string& body) {
  auto wanted = parse_complete(body);
  if (!wanted)
    co_return nullptr;
  auto attrs = co_await attributes_for(c);
  if (!attrs)
    co_return nullptr;
  auto& custom = (*attrs)->custom;
  auto id = custom.find(upload_key);
  if (id == custom.end() || id->second != c.q.get("uploadId")
      || etag_of(**attrs) != tag_of(*wanted))
    co_return nullptr;
  co_return *attrs;
}

} // namespace

task<> complete_upload(context& c) {
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  // Its checksum headers are the object's.
  auto body = co_await read_body(c, false);
  if (!body)
    co_return co_await reply_fault(c, body.why());
  auto up = co_await find_upload(c, access::put);
  if (!up) {
    lom_ptr done;
    if (!up.is_not(no_such_upload))
      done = co_await completed_before(c, *body);
    if (done)
      co_return co_await reply_completed(c, *done);
    co_return co_await reply_fault(c, up.why());
  }
  auto wanted = parse_complete(*body);
  if (!wanted)
    co_return co_await reply_fault(c, wanted.why());
  auto parts = co_await open_parts(c, *up, *wanted);
  if (!parts)
    co_return co_await reply_fault(c, parts.why());
  auto to = co_await object_named(c, up->parent, c.key);
  if (!to)
    co_return co_await reply_fault(c, to.why());
  write_options options;
  options.custom = up->record->object->attrs.custom;
  options.custom["ETag"] = tag_of(*wanted);
  options.custom[upload_key] = up->id;
  options.custom.erase(initiator_key);
  auto summed = add_whole_sum(c, *up, *parts, options.custom);
  if (!summed)
    co_return co_await reply_fault(c, summed.why());
  keep_parts_of(c, *up, *wanted, *parts, options.custom);
  options.if_match = parse_tags(c.req.find("if-match"));
  options.if_none_match = parse_tags(c.req.find("if-none-match"));
  auto stored = co_await join_parts(c, *to, std::move(*parts), options);
  if (!stored) {
    stats.bad();
    co_return co_await reply_fault(c, fault_of(stored.error()));
  }
  stats.ok();
  count(stat::put_size, (*stored)->size_bytes);
  // The object is there, whatever becomes of the rest.
  auto failed = co_await remove_upload(c, *up);
  if (failed)
    warn(c, "parts of a completed upload are left, abort upload " + up->id
              + " to remove them: " + message_of(failed));
  co_await reply_completed(c, **stored);
}

task<> abort_upload(context& c) {
  auto up = co_await find_upload(c, access::put);
  if (!up)
    co_return co_await reply_fault(c, up.why());
  auto failed = co_await remove_upload(c, *up);
  if (failed)
    co_return co_await reply_fault(c, fault_of(failed));
  co_await reply_empty(c, 204);
}

// -- list
// --------------------------------------------------------------------------

namespace {

struct shown_upload {
  std::string key;
  std::string id;
  storage::lom record;
  auto place() const { return std::tie(key, id); }
};

/// All uploads to a bucket, by key and id.
task<outcome<std::vector<shown_upload>>>
all_uploads(context& c, const bucket& parent) {
  std::vector<shown_upload> out;
  auto known = c.e.buckets().find(uploads_bck(parent));
  if (!known)
    co_return out;
  constexpr auto id_chars = 48;
  v1::list_request req;
  req.options.prefix = std::string{records} + hex16(parent.ref.bid);
  req.options.no_dirs = true;
  req.page_size = max_uploads_seen;
  v1::list_reply page{make_id(c.e.env()), {}, {}};
  std::vector<std::string> where;
  auto failed = co_await v1::list_page(c.e, **known, req, page, where);
  if (failed)
    co_return fault_of(failed);
  for (auto& x : page.entries) {
    auto rest = std::string_view{x.name}.substr(records.size());
    if (rest.size() > id_chars + 1)
      out.push_back({std::string{rest.substr(id_chars + 1)},
                     std::string{rest.substr(0, id_chars)}, x.attrs});
  }
  std::sort(out.begin(), out.end(),
            [](auto& a, auto& b) { return a.place() < b.place(); });
  co_return out;
}

} // namespace

task<> list_uploads(context& c) {
  auto b = bucket_for(c, access::list_objects);
  if (!b)
    co_return co_await reply_fault(c, b.why());
  auto all = co_await all_uploads(c, **b);
  if (!all)
    co_return co_await reply_fault(c, all.why());
  auto prefix = c.q.get("prefix");
  auto key_after = c.q.get("key-marker");
  auto id_after = c.q.get("upload-id-marker");
  auto count = std::min<uint64_t>(
    whole_number(c.q.get("max-uploads")).value_or(max_keys), max_keys);
  std::erase_if(*all, [&](auto& x) {
    auto behind
      = x.key > key_after
        || (x.key == key_after && !id_after.empty() && x.id > id_after);
    return !behind || x.key.compare(0, prefix.size(), prefix) != 0;
  });
  auto more = all->size() > count;
  if (more)
    all->resize(count);
  auto url = c.q.get("encoding-type") == "url";
  auto shown = [&](std::string_view x) {
    return url ? percent_encode(x) : std::string{x};
  };
  xml_writer xml{"ListMultipartUploadsResult"};
  xml.text("Bucket", c.bucket).text("KeyMarker", shown(key_after));
  xml.text("UploadIdMarker", id_after).text("Prefix", shown(prefix));
  if (url)
    xml.text("EncodingType", "url");
  if (more && !all->empty())
    xml.text("NextKeyMarker", shown(all->back().key))
      .text("NextUploadIdMarker", all->back().id);
  xml.number("MaxUploads", count).flag("IsTruncated", more);
  auto rights = rights_of(c.e, **b);
  for (auto& x : *all) {
    xml.open("Upload")
      .text("Key", shown(x.key))
      .text("UploadId", x.id)
      .text("StorageClass", "STANDARD")
      .text("Initiated", format_xml_time(x.record.mtime_ns));
    add_people(xml, x.record, rights);
    add_sums(xml, x.record);
    xml.close();
  }
  co_await reply_xml(c, xml.finish());
}

} // namespace ais::http::s3
