#include "storage/base/log.hpp"

#include "storage/base/json.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace ais;

namespace {

constexpr int64_t when = 1'795'294'445'123'456'789; // 2026-11-21T20:54:05Z

std::string text_line(std::string_view line, log_fields more = {}) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  return log_line(log_format::text, log_level::warning, when, line, more);
}

json::object json_line(std::string_view line, log_fields more = {}) {
  auto text = log_line(log_format::json, log_level::error, when, line, more);
  REQUIRE(text.find('\n') == std::string::npos);
  auto parsed = parse_json(text);
  REQUIRE(parsed);
  return parsed->as_object();
}

/// A directory for a log, and stderr again at the end.
struct log_directory {
  log_directory() {
    std::string name
      = std::filesystem::temp_directory_path() / "ais-log-XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  log_directory(const log_directory&) = delete;
  ~log_directory() {
    open_log("");
    set_log_limits({});
    hold_log_level({});
    set_log_level(log_level::info);
    set_log_format(log_format::text);
    std::filesystem::remove_all(path);
  }
  std::string read(const char* name) const {
    flush_log();
    std::ifstream in{path / name};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  std::filesystem::path path;
};

bool contains(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

} // namespace

TEST_CASE("log: a line as text", "[storage][log]") {
  CHECK(text_line("a disk failed")
        == "W 2026-11-21 20:54:05.123456 a disk failed");
  CHECK(text_line("late", {{"request", "9F"}, {"status", 503}})
        == "W 2026-11-21 20:54:05.123456 late request=9F status=503");

  SECTION("nothing in it begins another line or rings a bell") {
    CHECK(text_line("a\nE fake\r\x1b[31m\x7f")
          == "W 2026-11-21 20:54:05.123456 a?E fake??[31m?");
    CHECK(text_line("x", {{"peer", "1\n2"}})
          == "W 2026-11-21 20:54:05.123456 x peer=1?2");
  }
  SECTION("UTF-8 stays, other bytes go") {
    CHECK(contains(text_line("caf\xc3\xa9"), "caf\xc3\xa9"));
    CHECK(contains(text_line("caf\xe9 \xc3\xa9"), "caf? ??"));
  }
}

TEST_CASE("log: a line as JSON", "[storage][log]") {
  auto x = json_line("late", {{"request", "9F"}, {"status", 503}});
  CHECK(x.at("ts").as_string() == "2026-11-21T20:54:05.123456Z");
  CHECK(x.at("level").as_string() == "error");
  CHECK(x.at("msg").as_string() == "late");
  CHECK(x.at("request").as_string() == "9F");
  CHECK(x.at("status").as_int64() == 503);

  SECTION("any bytes give one valid document") {
    CHECK(json_line("a\n\"b\"\\").at("msg").as_string() == "a\n\"b\"\\");
    CHECK(json_line("\xff").at("msg").as_string() == "?");
    CHECK(json_line("x", {{"peer", "\xfe"}}).at("peer").as_string() == "?");
  }
}

TEST_CASE("log: a file", "[storage][log]") {
  log_directory dir;
  REQUIRE(open_log(dir.path / "log"));

  SECTION("is written to, and again after it was moved away") {
    log_info("one");
    std::filesystem::rename(dir.path / "log", dir.path / "old");
    log_info("two");
    REQUIRE(reopen_log());
    log_info("three");
    CHECK(contains(dir.read("old"), "one"));
    CHECK(contains(dir.read("old"), "two"));
    CHECK(contains(dir.read("log"), "three"));
    CHECK_FALSE(contains(dir.read("log"), "two"));
  }
  SECTION("that cannot be written leaves all as it is") {
    auto other = open_log(dir.path / "log" / "below-a-file");
    REQUIRE_FALSE(other);
    CHECK(other.error() == errc::io_error);
    CHECK(contains(message_of(other.error()), "below-a-file"));
    log_info("still here");
    CHECK(contains(dir.read("log"), "still here"));
  }
  SECTION("takes either format from one line to the next") {
    log_info("plain");
    set_log_format(log_format::json);
    log_info("structured");
    CHECK(contains(dir.read("log"), "plain\n{\"ts\":"));
  }
  SECTION("is rotated as the limits say, and no more is kept") {
    set_log_limits({1000, 3000});
    CHECK(current_log_limits().rotated() == 2);
    std::string line(300, 'x');
    auto files = [&] {
      return std::distance(std::filesystem::directory_iterator{dir.path}, {});
    };
    for (int i = 0; i < 20; ++i)
      log_info(line);
    CHECK(files() == 3);
    CHECK(dir.read("log.1").size() <= 1000);
    set_log_limits({1000, 2000});
    CHECK(files() == 2);
    CHECK(contains(dir.read("log"), line));
  }
  SECTION("a held level wins over the wanted one") {
    set_log_level(log_level::error);
    log_info("below");
    hold_log_level(log_level::info);
    log_info("held");
    set_log_level(log_level::error);
    log_info("held still");
    hold_log_level({});
    log_info("below again");
    auto text = dir.read("log");
    CHECK_FALSE(contains(text, "below"));
    CHECK(contains(text, "held\n"));
    CHECK(contains(text, "held still"));
  }
}

TEST_CASE("log: how many files are kept", "[storage][log]") {
  CHECK(log_limits{}.rotated() == 7);
  CHECK(log_limits{100, 100}.rotated() == 1);
  CHECK(log_limits{1, UINT64_MAX}.rotated() == max_rotated_logs);
  CHECK(log_limits{0, 0}.rotated() == 1);
}

TEST_CASE("log: warnings that anybody can cause are rare", "[storage][log]") {
  log_directory dir;
  REQUIRE(open_log(dir.path / "log"));
  rare_warnings rare;
  rare.warn(0, "first");
  rare.warn(1, "second");
  rare.warn(2, "third");
  rare.warn(1'000'000'000, "fourth", {{"status", 500}});
  auto text = dir.read("log");
  CHECK(contains(text, "first\n"));
  CHECK_FALSE(contains(text, "second"));
  CHECK(contains(text, "fourth (and 2 before that) status=500\n"));
}
