#include "http/s3/upload.hpp"

#include <algorithm>
#include <charconv>

namespace ais::http::s3 {

namespace {

constexpr std::string_view streaming = "STREAMING-";

bool hex_sha256(std::string_view x) {
  return x.size() == 64 && from_hex(x).has_value();
}

bool payload_known(std::string_view x) {
  for (std::string_view known :
       {"", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
    if (x == known)
      return true;
  return hex_sha256(x);
}

} // namespace

outcome<std::unique_ptr<upload>>
upload::make(const request& req, std::string_view payload,
             std::optional<chunk_signer> signer, bool checksums) {
  auto out = std::make_unique<upload>();
  if (!payload_known(payload))
    return fault{invalid_argument,
                 "x-amz-content-sha256 must be a SHA-256 in hex,"
                 " UNSIGNED-PAYLOAD, or one of the STREAMING- values of"
                 " signature version 4",
                 {}};
  auto chunked = payload.substr(0, streaming.size()) == streaming;
  // Some say so of a body that is not: what counts is the length within.
  for (auto coding : req.find_all("content-encoding"))
    chunked |= coding.substr(0, 11) == "aws-chunked"
               && !req.find("x-amz-decoded-content-length").empty();
  out->announced_ = req.content_length;
  if (chunked) {
    if (payload == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        || payload.substr(0, streaming.size()) != streaming)
      signer.reset();
    out->chunks_.emplace(std::move(signer));
    auto text = req.find("x-amz-decoded-content-length");
    uint64_t size = 0;
    auto [end, ec]
      = std::from_chars(text.data(), text.data() + text.size(), size);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
      return fault{missing_content_length,
                   "a body with aws-chunked encoding needs the header"
                   " x-amz-decoded-content-length",
                   {}};
    out->announced_ = size;
  } else if (!req.content_length && !req.chunked) {
    return fault{missing_content_length,
                 "the request needs the header Content-Length",
                 {}};
  } else if (hex_sha256(payload)) {
    out->sha256_.emplace(storage::cksum_type::sha256);
    out->wanted_sha256_ = payload;
  }
  if (out->announced_.value_or(0) > max_put_bytes)
    return fault{entity_too_large,
                 "one request may upload at most 5 GiB: use a multipart"
                 " upload",
                 {}};
  if (auto text = req.find("content-md5"); !text.empty()) {
    out->wanted_md5_ = from_base64(text);
    if (!out->wanted_md5_ || out->wanted_md5_->size() != 16)
      return fault{
        invalid_digest, "Content-MD5 must be 16 bytes in base64", {}};
  }
  for (auto& h : req.headers) {
    auto a = algorithm_of_header(h.name);
    if (!a || !checksums)
      continue;
    auto raw = from_base64(h.value);
    if (!raw || raw->size() != digest_bytes(*a))
      return fault{bad_digest,
                   "the value of " + std::string{header_of(*a)}
                     + " is not a checksum of that kind in base64",
                   {}};
    out->wanted_.emplace_back(*a, h.value);
  }
  if (out->wanted_.size() > 1)
    return fault{invalid_request, "only one checksum header is allowed", {}};
  if (auto name = req.find("x-amz-trailer"); !name.empty()) {
    out->trailing_ = algorithm_of_header(name);
    if (!out->trailing_ || !chunked || !out->wanted_.empty())
      return fault{invalid_request,
                   "x-amz-trailer must name one checksum header, with"
                   " aws-chunked encoding",
                   {}};
  }
  auto wanted = out->trailing_;
  if (!out->wanted_.empty())
    wanted = out->wanted_.front().first;
  else if (auto named = req.find("x-amz-sdk-checksum-algorithm");
           !wanted && !named.empty())
    wanted = parse_algorithm(named);
  if (wanted)
    out->digests_.emplace_back(*wanted);
  return out;
}

checked upload::want(algorithm x) {
  if (digests_.empty())
    digests_.emplace_back(x);
  if (digests_.front().type() == x)
    return std::monostate{};
  return fault{invalid_request,
               "the upload was begun with checksums of kind "
                 + std::string{to_string(x)} + ": send parts with the same",
               {}};
}

error upload::refuse(fault x) {
  auto out = fail(errc::invalid_argument, x.message);
  why_ = std::move(x);
  return out;
}

expected<std::span<std::byte>> upload::pass(std::span<std::byte> raw) {
  if (chunks_) {
    auto n = chunks_->pass(raw);
    if (!n)
      return refuse(n.why());
    raw = raw.first(*n);
  }
  received_ += raw.size();
  if (received_ > announced_.value_or(max_put_bytes))
    return refuse(
      announced_
        ? fault{incomplete_body, "the body has more bytes than announced", {}}
        : fault{entity_too_large, "one request may upload at most 5 GiB", {}});
  md5_.update(raw);
  if (sha256_)
    sha256_->update(raw);
  for (auto& x : digests_)
    x.update(raw);
  return raw;
}

expected<void> upload::finish(write_options& options) {
  if (auto ok = compare(); !ok)
    return refuse(ok.why());
  options.custom["ETag"] = etag_;
  for (auto& [a, value] : computed_)
    options.custom[std::string{metadata_key(a)}] = value;
  return caf::unit;
}

checked upload::compare() {
  if (chunks_) {
    if (auto ok = chunks_->finish(); !ok)
      return ok;
    for (auto& [name, value] : chunks_->trailers())
      if (auto a = algorithm_of_header(name); a && a == trailing_)
        wanted_.emplace_back(*a, value);
    if (trailing_ && wanted_.empty())
      return fault{invalid_request, "the announced trailer is missing", {}};
  }
  if (announced_ && received_ != *announced_)
    return fault{incomplete_body,
                 "the body has " + std::to_string(received_)
                   + " bytes of content, not the announced "
                   + std::to_string(*announced_),
                 {}};
  etag_ = md5_.finish().value;
  if (wanted_md5_ && to_hex(*wanted_md5_) != etag_)
    return fault{bad_digest,
                 "the body's MD5 is not that of Content-MD5: send it again",
                 {}};
  if (sha256_ && sha256_->finish().value != wanted_sha256_)
    return fault{sha256_mismatch,
                 "the body's SHA-256 is not that of x-amz-content-sha256",
                 {}};
  for (auto& x : digests_)
    computed_.emplace_back(x.type(), to_base64(x.finish()));
  for (auto& given : wanted_)
    if (std::find(computed_.begin(), computed_.end(), given) == computed_.end())
      return fault{bad_digest,
                   "the body's checksum is not that of "
                     + std::string{header_of(given.first)} + ": send it again",
                   {}};
  return std::monostate{};
}

} // namespace ais::http::s3
