#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace ais;
using namespace ais::http;
using namespace ais::http::testing;

TEST_CASE("server: keep-alive and pipelining", "[http][server]") {
  fixture f;
  client c{f.port()};

  SECTION("one connection serves many requests") {
    for (int i = 0; i < 3; ++i) {
      auto r = c.ask(text("GET", "/fast"));
      CHECK(r.status == 200);
      CHECK(r.body == "fast\n");
      CHECK_FALSE(r.closes());
      CHECK(r.find("Date").size() == 29);
    }
  }
  SECTION("requests in one segment are answered in order") {
    c.send(text("GET", "/fast") + text("GET", "/other") + text("GET", "/fast"));
    CHECK(c.read().body == "fast\n");
    CHECK(c.read().body == "other");
    CHECK(c.read().body == "fast\n");
  }
  SECTION("a request behind a body is found, of either framing") {
    c.send(sized("PUT", "/echo", "hello") + text("GET", "/fast")
           + text("PUT", "/echo", "Transfer-Encoding: chunked\r\n",
                  chunked("world", 2))
           + text("GET", "/fast"));
    CHECK(c.read().body == "PUT /echo \nhello");
    CHECK(c.read().body == "fast\n");
    CHECK(c.read().body == "PUT /echo \nworld");
    CHECK(c.read().body == "fast\n");
  }
  SECTION("a long pipeline outgrows the buffer and is answered whole") {
    std::string all;
    for (int i = 0; i < 2000; ++i)
      all += text("GET", "/fast");
    std::thread sender{[&] {
      c.send(all);
    }};
    int good = 0;
    for (int i = 0; i < 2000; ++i)
      good += c.read().body == "fast\n";
    sender.join();
    CHECK(good == 2000);
  }
  SECTION("the client decides when it ends") {
    auto r = c.ask(text("GET", "/fast", "Connection: close\r\n"));
    CHECK(r.closes());
    CHECK(c.ended());
  }
  SECTION("HTTP/1.0 closes, unless asked to stay") {
    CHECK(c.ask("GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").status
          == 200);
    CHECK(c.ask("GET /fast HTTP/1.0\r\n\r\n").closes());
    CHECK(c.ended());
  }
  SECTION("any method reaches the handler") {
    CHECK(c.ask(text("BREW", "/echo")).body == "BREW /echo \n");
  }
}

TEST_CASE("server: a request cut anywhere", "[http][server]") {
  fixture f;
  client c{f.port()};
  auto put = text("PUT", "/echo", "X-Tag: t\r\nTransfer-Encoding: chunked\r\n",
                  chunked("hello, world", 5))
             + text("GET", "/fast");
  for (size_t i = 1; i < put.size(); ++i) {
    CAPTURE(i);
    c.send(std::string_view{put}.substr(0, i));
    f.settle();
    c.send(std::string_view{put}.substr(i));
    REQUIRE(c.read().body == "PUT /echo t\nhello, world");
    REQUIRE(c.read().body == "fast\n");
  }
}

TEST_CASE("server: replies", "[http][server]") {
  fixture f;
  client c{f.port()};

  SECTION("a file of several MiB arrives whole, and the next reply behind it") {
    c.send(text("GET", "/file") + text("GET", "/fast"));
    auto r = c.read();
    CHECK(r.complete);
    CHECK(r.body == f.file());
    CHECK(c.read().body == "fast\n");
  }
  SECTION("a slow reader gets the file, too") {
    client slow{f.port(), 4096};
    slow.send(text("GET", "/file"));
    f.settle();
    CHECK(slow.read().body == f.file());
  }
  SECTION("a chunked reply mixes memory and file") {
    c.send(text("GET", "/stream") + text("GET", "/fast"));
    auto r = c.read();
    CHECK(r.complete);
    CHECK(r.find("X-Kind") == "stream");
    CHECK(r.body == "one," + f.file().substr(100, 1000) + ",two");
    CHECK(c.read().body == "fast\n");
  }
  SECTION("HTTP/1.0 gets a stream without chunks that ends with the "
          "connection") {
    auto r = c.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(r.find("Transfer-Encoding").empty());
    CHECK(r.closes());
    CHECK(r.body == "one," + f.file().substr(100, 1000) + ",two");
  }
  SECTION("HEAD has the length and no body, however the handler replies") {
    c.send(text("HEAD", "/other") + text("HEAD", "/stream")
           + text("GET", "/fast"));
    CHECK(c.read(true).find("Content-Length") == "5");
    CHECK(c.read(true).find("Transfer-Encoding") == "chunked");
    CHECK(c.read().body == "fast\n");
  }
  SECTION("204 has neither length nor body") {
    c.send(text("GET", "/no-content") + text("GET", "/fast"));
    auto r = c.read();
    CHECK(r.status == 204);
    CHECK(r.find("Content-Length").empty());
    CHECK(c.read().body == "fast\n");
  }
}

