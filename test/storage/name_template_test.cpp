#include "storage/base/name_template.hpp"

#include <catch2/catch.hpp>

using namespace ais;

namespace {

std::vector<std::string> names_of(std::string_view text) {
  auto x = name_template::parse(text);
  std::vector<std::string> out;
  for (uint64_t i = 0; x && i < x->size(); ++i)
    out.push_back(x->at(i));
  return out;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("name_template: ranges", "[storage][name_template]") {
  CHECK(names_of("a{1..3}b") == names{"a1b", "a2b", "a3b"});
  CHECK(names_of("{8..11}") == names{"8", "9", "10", "11"});
  CHECK(names_of("s-{008..011}") == names{"s-008", "s-009", "s-010", "s-011"});
  CHECK(names_of("x{0..10..5}") == names{"x0", "x5", "x10"});
  CHECK(names_of("{1..2}/{0..1}.t")
        == names{"1/0.t", "1/1.t", "2/0.t", "2/1.t"});

  SECTION("text without a range stands for itself, braces and all") {
    CHECK(names_of("plain") == names{"plain"});
    CHECK(names_of("a{b}c") == names{"a{b}c"});
    CHECK(names_of("{a..") == names{"{a.."});
    CHECK_FALSE(name_template::parse("plain")->ranged());
  }
  SECTION("the prefix is what stands before the first range") {
    CHECK(name_template::parse("d/s-{1..3}.tar")->prefix() == "d/s-");
  }
}

TEST_CASE("name_template: what is refused", "[storage][name_template]") {
  auto text = GENERATE(as<std::string>{}, "{3..1}", "{a..b}", "{1..5..0}",
                       "{1..5..x}", "{0..10000000}", "{1..9999}{1..9999}",
                       "{1..99999999999999999999}", "{-1..5}",
                       "{0..18446744073709551615..2}");
  auto x = name_template::parse(text);
  REQUIRE_FALSE(x);
  CHECK(x.error() == errc::invalid_argument);
}
