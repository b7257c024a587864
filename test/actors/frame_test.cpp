#include "actors/mover/frame.hpp"

#include "storage/base/packed.hpp"

#include <catch2/catch.hpp>

using namespace ais;

namespace {

constexpr std::string_view secret = "not for everybody";

stream_offer sample() {
  stream_offer x;
  x.cluster = "uuid";
  x.epoch = 7;
  x.from = "t1";
  x.to = "t2";
  x.id = 0x0123456789abcdef;
  x.bucket = {provider::ais, {"", "space"}, "b"};
  x.bid = 42;
  x.name = "dir/o";
  x.how = stream_write::move;
  x.when = write_if::older;
  x.anywhere = true;
  x.attrs.size_bytes = 5;
  x.attrs.cksum = storage::cksum_of(storage::cksum_type::xxhash2, {});
  x.attrs.version = "3";
  x.attrs.custom = {{"k", "v"}};
  x.attrs.atime_ns = -1;
  x.attrs.mtime_ns = 1'700'000'000'000'000'000;
  return x;
}

/// With a proof that is right.
storage::bytes signed_as(storage::bytes raw) {
  auto proof = hmac_sha256(secret, raw);
  raw.insert(raw.end(), proof.begin(), proof.end());
  return raw;
}

} // namespace

TEST_CASE("frame: an offer comes back as it was", "[actors][mover]") {
  auto raw = encode_offer(sample(), secret);
  REQUIRE(raw);
  auto back = decode_offer(*raw, secret);
  REQUIRE(back);
  CHECK(*back == sample());

  SECTION("but not with another secret, or with one bit changed") {
    CHECK(decode_offer(*raw, "another").error() == errc::access_denied);
    for (size_t i = 0; i < raw->size() * 8; i += 5) {
      auto bad = *raw;
      bad[i / 8] ^= std::byte{1} << (i % 8);
      CHECK_FALSE(decode_offer(bad, secret));
    }
  }
  SECTION("cut anywhere it is refused, also by those who know the secret") {
    auto text = storage::bytes{raw->begin(), raw->end() - mac_bytes};
    for (size_t n = 0; n < text.size(); ++n) {
      CHECK_FALSE(decode_offer(std::span{*raw}.first(n), secret));
      auto cut = signed_as({text.begin(), text.begin() + static_cast<long>(n)});
      CHECK(decode_offer(cut, secret).error() == errc::invalid_argument);
    }
    text.push_back(std::byte{0});
    CHECK_FALSE(decode_offer(signed_as(text), secret));
  }
}

TEST_CASE("frame: an offer's names are checked", "[actors][mover]") {
  auto refused = [](auto change) {
    auto x = sample();
    change(x);
    auto raw = encode_offer(x, secret);
    return !raw || !decode_offer(*raw, secret);
  };
  CHECK_FALSE(refused([](auto&) {}));
  CHECK(refused([](auto& x) { x.name = "../../etc/passwd"; }));
  CHECK(refused([](auto& x) { x.name = ""; }));
  CHECK(
    refused([](auto& x) { x.name = std::string(max_object_name + 1, 'n'); }));
  CHECK(refused([](auto& x) { x.bucket.name = "a/b"; }));
  CHECK(refused([](auto& x) { x.bucket.ns.name = "a/b"; }));
  CHECK(refused([](auto& x) { x.attrs.cksum.value = "zz"; }));
  CHECK(refused([](auto& x) { x.attrs.custom["a=b"] = ""; }));
  CHECK(refused([](auto& x) { x.attrs.custom["k"] = std::string(4000, 'v'); }));
  CHECK_FALSE(
    refused([](auto& x) { x.name = std::string(max_object_name, 'n'); }));
}

TEST_CASE("frame: heads", "[actors][mover]") {
  storage::bytes payload(100, std::byte{7});
  auto raw = encode_frame(frame_kind::offer, payload);
  REQUIRE(raw.size() == frame_head_bytes + payload.size());
  auto head = decode_frame_head(raw);
  REQUIRE(head);
  CHECK(head->kind == frame_kind::offer);
  CHECK(head->size == 100);
  CHECK(check_payload(*head, payload));
  payload.back() = std::byte{8};
  CHECK_FALSE(check_payload(*head, payload));
  CHECK_FALSE(check_payload(*head, std::span{payload}.first(99)));

  SECTION("everything else is refused, with the reason") {
    auto with = [&](size_t at, int value) {
      auto bad = raw;
      bad[at] = std::byte(value);
      auto x = decode_frame_head(bad);
      return x ? std::string{} : message_of(x.error());
    };
    CHECK(with(0, 'G').find("no frame") != std::string::npos);
    CHECK(with(4, 2).find("protocol 2") != std::string::npos);
    CHECK(with(5, 0).find("type 0") != std::string::npos);
    CHECK(with(5, 5).find("type 5") != std::string::npos);
    CHECK(with(6, 1) != "");
    CHECK(with(10, 1).find("65636 bytes") != std::string::npos);
    for (size_t n = 0; n < frame_head_bytes; ++n)
      CHECK_FALSE(decode_frame_head(std::span{raw}.first(n)));
  }
}

TEST_CASE("frame: receipts", "[actors][mover]") {
  stream_receipt yes;
  yes.stored = true;
  yes.attrs = sample().attrs;
  CHECK(*decode_receipt(encode_receipt(yes)) == yes);
  yes.busy = true;
  CHECK(decode_receipt(encode_receipt(yes))->busy);
  CHECK(*decode_receipt(encode_receipt(stream_receipt{})) == stream_receipt{});
  auto no = decode_receipt(encode_receipt(fail(errc::no_space, "full")));
  REQUIRE(no);
  CHECK(no->code == errc::no_space);
  CHECK(no->text == "full");
  auto talkative = encode_receipt(fail(errc::conflict, std::string(9999, 'x')));
  CHECK(decode_receipt(talkative)->text.size() == max_receipt_text);
  auto raw = encode_receipt(yes);
  for (size_t n = 0; n < raw.size(); ++n)
    CHECK_FALSE(decode_receipt(std::span{raw}.first(n)));
}
