// Time is driven by hand. The server's own clock ticks as well, once in a real
// second, so every test leaves a few seconds of margin.
#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;
using namespace ais::http::testing;

namespace {

limits slow_limits() {
  limits l;
  l.idle_seconds = 75;
  l.header_seconds = 40;
  l.grace_seconds = 40;
  l.min_rate = 1 << 30; // bytes buy no time
  return l;
}

} // namespace

TEST_CASE("deadlines: header", "[http][deadline]") {
  fixture f{slow_limits()};
  client c{f.port()};

  SECTION("an idle connection is closed without a word") {
    REQUIRE(c.ask(text("GET", "/fast")).status == 200);
    f.pass(76);
    CHECK(c.ended());
  }
  SECTION("an idle connection below the limit stays") {
    REQUIRE(c.ask(text("GET", "/fast")).status == 200);
    f.pass(60);
    CHECK(c.ask(text("GET", "/fast")).status == 200);
  }
  SECTION("a header that trickles in is cut off: bytes do not buy time") {
    auto whole = text("GET", "/fast");
    for (size_t i = 0; i < 3; ++i) {
      c.send(whole.substr(i, 1));
      f.pass(10);
    }
    c.send(whole.substr(3, 1));
    f.pass(11);
    auto r = c.read();
    CHECK(r.status == 408);
    CHECK(r.closes());
    CHECK(c.ended());
  }
  SECTION("the deadline counts from the first byte, not from the connection") {
    f.pass(60);
    auto whole = text("GET", "/fast");
    c.send(whole.substr(0, 5));
    f.pass(30);
    CHECK(c.ask(whole.substr(5)).status == 200);
  }
}

TEST_CASE("deadlines: body", "[http][deadline]") {
  fixture f{slow_limits()};
  client c{f.port()};

  SECTION("a sender that stops is cut off and told") {
    c.send(text("PUT", "/echo", "Content-Length: 100\r\n", "abc"));
    f.await_handler();
    f.pass(41);
    CHECK(c.read().status == 408);
    CHECK(c.ended());
  }
  SECTION("a sender that trickles is cut off, chunked or not") {
    auto framing
      = GENERATE("Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n");
    c.send(text("PUT", "/echo", framing));
    f.await_handler();
    auto part = std::string{framing}[0] == 'C' ? "a" : "1\r\na\r\n";
    for (int i = 0; i < 4; ++i) {
      c.send(part);
      f.pass(10);
    }
    f.pass(2);
    CHECK(c.read().status == 408);
  }
  SECTION("time that the handler takes is not the sender's") {
    c.send(text("PUT", "/wait", "Content-Length: 5\r\n"));
    f.await_handler();
    f.pass(200);
    f.open_gate();
    f.pass(20);
    c.send("he");
    f.pass(10);
    CHECK(c.ask("llo").body == "PUT /wait \nhello");
    CHECK(c.ask(text("GET", "/fast")).status == 200);
  }
  SECTION("a receiver that stops is cut off") {
    client slow{f.port(), 4096};
    slow.send(text("GET", "/file"));
    f.pass(41);
    auto r = slow.read();
    CHECK(r.status == 200);
    CHECK_FALSE(r.complete);
  }
  SECTION("an unread body is not waited for") {
    c.send(text("PUT", "/ignore", "Content-Length: 100\r\n", "abc"));
    CHECK(c.read().body == "ignored");
    f.pass(3);
    CHECK(c.ended());
  }
}

TEST_CASE("deadlines: moved bytes buy time", "[http][deadline]") {
  auto l = slow_limits();
  l.min_rate = 100;
  fixture f{l};
  client c{f.port()};
  std::string part(2000, 'x'); // worth 20 seconds
  c.send(text("PUT", "/echo", "Content-Length: 10000\r\n"));
  f.await_handler();
  for (int i = 0; i < 4; ++i) {
    c.send(part);
    f.pass(20);
  }
  CHECK(c.ask(part).status == 200);
}
