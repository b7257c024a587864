#include "http/s3/policy.hpp"

#include "http/s3/policy_facts.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace ais::http;
using s3::effect;

namespace {

s3::policy_ptr parsed(std::string_view text) {
  auto out = s3::policy::parse(text, "b");
  if (!out)
    FAIL(out.why().message);
  return *out;
}

/// One statement about all keys of bucket b, with more members.
std::string statement(std::string_view effect, std::string_view more) {
  return R"({"Effect":")" + std::string{effect}
         + R"(","Principal":"*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],)"
         + std::string{more} + '}';
}

std::string policy_of(std::string_view statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + std::string{statements}
         + "]}";
}

struct asks {
  std::string_view action = "s3:GetObject";
  std::string_view resource = "b/k";
  std::string_view user = "alice";
  std::map<std::string, std::string> facts = {};
};

effect answer(const s3::policy_ptr& x, const asks& q) {
  return x->evaluate(
    {q.action, q.resource, q.user, q.user.empty() ? "" : "AK", [&](auto key) {
       auto i = q.facts.find(std::string{key});
       if (key == "s3:ExistingObjectTag/unseen")
         return s3::fact{false, {}};
       return i == q.facts.end() ? s3::fact{} : s3::fact{true, i->second};
     }});
}

bool holds(std::string_view condition,
           std::map<std::string, std::string> facts) {
  auto x = parsed(policy_of(statement("Allow", R"("Action":"*","Condition":)"
                                                 + std::string{condition})));
  return answer(x, {"s3:GetObject", "b/k", "alice", std::move(facts)})
         == effect::allow;
}

} // namespace

TEST_CASE("s3 policy: patterns", "[http][s3]") {
  for (auto [pattern, text] :
       std::initializer_list<std::pair<const char*, const char*>>{
         {"", ""},
         {"*", ""},
         {"*", "x"},
         {"**", "x"},
         {"a*", "a"},
         {"a*c", "abc"},
         {"a*c", "ac"},
         {"a*b*c", "a-b-b-c"},
         {"*b", "bbb"},
         {"a?c", "abc"},
         {"*?", "x"},
         {"a*?c", "abc"},
         {"a?*", "ab"},
         {"*aab*", "aaab"},
         {"*?b*", "aab"}})
    CHECK(s3::wildcard_match(pattern, text));
  for (auto [pattern, text] :
       std::initializer_list<std::pair<const char*, const char*>>{
         {"", "x"},
         {"a", "b"},
         {"a", "aa"},
         {"a*", "b"},
         {"a*a", "a"},
         {"a*b*c", "a-c-b"},
         {"?", ""},
         {"a?c", "ac"},
         {"*b", "bc"},
         {"*a?a*", "aab"}})
    CHECK_FALSE(s3::wildcard_match(pattern, text));
}

TEST_CASE("s3 policy: who, what and where", "[http][s3]") {
  auto x = parsed(policy_of(R"({"Sid":"1","Effect":"Allow",
    "Principal":{"AWS":["alice","arn:aws:iam::123456789012:user/div/bob","KEY"]},
    "Action":["s3:Get*","s3:ListBucket"],
    "Resource":["arn:aws:s3:::b/public/*","arn:aws:s3:::b"]})"));
  CHECK(answer(x, {"s3:GetObject", "b/public/k"}) == effect::allow);
  CHECK(answer(x, {"s3:getobject", "b/public/k", "bob"}) == effect::allow);
  CHECK(answer(x, {"s3:ListBucket", "b"}) == effect::allow);
  CHECK(answer(x, {"s3:GetObject", "b/public/k", "carol"}) == effect::none);
  CHECK(answer(x, {"s3:GetObject", "b/public/k", ""}) == effect::none);
  CHECK(answer(x, {"s3:PutObject", "b/public/k"}) == effect::none);
  CHECK(answer(x, {"s3:GetObject", "b/private/k"}) == effect::none);
  CHECK(answer(x, {"s3:GetObject", "bb/public/k"}) == effect::none);
  CHECK_FALSE(x->is_public());

  SECTION("a key counts as its user") {
    auto by_key
      = parsed(policy_of(R"({"Effect":"Allow","Principal":{"AWS":"AK"},
      "Action":"s3:*","Resource":"arn:aws:s3:::b/*"})"));
    CHECK(answer(by_key, {}) == effect::allow);
  }
  SECTION("the root of an account is the user of that name") {
    auto root = parsed(policy_of(R"({"Effect":"Allow","Principal":{"AWS":
      "arn:aws:iam::bob:root"},"Action":"s3:*","Resource":
      "arn:aws:s3:::b/*"})"));
    CHECK(answer(root, {"s3:GetObject", "b/k", "bob"}) == effect::allow);
    CHECK(answer(root, {"s3:GetObject", "b/k", "alice"}) == effect::none);
    CHECK_FALSE(root->is_public());
  }
  SECTION("everybody is everybody") {
    for (auto who : {R"("*")", R"({"AWS":"*"})", R"({"AWS":["x","*"]})"}) {
      auto open = parsed(policy_of(R"({"Effect":"Allow","Action":"*","Resource":
        "arn:aws:s3:::b/*","Principal":)"
                                   + std::string{who} + '}'));
      CHECK(answer(open, {"s3:GetObject", "b/k", ""}) == effect::allow);
      CHECK(open->is_public());
    }
  }
  SECTION("all but") {
    auto rest = parsed(policy_of(R"({"Effect":"Allow","Principal":"*",
      "NotAction":"s3:Delete*","NotResource":"arn:aws:s3:::b/secret/*"})"));
    CHECK(answer(rest, {"s3:PutObject", "b/k"}) == effect::allow);
    CHECK(answer(rest, {"s3:DeleteObject", "b/k"}) == effect::none);
    CHECK(answer(rest, {"s3:PutObject", "b/secret/k"}) == effect::none);
  }
}

