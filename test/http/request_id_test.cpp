#include "http/request_id.hpp"

#include "storage/base/log.hpp"
#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace ais;
using namespace ais::http;
using namespace ais::http::testing;

namespace {

std::string_view given(std::string_view value) {
  request req;
  req.headers.push_back({"x-request-ID", value});
  return given_request_id(req);
}

/// The log of what runs meanwhile.
struct captured_log {
  captured_log() {
    std::string name
      = std::filesystem::temp_directory_path() / "ais-rid-XXXXXX";
    auto fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    path = name;
    REQUIRE(open_log(path));
  }
  captured_log(const captured_log&) = delete;
  ~captured_log() {
    open_log("");
    std::filesystem::remove(path);
  }
  std::string text() const {
    flush_log();
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  bool has(std::string_view what) const {
    return text().find(what) != std::string::npos;
  }
  std::string path;
};

} // namespace

TEST_CASE("request id: which of clients' are taken", "[http][request_id]") {
  CHECK(given("a-B_9.z") == "a-B_9.z");
  CHECK(given("2f0c1a3e-8a57-4a3b-9a52-0b1c2d3e4f50").size() == 36);
  CHECK(given(std::string(64, 'x')).size() == 64);
  CHECK(given(std::string(65, 'x')).empty());
  for (auto bad : {"", "a b", "a=b", "a\"b", "a\xc3\xa9", "<x>", "a;b", "a,b"})
    CHECK(given(bad).empty());
  CHECK(given_request_id(request{}).empty());
  CHECK(make_request_id(0x1f) == "000000000000001F");
  CHECK(make_request_id(UINT64_MAX) == "FFFFFFFFFFFFFFFF");
}

TEST_CASE("request id: in answers", "[http][request_id]") {
  fixture f;
  client c{f.port()};
  auto id = [](const answer& a) {
    return a.find("X-Request-Id");
  };

  SECTION("whoever gives one gets it back") {
    auto r = c.ask(text("GET", "/echo", "X-Request-Id: mine-1\r\n"));
    CHECK(r.status == 200);
    CHECK(id(r) == "mine-1");
    CHECK(id(c.ask(text("GET", "/stream", "X-Request-Id: mine-2\r\n")))
          == "mine-2");
  }
  SECTION("who does not is not told one, unless it goes wrong") {
    CHECK(id(c.ask(text("GET", "/echo"))).empty());
    auto r = c.ask(text("GET", "/none"));
    CHECK(r.status == 500);
    CHECK(id(r) == "0000000000ABCDEF");
  }
  SECTION("one we do not take is not sent back") {
    CHECK(id(c.ask(text("GET", "/echo", "X-Request-Id: a b\r\n"))).empty());
    CHECK(id(c.ask(text("GET", "/none", "X-Request-Id: a b\r\n")))
          == "0000000000ABCDEF");
  }
  SECTION("each request on a connection has its own") {
    CHECK(id(c.ask(text("GET", "/echo", "X-Request-Id: one\r\n"))) == "one");
    CHECK(id(c.ask(text("GET", "/echo"))).empty());
  }
  SECTION("what is no request has one of ours") {
    auto r = c.ask("BAD\r\n\r\n");
    CHECK(r.status == 400);
    CHECK(id(r) == "0000000000ABCDEF");
  }
}

TEST_CASE("request id: in the log", "[http][request_id]") {
  captured_log log;
  limits lims;
  lims.slow_seconds = 10;
  fixture f{lims};
  client c{f.port()};

  SECTION("failures are there, without the query") {
    c.ask(
      text("GET", "/none?X-Amz-Signature=secret", "X-Request-Id: seen\r\n"));
    CHECK(log.has("GET /none failed"));
    CHECK(log.has("request=seen"));
    CHECK(log.has("status=500"));
    CHECK(log.has("peer=127.0.0.1:"));
    CHECK_FALSE(log.has("secret"));
  }
  SECTION("many of one kind are counted") {
    for (int i = 0; i < 50; ++i)
      c.ask(text("GET", "/none"));
    auto all = log.text();
    auto lines = std::count(all.begin(), all.end(), '\n');
    CHECK(lines >= 1);
    CHECK(lines < 50); // one for each second that it took
    f.pass(1);
    c.ask(text("GET", "/none"));
    CHECK(log.has(" before that)"));
  }
  SECTION("what is no request is, too") {
    client bad{f.port()};
    bad.ask("BAD\r\n\r\n");
    CHECK(log.has("a connection was refused"));
    CHECK(log.has("request=0000000000ABCDEF"));
  }
  SECTION("slow ones are, from the request's end to the reply's start") {
    c.send(text("GET", "/wait", "X-Request-Id: late\r\n"));
    f.await_handler();
    f.pass(10);
    f.open_gate();
    CHECK(c.read().status == 200);
    CHECK(log.has("GET /wait took long"));
    CHECK(log.has("seconds=1"));
    CHECK(log.has("request=late"));
  }
  SECTION("others are not") {
    c.send(text("GET", "/wait"));
    f.await_handler();
    f.pass(5);
    f.open_gate();
    CHECK(c.read().status == 200);
    CHECK(log.text().empty());
  }
  SECTION("time in which the client sends does not count") {
    c.send("PUT /pull HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1");
    f.await_handler();
    f.pass(12);
    c.send("2345");
    CHECK(c.read().status == 200);
    CHECK(log.text().empty());
  }
}
