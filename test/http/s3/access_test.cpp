#include "http/s3/access.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;
using s3::level;
using s3::permission;
using s3::ruling;

namespace {

constexpr s3::wish get{"s3:GetObject", level::read, permission::read, true};
constexpr s3::wish put{"s3:PutObject", level::write, permission::write, false};
constexpr s3::wish list{"s3:ListBucket", level::read, permission::read, false};
constexpr s3::wish destroy{"s3:DeleteBucket", level::admin, permission::none,
                           false};
constexpr s3::wish tags{"s3:GetObjectTagging", level::read, permission::none,
                        true};

s3::access_rules_ptr rules() {
  return *s3::parse_access(R"({"keys": [
    {"access_key": "ADMIN", "secret_key": "s"},
    {"access_key": "WRITER", "secret_key": "s", "access": "write",
     "buckets": ["b", "c"]},
    {"access_key": "OWNER", "secret_key": "s", "access": "own",
     "user": "alice", "buckets": ["b"]},
    {"access_key": "OTHER", "secret_key": "s", "access": "own"}]})");
}

/// A bucket, with a canned list.
s3::bucket_rights bucket(std::string owner, std::string_view canned) {
  auto id = s3::shown_owner(owner).id;
  return {std::move(owner), *s3::canned_acl(canned, id), false, nullptr};
}

struct asks {
  std::string_view key = {}; ///< empty: anonymous
  const s3::wish& what = get;
  const s3::acl* object = nullptr;
  std::string_view name = "b";
  level anonymous = level::none;
};

ruling answer(const s3::bucket_rights* b, const asks& x) {
  static auto all = rules();
  auto* key = all->find(x.key);
  s3::caller who{key, key ? key->access : x.anonymous};
  s3::policy_question asked{
    x.what.action, "b/k", who.user(),
    key ? std::string_view{key->id} : std::string_view{}, [](auto) {
      return s3::fact{};
    }};
  return s3::decide(who, x.what, x.name, b, asked, x.object);
}

} // namespace

TEST_CASE("s3 access: keys and users", "[http][s3]") {
  auto all = rules();
  CHECK(all->find("OWNER")->user == "alice");
  CHECK(all->find("OWNER")->owns);
  CHECK(all->find("OTHER")->user == "OTHER");
  CHECK_FALSE(all->find("ADMIN")->owns);
  CHECK(all->has_user("alice"));
  CHECK_FALSE(all->has_user("OWNER"));
  CHECK_FALSE(s3::parse_access(R"({"anonymous": "own"})"));
  CHECK_FALSE(s3::parse_access(
    R"({"keys":[{"access_key":"a","secret_key":"b","access":"all"}]})"));
}

TEST_CASE("s3 access: buckets without owner are the operator's", "[http][s3]") {
  auto b = bucket("", "private");
  auto none = *s3::canned_acl("private", "x");
  CHECK(answer(&b, {"ADMIN", destroy}) == ruling::allow);
  CHECK(answer(&b, {"WRITER", put}) == ruling::allow);
  CHECK(answer(&b, {"WRITER", get}) == ruling::allow);
  CHECK(answer(&b, {"WRITER", destroy}) == ruling::deny);
  CHECK(answer(&b, {"OWNER", list}) == ruling::deny);
  CHECK(answer(&b, {"OWNER", get, &none}) == ruling::deny);
  CHECK(answer(&b, {"", list}) == ruling::deny);
  CHECK(answer(&b, {"", list, nullptr, "b", level::read}) == ruling::allow);
  CHECK(answer(&b, {"", put, nullptr, "b", level::read}) == ruling::deny);
  CHECK(answer(&b, {"WRITER", list, nullptr, "d"}) == ruling::deny);
}