TEST_CASE("s3 policy: a denial counts most", "[http][s3]") {
  auto allow = statement("Allow", R"("Action":"s3:*")");
  auto deny = statement("Deny", R"("Action":"s3:PutObject")");
  for (auto& both : {allow + ',' + deny, deny + ',' + allow}) {
    auto x = parsed(policy_of(both));
    CHECK(answer(x, {"s3:PutObject"}) == effect::deny);
    CHECK(answer(x, {"s3:GetObject"}) == effect::allow);
  }
  // The statement need not be in a list.
  auto one = parsed(R"({"Statement":)" + deny + '}');
  CHECK(answer(one, {"s3:PutObject"}) == effect::deny);
  CHECK_FALSE(one->is_public());
}

TEST_CASE("s3 policy: what depends on an object not seen", "[http][s3]") {
  auto tagged = R"("Action":"s3:GetObject","Condition":
    {"StringEquals":{"s3:ExistingObjectTag/unseen":"1","aws:Referer":"x"}})";
  auto allow = parsed(policy_of(statement("Allow", tagged)));
  CHECK(answer(allow, {"s3:GetObject", "b/k", "", {{"aws:Referer", "x"}}})
        == effect::unknown);
  CHECK(answer(allow, {}) == effect::none); // another condition fails
  auto both = parsed(policy_of(statement("Allow", R"("Action":"*")") + ','
                               + statement("Deny", tagged)));
  CHECK(answer(both, {"s3:GetObject", "b/k", "", {{"aws:Referer", "x"}}})
        == effect::unknown);
  CHECK(answer(both, {"s3:PutObject"}) == effect::allow);
}

