#include "http/s3/tags.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;

TEST_CASE("s3 tags: bodies, headers, and what is kept", "[http][s3]") {
  auto tags = s3::parse_tagging(
    "<Tagging xmlns='u'><TagSet><Tag><Key>a b</Key><Value>&lt;1=&amp;</Value>"
    "</Tag><Tag><Key>c</Key><Value/></Tag></TagSet></Tagging>",
    10);
  REQUIRE(tags);
  CHECK(*tags == s3::tag_set{{"a b", "<1=&"}, {"c", ""}});
  auto kept = s3::to_query(*tags);
  CHECK(kept == "a%20b=%3C1%3D%26&c=");
  CHECK(*s3::parse_tag_query(kept, 10) == *tags);
  CHECK(*s3::parse_tagging(s3::to_xml(*tags), 10) == *tags);
  CHECK(s3::parse_tag_query("", 10)->empty());
  CHECK(s3::to_query({}).empty());
  CHECK(*s3::parse_tag_query("x&y=1", 10)
        == s3::tag_set{{"x", ""}, {"y", "1"}});
}

TEST_CASE("s3 tags: refusals", "[http][s3]") {
  for (auto bad : {"", "<Tagging/>", "<Tagging><TagSet/><TagSet/></Tagging>",
                   "<Tagging><TagSet><Key>a</Key></TagSet></Tagging>",
                   "<Tagging><Tag><Key>a</Key></Tag></Tagging>", "<Other/>"}) {
    auto out = s3::parse_tagging(bad, 10);
    REQUIRE_FALSE(out);
    CHECK(out.why().code.name == "MalformedXML");
  }
  auto of = [](const std::string& query) {
    auto out = s3::parse_tag_query(query, 2);
    return out ? std::string_view{} : out.why().code.name;
  };
  CHECK(of("a=1&b=2") == "");
  CHECK(of("a=1&b=2&c=3") == "InvalidTag");
  CHECK(of("a=1&a=2") == "InvalidTag");
  CHECK(of("=1") == "InvalidTag");
  CHECK(of("aws:a=1") == "InvalidTag");
  CHECK(of("a=%ff") == "InvalidTag");
  CHECK(of("a=%f") == "InvalidArgument");
  CHECK(of(std::string(128, 'k') + "=" + std::string(256, 'v')) == "");
  CHECK(of(std::string(129, 'k')) == "InvalidTag");
  CHECK(of("k=" + std::string(257, 'v')) == "InvalidTag");
}
