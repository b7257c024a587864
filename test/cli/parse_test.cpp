#include "cli/command.hpp"
#include "cli/failure.hpp"
#include "cli/flags.hpp"

#include <catch2/catch.hpp>

using namespace ais::cli;
using words = std::vector<std::string>;

namespace {

command sample() {
  command c;
  c.name = "sample";
  c.usage = "ONE [TWO...]";
  c.run = [](context&, const arguments&) {
  };
  c.flags = {flags::json,
             flags::yes,
             flags::non_recursive,
             flags::limit,
             flags::prefix,
             flags::refresh,
             {"offset", "", value_kind::size, "SIZE", ""}};
  c.exclusive = {{"json", "limit"}};
  return c;
}

arguments parsed(const words& w) {
  return parse_arguments(sample(), w);
}

std::string why_not(const words& w) {
  try {
    parsed(w);
  } catch (const misuse& e) {
    return e.what();
  }
  return {};
}

} // namespace

TEST_CASE("parse: options stand anywhere", "[cli][parse]") {
  auto a = parsed({"x", "--prefix", "p", "y", "-y"});
  CHECK(a.operands == words{"x", "y"});
  CHECK(a.get("prefix") == "p");
  CHECK(a.has("yes"));
  CHECK_FALSE(a.has("json"));

  SECTION("one dash or two, with '=' or without") {
    for (auto& w : {words{"x", "-limit=5"},
                    {"x", "--limit", "5"},
                    {"-limit", "5", "x"},
                    {"x", "--limit=5"}})
      CHECK(parsed(w).number("limit", 0) == 5);
    CHECK(parsed({"x", "-nr"}).has("non-recursive"));
    CHECK(parsed({"x", "--nr"}).has("non-recursive"));
    CHECK(parsed({"x", "-yj"}).has("json"));
    CHECK_FALSE(parsed({"x", "--yes=false"}).has("yes"));
  }
  SECTION("values are taken as they are") {
    CHECK(parsed({"x", "--prefix", ""}).get("prefix").empty());
    CHECK(parsed({"x", "--prefix", ""}).has("prefix"));
    CHECK(parsed({"x", "--prefix="}).operands == words{"x"});
    CHECK(parsed({"x", "--prefix", "--yes"}).get("prefix") == "--yes");
    CHECK(parsed({"x", "--prefix", "[a,b]"}).get("prefix") == "[a,b]");
    CHECK(parsed({"x", "--prefix", "1", "--prefix", "2"}).get("prefix") == "2");
  }
  SECTION("operands that look like others") {
    CHECK(parsed({"-"}).operands == words{"-"});
    CHECK(parsed({"[a,b]", "{c}"}).operands == words{"[a,b]", "{c}"});
    CHECK(parsed({"x", "--", "--yes", "--"}).operands
          == words{"x", "--yes", "--"});
  }
}

TEST_CASE("parse: mistakes", "[cli][parse]") {
  CHECK(why_not({}) == "missing \"ONE\" argument");
  CHECK(why_not({"x", "--foo"}) == "flag provided but not defined: -foo");
  CHECK(why_not({"x", "-yz"}) == "flag provided but not defined: -yz");
  CHECK(why_not({"x", "--prefx", "y"})
        == "flag provided but not defined: -prefx (did you mean --prefix?)");
  CHECK(why_not({"x", "--diff"})
        == "--diff is not available in this version: it is for remote"
           " buckets");
  CHECK(why_not({"x", "--limit"}) == "flag needs an argument: --limit");
  CHECK(why_not({"x", "--limit", "-1"}).find("expecting a whole number")
        != std::string::npos);
  CHECK(why_not({"x", "--offset", "1q"}).find("expecting a size")
        != std::string::npos);
  // Alone, it has a default.
  CHECK(parsed({"x", "--refresh"}).get("refresh") == "5s");
  CHECK(parsed({"--refresh", "--json", "x"}).get("refresh") == "5s");
  CHECK(parsed({"--refresh", "2s", "x"}).get("refresh") == "2s");
  CHECK(why_not({"x", "--refresh", "soon"}).find("expecting a duration")
        != std::string::npos);
  CHECK(why_not({"x", "--yes=perhaps"}) == "flag --yes takes no value");
  CHECK(why_not({"x", "--json", "--limit", "1"})
        == "flags '--json' and '--limit' are mutually exclusive");
}

TEST_CASE("parse: how many operands a usage asks for", "[cli][parse]") {
  auto is = [](const char* usage, size_t least, size_t most) {
    auto x = arity_of(usage);
    return x.least == least && x.most == most;
  };
  CHECK(is("", 0, 0));
  CHECK(is("A", 1, 1));
  CHECK(is("A [B]", 1, 2));
  CHECK(is("[A|B/C]", 0, 1));
  CHECK(is("A [A...]", 1, SIZE_MAX));
  CHECK(is("[A...] B", 1, SIZE_MAX));
  CHECK(is("A|B... C", 2, SIZE_MAX));
}

TEST_CASE("parse: all commands describe themselves", "[cli][parse]") {
  for_each_command([](const place& at) {
    INFO(at.name());
    auto& c = at.what();
    CHECK_FALSE(c.summary.empty());
    CHECK(c.summary.back() != '.');
    // No two options share a name.
    std::map<std::string_view, int> names;
    for (auto& f : all_flags(c)) {
      CHECK(++names[f.name] == 1);
      if (!f.short_name.empty())
        CHECK(++names[f.short_name] == 1);
      CHECK((f.kind == value_kind::nothing) == f.value.empty());
    }
    for (auto& group : c.exclusive)
      for (auto& name : group)
        CHECK(names.count(name) == 1);
  });
}
