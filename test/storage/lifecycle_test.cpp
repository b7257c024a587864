#include "storage/lifecycle.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::storage;

namespace {

constexpr int64_t second_ns = 1'000'000'000;
/// 2026-11-22 10:00:00 UTC.
constexpr int64_t ten = int64_t{1'795'341'600} * second_ns;

lifecycle_rule rule(uint64_t days, std::string prefix = {}) {
  lifecycle_rule out;
  out.id = "r";
  out.enabled = true;
  out.days = days;
  out.prefix = std::move(prefix);
  return out;
}

lom object(int64_t mtime_ns = ten, uint64_t size = 10,
           const std::string& tags = {}) {
  lom out;
  out.size_bytes = size;
  out.mtime_ns = mtime_ns;
  if (!tags.empty())
    out.custom[object_tags_key] = tags;
  return out;
}

} // namespace

TEST_CASE("lifecycle: kept and read again", "[storage][lifecycle]") {
  lifecycle_rule all;
  all.id = "every field";
  all.enabled = true;
  all.prefix = "a/\"ä";
  all.old_form = true;
  all.tags = {"k=v", "x=%20"};
  all.larger_than = 1;
  all.smaller_than = INT64_MAX;
  all.days = max_lifecycle_days;
  all.date = 86'400;
  all.abort_days = 3;
  all.delete_markers = true;
  all.noncurrent_days = 4;
  all.noncurrent_kept = 5;
  lifecycle_rules rules{all, rule(1), {}};
  auto back = parse_lifecycle(to_text(rules));
  REQUIRE(back);
  CHECK(*back == rules);
  for (auto* bad : {"", "{}", "[1]", R"([{"days":"x"}])", R"([{"tags":"x"}])",
                    R"([{"tags":[1]}])", R"([{"days":100001}])",
                    R"([{"days":-1}])", R"([{"date":-1}])",
                    R"([{"date":9223372036854775807}])", R"([{"enabled":1}])"})
    CHECK_FALSE(parse_lifecycle(bad));
  std::string many = "[";
  for (size_t i = 0; i <= max_lifecycle_rules; ++i)
    many += i == 0 ? "{}" : ",{}";
  CHECK_FALSE(parse_lifecycle(many + "]"));
}

TEST_CASE("lifecycle: days end at midnight", "[storage][lifecycle]") {
  auto midnight = ten / day_ns * day_ns;
  auto x = expiry_of({rule(1)}, "k", object());
  REQUIRE(x);
  CHECK(x->at_ns == midnight + 2 * day_ns);
  CHECK(expiry_of({rule(3)}, "k", object(midnight))->at_ns
        == midnight + 3 * day_ns);
  // In tests a day is short, and there is no night.
  CHECK(expiry_of({rule(3)}, "k", object(), 2 * second_ns)->at_ns
        == ten + 6 * second_ns);
}

TEST_CASE("lifecycle: a date holds for old and new", "[storage][lifecycle]") {
  auto by_date = rule(0);
  by_date.date = ten / second_ns;
  CHECK(expiry_of({by_date}, "k", object(0))->at_ns == ten);
  CHECK(expiry_of({by_date}, "k", object(2 * ten))->at_ns == ten);
}

TEST_CASE("lifecycle: which objects a rule is for", "[storage][lifecycle]") {
  auto goes = [](const lifecycle_rule& r, std::string_view name,
                 const lom& x = object()) {
    return expiry_of({r}, name, x).has_value();
  };
  CHECK(goes(rule(1, "logs/"), "logs/a"));
  CHECK_FALSE(goes(rule(1, "logs/"), "logs"));
  CHECK_FALSE(goes(rule(0), "k"));
  auto off = rule(1);
  off.enabled = false;
  CHECK_FALSE(goes(off, "k"));
  auto sized = rule(1);
  sized.larger_than = 10;
  sized.smaller_than = 20;
  CHECK_FALSE(goes(sized, "k", object(ten, 10)));
  CHECK(goes(sized, "k", object(ten, 11)));
  CHECK(goes(sized, "k", object(ten, 19)));
  CHECK_FALSE(goes(sized, "k", object(ten, 20)));
  auto tagged = rule(1);
  tagged.tags = {"a=1", "b=2"};
  CHECK_FALSE(goes(tagged, "k"));
  CHECK_FALSE(goes(tagged, "k", object(ten, 1, "a=1")));
  CHECK_FALSE(goes(tagged, "k", object(ten, 1, "a=1&b=22")));
  CHECK(goes(tagged, "k", object(ten, 1, "b=2&c=3&a=1")));
}

TEST_CASE("lifecycle: the first of several rules", "[storage][lifecycle]") {
  lifecycle_rules rules{rule(5), rule(2, "k"), rule(9)};
  rules[1].id = "soon";
  auto x = expiry_of(rules, "key", object());
  REQUIRE(x);
  CHECK(x->rule->id == "soon");
}

TEST_CASE("lifecycle: uploads", "[storage][lifecycle]") {
  auto aborts = rule(0, "big/");
  aborts.abort_days = 2;
  lifecycle_rules rules{rule(1), aborts};
  CHECK_FALSE(upload_expiry_of(rules, "small/x", ten));
  auto x = upload_expiry_of(rules, "big/x", ten, second_ns);
  REQUIRE(x);
  CHECK(x->at_ns == ten + 2 * second_ns);
  // And objects are none of that rule's.
  CHECK(expiry_of(rules, "big/x", object())->rule == &rules[0]);
  CHECK_FALSE(expiry_of({aborts}, "big/x", object()));
}
