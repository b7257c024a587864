// UploadPartCopy: a part whose bytes are those of another object, or a range of
// them. The upload's node does it; where the source is on another one, it sends
// the client's request there with one header more (part_source_header) and gets
// the bytes back: that node checks signature and permission itself, and who
// invents the header gets nothing but what he may read.
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/uploads.hpp"
#include "http/s3/versions.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"

namespace ais::http::s3 {

namespace {

/// What a part needs beside its bytes: tag and checksum.
class part_sums {
public:
  explicit part_sums(const std::optional<parts_checksum>& wanted) {
    if (wanted)
      digest_.emplace(wanted->type);
  }
  void update(std::span<const std::byte> x) {
    md5_.update(x);
    if (digest_)
      digest_->update(x);
  }
  /// Once, at the end.
  void add_to(storage::custom_map& out) {
    out["ETag"] = md5_.finish().value;
    if (digest_)
      out[std::string{metadata_key(digest_->type())}]
        = to_base64(digest_->finish());
  }

private:
  storage::hasher md5_{storage::cksum_type::md5};
  std::optional<digester> digest_;
};

/// The source, open, if it is what the conditions want, and the bytes wanted.
struct open_source {
  located at;
  lease_ptr lease;
  byte_range range;
};

task<outcome<open_source>> open_here(context& c, copied from) {
  auto range = parse_copy_range(c.req.find("x-amz-copy-source-range"));
  if (!range)
    co_return range.why();
  auto at
    = co_await version_named(c, from.key.bucket, from.key.name, from.version);
  if (!at)
    co_return at.why();
  open_object req{at->key, true};
  auto lease
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!lease && lease.error() != errc::object_not_found)
    co_return fault_of(lease.error());
  auto allowed
    = may_copy(c, from.key, lease ? &(*lease)->object->attrs : nullptr);
  if (!allowed)
    co_return allowed.why();
  auto& attrs = (*lease)->object->attrs;
  auto fits = check_read(c.req, attrs, "x-amz-copy-source-");
  if (!fits)
    co_return fits.why();
  auto wanted = copied_bytes(*range, attrs.size_bytes);
  if (!wanted)
    co_return wanted.why();
  co_return open_source{std::move(*at), std::move(*lease), *wanted};
}

/// Hands the bytes of the source to `take`, from here or from its owner.
/// @returns false if the owner refused: that is answered already.
task<outcome<bool>> read_source(context& c, copied from, piece_sink take) {
  auto& key = from.key;
  if (auto owner = c.e.other_owner(key.bucket->ref.bck, key.name)) {
    header_list more;
    more.emplace_back(part_source_header, "1");
    more.emplace_back(client_header, client_proof(c));
    add_virtual_bucket(c, more);
    auto done = co_await c.e.relay().fetch(c.x, owner->pub, c.e.own_id(),
                                           std::move(more), take);
    if (!done)
      co_return fault_of(with_context(done.error(), name_of(*owner)));
    co_return *done;
  }
  auto source = co_await open_here(c, std::move(from));
  if (!source)
    co_return source.why();
  auto done = co_await read_object(c.e, c.x, source->at, source->lease,
                                   source->range, take);
  if (!done)
    co_return fault_of(done.error());
  co_return true;
}

/// Answers with the bytes of the source, for who asks in the name of a client.
task<> send_source(context& c, copied from) {
  auto source = co_await open_here(c, std::move(from));
  if (!source)
    co_return co_await reply_fault(c, source.why());
  header_list none;
  auto begun = co_await c.x.begin(200, none, source->range.length);
  if (!begun)
    co_return;
  auto sent
    = co_await send_object(c.e, c.x, source->at, source->lease, source->range);
  if (!sent)
    c.x.abort();
}

std::string copied_xml(const storage::lom& x) {
  xml_writer xml{"CopyPartResult"};
  xml.text("LastModified", format_xml_time(x.mtime_ns))
    .text("ETag", quoted(etag_of(x)));
  for (auto a : algorithms)
    if (auto i = x.custom.find(std::string{metadata_key(a)});
        i != x.custom.end())
      xml.text(element_of(a), i->second);
  return xml.finish();
}

} // namespace

task<> copy_part(context& c) {
  auto from = copy_source(c);
  auto range = parse_copy_range(c.req.find("x-amz-copy-source-range"));
  auto number = part_number(c);
  if (!from || !range || !number)
    co_return co_await reply_fault(c, !from    ? from.why()
                                      : !range ? range.why()
                                               : number.why());
  if (c.req.has_body()) {
    fault why{invalid_request,
              "a part that is copied has no body: leave out the body, or"
              " x-amz-copy-source",
              {}};
    co_return co_await reply_fault(c, std::move(why));
  }
  if (!c.req.find(part_source_header).empty())
    co_return co_await send_source(c, std::move(*from));
  auto up = co_await find_upload(c, access::put);
  if (!up)
    co_return co_await reply_fault(c, up.why());
  auto at = co_await place_of_part(c, *up, *number);
  if (!at)
    co_return co_await reply_fault(c, fault_of(at.error()));
  write_options options;
  begin_put first{at->key, options, *range ? (*range)->length : 0};
  auto begun
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(first));
  if (!begun)
    co_return co_await reply_fault(c, fault_of(begun.error()));
  part_sums sums{sums_of(up->record->object->attrs)};
  piece_sink take = [&](std::span<const std::byte> x) {
    sums.update(x);
    return begun->writer->append(x);
  };
  auto copied = co_await read_source(c, std::move(*from), take);
  if (!copied)
    co_return co_await reply_fault(c, copied.why());
  if (!*copied)
    co_return;
  sums.add_to(options.custom);
  commit_put last{at->key, options, std::move(begun->writer)};
  auto stored
    = co_await c.e.actors().ask(at->shard, shard_timeout, std::move(last));
  if (!stored)
    co_return co_await reply_fault(c, fault_of(stored.error()));
  auto kept = co_await keep_part(c, *up, *number);
  if (!kept)
    co_return co_await reply_fault(c, kept.why());
  co_await reply_xml(c, copied_xml(**stored));
}

} // namespace ais::http::s3
