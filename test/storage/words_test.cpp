#include "storage/base/words.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("words: what was meant", "[storage][words]") {
  CHECK(nearest("lss", {"ls", "rm", "put"}) == "ls");
  CHECK(nearest("teh", {"the", "other"}) == "the"); // swapped
  CHECK(nearest("checksum.typ", {"checksum.type", "checksum.x"})
        == "checksum.type");
  CHECK(nearest("xyzzy", {"ls", "rm"}).empty());
}

TEST_CASE("words: changes between two", "[storage][words]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ab", "ba") == 1);
}

TEST_CASE("words: lines that fit", "[storage][words]") {
  CHECK(wrapped("", 2, 10).empty());
  CHECK(wrapped("one  two three", 2, 10) == "one two\n  three");
  CHECK(wrapped("much-too-long-a-word x", 2, 10)
        == "much-too-long-a-word\n  x");
}

TEST_CASE("words: lower case", "[storage][words]") {
  CHECK(lower("X-Amz-Date 09@[`{") == "x-amz-date 09@[`{");
  CHECK(lower("\xc3\x84") == "\xc3\x84");
  CHECK(lower("").empty());
}
