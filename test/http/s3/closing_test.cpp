// Public access blocks and object ownership.
#include "http/s3/access.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;
using s3::level;
using s3::permission;
using s3::ruling;

namespace {

constexpr s3::wish get{"s3:GetObject", level::read, permission::read, true};
constexpr s3::wish list{"s3:ListBucket", level::read, permission::read, false};

std::string block_of(const std::string& inner) {
  return "<PublicAccessBlockConfiguration>" + inner
         + "</PublicAccessBlockConfiguration>";
}

std::string controls_of(const std::string& inner) {
  return "<OwnershipControls>" + inner + "</OwnershipControls>";
}

/// The answer to somebody with the access key BOB; null: nobody.
ruling answer(const s3::bucket_rights& b, bool known, const s3::wish& what,
              const s3::acl* object = nullptr) {
  static const s3::access_key bob{"BOB", "s", "bob", level::none, true, {}};
  s3::caller who{known ? &bob : nullptr, level::none};
  s3::policy_question asked{
    what.action, what.of_object ? "b/k" : "b", who.user(), {}, [](auto) {
      return s3::fact{};
    }};
  return s3::decide(who, what, "b", &b, asked, object);
}

} // namespace

TEST_CASE("s3 public access block: as XML and as it is kept", "[http][s3]") {
  auto x = s3::parse_public_block(
    block_of("<BlockPublicAcls>true</BlockPublicAcls>"
             "<IgnorePublicAcls>false</IgnorePublicAcls>"
             "<RestrictPublicBuckets>true</RestrictPublicBuckets>"));
  REQUIRE(x);
  CHECK(*x == s3::public_block{true, false, false, true});
  CHECK(*s3::parse_public_block(s3::to_xml(*x)) == *x);
  CHECK(s3::kept_text(*x) == "BlockPublicAcls,RestrictPublicBuckets");
  CHECK(s3::kept_public_block(s3::kept_text(*x)) == *x);
  auto none = s3::parse_public_block(block_of(""));
  REQUIRE(none);
  CHECK(s3::kept_public_block(s3::kept_text(*none)) == *none);
  CHECK_FALSE(s3::kept_public_block(""));
  for (auto* bad : {"<BlockPublicAcls>yes</BlockPublicAcls>",
                    "<BlockPublicAcls/>", "<Block>true</Block>"})
    CHECK_FALSE(s3::parse_public_block(block_of(bad)));
  CHECK_FALSE(s3::parse_public_block(""));
  CHECK_FALSE(s3::parse_public_block("<OwnershipControls/>"));
  // A text of a later version closes everything.
  s3::public_block all{true, true, true, true};
  CHECK(s3::kept_public_block("BlockPublicAcls,More") == all);
}

TEST_CASE("s3 ownership: as XML and as it is kept", "[http][s3]") {
  for (auto x : {s3::ownership::writer, s3::ownership::preferred,
                 s3::ownership::enforced}) {
    CHECK(*s3::parse_ownership_body(s3::to_xml(x)) == x);
    CHECK(s3::kept_ownership(s3::to_string(x)) == x);
  }
  CHECK(s3::kept_ownership("") == s3::ownership::writer);
  CHECK(s3::kept_ownership("Else") == s3::ownership::enforced);
  std::string rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership>"
                     "</Rule>";
  CHECK(s3::parse_ownership_body(controls_of(rule)));
  for (auto& bad :
       {std::string{}, rule + rule, std::string{"<Rule/>"},
        std::string{"<Rule><ObjectOwnership>Mine</ObjectOwnership></Rule>"}})
    CHECK_FALSE(s3::parse_ownership_body(controls_of(bad)));
}

TEST_CASE("s3 access: what lists grant can be ignored", "[http][s3]") {
  auto open = *s3::canned_acl("public-read", "alice");
  s3::bucket_rights b{"alice", open, false, nullptr};
  auto to_bob = open;
  to_bob.push_back({s3::group::one_user, "bob", permission::read});
  REQUIRE(answer(b, false, list) == ruling::allow);
  REQUIRE(answer(b, false, get, &open) == ruling::allow);

  SECTION("grants to groups, by a public access block") {
    b.guard.ignore_acls = true;
    CHECK(answer(b, false, list) == ruling::deny);
    CHECK(answer(b, true, list) == ruling::deny);
    CHECK(answer(b, true, get, &open) == ruling::deny);
    CHECK(answer(b, true, get, &to_bob) == ruling::allow);
    CHECK(answer(b, true, get) == ruling::look);
  }
  SECTION("all of them, where only the bucket's owner counts") {
    b.owned = s3::ownership::enforced;
    CHECK(answer(b, true, list) == ruling::deny);
    CHECK(answer(b, true, get, &to_bob) == ruling::deny);
    CHECK(answer(b, true, get) == ruling::deny); // nothing to look for
  }
}

TEST_CASE("s3 access: public policies can be for nobody", "[http][s3]") {
  auto with = [](std::string_view principal) {
    s3::bucket_rights b{"alice", {}, true, nullptr};
    auto made = s3::policy::parse(
      R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*",)"
      R"("Principal":)"
        + std::string{principal} + "}}",
      "b");
    REQUIRE(made);
    b.rules = *made;
    return b;
  };
  auto open = with("\"*\"");
  auto to_bob = with(R"({"AWS": "bob"})");
  for (auto* b : {&open, &to_bob})
    REQUIRE(answer(*b, true, list) == ruling::allow);
  open.guard.restrict_buckets = to_bob.guard.restrict_buckets = true;
  CHECK(answer(open, true, list) == ruling::deny);
  CHECK(answer(open, false, list) == ruling::deny);
  CHECK(answer(to_bob, true, list) == ruling::allow);
}

TEST_CASE("s3 lists: of objects that others own", "[http][s3]") {
  auto can = [](const s3::acl& x, std::string_view user) {
    return s3::grants(x, user, permission::read);
  };
  auto read = s3::kept_acl("bucket-owner-read", "bob", "alice");
  CHECK(can(read, "alice"));
  CHECK_FALSE(s3::grants(read, "alice", permission::write_acl));
  auto full = s3::kept_acl("bucket-owner-full-control", "bob", "alice");
  CHECK(s3::grants(full, "alice", permission::full_control));
  CHECK(s3::grants(full, "bob", permission::full_control));
  CHECK_FALSE(can(s3::kept_acl("private", "bob", "alice"), "alice"));
  // Of one's own bucket there is one grant.
  CHECK(s3::kept_acl("bucket-owner-read", "bob", "bob").size() == 1);
}
