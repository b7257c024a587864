#include "http/s3/object_parts.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

std::string sum_of(s3::algorithm a, uint64_t i) {
  s3::digester d{a};
  d.update(std::as_bytes(std::span{&i, 1}));
  return s3::to_base64(d.finish());
}

std::vector<s3::object_part>
made(const std::vector<std::pair<uint64_t, uint64_t>>& numbers_and_sizes,
     std::optional<s3::algorithm> type = {}) {
  std::vector<s3::object_part> out;
  uint64_t at = 0;
  for (auto& [number, size] : numbers_and_sizes) {
    out.push_back({number, at, size, type ? sum_of(*type, number) : ""});
    at += size;
  }
  return out;
}

storage::lom
kept(const std::vector<s3::object_part>& parts,
     std::optional<s3::algorithm> type = {}, std::string_view key = "k") {
  storage::lom out;
  for (auto& x : parts)
    out.size_bytes += x.size;
  s3::keep_parts(out.custom, key, parts, type);
  return out;
}

/// So many parts of sizes that are all different.
std::vector<s3::object_part> ragged(uint64_t n) {
  std::vector<std::pair<uint64_t, uint64_t>> out;
  for (uint64_t i = 1; i <= n; ++i)
    out.emplace_back(i, (5 << 20) + i);
  return made(out);
}

} // namespace

TEST_CASE("s3 parts: kept and read again", "[http][s3]") {
  constexpr uint64_t mib = 1 << 20;
  auto parts
    = made({{1, 5 * mib}, {2, 5 * mib}, {7, 5 * mib}, {8, 0}, {10, 3}});
  auto x = kept(parts);
  CHECK(x.custom.at(s3::parts_key) == "5 2x5242880 @7 1x5242880 1x0 @10 1x3");
  auto back = s3::parts_of(x);
  REQUIRE(back);
  CHECK(back->count == 5);
  CHECK_FALSE(back->type);
  REQUIRE(back->parts.size() == 5);
  for (size_t i = 0; i < parts.size(); ++i) {
    CHECK(back->parts[i].number == parts[i].number);
    CHECK(back->parts[i].offset == parts[i].offset);
    CHECK(back->parts[i].size == parts[i].size);
  }
  CHECK(back->find(7)->offset == 10 * mib);
  CHECK_FALSE(back->find(3));
  CHECK_FALSE(back->find(11));
}

TEST_CASE("s3 parts: 10,000 of one size take a line", "[http][s3]") {
  std::vector<std::pair<uint64_t, uint64_t>> all;
  for (uint64_t i = 1; i <= s3::max_parts; ++i)
    all.emplace_back(i, 8 << 20);
  all.back().second = 1;
  auto x = kept(made(all));
  CHECK(x.custom.at(s3::parts_key) == "10000 9999x8388608 1x1");
  auto back = s3::parts_of(x);
  REQUIRE(back);
  CHECK(back->find(10'000)->offset == uint64_t{9999} * (8 << 20));
}

TEST_CASE("s3 parts: of what does not fit the count is kept", "[http][s3]") {
  auto few = s3::parts_of(kept(ragged(50)));
  REQUIRE(few);
  CHECK(few->parts.size() == 50);
  auto many = kept(ragged(500));
  CHECK(many.custom.at(s3::parts_key) == "500");
  auto back = s3::parts_of(many);
  REQUIRE(back);
  CHECK(back->count == 500);
  CHECK(back->parts.empty());

  SECTION("and so it is beside much other metadata") {
    storage::lom x;
    x.custom["label"] = std::string(storage::max_custom_bytes - 10, 'x');
    x.custom["s3:tags"] = std::string(1200, 'x');
    s3::keep_parts(x.custom, "k", ragged(50), {});
    CHECK(x.custom.at(s3::parts_key) == "50");
    CHECK(storage::encode_lom(x, "k"));
  }
}

TEST_CASE("s3 parts: checksums of parts, as many as fit", "[http][s3]") {
  for (auto a : s3::algorithms) {
    auto parts = made({{1, 5}, {2, 5}, {3, 1}}, a);
    auto back = s3::parts_of(kept(parts, a));
    REQUIRE(back);
    CHECK(back->type == a);
    for (size_t i = 0; i < parts.size(); ++i)
      CHECK(back->parts[i].sum == parts[i].sum);
  }
  std::vector<std::pair<uint64_t, uint64_t>> all;
  for (uint64_t i = 1; i <= 100; ++i)
    all.emplace_back(i, 9);
  auto crc = s3::algorithm::crc32;
  CHECK(s3::parts_of(kept(made(all, crc), crc))->type);
  auto sha = s3::algorithm::sha256;
  auto big = s3::parts_of(kept(made(all, sha), sha));
  REQUIRE(big);
  CHECK_FALSE(big->type);
  CHECK(big->parts.size() == 100);
}

TEST_CASE("s3 parts: what does not fit the object is not believed",
          "[http][s3]") {
  auto read = [](std::string text, uint64_t size) {
    storage::lom x;
    x.size_bytes = size;
    x.custom[s3::parts_key] = std::move(text);
    return s3::parts_of(x);
  };
  CHECK(read("2 2x5", 10));
  CHECK_FALSE(s3::parts_of({}));
  CHECK_FALSE(read("2 2x5", 11)); // appended to, by the native API
  for (auto bad :
       {"", "0", "x", "10001", "2 1x5", "2 2x", "2 x5", "2 -2x5", "2 2x5 ",
        "2 @0 2x5", "2 @2 1x5 @1 1x5", "2 @10000 2x5", "2 0x5",
        "1 1x18446744073709551615", "2 2x9223372036854775807"})
    CHECK_FALSE(read(bad, 10));
}
