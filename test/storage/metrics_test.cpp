#include "storage/base/metrics.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <sstream>
#include <thread>

using namespace ais;

namespace {

uint64_t value_of(stat x) {
  return stat_sums()[static_cast<size_t>(x)];
}

bool has_line(const std::string& text, const std::string& wanted) {
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    if (line == wanted)
      return true;
  return false;
}

/// Returns whether all samples of a name follow its own TYPE line.
bool grouped(const std::string& text) {
  std::set<std::string> seen;
  std::string current;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string hash, what, name;
    words >> hash >> what >> name;
    if (hash == "#") {
      if (what == "TYPE" && name != current)
        return false;
      if (what == "HELP" && !seen.insert(name).second)
        return false;
      current = name;
    } else if (line.substr(0, line.find('{')) != current) {
      return false;
    }
  }
  return true;
}

} // namespace

TEST_CASE("metrics: names and kinds", "[storage][metrics]") {
  CHECK(info_of(stat::get_n).name == "get.n");
  CHECK(info_of(stat::edge_req_n).name == "edge.req.n");
  std::set<std::string_view> names;
  for (size_t i = 0; i < stat_count; ++i) {
    auto& info = info_of(static_cast<stat>(i));
    INFO(info.name);
    CHECK(names.insert(info.name).second);
    CHECK(info.kind
          == (info.name.ends_with(".n")      ? "counter"
              : info.name.ends_with(".size") ? "size"
                                             : "total"));
    CHECK_FALSE(info.help.empty());
  }
}

TEST_CASE("metrics: counting", "[storage][metrics]") {
  reset_stats(false);

  SECTION("by one, and by more") {
    count(stat::put_n);
    count(stat::put_n);
    count(stat::put_size, 1000);
    CHECK(value_of(stat::put_n) == 2);
    CHECK(value_of(stat::put_size) == 1000);
    CHECK(value_of(stat::get_n) == 0);
  }
  SECTION("several threads at once lose nothing, ended or not") {
    constexpr uint64_t rounds = 100'000;
    std::thread{[] {
      count(stat::put_n);
    }}.join(); // its block is taken over
    std::atomic<bool> counted = false, seen = false;
    std::thread ended{[&] {
      for (uint64_t i = 0; i < rounds; ++i)
        count(stat::get_n);
    }};
    std::thread alive{[&] {
      for (uint64_t i = 0; i < rounds; ++i)
        count(stat::get_n, 2);
      counted = true;
      counted.notify_one();
      seen.wait(false);
    }};
    for (uint64_t i = 0; i < rounds; ++i)
      count(stat::get_n, 3);
    ended.join();
    counted.wait(false);
    CHECK(value_of(stat::get_n) == 6 * rounds);
    seen = true;
    seen.notify_one();
    alive.join();
    CHECK(value_of(stat::get_n) == 6 * rounds);
  }
  SECTION("one thread after the other adds up") {
    for (int i = 0; i < 100; ++i)
      std::thread{[] {
        count(stat::del_n);
      }}.join();
    CHECK(value_of(stat::del_n) == 100);
  }
}

TEST_CASE("metrics: reset", "[storage][metrics]") {
  reset_stats(false);
  count(stat::get_n, 5);
  count(stat::err_get_n, 7);

  SECTION("of errors leaves the rest") {
    reset_stats(true);
    CHECK(value_of(stat::get_n) == 5);
    CHECK(value_of(stat::err_get_n) == 0);
  }
  SECTION("of everything, and counting goes on") {
    reset_stats(false);
    CHECK(stat_sums() == stat_values{});
    count(stat::err_get_n);
    CHECK(value_of(stat::err_get_n) == 1);
  }
}

TEST_CASE("metrics: exported names", "[storage][metrics]") {
  CHECK(exported_name("get.n") == "get_count");
  CHECK(exported_name("err.http.write.n") == "err_http_write_count");
  CHECK(exported_name("get.size") == "get_bytes");
  CHECK(exported_name("get.ns.total") == "get_ns_total");
  CHECK(exported_name("disk.read.bps") == "disk_read_bps");
  CHECK(exported_name("up.ns.time") == "uptime");
  CHECK(exported_name("state.flags") == "state_flags");
}

TEST_CASE("metrics: Prometheus text", "[storage][metrics]") {
  reset_stats(false);
  count(stat::put_size, 42);
  auto text = prometheus_text("ais_target_", "t1",
                              {{"used", 1, {{"mountpath", "/a"}}},
                               {"total", 10, {{"mountpath", "/a"}}},
                               {"used", -2, {{"mountpath", "/b"}, {"x", "y"}}},
                               {"state.flags", 6, {}}});

  SECTION("a counter has help, type and value") {
    CHECK(has_line(text, "# HELP ais_target_put_bytes Bytes of objects "
                         "received"));
    CHECK(has_line(text, "# TYPE ais_target_put_bytes counter"));
    CHECK(has_line(text, "ais_target_put_bytes{node_id=\"t1\"} 42"));
    CHECK(has_line(text, "ais_target_get_count{node_id=\"t1\"} 0"));
  }
  SECTION("a gauge has labels, and samples of one name are together") {
    CHECK(has_line(text, "# TYPE ais_target_state_flags gauge"));
    CHECK(has_line(text, "ais_target_state_flags{node_id=\"t1\"} 6"));
    CHECK(has_line(text, "ais_target_used{node_id=\"t1\",mountpath=\"/a\"} 1"));
    CHECK(has_line(
      text, "ais_target_used{node_id=\"t1\",mountpath=\"/b\",x=\"y\"} -2"));
    CHECK(grouped(text));
    CHECK(text.back() == '\n');
  }
  SECTION("quotes, backslashes and line ends in labels are escaped") {
    auto odd = prometheus_text("p_", "a\"b\\c\nd", {});
    CHECK(has_line(odd, R"(p_get_count{node_id="a\"b\\c\nd"} 0)"));
  }
}
