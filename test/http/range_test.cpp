#include "http/range.hpp"

#include <catch2/catch.hpp>

#include <cstdint>

using namespace ais;
using namespace ais::http;

TEST_CASE("range: satisfiable", "[http][range]") {
  struct row {
    const char* header;
    uint64_t size, offset, length;
  };
  for (auto& x : {
         row{"bytes=0-0", 10, 0, 1},
         row{"bytes=0-9", 10, 0, 10},
         row{"bytes=2-5", 10, 2, 4},
         row{"bytes=9-", 10, 9, 1},
         row{"bytes=0-", 1, 0, 1},
         row{"bytes=5-100", 10, 5, 5},
         row{"bytes=-3", 10, 7, 3},
         row{"bytes=-10", 10, 0, 10},
         row{"bytes=-11", 10, 0, 10},
         row{"bytes=0-18446744073709551615", 10, 0, 10},
         row{"bytes=0-99999999999999999999999", 10, 0, 10},
         row{"bytes=-99999999999999999999999", 10, 0, 10},
         row{"bytes=18446744073709551613-", UINT64_MAX, UINT64_MAX - 2, 2},
         row{"bytes=0-", UINT64_MAX, 0, UINT64_MAX},
       }) {
    CAPTURE(x.header, x.size);
    auto r = parse_range(x.header, x.size);
    REQUIRE(r);
    CHECK(r->offset == x.offset);
    CHECK(r->length == x.length);
  }
}

TEST_CASE("range: refused", "[http][range]") {
  for (auto* x : {"",
                  "bytes",
                  "bytes=",
                  "bytes=-",
                  "bytes=--1",
                  "bytes=a-b",
                  "bytes=1",
                  "bytes=0-1,3-4",
                  "bytes=0-1,",
                  "bytes= 0-1",
                  "bytes=0 -1",
                  "bytes=0-1 ",
                  "bytes=+0-1",
                  "bytes=0x0-1",
                  "bytes=5-4",
                  "bytes=10-",
                  "bytes=10-12",
                  "bytes=-0",
                  "items=0-1",
                  "bytes:0-1",
                  "bytes=0-1-2",
                  "bytes=1.0-2",
                  "bytes=18446744073709551616-",
                  "bytes=18446744073709551615-"}) {
    CAPTURE(x);
    auto r = parse_range(x, 10);
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::range_not_satisfiable);
  }
  for (auto* x : {"bytes=0-", "bytes=0-0", "bytes=-1"}) {
    CAPTURE(x);
    CHECK_FALSE(parse_range(x, 0)); // nothing of an empty object
  }
}
