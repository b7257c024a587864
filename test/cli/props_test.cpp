#include "cli/props.hpp"

#include "cli/api.hpp"
#include "cli/failure.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::cli;
using list = property_list;

TEST_CASE("props: three ways to write them", "[cli][props]") {
  CHECK(parse_properties({"a.b=1", "c=x=y"})
        == list{{"a.b", "1"}, {"c", "x=y"}});
  CHECK(parse_properties({"a", "1", "b", "2"}) == list{{"a", "1"}, {"b", "2"}});
  CHECK(parse_properties({R"({"a": {"b": true}, "c": 7})"})
        == list{{"a.b", "true"}, {"c", "7"}});
  CHECK_THROWS_AS(parse_properties({"a"}), failure);
  CHECK_THROWS_AS(parse_properties({"=1"}), failure);
  CHECK_THROWS_AS(parse_properties({"{"}), failure);
  CHECK_THROWS_AS(parse_properties({"[1]"}), failure);
}

TEST_CASE("props: values get the type that is there", "[cli][props]") {
  json::object like{{"on", true}, {"text", "x"}, {"n", 1}};
  CHECK(typed_value(like, "on", "yes") == json::value(true));
  CHECK(typed_value(like, "on", "0") == json::value(false));
  CHECK(typed_value(like, "text", "true") == json::value("true"));
  CHECK(typed_value(like, "n", "42") == json::value(42));
  CHECK(typed_value(like, "new", "42") == json::value(42));
  CHECK(typed_value(like, "new", "1m") == json::value("1m"));
  CHECK(typed_value(like, "access", "GET,PUT") == json::value("5"));
}

TEST_CASE("props: permissions and features", "[cli][props]") {
  CHECK(parse_access("ro") == 0b1100000011);
  CHECK(access_text(parse_access("rw")).find("DELETE-OBJECT")
        != std::string::npos);
  CHECK(parse_access("su") == UINT64_MAX);
  CHECK(access_text(UINT64_MAX) == "all");
  CHECK(access_text(0) == "none");
  CHECK(parse_access("17") == 17);
  CHECK_THROWS_AS(parse_access("GET,FOO"), failure);
  CHECK(parse_features("Fsync-PUT S3-API-via-Root") == 0b11000);
  CHECK(features_text(0b11000) == "S3-API-via-Root,Fsync-PUT");
  CHECK(parse_features("none") == 0);
  CHECK_THROWS_AS(parse_features("Foo"), failure);
}

TEST_CASE("props: trees and paths", "[cli][props]") {
  json::object tree;
  put_at(tree, "a.b.c", 1);
  put_at(tree, "a.d", "x");
  CHECK(flattened(tree) == list{{"a.b.c", "1"}, {"a.d", "x"}});
}
