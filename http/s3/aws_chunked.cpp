#include "http/s3/aws_chunked.hpp"

#include "http/s3/digest.hpp"
#include "storage/base/mac.hpp"

#include <charconv>
#include <cstring>

namespace ais::http::s3 {

namespace {

fault malformed(const char* why) {
  return {incomplete_body, std::string{"the aws-chunked body "} + why, {}};
}

} // namespace

chunk_decoder::chunk_decoder(std::optional<chunk_signer> signer)
  : signer_(std::move(signer)) {}

outcome<size_t> chunk_decoder::pass(std::span<std::byte> io) {
  size_t out = 0;
  for (size_t i = 0; i < io.size();) {
    if (state_ == state::data) {
      auto n = static_cast<size_t>(std::min<uint64_t>(left_, io.size() - i));
      if (hash_)
        hash_->update(io.subspan(i, n));
      std::memmove(io.data() + out, io.data() + i, n);
      out += n;
      i += n;
      left_ -= n;
      if (left_ == 0)
        state_ = state::data_end;
      continue;
    }
    if (state_ == state::done)
      return malformed("goes on behind its end");
    auto complete = take(static_cast<char>(io[i++]));
    if (!complete)
      return complete.why();
    if (!*complete)
      continue;
    auto ok = state_ == state::size       ? on_size()
              : state_ == state::data_end ? on_chunk_end()
                                          : on_trailer();
    line_.clear();
    if (!ok)
      return ok.why();
  }
  return out;
}

outcome<bool> chunk_decoder::take(char c) {
  if (c == '\n') {
    if (!line_.empty() && line_.back() == '\r')
      line_.pop_back();
    return true;
  }
  if (line_.size() == max_chunk_line)
    return malformed("has a line that is too long");
  line_ += c;
  return false;
}

checked chunk_decoder::on_size() {
  auto semicolon = line_.find(';');
  auto digits = std::string_view{line_}.substr(0, semicolon);
  uint64_t size = 0;
  auto [end, ec]
    = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (ec != std::errc{} || end != digits.data() + digits.size()
      || digits.size() > 16)
    return malformed("has a chunk without a hexadecimal size");
  constexpr std::string_view name = "chunk-signature=";
  signature_.clear();
  if (semicolon != std::string::npos) {
    auto extension = std::string_view{line_}.substr(semicolon + 1);
    if (extension.substr(0, name.size()) == name)
      signature_ = extension.substr(name.size());
  }
  if (signer_)
    hash_.emplace(storage::cksum_type::sha256);
  left_ = size;
  state_ = state::data;
  if (size > 0)
    return std::monostate{};
  state_ = state::trailer;
  if (!signer_)
    return std::monostate{};
  auto hash = hash_->finish().value;
  return verify("AWS4-HMAC-SHA256-PAYLOAD", hash, signature_);
}

checked chunk_decoder::on_chunk_end() {
  if (!line_.empty())
    return malformed("has a chunk that is longer than its size");
  state_ = state::size;
  if (!signer_)
    return std::monostate{};
  auto hash = hash_->finish().value;
  return verify("AWS4-HMAC-SHA256-PAYLOAD", hash, signature_);
}

checked chunk_decoder::on_trailer() {
  if (line_.empty()) {
    // Some clients put one between the trailers and their signature.
    auto wait = signer_ && !trailers_.empty() && !trailer_signed_ && !gap_;
    gap_ = true;
    if (!wait)
      state_ = state::done;
    return std::monostate{};
  }
  auto colon = line_.find(':');
  if (colon == std::string::npos || colon == 0)
    return malformed("has a trailer that is no header");
  auto name = line_.substr(0, colon);
  for (auto& c : name)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  auto value = line_.substr(colon + 1);
  while (!value.empty() && value.front() == ' ')
    value.erase(value.begin());
  while (!value.empty() && value.back() == ' ')
    value.pop_back();
  if (name == "x-amz-trailer-signature") {
    if (!signer_)
      return std::monostate{};
    trailer_signed_ = true;
    std::string text;
    for (auto& [k, v] : trailers_)
      text.append(k).append(":").append(v).append("\n");
    return verify("AWS4-HMAC-SHA256-TRAILER", to_hex(sha256_of(text)), value);
  }
  if (trailer_signed_ || trailers_.size() == max_trailers)
    return malformed("has too many trailers");
  trailers_.emplace_back(std::move(name), std::move(value));
  return std::monostate{};
}

checked chunk_decoder::verify(std::string_view kind, const std::string& hash,
                              const std::string& given) {
  auto text = std::string{kind} + '\n' + signer_->time + '\n' + signer_->scope
              + '\n' + signer_->previous + '\n';
  if (kind == "AWS4-HMAC-SHA256-PAYLOAD") // of the chunk's empty headers
    text.append(to_hex(sha256_of(""))).append("\n");
  text.append(hash);
  auto ours = to_hex(signer_->key.sign(text));
  if (!same_secret(ours, given))
    return fault{signature_mismatch,
                 "the signature of a chunk is not the one this server"
                 " computes",
                 {}};
  signer_->previous = std::move(ours);
  return std::monostate{};
}

checked chunk_decoder::finish() {
  if (state_ != state::done)
    return malformed("ends early");
  if (signer_ && !trailers_.empty() && !trailer_signed_)
    return fault{signature_mismatch, "the trailers are not signed", {}};
  return std::monostate{};
}

} // namespace ais::http::s3
