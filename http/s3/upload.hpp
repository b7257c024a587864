// The body of an S3 upload on its way into an object: decodes aws-chunked,
// computes the ETag and whatever checksums the client sends or asks for, and
// compares them before anything becomes visible.
#pragma once

#include "http/object_io.hpp"
#include "http/s3/aws_chunked.hpp"
#include "http/s3/digest.hpp"

#include <optional>

namespace ais::http::s3 {

class upload : public body_filter {
public:
  /// Reads what the headers say of the body.
  /// @param signer  of its chunks, if signatures are verified
  /// @param checksums  whether x-amz-checksum-* are those of the body
  static outcome<std::unique_ptr<upload>>
  make(const request& req, std::string_view payload,
       std::optional<chunk_signer> signer, bool checksums = true);

  /// Computes this checksum, too. @returns invalid_request if the client sends
  /// another kind.
  checked want(algorithm x);

  expected<std::span<std::byte>> pass(std::span<std::byte> raw) override;
  expected<void> finish(write_options& options) override;

  /// Of the content [bytes]; 0 if unknown.
  uint64_t size() const { return announced_.value_or(0); }
  /// MD5 of the content in hex; after finish().
  const std::string& etag() const { return etag_; }
  /// Why a call failed, if it was for the client's fault.
  const std::optional<fault>& why() const { return why_; }

private:
  error refuse(fault x);
  checked compare();

  std::optional<chunk_decoder> chunks_;
  std::optional<uint64_t> announced_; ///< content, as the client says [bytes]
  uint64_t received_ = 0;             ///< of content [bytes]
  storage::hasher md5_{storage::cksum_type::md5};
  std::string etag_;
  std::optional<std::string> wanted_md5_; ///< raw
  std::optional<storage::hasher> sha256_;
  std::string wanted_sha256_; ///< hex
  std::vector<digester> digests_;
  /// Checksums as given, by algorithm; those of trailers come at the end.
  std::vector<std::pair<algorithm, std::string>> wanted_;
  std::vector<std::pair<algorithm, std::string>> computed_; ///< base64
  std::optional<algorithm> trailing_;
  std::optional<fault> why_;
};

} // namespace ais::http::s3
