#include "actors/mover/frame.hpp"

#include "storage/base/assert.hpp"
#include "storage/base/packed.hpp"

#include <cstring>
#include <xxhash.h>

namespace ais {

namespace {

constexpr std::array<uint8_t, 4> magic{'A', 'I', 'S', 'm'};

uint32_t sum_of(std::span<const std::byte> payload) {
  return static_cast<uint32_t>(XXH64(payload.data(), payload.size(), 0));
}

error malformed(const std::string& what) {
  return fail(errc::invalid_argument, "malformed stream: " + what);
}

/// An object's attributes with their times, which the attribute on disk lacks.
expected<void> pack_attrs(storage::bytes& out, const storage::lom& x) {
  auto raw = storage::encode_lom(x, {});
  if (!raw)
    return raw.error();
  pack(out, static_cast<uint16_t>(raw->size()));
  out.insert(out.end(), raw->begin(), raw->end());
  pack(out, static_cast<uint64_t>(x.atime_ns));
  pack(out, static_cast<uint64_t>(x.mtime_ns));
  return caf::unit;
}

expected<storage::lom> unpack_attrs(unpacker& in) {
  auto decoded = storage::decode_lom(in.take(in.number<uint16_t>()));
  if (!decoded)
    return malformed("broken attributes");
  auto out = std::move(decoded->attrs);
  out.atime_ns = static_cast<int64_t>(in.number<uint64_t>());
  out.mtime_ns = static_cast<int64_t>(in.number<uint64_t>());
  return out;
}

} // namespace

// -- frames -------------------------------------------------------------------

storage::bytes
encode_frame(frame_kind kind, std::span<const std::byte> payload) {
  AIS_ASSERT(payload.size() <= max_frame_bytes);
  storage::bytes out;
  out.reserve(frame_head_bytes + payload.size());
  for (auto c : magic)
    pack(out, c);
  pack(out, stream_protocol);
  pack(out, static_cast<uint8_t>(kind));
  pack(out, uint16_t{0});
  pack(out, static_cast<uint32_t>(payload.size()));
  pack(out, sum_of(payload));
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

expected<frame_head> decode_frame_head(std::span<const std::byte> raw) {
  unpacker in{raw.first(std::min(raw.size(), frame_head_bytes))};
  for (auto c : magic)
    if (in.number<uint8_t>() != c)
      return malformed("this is no frame of ours");
  auto protocol = in.number<uint8_t>();
  auto kind = in.number<uint8_t>();
  auto zero = in.number<uint16_t>();
  frame_head out;
  out.size = in.number<uint32_t>();
  out.sum = in.number<uint32_t>();
  if (!in.complete())
    return malformed("a frame is cut off");
  if (protocol != stream_protocol)
    return malformed("protocol " + std::to_string(protocol) + ", this node has "
                     + std::to_string(stream_protocol)
                     + ": run the same version on all nodes");
  if (kind < 1 || kind > static_cast<uint8_t>(frame_kind::receipt) || zero != 0)
    return malformed("unknown frame type " + std::to_string(kind));
  if (out.size > max_frame_bytes)
    return malformed("a frame of " + std::to_string(out.size) + " bytes");
  out.kind = static_cast<frame_kind>(kind);
  return out;
}

expected<void>
check_payload(const frame_head& head, std::span<const std::byte> payload) {
  if (payload.size() != head.size || sum_of(payload) != head.sum)
    return malformed("a frame was damaged on its way");
  return caf::unit;
}

// -- offer --------------------------------------------------------------------

expected<storage::bytes>
encode_offer(const stream_offer& x, std::string_view secret) {
  storage::bytes out;
  pack(out, x.cluster);
  pack(out, x.epoch);
  pack(out, x.from);
  pack(out, x.to);
  pack(out, x.id);
  pack(out, static_cast<uint8_t>(x.bucket.provider));
  pack(out, x.bucket.ns.uuid);
  pack(out, x.bucket.ns.name);
  pack(out, x.bucket.name);
  pack(out, x.bid);
  pack(out, x.name);
  pack(out, static_cast<uint8_t>(x.how));
  pack(out, static_cast<uint8_t>(x.when));
  pack(out, static_cast<uint8_t>(x.anywhere));
  if (auto ok = pack_attrs(out, x.attrs); !ok)
    return ok.error();
  auto proof = hmac_sha256(secret, out);
  out.insert(out.end(), proof.begin(), proof.end());
  if (out.size() > max_frame_bytes)
    return fail(errc::too_large, "the object's name and attributes are too long"
                                 " for a stream");
  return out;
}

expected<stream_offer>
decode_offer(std::span<const std::byte> raw, std::string_view secret) {
  if (raw.size() < mac_bytes)
    return malformed("the offer is cut off");
  auto text = raw.first(raw.size() - mac_bytes);
  if (!same_secret(hmac_sha256(secret, text), raw.last(mac_bytes)))
    return fail(errc::access_denied, "the sender does not know the cluster's"
                                     " secret");
  unpacker in{text};
  stream_offer out;
  out.cluster = in.text();
  out.epoch = in.number<uint64_t>();
  out.from = in.text();
  out.to = in.text();
  out.id = in.number<uint64_t>();
  auto kind = in.number<uint8_t>();
  out.bucket.ns.uuid = in.text();
  out.bucket.ns.name = in.text();
  out.bucket.name = in.text();
  out.bid = in.number<uint64_t>();
  out.name = in.text();
  auto how = in.number<uint8_t>();
  auto when = in.number<uint8_t>();
  auto anywhere = in.number<uint8_t>();
  auto attrs = unpack_attrs(in);
  if (!attrs)
    return attrs.error();
  if (!in.complete() || kind > static_cast<uint8_t>(provider::oci)
      || how > static_cast<uint8_t>(stream_write::move)
      || when > static_cast<uint8_t>(write_if::older) || anywhere > 1)
    return malformed("the offer has missing or invalid fields");
  out.bucket.provider = static_cast<provider>(kind);
  out.how = static_cast<stream_write>(how);
  out.when = static_cast<write_if>(when);
  out.anywhere = anywhere == 1;
  out.attrs = std::move(*attrs);
  if (auto ok = check_bucket_name(out.bucket.name, true); !ok)
    return ok.error();
  if (auto ok = check_ns(out.bucket.ns); !ok)
    return ok.error();
  if (auto ok = check_object_name(out.name); !ok)
    return ok.error();
  if (auto ok = storage::check_custom(out.attrs.custom); !ok)
    return ok.error();
  return out;
}

// -- receipt ------------------------------------------------------------------

storage::bytes encode_receipt(const stream_receipt& x) {
  storage::bytes out;
  pack(out, static_cast<uint8_t>(x.code));
  pack(out, std::string_view{x.text}.substr(0, max_receipt_text));
  pack(out, static_cast<uint8_t>(x.stored));
  pack(out, static_cast<uint8_t>(x.busy));
  // What was stored has attributes that can be encoded.
  if (x.stored && !pack_attrs(out, x.attrs))
    return encode_receipt(fail(errc::io_error, "cannot describe the object"));
  return out;
}

storage::bytes encode_receipt(const error& e) {
  return encode_receipt(
    stream_receipt{code_of(e), message_of(e), false, {}, false});
}

expected<stream_receipt> decode_receipt(std::span<const std::byte> raw) {
  unpacker in{raw};
  stream_receipt out;
  auto code = in.number<uint8_t>();
  out.text = in.text();
  auto stored = in.number<uint8_t>();
  auto busy = in.number<uint8_t>();
  if (!in.ok() || stored > 1 || busy > 1 || (code != 0 && stored == 1)
      || out.text.size() > max_receipt_text)
    return malformed("the receipt has missing or invalid fields");
  out.code = static_cast<errc>(code);
  out.stored = stored == 1;
  out.busy = busy == 1;
  if (out.stored) {
    auto attrs = unpack_attrs(in);
    if (!attrs)
      return attrs.error();
    out.attrs = std::move(*attrs);
  }
  if (!in.complete())
    return malformed("the receipt is too long");
  return out;
}

} // namespace ais
