#include "http/response.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ais::http;

namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("response: header text", "[http][response]") {
  SECTION("status, fields and length, one empty line at the end") {
    auto x = head_text(404, {{"A", "b"}}, 7, true);
    CHECK(x.substr(0, 24) == "HTTP/1.1 404 Not Found\r\n");
    CHECK(has(x, "\r\nA: b\r\n"));
    CHECK(has(x, "\r\nContent-Length: 7\r\n"));
    CHECK_FALSE(has(x, "Connection"));
    CHECK(x.find("\r\n\r\n") == x.size() - 4);
  }
  SECTION("a value cannot begin a new line") {
    auto x
      = head_text(200, {{"A", std::string("b\r\nEvil: 1\0", 11)}}, 0, true);
    CHECK(has(x, "A: b  Evil: 1 \r\n"));
    CHECK_FALSE(has(x, "\nEvil"));
  }
  SECTION("a name that is no token is left out") {
    auto x = head_text(
      200, {{"A\r\nEvil", "1"}, {"B: C", "2"}, {"", "3"}, {"D e", "4"}}, 0,
      true);
    CHECK_FALSE(has(x, "Evil"));
    CHECK_FALSE(has(x, "B: C"));
    CHECK_FALSE(has(x, "D e"));
  }
  SECTION("values far above the usual size are kept whole") {
    std::string big(100'000, 'x');
    CHECK(has(head_text(200, {{"Ais-Custom-Md", big}}, 0, true), big));
  }
  SECTION("chunked and close exclude what contradicts them") {
    auto x = head_text(200, {}, std::nullopt, false, true);
    CHECK(has(x, "Transfer-Encoding: chunked\r\n"));
    CHECK(has(x, "Connection: close\r\n"));
    CHECK_FALSE(has(x, "Content-Length"));
  }
}

TEST_CASE("response: writer over a fixed buffer", "[http][response]") {
  char buffer[8];
  head_writer w{buffer, sizeof(buffer)};
  SECTION("text and numbers are appended") {
    w << "ab" << uint64_t{123} << ""
      << "xyz";
    CHECK_FALSE(w.full());
    CHECK(std::string_view{buffer, w.size()} == "ab123xyz");
  }
  SECTION("what does not fit is left out and reported") {
    w << "abcdefg" << uint64_t{42};
    CHECK(w.full());
    CHECK(w.size() == 7);
  }
  SECTION("a text one byte too long is reported") {
    w << "123456789";
    CHECK(w.full());
    CHECK(w.size() == 0);
  }
}

TEST_CASE("response: date", "[http][response]") {
  auto x = std::string{date_now()};
  REQUIRE(x.size() == 29); // "Sat, 21 Nov 2026 06:00:17 GMT"
  CHECK(x.substr(25) == " GMT");
  CHECK(x[3] == ',');
}
