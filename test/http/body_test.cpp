#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace ais;
using namespace ais::http;
using namespace ais::http::testing;

namespace {

std::string bytes(size_t n) {
  std::string out(n, '\0');
  for (size_t i = 0; i < n; ++i)
    out[i] = static_cast<char>(i * 131 + i / 257);
  return out;
}

/// What /pull answers for `body`.
std::string pulled(std::string_view body) {
  uint64_t sum = 0;
  for (char c : body)
    sum = sum * 31 + static_cast<unsigned char>(c);
  return std::to_string(body.size()) + " " + std::to_string(sum);
}

const std::string is_chunked = "Transfer-Encoding: chunked\r\n";

} // namespace

TEST_CASE("body: upload", "[http][body]") {
  fixture f;
  client c{f.port()};

  SECTION("with a length, of any size") {
    for (size_t n : {0, 1, 16'000, 16'384, 16'385, 300'000, 3'000'000}) {
      CAPTURE(n);
      auto body = bytes(n);
      CHECK(c.ask(sized("PUT", "/pull", body)).body == pulled(body));
    }
  }
  SECTION("chunked, of any size of body and chunk") {
    for (size_t n : {0, 1, 16'384, 300'000, 3'000'000})
      for (size_t piece : {1000, 8191, 65'536, 10'000'000}) {
        CAPTURE(n, piece);
        auto body = bytes(n);
        CHECK(c.ask(text("PUT", "/pull", is_chunked, chunked(body, piece))).body
              == pulled(body));
      }
  }
  SECTION("what is given back is read again") {
    for (size_t n : {0, 1, 1000, 1001, 300'000}) {
      CAPTURE(n);
      auto body = bytes(n);
      CHECK(c.ask(sized("PUT", "/again", body)).body == pulled(body));
      CHECK(c.ask(text("PUT", "/again", is_chunked, chunked(body, 700))).body
            == pulled(body));
    }
  }
  SECTION("of GET and DELETE is read like any other") {
    c.send(sized("GET", "/echo", "abc") + sized("DELETE", "/echo", "def")
           + sized("GET", "/fast", "ghi") + text("GET", "/fast"));
    CHECK(c.read().body == "GET /echo \nabc");
    CHECK(c.read().body == "DELETE /echo \ndef");
    CHECK(c.read().body == "other"); // not by fast(): it has a body
    CHECK(c.read().body == "fast\n");
  }
  SECTION("a connection that ends within a body is no upload") {
    c.send(text("PUT", "/echo", "Content-Length: 10\r\n", "abc"));
    c.end_sending();
    CHECK(c.read().status == 408);
    CHECK(c.ended());
  }
}

TEST_CASE("body: the request stays readable behind it", "[http][body]") {
  fixture f;
  client c{f.port()};
  auto body = std::string(200'000, 'Z');
  SECTION("after a chunked body") {
    auto r = c.ask(text("PUT", "/echo", "X-Tag: kept\r\n" + is_chunked,
                        chunked(body, 1000)));
    CHECK(r.body.substr(0, 20) == "PUT /echo kept\nZZZZZ");
    CHECK(r.body.size() == 15 + body.size());
  }
  SECTION("after a header that fills the buffer") {
    for (size_t n : {8'000, 10'000, 16'000, 16'200, 30'000, 60'000}) {
      CAPTURE(n);
      auto tag = std::string(n, 't');
      auto r = c.ask(text("PUT", "/echo", "X-Tag: " + tag + "\r\n" + is_chunked,
                          chunked(body, 5000)));
      CHECK(r.body == "PUT /echo " + tag + "\n" + body);
    }
    CHECK(c.ask(text("GET", "/fast")).status == 200);
  }
  SECTION("a trailer does not pass for a header") {
    c.send(text("PUT", "/echo", is_chunked,
                "3\r\nabc\r\n0\r\nX-Tag: forged\r\n\r\n"));
    CHECK(c.read().body == "PUT /echo \nabc");
  }
}

TEST_CASE("body: Expect: 100-continue", "[http][body]") {
  fixture f;
  client c{f.port()};
  auto head
    = text("PUT", "/echo", "Expect: 100-continue\r\nContent-Length: 5\r\n");

  SECTION("is answered when the handler reads") {
    auto r = c.ask(head);
    CHECK(r.status == 100);
    CHECK(c.ask("hello").body == "PUT /echo \nhello");
  }
  SECTION("is not answered when the body is there already") {
    auto r = c.ask(head + "hello");
    CHECK(r.status == 200);
  }
  SECTION("is not answered when the handler does not want the body, and the "
          "connection ends as the reply says") {
    auto r = c.ask(
      text("PUT", "/ignore", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
    CHECK(r.status == 200);
    CHECK(r.closes());
    CHECK(c.ended());
  }
  SECTION("is not answered when the body is too large") {
    auto r = c.ask(text("PUT", "/echo",
                        "Expect: 100-continue\r\nContent-Length: 9999999\r\n"));
    CHECK(r.status == 413);
    CHECK(r.closes());
  }
  SECTION("is answered when the body is empty: clients wait for it") {
    for (auto* path : {"/echo", "/ignore"}) {
      auto r = c.ask(
        text("PUT", path, "Expect: 100-continue\r\nContent-Length: 0\r\n"));
      CHECK(r.status == 100);
      r = c.read();
      CHECK(r.status == 200);
      CHECK_FALSE(r.closes());
    }
  }
  SECTION("means nothing without a body, or in HTTP/1.0") {
    CHECK(c.ask(text("GET", "/echo", "Expect: 100-continue\r\n")).status
          == 200);
    CHECK(c.ask("PUT /echo HTTP/1.0\r\nExpect: 100-continue\r\n"
                "Content-Length: 2\r\n\r\nab")
            .status
          == 200);
  }
}

TEST_CASE("body: beyond a limit", "[http][body]") {
  fixture f;
  client c{f.port()};

  SECTION("a small unread body is dropped, and the connection goes on") {
    auto body = bytes(100'000);
    c.send(sized("PUT", "/ignore", body) + text("GET", "/fast"));
    CHECK(c.read().body == "ignored");
    CHECK(c.read().body == "fast\n");
    c.send(text("PUT", "/ignore", is_chunked, chunked(body, 999))
           + text("GET", "/fast"));
    CHECK(c.read().body == "ignored");
    CHECK(c.read().body == "fast\n");
  }
  SECTION("a large unread body ends the connection, but the reply arrives") {
    auto body = bytes(3'000'000);
    std::thread sender{[&] {
      c.send(sized("PUT", "/ignore", body));
    }};
    auto r = c.read();
    sender.join();
    CHECK(r.body == "ignored");
    CHECK(r.closes());
  }
  SECTION("more than the handler takes is 413") {
    auto body = bytes((4 << 20) + 1);
    std::thread sender{[&] {
      c.send(sized("PUT", "/echo", body));
    }};
    CHECK(c.read().status == 413);
    sender.join();
  }
  SECTION("the same for chunks, whose sum nobody announced") {
    auto body = bytes((4 << 20) + 1);
    auto all = text("PUT", "/echo", is_chunked, chunked(body, 100'000));
    std::thread sender{[&] {
      c.send(all);
    }};
    CHECK(c.read().status == 413);
    sender.join();
  }
  CHECK(f.alive());
}
