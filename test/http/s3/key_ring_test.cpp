#include "http/s3/key_ring.hpp"

#include "storage/memory_disk.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

s3::access_key key(std::string id, std::string_view body = "") {
  auto out = s3::parse_new_key(body, std::move(id), "secret");
  REQUIRE(out);
  return *out;
}

std::string text_of(const std::vector<s3::access_key>& keys) {
  std::string out;
  for (auto& x : keys) {
    auto next = s3::with_key(out, x);
    REQUIRE(next);
    out = *next;
  }
  return out;
}

} // namespace

TEST_CASE("s3 keys: a new one", "[http][s3]") {
  auto plain = key("AK");
  CHECK(plain.administrates());
  CHECK(plain.user == "AK");
  auto narrow = key("AK", R"({"access":"own","user":"ann","buckets":["a*"]})");
  CHECK(narrow.owns);
  CHECK_FALSE(narrow.administrates());
  CHECK(narrow.user == "ann");
  CHECK(narrow.covers("ab"));
  CHECK_FALSE(key("AK", R"({"buckets":["a*"]})").administrates());
  for (auto* bad : {"[]", "x", R"({"access":"all"})", R"({"buckets":[]})",
                    R"({"buckets":"a"})", R"({"secret_key":"mine"})",
                    R"({"access_key":"mine"})", R"({"disabled":true})"})
    CHECK_FALSE(s3::parse_new_key(bad, "AK", "s"));
}

TEST_CASE("s3 keys: added, switched off and removed", "[http][s3]") {
  auto text = text_of({key("A"), key("B", R"({"access":"read"})")});
  auto parsed = s3::parse_access(text);
  REQUIRE(parsed);
  CHECK((*parsed)->anonymous == s3::level::none);
  CHECK((*parsed)->find("A")->secret == "secret");
  CHECK((*parsed)->find("B")->access == s3::level::read);
  CHECK(s3::with_key(text, key("A")).error() == errc::exists);

  auto off = s3::with_disabled(text, "B", true);
  REQUIRE(off);
  auto without = *s3::parse_access(*off);
  CHECK_FALSE(without->find("B"));
  CHECK(without->has_key("B"));
  CHECK(*s3::with_disabled(*off, "B", false) == text);

  auto gone = s3::without_key(text, "B");
  REQUIRE(gone);
  CHECK_FALSE((*s3::parse_access(*gone))->has_key("B"));
  CHECK(s3::without_key(*gone, "A")->empty());
  CHECK(s3::with_disabled(text, "C", true).error() == errc::not_found);
  CHECK(s3::without_key(text, "C").error() == errc::not_found);
}

TEST_CASE("s3 keys: nobody locks everybody out", "[http][s3]") {
  auto reader = key("R", R"({"access":"read"})");
  auto both = text_of({key("A"), reader});
  CHECK(s3::check_ring("", nullptr));
  CHECK(s3::check_ring(both, nullptr));
  CHECK_FALSE(s3::check_ring(text_of({reader}), nullptr));
  CHECK_FALSE(s3::check_ring(*s3::with_disabled(both, "A", true), nullptr));
  auto file
    = *s3::parse_access(R"({"keys":[{"access_key":"F","secret_key":"s"}]})");
  CHECK(s3::check_ring(text_of({reader}), file.get()));
}

TEST_CASE("s3 keys: there is an end", "[http][s3]") {
  std::vector<s3::access_key> many;
  json::array list;
  for (size_t i = 0; i < s3::max_managed_keys; ++i) {
    auto one = s3::shown(key("K" + std::to_string(i)));
    one["secret_key"] = "s";
    list.push_back(std::move(one));
  }
  auto text = to_text(json::object{{"keys", std::move(list)}});
  CHECK(s3::with_key(text, key("A")).error() == errc::too_many_requests);
}

TEST_CASE("s3 keys: secrets are not shown", "[http][s3]") {
  auto all = to_text(s3::shown(key("A", R"({"buckets":["b"]})")));
  CHECK(all
        == R"({"access_key":"A","access":"admin","user":"A","buckets":["b"]})");
}

TEST_CASE("s3 keys: those of the cluster beside the file's", "[http][s3]") {
  storage::memory_disk disk;
  auto write = [&](const std::string& text) {
    auto raw = std::as_bytes(std::span{text.data(), text.size()});
    REQUIRE(storage::write_file(disk, "/s3.json", raw));
  };
  s3::access_book open{disk, "/s3.json", true};
  CHECK_FALSE(open.rules()->verify);
  auto managed = text_of({key("A"), key("B")});
  open.follow(managed);
  CHECK(open.rules()->verify);
  CHECK(open.rules()->anonymous == s3::level::none);
  CHECK(open.rules()->find("A"));
  CHECK_FALSE(open.file());

  SECTION("the file's come first") {
    write(R"({"anonymous":"read","keys":[{"access_key":"A",
              "secret_key":"other"},{"access_key":"F","secret_key":"s"}]})");
    open.refresh();
    CHECK(open.rules()->find("A")->secret == "other");
    CHECK(open.rules()->find("B"));
    CHECK(open.rules()->find("F"));
    CHECK(open.rules()->anonymous == s3::level::read);
    CHECK(open.file()->has_key("F"));
  }
  SECTION("without keys it is as before") {
    open.follow("");
    CHECK_FALSE(open.rules()->verify);
  }
  SECTION("what cannot be understood changes nothing") {
    open.follow("broken");
    CHECK(open.rules()->find("A"));
  }
}
