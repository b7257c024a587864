#include "cli/output.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::cli;
using namespace std::chrono_literals;

TEST_CASE("quantities: bytes", "[cli][output]") {
  quantities iec;
  CHECK(iec.bytes(0) == "0B");
  CHECK(iec.bytes(1000) == "1000B");
  CHECK(iec.bytes(1024) == "1.00KiB");
  CHECK(iec.bytes(6000) == "5.86KiB");
  CHECK(iec.bytes(uint64_t{178} << 30, 0) == "178GiB");
  CHECK(iec.bytes(UINT64_MAX) == "16.00EiB");
  CHECK(iec.rate(2048) == "2.00KiB/s");
  quantities si{unit_system::si};
  CHECK(si.bytes(999) == "999B");
  CHECK(si.bytes(1'500'000) == "1.50MB");
  quantities raw{unit_system::raw};
  CHECK(raw.bytes(1'500'000) == "1500000");

  SECTION("are read in the same units") {
    CHECK(*iec.parse_bytes("4k") == 4096);
    CHECK(*iec.parse_bytes("1MiB") == 1 << 20);
    CHECK(*si.parse_bytes("4k") == 4000);
    CHECK(*si.parse_bytes("2GB") == 2'000'000'000);
    CHECK(*si.parse_bytes("1MiB") == 1 << 20);
    CHECK(*si.parse_bytes("17") == 17);
    CHECK_FALSE(iec.parse_bytes("4q"));
  }
}

TEST_CASE("quantities: durations are rounded to what matters",
          "[cli][output]") {
  quantities q;
  CHECK(q.duration(3507037ns) == "3.507037ms");
  CHECK(q.duration(123'456'789ns) == "123ms");
  CHECK(q.duration(1'234'567'890ns) == "1.23s");
  CHECK(q.duration(12'345ms) == "12.3s");
  CHECK(q.duration(123'456ms) == "2m3s");
  CHECK((quantities{unit_system::raw}.duration(5us)) == "5000ns");
  CHECK(*parse_seconds("7") == 7s);
  CHECK(*parse_seconds("1.5") == 1500ms);
  CHECK(*parse_seconds("1m30s") == 90s);
  CHECK_FALSE(parse_seconds("soon"));
}

TEST_CASE("quantities: counts", "[cli][output]") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1234567) == "1,234,567");
  CHECK(counted(1, "object") == "1 object");
  CHECK(counted(2000, "object") == "2,000 objects");
}
