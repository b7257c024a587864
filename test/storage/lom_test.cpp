#include "storage/lom.hpp"

#include "storage/base/packed.hpp"

#include <catch2/catch.hpp>

#include <xxhash.h>

using namespace ais;
using namespace ais::storage;

namespace {

lom sample() {
  lom x;
  x.size_bytes = 4096;
  x.bid = 0x8000000000000007;
  x.cksum = {cksum_type::xxhash2, "d50463dd92503d34"};
  x.version = "12";
  x.custom = {{"source", "web"}, {"label", "cat"}, {"empty", ""}};
  return x;
}

} // namespace

TEST_CASE("lom: what is encoded is decoded", "[storage][lom]") {
  auto raw = encode_lom(sample(), "a/very/long/name");
  REQUIRE(raw);
  auto back = decode_lom(*raw);
  REQUIRE(back);
  CHECK(back->attrs == sample());
  CHECK(back->long_name == "a/very/long/name");

  SECTION("every cut is noticed") {
    for (size_t n = 0; n < raw->size(); ++n)
      CHECK(decode_lom({raw->data(), n}).error() == errc::corrupted);
  }
  SECTION("every flipped bit is noticed") {
    for (size_t i = 0; i < raw->size() * 8; ++i) {
      auto bad = *raw;
      bad[i / 8] ^= std::byte{1} << (i % 8);
      CHECK(decode_lom(bad).error() == errc::corrupted);
    }
  }
  SECTION("a byte too many is noticed") {
    raw->push_back(std::byte{0});
    CHECK_FALSE(decode_lom(*raw));
  }
}

TEST_CASE("lom: what most objects have fits into an inode", "[storage][lom]") {
  auto x = sample();
  x.size_bytes = uint64_t{1} << 40;
  x.version = "1000";
  x.custom.clear();
  x.generation = x.volume = 1'000'000;
  auto raw = encode_lom(x, {});
  REQUIRE(raw);
  CHECK(raw->size() <= 48);
  x.cksum = {cksum_type::md5, std::string(32, 'a')};
  raw = encode_lom(x, {});
  REQUIRE(raw);
  CHECK(raw->size() <= 64);
}

TEST_CASE("lom: the first format is still read", "[storage][lom]") {
  auto x = sample();
  x.generation = 3;
  x.copies = 2;
  bytes raw;
  pack(raw, uint8_t{1});
  pack(raw, uint8_t{1 | 4});
  bytes rest;
  pack(rest, x.size_bytes);
  pack(rest, x.bid);
  pack(rest, static_cast<uint8_t>(x.cksum.type));
  pack(rest, std::string_view{x.cksum.value});
  pack(rest, std::string_view{x.version});
  pack(rest, std::string_view{"its name"});
  pack(rest, static_cast<uint16_t>(x.custom.size()));
  for (auto& [k, v] : x.custom) {
    pack(rest, std::string_view{k});
    pack(rest, std::string_view{v});
  }
  pack(rest, x.generation);
  pack(rest, x.copies);
  pack(raw, uint64_t{XXH64(rest.data(), rest.size(), 0)});
  raw.insert(raw.end(), rest.begin(), rest.end());
  auto back = decode_lom(raw);
  REQUIRE(back);
  CHECK(back->attrs == x);
  CHECK(back->long_name == "its name");
}

TEST_CASE("lom: a checksum that is none is not kept", "[storage][lom]") {
  auto x = sample();
  for (auto* bad :
       {"", "d50463dd92503d3", "D50463DD92503D34", "zz0463dd92503d34"}) {
    x.cksum.value = bad;
    CHECK(encode_lom(x, {}).error() == errc::invalid_argument);
  }
}

TEST_CASE("lom: limits", "[storage][lom]") {
  CHECK(encode_lom(sample(), std::string(3000, 'n')));
  CHECK(encode_lom(sample(), std::string(4000, 'n')).error()
        == errc::too_large);
  CHECK(check_custom(sample().custom));
  CHECK_FALSE(check_custom({{"k", std::string(2048, 'v')}}));
  CHECK(check_custom({{"k", std::string(2047, 'v')}}));
  CHECK_FALSE(check_custom({{"", "v"}}));
  CHECK_FALSE(check_custom({{"k=", "v"}}));
  CHECK_FALSE(check_custom({{"k", "a\x01z"}}));
}

TEST_CASE("lom: which of two versions is newer", "[storage][lom]") {
  using storage::order;
  auto make = [](const char* version, int64_t mtime_ns, const char* sum) {
    storage::lom x;
    x.version = version;
    x.mtime_ns = mtime_ns;
    x.cksum = {storage::cksum_type::xxhash2, sum};
    return x;
  };
  auto a = make("2", 100, "a");
  CHECK(order_of(a, make("2", 100, "a")) == order::same);
  CHECK(order_of(a, make("2", 500, "a")) == order::same);
  CHECK(order_of(a, make("3", 200, "b")) == order::older);
  CHECK(order_of(a, make("3", 100, "b")) == order::older);
  CHECK(order_of(a, make("2", 200, "b")) == order::older);
  CHECK(order_of(a, make("1", 50, "b")) == order::newer);
  CHECK(order_of(a, make("10", 50, "b")) == order::unclear);
  CHECK(order_of(a, make("1", 200, "b")) == order::unclear);
  CHECK(order_of(a, make("2", 100, "b")) == order::unclear);
  CHECK(order_of(a, make("", 200, "b")) == order::older);
  CHECK(order_of(a, make("", 50, "b")) == order::newer);
  // The later placement has the newer version, whatever numbers and clocks say.
  auto later = make("1", 50, "b");
  later.generation = 3;
  CHECK(order_of(a, later) == order::older);
  CHECK(order_of(later, a) == order::newer);
  auto moved = make("2", 100, "a");
  moved.generation = 3;
  CHECK(order_of(a, moved) == order::same);
  // Its checksum may be of another kind: the bucket's has changed, or it is a
  // deletion's mark, which had none before it moved.
  auto other_kind = make("2", 100, "");
  other_kind.cksum.type = storage::cksum_type::none;
  CHECK(order_of(a, other_kind) == order::same);
  CHECK(order_of(other_kind, a) == order::same);
  other_kind.mtime_ns = 200;
  CHECK(order_of(a, other_kind) == order::older);
  // Under one placement, the later volume has it.
  auto elsewhere = later;
  elsewhere.cksum = make("9", 500, "c").cksum;
  elsewhere.version = "9";
  elsewhere.mtime_ns = 500;
  later.volume = 2;
  elsewhere.volume = 1;
  CHECK(order_of(elsewhere, later) == order::older);
  CHECK(order_of(later, elsewhere) == order::newer);
  elsewhere.generation = 4;
  CHECK(order_of(later, elsewhere) == order::older);
}

TEST_CASE("lom: generation and volume are kept", "[storage][lom]") {
  auto x = sample();
  x.generation = 0x1'0000'0007;
  x.volume = 0x2'0000'0001;
  x.copies = 3;
  auto raw = encode_lom(x, {});
  REQUIRE(raw);
  auto back = decode_lom(*raw);
  REQUIRE(back);
  CHECK(back->attrs.generation == x.generation);
  CHECK(back->attrs.copies == x.copies);
  CHECK(back->attrs.volume == x.volume);
  // Written by a version that knew of none.
  x.volume = 0;
  CHECK(decode_lom(*encode_lom(x, {}))->attrs.generation == x.generation);
  x.generation = 0;
  auto old = encode_lom(x, {});
  REQUIRE(old);
  CHECK(old->size() < raw->size());
  CHECK(decode_lom(*old)->attrs.generation == 0);
}
