#include "http/s3/acl.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;
using s3::group;
using s3::permission;

namespace {

constexpr std::string_view everybody
  = "http://acs.amazonaws.com/groups/global/AllUsers";

bool known(std::string_view x) {
  return x == "alice" || x == "bob smith*";
}

s3::outcome<std::optional<std::string>> wanted(std::vector<header> headers) {
  request req;
  req.headers = std::move(headers);
  return s3::wanted_acl(req, known);
}

} // namespace

TEST_CASE("s3 acl: canned lists", "[http][s3]") {
  auto lets
    = [](std::string_view name, std::string_view user, permission what) {
        return s3::grants(*s3::canned_acl(name, "alice"), user, what);
      };
  for (auto name : {"private", "public-read", "public-read-write",
                    "authenticated-read", "bucket-owner-full-control"}) {
    CHECK(lets(name, "alice", permission::full_control));
    CHECK_FALSE(lets(name, "bob", permission::write_acl));
    CHECK_FALSE(lets(name, "", permission::read_acl));
    CHECK_FALSE(lets(name, "alice", permission::none));
  }
  CHECK_FALSE(lets("private", "bob", permission::read));
  CHECK(lets("public-read", "", permission::read));
  CHECK_FALSE(lets("public-read", "bob", permission::write));
  CHECK(lets("public-read-write", "", permission::write));
  CHECK(lets("authenticated-read", "bob", permission::read));
  CHECK_FALSE(lets("authenticated-read", "", permission::read));
  CHECK_FALSE(s3::canned_acl("public", "alice"));
  CHECK(s3::is_public(*s3::canned_acl("authenticated-read", "alice")));
  CHECK_FALSE(s3::is_public(*s3::canned_acl("private", "alice")));
}

TEST_CASE("s3 acl: headers", "[http][s3]") {
  CHECK_FALSE(*wanted({}));
  CHECK(**wanted({{"X-Amz-Acl", "public-read"}}) == "public-read");
  auto grants
    = wanted({{"x-amz-grant-read", "id=\"alice\", id=bob smith*"},
              {"x-amz-grant-write-acp",
               "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""}});
  REQUIRE(grants);
  CHECK(**grants == "grants READ:alice READ:bob%20smith%2A WRITE_ACP:*");
  auto list = s3::kept_acl(**grants, "owner");
  REQUIRE(list.size() == 3);
  CHECK(s3::grants(list, "bob smith*", permission::read));
  CHECK(s3::grants(list, "", permission::write_acl));
  CHECK_FALSE(s3::grants(list, "owner", permission::read));

  auto code = [](std::vector<header> headers) {
    return wanted(std::move(headers)).why().code.name;
  };
  CHECK(code({{"x-amz-acl", "public"}}) == "InvalidArgument");
  CHECK(code({{"x-amz-grant-read", "id=\"nobody\""}}) == "InvalidArgument");
  CHECK(code({{"x-amz-grant-read", "alice"}}) == "InvalidArgument");
  CHECK(code({{"x-amz-grant-read", "uri=\"http://x\""}}) == "InvalidArgument");
  CHECK(code({{"x-amz-grant-read", "emailAddress=\"a@b\""}})
        == "UnresolvableGrantByEmailAddress");
  CHECK(code({{"x-amz-acl", "private"}, {"x-amz-grant-read", "id=alice"}})
        == "InvalidRequest");
}

TEST_CASE("s3 acl: bodies", "[http][s3]") {
  auto body
    = s3::acl_xml(s3::shown_owner("alice"),
                  {{group::everybody, {}, permission::read},
                   {group::all_users, {}, permission::write},
                   {group::one_user, "bob smith*", permission::full_control}});
  CHECK(body.find(everybody) != std::string::npos);
  auto kept = s3::parse_acl_body(body, "alice", known);
  REQUIRE(kept);
  CHECK(*kept == "grants READ:* WRITE:+ FULL_CONTROL:bob%20smith%2A");
  CHECK(s3::acl_xml(s3::shown_owner("alice"), s3::kept_acl(*kept, "alice"))
        == body);
  CHECK(s3::parse_acl_body(body, "another", known).why().code.name
        == "AccessDenied");
  auto nobody = [](std::string_view) {
    return false;
  };
  CHECK(s3::parse_acl_body(body, "alice", nobody).why().code.name
        == "InvalidArgument");
  auto none = s3::parse_acl_body(
    "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>", "alice",
    known);
  REQUIRE(none);
  CHECK(s3::kept_acl(*none, "alice").empty());

  for (auto bad :
       {"", "<AccessControlPolicy/>",
        "<AccessControlPolicy><AccessControlList/><AccessControlList/>"
        "</AccessControlPolicy>",
        "<AccessControlPolicy><AccessControlList><Grant><Permission>READ"
        "</Permission></Grant></AccessControlList></AccessControlPolicy>",
        "<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>alice</ID>"
        "</Grantee><Permission>ALL</Permission></Grant></AccessControlList>"
        "</AccessControlPolicy>"})
    CHECK_FALSE(s3::parse_acl_body(bad, "alice", known));
}

TEST_CASE("s3 acl: what cannot be understood grants nothing", "[http][s3]") {
  CHECK(s3::kept_acl("", "o") == *s3::canned_acl("private", "o"));
  for (auto bad : {"public", "grants READ", "grants READ:", "grants  READ:*",
                   "grants FULL:*", "grants READ:* X:*", "grants READ:%2",
                   "grantsREAD:*x", "grants "}) {
    INFO(bad);
    CHECK_FALSE(s3::grants(s3::kept_acl(bad, "o"), "o", permission::read));
  }
}