TEST_CASE("s3 policy: conditions", "[http][s3]") {
  CHECK(
    holds(R"({"StringEquals":{"s3:prefix":["a","b"]}})", {{"s3:prefix", "b"}}));
  CHECK_FALSE(
    holds(R"({"StringEquals":{"s3:prefix":"a"}})", {{"s3:prefix", "A"}}));
  CHECK_FALSE(holds(R"({"StringEquals":{"s3:prefix":"a"}})", {}));
  CHECK(holds(R"({"StringEqualsIfExists":{"s3:prefix":"a"}})", {}));
  CHECK(holds(R"({"StringEqualsIgnoreCase":{"s3:prefix":"a"}})",
              {{"s3:prefix", "A"}}));
  CHECK(holds(R"({"StringNotEquals":{"s3:prefix":["a","b"]}})",
              {{"s3:prefix", "c"}}));
  CHECK_FALSE(holds(R"({"StringNotEquals":{"s3:prefix":["a","b"]}})",
                    {{"s3:prefix", "b"}}));
  CHECK(holds(R"({"StringNotEquals":{"s3:prefix":"a"}})", {}));
  CHECK(holds(R"({"StringLike":{"aws:Referer":"http://*.x/?"}})",
              {{"aws:Referer", "http://a.x/1"}}));
  CHECK_FALSE(holds(R"({"StringNotLike":{"aws:Referer":"a*"}})",
                    {{"aws:Referer", "ab"}}));
  CHECK(holds(R"({"NumericLessThanEquals":{"s3:max-keys":"10"}})",
              {{"s3:max-keys", "10"}}));
  CHECK_FALSE(holds(R"({"NumericLessThan":{"s3:max-keys":10}})",
                    {{"s3:max-keys", "10"}}));
  CHECK_FALSE(
    holds(R"({"NumericLessThan":{"s3:max-keys":10}})", {{"s3:max-keys", "x"}}));
  CHECK(holds(R"({"NumericNotEquals":{"s3:max-keys":10}})",
              {{"s3:max-keys", "9"}}));
  CHECK(holds(R"({"Bool":{"aws:SecureTransport":"false"}})",
              {{"aws:SecureTransport", "false"}}));
  CHECK_FALSE(holds(R"({"Bool":{"aws:SecureTransport":true}})",
                    {{"aws:SecureTransport", "false"}}));
  CHECK(holds(R"({"DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}})",
              {{"aws:CurrentTime", "2026-11-21T23:59:59.000Z"}}));
  CHECK_FALSE(holds(R"({"DateGreaterThan":{"aws:EpochTime":"2026-11-22"}})",
                    {{"aws:EpochTime", "1"}}));
  CHECK(holds(R"({"Null":{"s3:x-amz-acl":"true"}})", {}));
  CHECK_FALSE(holds(R"({"Null":{"s3:x-amz-acl":"true"}})",
                    {{"s3:x-amz-acl", "private"}}));
  CHECK(holds(R"({"Null":{"s3:x-amz-acl":"false"}})",
              {{"s3:x-amz-acl", "private"}}));
  // All must hold.
  CHECK_FALSE(holds(R"({"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"}})",
                    {{"s3:prefix", "a"}}));
}

TEST_CASE("s3 policy: addresses", "[http][s3]") {
  auto in = [](std::string_view range, std::string address) {
    return holds(R"({"IpAddress":{"aws:SourceIp":")" + std::string{range}
                   + R"("}})",
                 {{"aws:SourceIp", std::move(address)}});
  };
  CHECK(in("10.0.0.0/8", "10.255.0.1"));
  CHECK(in("10.1.2.3", "10.1.2.3"));
  CHECK(in("0.0.0.0/0", "1.2.3.4"));
  CHECK(in("10.0.0.0/8", "::ffff:10.0.0.1"));
  CHECK(in("2001:db8::/32", "2001:db8:1::5"));
  CHECK(in("192.168.128.0/17", "192.168.255.1"));
  CHECK_FALSE(in("192.168.128.0/17", "192.168.127.1"));
  CHECK_FALSE(in("10.0.0.0/8", "11.0.0.1"));
  CHECK_FALSE(in("10.1.2.3", "10.1.2.4"));
  CHECK_FALSE(in("::/0", "1.2.3.4"));
  CHECK_FALSE(in("10.0.0.0/8", "2001:db8::1"));
  CHECK_FALSE(in("10.0.0.0/8", "nonsense"));
  CHECK(holds(R"({"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
              {{"aws:SourceIp", "11.0.0.1"}}));
  CHECK_FALSE(holds(R"({"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
                    {{"aws:SourceIp", "10.0.0.1"}}));
  auto limited = parsed(policy_of(statement(
    "Allow",
    R"("Action":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})")));
  CHECK_FALSE(limited->is_public());
  auto anywhere = parsed(policy_of(statement(
    "Allow",
    R"("Action":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}})")));
  CHECK(anywhere->is_public());
}