TEST_CASE("server: handlers that break the rules", "[http][server]") {
  fixture f;
  client c{f.port()};

  SECTION("no reply becomes 500, and the connection goes on") {
    CHECK(c.ask(text("GET", "/none")).status == 500);
    CHECK(c.ask(text("GET", "/fast")).status == 200);
  }
  SECTION("a second reply is never sent") {
    CHECK(c.ask(text("GET", "/twice")).body == "first");
    CHECK(c.ended());
  }
  SECTION("fewer bytes than announced end the connection") {
    c.send(text("GET", "/short") + text("GET", "/fast"));
    auto r = c.read();
    CHECK_FALSE(r.complete);
    CHECK(r.body == "abc");
    CHECK(c.ended());
  }
  SECTION("more bytes than announced are not sent") {
    c.send(text("GET", "/long") + text("GET", "/fast"));
    CHECK(c.read().body == "abc");
    CHECK(c.ended());
  }
  SECTION("an aborted stream does not look complete") {
    auto r = c.ask(text("GET", "/abort"));
    CHECK(r.status == 200);
    CHECK_FALSE(r.complete);
  }
  SECTION("an exception ends its connection and is forgotten") {
    CHECK(c.ask(text("GET", "/throw")).status == 0);
  }
  CHECK(f.alive());
}

TEST_CASE("server: start", "[http][server]") {
  fixture f;
  auto make = [](worker&) -> std::unique_ptr<handler> {
    return nullptr;
  };

  SECTION("a port in use is named") {
    server::options taken;
    taken.port = f.port();
    server second{taken, make};
    auto ok = second.start();
    REQUIRE_FALSE(ok);
    CHECK(ok.error() == errc::busy);
    auto what = message_of(ok.error());
    CHECK(what.find("127.0.0.1") != std::string::npos);
    CHECK(what.find(std::to_string(f.port())) != std::string::npos);
    CHECK(what.find("in use") != std::string::npos);
  }
  SECTION("a host that is no address is refused") {
    server::options bad;
    bad.host = "no such host";
    server second{bad, make};
    auto ok = second.start();
    REQUIRE_FALSE(ok);
    CHECK(ok.error() == errc::invalid_argument);
  }
  SECTION("port 0 gives a real one") {
    CHECK(f.port() != 0);
  }
}

TEST_CASE("server: connection limit", "[http][server]") {
  limits l;
  l.connections = 2;
  fixture f{l};
  auto one = std::make_unique<client>(f.port());
  client two{f.port()};
  REQUIRE(one->ask(text("GET", "/fast")).status == 200);
  REQUIRE(two.ask(text("GET", "/fast")).status == 200);
  client three{f.port()};
  auto r = three.ask(text("GET", "/fast"));
  CHECK(r.status == 503);
  CHECK(r.closes());
  CHECK_FALSE(r.find("Retry-After").empty());
  CHECK(three.ended());

  // A place that was given up can be taken again.
  one.reset();
  f.settle();
  CHECK(f.alive());
}

TEST_CASE("server: graceful stop", "[http][server]") {
  fixture f;
  client busy{f.port()};
  client idle{f.port()};
  REQUIRE(idle.ask(text("GET", "/fast")).status == 200);
  busy.send(text("GET", "/wait"));
  f.await_handler();
  std::thread stopping{[&] {
    f.server().stop();
  }};
  CHECK(idle.ended()); // at once, while the other still runs

  SECTION("a running request finishes") {
    f.open_gate();
    auto r = busy.read();
    CHECK(r.status == 200);
    CHECK(r.body == "GET /wait \n");
    CHECK(r.closes());
    CHECK(busy.ended());
    stopping.join();
    CHECK_FALSE(client{f.port()}.connected());
  }
  SECTION("pipelined behind a running request: answered or not, never half") {
    busy.send(text("GET", "/file"));
    f.settle();
    f.open_gate();
    CHECK(busy.read().status == 200);
    auto second = busy.read();
    CHECK((second.status == 0 || second.body == f.file()));
    stopping.join();
  }
}

TEST_CASE("server: stop does not wait for ever", "[http][server]") {
  limits l;
  l.stop_seconds = 5;
  l.grace_seconds = 100;
  fixture f{l};
  client stuck{f.port()};
  client idle{f.port()};
  REQUIRE(idle.ask(text("GET", "/fast")).status == 200);
  stuck.send(text("PUT", "/pull", "Content-Length: 10\r\n", "abc"));
  f.await_handler();
  std::thread stopping{[&] {
    f.server().stop();
  }};
  CHECK(idle.ended()); // stop() has reached the thread
  // Whether the loop outlives the last tick is its business: only join shows.
  for (int i = 0; i < 4; ++i)
    f.pass(1);
  // The fifth second is the real clock's, a second from now at the latest.
  stopping.join();
  CHECK(stuck.read().status == 400); // the handler was told, and said so
  CHECK(stuck.ended());
}
