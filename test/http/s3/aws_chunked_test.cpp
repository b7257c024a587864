#include "http/s3/aws_chunked.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/sigv4.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace ais;
using namespace ais::http;

namespace {

struct decoded {
  std::string content;
  std::string fault; ///< code; empty: none
  std::vector<std::pair<std::string, std::string>> trailers;
};

/// Decodes `text`, given in pieces of `step` bytes.
decoded decode(std::string_view text, size_t step,
               std::optional<s3::chunk_signer> signer = {}) {
  s3::chunk_decoder d{std::move(signer)};
  decoded out;
  for (size_t at = 0; at < text.size(); at += step) {
    auto piece = text.substr(at, step);
    std::vector<std::byte> raw(piece.size());
    std::memcpy(raw.data(), piece.data(), piece.size());
    auto n = d.pass(raw);
    if (!n) {
      out.fault = n.why().code.name;
      return out;
    }
    out.content.append(reinterpret_cast<const char*>(raw.data()), *n);
  }
  if (auto ok = d.finish(); !ok)
    out.fault = ok.why().code.name;
  out.trailers = d.trailers();
  return out;
}

// Amazon S3 API Reference, "Signature Calculations for the Authorization
// Header: Transferring Payload in Multiple Chunks".
s3::chunk_signer example_signer() {
  std::string scope = "20130524/us-east-1/s3/aws4_request";
  return {s3::signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", scope),
          "20130524T000000Z", scope,
          "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
}

std::string example_body() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
         + std::string(65536, 'a')
         + "\r\n400;chunk-signature="
           "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
           "\r\n"
         + std::string(1024, 'a')
         + "\r\n0;chunk-signature="
           "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
           "\r\n\r\n";
}

} // namespace

TEST_CASE("aws-chunked: signed chunks", "[http][s3]") {
  auto body = example_body();
  for (size_t step : {size_t{1}, size_t{7}, size_t{4096}, body.size()}) {
    auto got = decode(body, step, example_signer());
    CHECK(got.fault.empty());
    CHECK(got.content == std::string(66560, 'a'));
  }
  SECTION("an altered byte is found") {
    body[100] = 'b';
    CHECK(decode(body, 4096, example_signer()).fault
          == "SignatureDoesNotMatch");
  }
  SECTION("chunks cannot be left out") {
    auto second = body.find("400;");
    auto last = body.find("0;chunk-signature=b6");
    auto cut = body.substr(0, second) + body.substr(last);
    CHECK(decode(cut, 4096, example_signer()).fault == "SignatureDoesNotMatch");
  }
  SECTION("the end cannot be left out") {
    auto cut = body.substr(0, body.find("0;chunk-signature=b6"));
    CHECK(decode(cut, 4096, example_signer()).fault == "IncompleteBody");
  }
}

TEST_CASE("aws-chunked: trailers", "[http][s3]") {
  std::string body = "5\r\nhello\r\n6\r\n world\r\n0\r\n"
                     "X-Amz-Checksum-CRC32: DUoRhQ== \r\n\r\n";
  for (size_t step = 1; step <= body.size(); ++step) {
    auto got = decode(body, step);
    CHECK(got.fault.empty());
    CHECK(got.content == "hello world");
    REQUIRE(got.trailers.size() == 1);
    CHECK(got.trailers[0].first == "x-amz-checksum-crc32");
    CHECK(got.trailers[0].second == "DUoRhQ==");
  }
}

TEST_CASE("aws-chunked: cut at every byte, it is incomplete", "[http][s3]") {
  std::string body = "5\r\nhello\r\n0\r\nx-a:b\r\n\r\n";
  for (size_t n = 0; n < body.size() - 1; ++n)
    CHECK(decode(body.substr(0, n), 3).fault == "IncompleteBody");
}

TEST_CASE("aws-chunked: malformed", "[http][s3]") {
  for (std::string x :
       {"", "\r\n", "x\r\n", "-1\r\n", "5\r\nhellO!\r\n0\r\n\r\n",
        "0\r\n\r\nmore", "0\r\nno header\r\n\r\n", "0\r\n:b\r\n\r\n",
        "11111111111111111\r\n", "5 \r\nhello\r\n0\r\n\r\n"}) {
    CAPTURE(x);
    CHECK(decode(x, 4).fault == "IncompleteBody");
  }
  CHECK(decode("5;" + std::string(2000, 'x'), 100).fault == "IncompleteBody");
  std::string many = "0\r\n";
  for (int i = 0; i < 9; ++i)
    many += "x-" + std::to_string(i) + ":y\r\n";
  CHECK(decode(many + "\r\n", 100).fault == "IncompleteBody");
}