TEST_CASE("s3 policy: refusals", "[http][s3]") {
  auto good = [](std::string_view more) {
    return policy_of(statement("Allow", more));
  };
  std::string big = good(R"("Action":"*","Sid":")"
                         + std::string(s3::max_policy_bytes, 'x') + '"');
  std::string questions = good(R"("Action":"*","Condition":{"StringLike":
    {"s3:prefix":")" + std::string(2000, '?')
                               + "\"}}");
  for (
    auto& bad : std::vector<std::string>{
      "",
      "[]",
      "{}",
      "x",
      R"({"Statement":[]})",
      R"({"Statement":"x"})",
      R"({"Version":"2020-01-01","Statement":)"
        + statement("Allow", R"("Action":"*")") + '}',
      R"({"Other":1,"Statement":)" + statement("Allow", R"("Action":"*")")
        + '}',
      policy_of("{}"),
      policy_of(statement("allow", R"("Action":"*")")),
      good(R"("Sid":"x")"),
      good(R"("Action":[])"),
      good(R"("Action":{})"),
      good(R"("Action":"s3:Fly")"),
      good(R"("Action":"ec2:*")"),
      good(R"("Action":"s3:Get*","NotAction":"s3:Put*")"),
      good(R"("Action":"*","NotResource":"arn:aws:s3:::b")"),
      good(R"("Action":"*","Strange":1)"),
      good(R"("Action":"*","NotPrincipal":"*")"),
      good(R"("Action":"*","Condition":[])"),
      good(
        R"("Action":"*","Condition":{"ForAllValues:StringLike":{"s3:prefix":"x"}}")"),
      good(R"("Action":"*","Condition":{"StringEquals":{"s3:VersionId":"x"}})"),
      good(R"("Action":"*","Condition":{"StringEquals":{"s3:prefix":{}}})"),
      good(
        R"("Action":"*","Condition":{"StringEquals":{"s3:prefix":"${aws:username}"}})"),
      good(
        R"("Action":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}})"),
      good(
        R"("Action":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0"}})"),
      good(
        R"("Action":"*","Condition":{"NumericEquals":{"s3:max-keys":"ten"}})"),
      good(
        R"("Action":"*","Condition":{"Bool":{"aws:SecureTransport":"maybe"}})"),
      good(
        R"("Action":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}})"),
      policy_of(
        R"({"Effect":"Allow","Principal":"alice","Action":"*","Resource":"arn:aws:s3:::b"})"),
      policy_of(
        R"({"Effect":"Allow","Principal":{"Service":"x"},"Action":"*","Resource":"arn:aws:s3:::b"})"),
      policy_of(
        R"({"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:::root"},"Action":"*","Resource":"arn:aws:s3:::b"})"),
      policy_of(
        R"({"Effect":"Allow","Principal":{"AWS":"a*"},"Action":"*","Resource":"arn:aws:s3:::b"})"),
      policy_of(
        R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::other/*"})"),
      policy_of(
        R"({"Effect":"Allow","Principal":"*","Action":"*","Resource":"b/*"})"),
      policy_of(
        R"({"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b"})"),
      std::string(100, '['),
      big,
      questions}) {
    auto out = s3::policy::parse(bad, "b");
    INFO(bad.substr(0, 300));
    REQUIRE_FALSE(out);
    CHECK(out.why().code.name == "MalformedPolicy");
  }
}

TEST_CASE("s3 policy: facts of a request", "[http][s3]") {
  request req;
  req.headers = {{"X-Amz-Acl", "public-read"},
                 {"User-Agent", "test"},
                 {"x-amz-tagging", "a=1&b=%3D"}};
  auto q = *query::parse("prefix=x%20y&max-keys=", 9);
  s3::tag_set tags{{"Team", "red"}};
  s3::request_facts facts{req,           q,     "alice", "10.0.0.1",
                          1'795'000'000, &tags, true};
  auto value = [&](std::string_view key) {
    return s3::fact_of(facts, key).value;
  };
  CHECK(value("s3:x-amz-acl") == "public-read");
  CHECK(value("aws:useragent") == "test");
  CHECK(value("AWS:SourceIP") == "10.0.0.1");
  CHECK(value("s3:prefix") == "x y");
  CHECK(value("s3:max-keys") == "");
  CHECK_FALSE(value("s3:delimiter"));
  CHECK_FALSE(value("aws:Referer"));
  CHECK(value("s3:RequestObjectTag/b") == "=");
  CHECK_FALSE(value("s3:RequestObjectTag/c"));
  CHECK(value("s3:ExistingObjectTag/Team") == "red");
  CHECK_FALSE(value("s3:ExistingObjectTag/team"));
  CHECK(value("aws:CurrentTime")->substr(0, 5) == "2026-");
  CHECK(value("aws:username") == "alice");
  facts.tags_known = false;
  CHECK_FALSE(s3::fact_of(facts, "s3:ExistingObjectTag/Team").known);
  CHECK_FALSE(s3::known_condition_key("s3:ExistingObjectTag/"));
  CHECK_FALSE(s3::known_condition_key("aws:PrincipalOrgID"));
}
