#include "storage/base/units.hpp"

#include "storage/base/json.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("units: durations", "[storage][units]") {
  using namespace std::chrono_literals;
  CHECK(*parse_duration("1m30s") == 90s);
  CHECK(*parse_duration("1.5h") == 90min);
  CHECK(*parse_duration("100ms") == 100ms);
  CHECK(*parse_duration("-2m") == -2min);
  CHECK(*parse_duration("0") == 0s);
  for (auto x : {"", "5", "1x", "s", "1.2.3s", "h1", "1e9s", "99999999999h"})
    CHECK_FALSE(parse_duration(x));
  CHECK(format_duration(10s) == "10s");
  CHECK(format_duration(60s) == "1m");
  CHECK(format_duration(90s) == "1m30s");
  CHECK(format_duration(120min) == "2h0m");
  CHECK(format_duration(100ms) == "100ms");
  CHECK(format_duration(1500ms) == "1.5s");
  CHECK(format_duration(0s) == "0s");
}

TEST_CASE("units: sizes", "[storage][units]") {
  CHECK(*parse_size("64MiB") == 64u << 20);
  CHECK(*parse_size("64mb") == 64u << 20);
  CHECK(*parse_size("64m") == 64u << 20);
  CHECK(*parse_size("1.5KiB") == 1536);
  CHECK(*parse_size("1024") == 1024);
  for (auto x : {"", "MiB", "1XB", "1KiBs", "-1", "99999999EiB"})
    CHECK_FALSE(parse_size(x));
  CHECK(format_size(0) == "0B");
  CHECK(format_size(512) == "512B");
  CHECK(format_size(1ull << 40) == "1TiB");
}

TEST_CASE("units: times", "[storage][units]") {
  constexpr int64_t t = 1795225543'274217986;
  CHECK(format_rfc3339(t) == "2026-11-21T01:45:43.274217986Z");
  CHECK(format_rfc3339(1795225543'500000000) == "2026-11-21T01:45:43.5Z");
  CHECK(format_http_date(t) == "Sat, 21 Nov 2026 01:45:43 GMT");
  CHECK(format_time(t, "") == "21 Nov 26 01:45 UTC");
  CHECK(format_time(t, "Jan _2 15:04:05.000000") == "Nov 21 01:45:43.274217");
}

TEST_CASE("json: what is malformed is refused", "[storage][json]") {
  CHECK(parse_json(R"({"a":[1,"x",null,true,1.5]})"));
  for (auto x :
       {"", "{", "{}x", "{'a':1}", "[1,]", "NaN", "{\"a\":1,}", "\"\\ud800\"",
        "\xff", "01", "1 2", "1e999", "[{\"a\":-9e999}]"})
    CHECK(parse_json(x).error() == errc::invalid_argument);
  CHECK_FALSE(parse_json(std::string(100'000, '[')));
  CHECK(parse_json(std::string(30, '[') + std::string(30, ']')));

  auto v = parse_json(R"({"ID":"x","n":"12","m":13,"b":true,"neg":-1})");
  auto& o = v->get_object();
  CHECK(*text_member(o, "id") == "x");
  CHECK(*integer_member(o, "n", 0) == 12);
  CHECK(*unsigned_member(o, "M", 0) == 13);
  CHECK_FALSE(unsigned_member(o, "neg", 0));
  CHECK_FALSE(text_member(o, "m"));
  CHECK(*bool_member(o, "b"));
  CHECK(*integer_member(o, "absent", 5) == 5);
  CHECK(parse_json(to_pretty_text(*v)));
}