TEST_CASE("s3 access: buckets with an owner are closed", "[http][s3]") {
  auto b = bucket("alice", "private");
  auto closed = *s3::canned_acl("private", "alice");
  for (auto& what : {get, put, list, destroy, tags}) {
    CHECK(answer(&b, {"OWNER", what}) == ruling::allow);
    CHECK(answer(&b, {"ADMIN", what}) == ruling::allow);
    for (auto key : {"WRITER", "OTHER", ""})
      CHECK(answer(&b, {key, what, &closed, "b", level::write})
            == ruling::deny);
  }
  CHECK(answer(&b, {"", destroy, nullptr, "b", level::admin}) == ruling::allow);

  SECTION("an object's list decides on it") {
    auto open = *s3::canned_acl("public-read", "alice");
    auto users = *s3::canned_acl("authenticated-read", "alice");
    CHECK(answer(&b, {"", get}) == ruling::look);
    CHECK(answer(&b, {"", get, &open}) == ruling::allow);
    CHECK(answer(&b, {"", get, &users}) == ruling::deny);
    CHECK(answer(&b, {"OTHER", get, &users}) == ruling::allow);
    CHECK(answer(&b, {"OTHER", put, &open}) == ruling::deny);
    CHECK(answer(&b, {"OTHER", tags, &open}) == ruling::deny);
  }
  SECTION("a bucket's list decides on listing and writing") {
    auto open = bucket("alice", "public-read-write");
    CHECK(answer(&open, {"", list}) == ruling::allow);
    CHECK(answer(&open, {"", put}) == ruling::allow);
    CHECK(answer(&open, {"", get, &closed}) == ruling::deny);
    CHECK(answer(&open, {"", destroy}) == ruling::deny);
  }
  SECTION("no grant goes beyond the fence of a key") {
    auto open = bucket("OTHER", "public-read-write");
    CHECK(answer(&open, {"OWNER", put}) == ruling::allow);
    CHECK(answer(&open, {"OWNER", put, nullptr, "d"}) == ruling::deny);
  }
}

TEST_CASE("s3 access: buckets that are not there", "[http][s3]") {
  CHECK(answer(nullptr, {"OWNER", destroy}) == ruling::allow);
  CHECK(answer(nullptr, {"OWNER", destroy, nullptr, "d"}) == ruling::deny);
  CHECK(answer(nullptr, {"ADMIN", destroy}) == ruling::allow);
  CHECK(answer(nullptr, {"WRITER", destroy}) == ruling::deny);
  CHECK(answer(nullptr, {"WRITER", list}) == ruling::allow);
  CHECK(answer(nullptr, {"", list}) == ruling::deny);
}

TEST_CASE("s3 access: policies", "[http][s3]") {
  constexpr s3::wish mend{"s3:DeleteBucketPolicy", level::admin,
                          permission::none, false};
  auto with = [](std::string_view effect, std::string_view more = "") {
    auto b = bucket("alice", "private");
    b.has_policy = true;
    auto made = s3::policy::parse(
      R"({"Statement":{"Effect":")" + std::string{effect}
        + R"(","Principal":"*","Action":"s3:*","Resource":"*")"
        + std::string{more} + "}}",
      "b");
    REQUIRE(made);
    b.rules = *made;
    return b;
  };
  auto allow = with("Allow");
  CHECK(answer(&allow, {"", get}) == ruling::allow);
  CHECK(answer(&allow, {"OTHER", destroy}) == ruling::allow);
  CHECK(answer(&allow, {"WRITER", list, nullptr, "d"}) == ruling::deny);
  auto deny = with("Deny");
  for (auto key : {"OWNER", "ADMIN", "OTHER", ""}) {
    CHECK(answer(&deny, {key, get}) == ruling::deny);
    CHECK(answer(&deny, {key, list, nullptr, "b", level::admin})
          == ruling::deny);
  }
  CHECK(answer(&deny, {"OWNER", mend}) == ruling::allow);
  CHECK(answer(&deny, {"ADMIN", mend}) == ruling::allow);
  CHECK(answer(&deny, {"OTHER", mend}) == ruling::deny);
  CHECK(answer(&deny, {"WRITER", mend}) == ruling::deny);

  SECTION("one that cannot be understood lets nobody in") {
    auto broken = bucket("alice", "public-read");
    broken.has_policy = true;
    CHECK(answer(&broken, {"", list}) == ruling::deny);
    CHECK(answer(&broken, {"OWNER", list}) == ruling::deny);
    CHECK(answer(&broken, {"OWNER", mend}) == ruling::allow);
  }
}
