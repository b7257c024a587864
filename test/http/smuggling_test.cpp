// Requests that two servers might cut differently. Each carries a second
// request that must not be answered: the first is refused, or the connection
// ends. Sources: RFC 9112 sections 2.2, 3, 5, 6, 7, 11.2; the classes of
// "HTTP Desync Attacks" (CL.TE, TE.CL, TE.TE, CL.0).
#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

using namespace std::string_literals;
using namespace ais::http;
using namespace ais::http::testing;

namespace {

struct form {
  const char* name;
  std::string text;
  int status = 400;
};

const std::string hidden = "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n";

std::string put(std::string_view fields, std::string_view body = {}) {
  return "PUT /echo HTTP/1.1\r\nHost: h\r\n" + std::string{fields} + "\r\n"
         + std::string{body} + hidden;
}

std::string line(std::string_view first) {
  return std::string{first} + "\r\nHost: h\r\n\r\n" + hidden;
}

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\n" + std::string{fields} + "\r\n" + hidden;
}

const std::string te = "Transfer-Encoding: chunked\r\n";

std::vector<form> forms() {
  return {
    // two lengths
    {"CL.TE", put("Content-Length: 5\r\n" + te, "0\r\n\r\n")},
    {"TE.CL", put(te + "Content-Length: 5\r\n", "0\r\n\r\n")},
    {"CL twice, different", put("Content-Length: 0\r\nContent-Length: 5\r\n")},
    {"CL twice, equal",
     put("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
    {"CL list, equal", put("Content-Length: 5, 5\r\n", "hello")},
    {"CL list, different", put("Content-Length: 5, 0\r\n", "hello")},
    {"TE twice", put(te + te, "0\r\n\r\n")},
    {"TE twice, second unknown",
     put(te + "Transfer-Encoding: x\r\n", "0\r\n\r\n")},
    // one length, badly written
    {"CL negative", put("Content-Length: -1\r\n")},
    {"CL with plus", put("Content-Length: +5\r\n", "hello")},
    {"CL hex", put("Content-Length: 0x5\r\n", "hello")},
    {"CL empty", put("Content-Length:\r\n")},
    {"CL with text", put("Content-Length: 5a\r\n", "hello")},
    {"CL with a space inside", put("Content-Length: 1 0\r\n")},
    {"CL beyond 64 bits", put("Content-Length: 18446744073709551616\r\n")},
    {"CL with a point", put("Content-Length: 5.0\r\n", "hello")},
    {"CL quoted", put("Content-Length: \"5\"\r\n", "hello")},
    // transfer codings
    {"TE gzip, chunked", put("Transfer-Encoding: gzip, chunked\r\n")},
    {"TE chunked, gzip", put("Transfer-Encoding: chunked, gzip\r\n")},
    {"TE identity", put("Transfer-Encoding: identity\r\n")},
    {"TE xchunked", put("Transfer-Encoding: xchunked\r\n")},
    {"TE quoted", put("Transfer-Encoding: \"chunked\"\r\n")},
    {"TE with parameter", put("Transfer-Encoding: chunked;a=b\r\n")},
    {"TE empty", put("Transfer-Encoding:\r\n")},
    {"TE with vertical tab", put("Transfer-Encoding: \vchunked\r\n")},
    {"TE with comma", put("Transfer-Encoding: ,chunked\r\n")},
    {"TE in HTTP/1.0",
     "PUT /echo HTTP/1.0\r\nHost: h\r\n" + te + "\r\n0\r\n\r\n" + hidden},
    // field syntax
    {"space before the colon", put("Transfer-Encoding : chunked\r\n")},
    {"tab before the colon", put("Content-Length\t: 5\r\n")},
    {"space before the name", put(" Content-Length: 5\r\n")},
    {"folded value", put("X: a\r\n b\r\n")},
    {"folded TE", put("Transfer-Encoding:\r\n chunked\r\n")},
    {"no colon", put("Content-Length 5\r\n")},
    {"empty name", put(": 5\r\n")},
    {"NUL in a name", put("Content\0Length: 5\r\n"s)},
    {"NUL in a value", put("X: a\0b\r\n"s)},
    {"control byte in a value", put("X: a\x01"
                                    "b\r\n")},
    {"8-bit name", put("C\xc3\xb6ntent-Length: 5\r\n")},
    // line ends
    {"bare LF behind a field", put("X: a\nContent-Length: 5\r\n")},
    {"bare LF everywhere", "GET / HTTP/1.1\nHost: h\n\n" + hidden},
    {"bare LF behind the first line",
     "GET / HTTP/1.1\nHost: h\r\n\r\n" + hidden},
    {"bare CR in a value", put("X: a\rContent-Length: 5\r\n")},
    {"LF CR", "GET / HTTP/1.1\n\rHost: h\n\r\n\r" + hidden},
    {"empty line first", "\r\n" + line("GET / HTTP/1.1")},
    // first line
    {"HTTP/0.9", "GET /\r\n" + hidden},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden},
    {"HTTP/2.0", line("GET / HTTP/2.0")},
    {"HTTP/1.2", line("GET / HTTP/1.2")},
    {"HTTP/01.1", line("GET / HTTP/01.1")},
    {"http/1.1", line("GET / http/1.1")},
    {"two spaces", line("GET  / HTTP/1.1")},
    {"tab instead of a space", line("GET\t/ HTTP/1.1")},
    {"space behind the version", line("GET / HTTP/1.1 ")},
    {"space in the target", line("GET /a b HTTP/1.1")},
    {"NUL in the target", line("GET /\0 HTTP/1.1"s)},
    {"no target", line("GET HTTP/1.1")},
    {"no method", line(" / HTTP/1.1")},
    {"method with a colon", line("GET: / HTTP/1.1")},
    {"TLS on the plain port", "\x16\x03\x01\x02"s + hidden},
    // host
    {"no Host", get("")},
    {"two Hosts", get("Host: h\r\nHost: h\r\n")},
    {"two Hosts in one", get("Host: a, b\r\n")},
    {"Host with a space", get("Host: a b\r\n")},
    {"Host with a path", get("Host: a/b\r\n")},
    {"Host with a user", get("Host: a@b\r\n")},
    // chunks
    {"chunk size hex prefix", put(te, "0x5\r\nhello\r\n0\r\n\r\n")},
    {"chunk size negative", put(te, "-5\r\nhello\r\n0\r\n\r\n")},
    {"chunk size with space", put(te, "5 \r\nhello\r\n0\r\n\r\n")},
    {"chunk size beyond 64 bits",
     put(te, "10000000000000005\r\nhello\r\n0\r\n\r\n")},
    {"chunk longer than its size", put(te, "3\r\nhello\r\n0\r\n\r\n")},
    {"chunk shorter than its size", put(te, "7\r\nhello\r\n0\r\n\r\n")},
    {"chunk with bare LF", put(te, "5\nhello\n0\n\n")},
    {"chunk extension with bare LF", put(te, "5;a\nb\r\nhello\r\n0\r\n\r\n")},
    {"chunk extension without end", put(te, "5;" + std::string(20'000, 'a'))},
    {"Content-Length in a trailer", put(te, "0\r\nContent-Length: 30\r\n\r\n")},
    {"TE in a trailer", put(te, "0\r\n" + te + "\r\n")},
    // sizes
    {"header too large", put("X: " + std::string(70'000, 'x') + "\r\n"), 431},
    {"header that never ends",
     "GET / HTTP/1.1\r\nX: " + std::string(70'000, 'x'), 431},
    {"too many headers", put([] {
       std::string out;
       for (int i = 0; i < 200; ++i)
         out += "X: y\r\n";
       return out;
     }()),
     431},
    {"target too long", line("GET /" + std::string(60'000, 'x') + " HTTP/1.1"),
     414},
    {"method too long", line(std::string(100, 'A') + " / HTTP/1.1")},
  };
}

} // namespace

TEST_CASE("smuggling: refused forms", "[http][smuggling]") {
  fixture f;
  auto all = forms();
  REQUIRE(all.size() >= 40);
  for (auto& x : all) {
    CAPTURE(x.name);
    {
      client c{f.port()};
      c.send(x.text);
      c.end_sending();
      auto r = c.read();
      CHECK(r.status == x.status);
      CHECK(r.closes());
      CHECK(c.rest() == ""); // the hidden request was not answered
    }
    REQUIRE(f.alive());
  }
}

TEST_CASE("smuggling: refused at once, however it is cut",
          "[http][smuggling]") {
  fixture f;
  for (auto& x : forms()) {
    if (x.text.size() > 1000)
      continue;
    CAPTURE(x.name);
    for (size_t i = 1; i < x.text.size(); i += 7) {
      CAPTURE(i);
      client c{f.port()};
      c.send(x.text.substr(0, i));
      f.settle();
      c.send(x.text.substr(i)); // may come too late: then it was refused
      c.end_sending();
      auto r = c.read();
      CHECK(r.status == x.status);
      CHECK(c.rest() == "");
    }
  }
}

TEST_CASE("smuggling: look-alikes that are fine", "[http][smuggling]") {
  fixture f;
  for (auto& x : std::vector<form>{
         {"TE in capitals", put("TRANSFER-ENCODING: CHUNKED\r\n", "0\r\n\r\n")},
         {"CL with leading zeros", put("Content-Length: 005\r\n", "hello")},
         {"spaces around a value", put("Content-Length: \t 5 \t\r\n", "hello")},
         {"chunk size with leading zeros",
          put(te, "0005\r\nhello\r\n0\r\n\r\n")},
         {"chunk extension", put(te, "5;a=\"b\"\r\nhello\r\n0\r\n\r\n")},
         {"trailers", put(te, "5\r\nhello\r\n0\r\nX: y\r\n\r\n")},
         {"Host with a port", get("Host: h:8080\r\n")},
         {"Host in IPv6", get("Host: [::1]:8080\r\n")},
         {"empty Host", get("Host:\r\n")},
         {"absolute form", line("GET http://h/ HTTP/1.1")},
       }) {
    CAPTURE(x.name);
    client c{f.port()};
    c.send(x.text);
    CHECK(c.read().status == 200);
    CHECK(c.read().body == "fast\n"); // here it is a request of its own
  }
}
