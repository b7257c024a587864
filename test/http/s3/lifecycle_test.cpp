#include "http/s3/lifecycle.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

std::string body_of(const std::string& rules) {
  return "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>";
}

/// A rule with these elements besides ID and status.
std::string rule_of(const std::string& inner, const std::string& id = "r") {
  return "<Rule><ID>" + id + "</ID><Status>Enabled</Status>" + inner
         + "</Rule>";
}

constexpr auto* days = "<Expiration><Days>1</Days></Expiration>";
constexpr auto* everything = "<Filter/>";

/// The code of the refusal.
std::string_view refused(const std::string& rules) {
  auto x = s3::parse_lifecycle_body(body_of(rules));
  return x ? std::string_view{"taken"} : x.why().code.name;
}

storage::lifecycle_rule taken(const std::string& inner) {
  auto x = s3::parse_lifecycle_body(body_of(rule_of(inner)));
  REQUIRE(x);
  // What clients get back means the same.
  auto again = s3::parse_lifecycle_body(s3::to_xml(*x));
  REQUIRE(again);
  CHECK(*again == *x);
  return x->front();
}

} // namespace

TEST_CASE("s3 lifecycle: rules are read and written", "[http][s3]") {
  auto old = taken(std::string{"<Prefix>logs/</Prefix>"} + days);
  CHECK(old.prefix == "logs/");
  CHECK(old.old_form);
  CHECK(old.enabled);
  CHECK(old.days == 1);
  CHECK(taken(std::string{everything} + days).prefix.empty());
  auto one = taken("<Filter><Tag><Key>a b</Key><Value>ä&amp;=</Value></Tag>"
                   "</Filter>"
                   + std::string{days});
  CHECK(one.tags == std::vector<std::string>{"a%20b=%C3%A4%26%3D"});
  auto all = taken("<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v"
                   "</Value></Tag><Tag><Key>l</Key><Value/></Tag>"
                   "<ObjectSizeGreaterThan>10</ObjectSizeGreaterThan>"
                   "<ObjectSizeLessThan>99999999999</ObjectSizeLessThan></And>"
                   "</Filter><Expiration><Date>2030-01-01T00:00:00.000Z</Date>"
                   "</Expiration>");
  CHECK(all.tags == std::vector<std::string>{"k=v", "l="});
  CHECK(all.smaller_than == 99'999'999'999);
  CHECK(all.date == 1'893'456'000);
  auto parts = taken(
    "<Prefix/><AbortIncompleteMultipartUpload><DaysAfterInitiation>7"
    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
    "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>"
    "</NoncurrentVersionExpiration><Expiration><ExpiredObjectDeleteMarker>true"
    "</ExpiredObjectDeleteMarker></Expiration>");
  CHECK(parts.abort_days == 7);
  CHECK(parts.noncurrent_days == 3);
  CHECK(parts.delete_markers);
}

TEST_CASE("s3 lifecycle: what is refused, and how", "[http][s3]") {
  auto with = [](const std::string& inner) {
    return refused(rule_of(everything + inner));
  };
  auto expires = [&](const std::string& inner) {
    return with("<Expiration>" + inner + "</Expiration>");
  };
  CHECK(refused(rule_of(std::string{everything} + days)) == "taken");
  for (auto* bad : {"<Days>0</Days>", "<Days>-1</Days>", "<Days>100001</Days>",
                    "<Date>2030-01-01T00:00:01Z</Date>"})
    CHECK(expires(bad) == "InvalidArgument");
  for (auto* bad :
       {"", "<Days/>", "<Days>x</Days>", "<Days>1.5</Days>", "<Date>x</Date>",
        "<Date>20300101</Date>", "<Hours>1</Hours>",
        "<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>",
        "<Days>1</Days><Days>2</Days>",
        "<ExpiredObjectDeleteMarker>1</ExpiredObjectDeleteMarker>"})
    CHECK(expires(bad) == "MalformedXML");
  CHECK(with("") == "InvalidRequest");
  CHECK(with("<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass>"
             "</Transition>")
        == "NotImplemented");
  for (auto* bad : {"<Transition><Date>x</Date></Transition>",
                    "<Transition><Date/></Transition>"})
    CHECK(with(bad) == "MalformedXML");
  CHECK(with("<Transition><Date>1970-08-23T01:02:07Z</Date></Transition>")
        == "InvalidArgument");
  CHECK(with(std::string{days} + days) == "MalformedXML");
  CHECK(with(days + std::string{"<Prefix>p</Prefix>"}) == "MalformedXML");
  CHECK(refused(rule_of(days)) == "MalformedXML");
  CHECK(refused("<Rule><Filter/>" + std::string{days} + "</Rule>")
        == "MalformedXML");
  CHECK(refused("<Rule><Status>enabled</Status><Filter/>" + std::string{days}
                + "</Rule>")
        == "MalformedXML");
  CHECK(refused("") == "MalformedXML");
  CHECK(refused("<Else/>") == "MalformedXML");
  auto one = rule_of(std::string{everything} + days);
  CHECK(refused(one + one) == "InvalidArgument");
  CHECK(refused(rule_of(std::string{everything} + days, std::string(256, 'a')))
        == "InvalidArgument");
  std::string many;
  for (int i = 0; i <= 1000; ++i)
    many += rule_of(std::string{everything} + days, std::to_string(i));
  CHECK(refused(many) == "MalformedXML");
  CHECK(
    refused(rule_of("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
                    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7"
                    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"))
    == "InvalidRequest");
  CHECK(refused(rule_of("<Filter><Tag><Value>v</Value></Tag></Filter>"
                        + std::string{days}))
        == "InvalidTag");
  CHECK(refused(rule_of("<Filter><Prefix>a</Prefix><And><Prefix>b</Prefix>"
                        "</And></Filter>"
                        + std::string{days}))
        == "MalformedXML");
}

TEST_CASE("s3 lifecycle: the header that tells of it", "[http][s3]") {
  auto rules = s3::parse_lifecycle_body(
    body_of(rule_of("<Prefix>logs/</Prefix>" + std::string{days}, "a \"b\"")));
  REQUIRE(rules);
  storage::lom x;
  x.mtime_ns = int64_t{1'795'341'600} * 1'000'000'000; // 10:00
  CHECK(s3::expiration_header(*rules, "logs/x", x)
        == "expiry-date=\"Tue, 24 Nov 2026 00:00:00 GMT\","
           " rule-id=\"a%20%22b%22\"");
  CHECK(s3::expiration_header(*rules, "else", x).empty());
  CHECK(s3::expiration_header({}, "logs/x", x).empty());
}
