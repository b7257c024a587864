// Every request of the corpus must give the same result however it is cut.
#include "http/parser.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace ais::http;
using state = parser::state;

namespace {

const limits lims;

/// What parsing gave, as values.
struct outcome {
  state result = state::more;
  int status = 0;
  size_t used = 0;
  std::string text; ///< everything the request holds

  bool operator==(const outcome&) const = default;
};

std::string describe(const request& r) {
  std::string out{r.method};
  out.append(" ").append(r.target).append(" ").append(
    std::to_string(r.version));
  for (auto& h : r.headers)
    out.append("|").append(h.name).append("=").append(h.value);
  out += r.chunked ? " chunked" : "";
  out += r.keep_alive ? " keep" : "";
  out += r.expect_continue ? " expect" : "";
  if (r.content_length)
    out += " length=" + std::to_string(*r.content_length);
  return out;
}

/// Feeds `text` up to each of `cuts`, then whole.
outcome feed(std::string_view text, const std::vector<size_t>& cuts) {
  parser p{lims};
  request r;
  outcome out;
  auto parse = [&](size_t n) {
    // A copy of exact size, so that a sanitizer sees reads behind it.
    std::vector<char> exact(text.begin(), text.begin() + long(n));
    out.result = p.parse_header(exact, r);
    if (out.result == state::done) {
      out.used = p.used;
      out.text = describe(r);
    }
    if (out.result == state::refused)
      out.status = p.status;
    return out.result == state::more;
  };
  for (auto n : cuts)
    if (!parse(n))
      return out;
  parse(text.size());
  return out;
}

const std::string long_name(60'000, 'n');

std::vector<std::string> corpus() {
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 99; ++i)
    many += "A: b\r\n";
  return {
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a?b=c HTTP/1.1\r\nhOsT: h:80\r\nRange: bytes=0-1\r\n\r\nGET /2",
    "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: "
    "100-continue\r\n\r\nhello",
    "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "get / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "M-SEARCH * HTTP/1.1\r\nHost: h\r\nX:\r\nY: \t v \t\r\n\r\n",
    "GET http://h/p HTTP/1.1\r\nHost: h\r\n\r\n",
    many + "\r\n",
    many + "B: c\r\n\r\n",
    "GET /\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET / HTTP/1.1\nHost: h\n\n",
    "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n",
    std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 29),
  };
}

} // namespace

TEST_CASE("parser: fields", "[http][parser]") {
  std::string text = "PUT /a%20b?c HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n"
                     "x-one:  2 \r\nContent-Length: 18446744073709551615\r\n"
                     "Expect: 100-Continue\r\n\r\nbody";
  parser p{lims};
  request r;
  r.peer = "1.2.3.4:5";
  REQUIRE(p.parse_header(text, r) == state::done);
  CHECK(p.used == text.size() - 4);
  CHECK(r.method == "PUT");
  CHECK(r.target == "/a%20b?c");
  CHECK(r.find("X-ONE") == "1");
  CHECK(r.find_all("x-One") == std::vector<std::string_view>{"1", "2"});
  CHECK(r.find("absent").empty());
  CHECK(r.content_length == UINT64_MAX);
  CHECK(r.expect_continue);
  CHECK(r.keep_alive);
  CHECK(r.peer == "1.2.3.4:5");
}

TEST_CASE("parser: a cut makes no difference", "[http][parser]") {
  for (auto& text : corpus()) {
    CAPTURE(text);
    auto whole = feed(text, {});
    REQUIRE(whole.result != state::more);
    for (size_t i = 0; i <= text.size(); ++i) {
      CAPTURE(i);
      CHECK(feed(text, {i}) == whole);
    }
    std::vector<size_t> all(text.size());
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = i;
    CHECK(feed(text, all) == whole);
  }
}

TEST_CASE("parser: a cut makes no difference to damaged requests",
          "[http][parser]") {
  auto texts = corpus();
  std::mt19937 random{20'240'917};
  auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>{0, n - 1}(random);
  };
  constexpr std::string_view bytes{"\0\r\n\t :,;HaZ0 /%\x7f\x80\xff", 19};
  for (int round = 0; round < 20'000; ++round) {
    auto text = texts[below(texts.size())];
    for (size_t n = 1 + below(3); n > 0; --n)
      switch (auto at = below(text.size()); below(3)) {
        case 0:
          text[at] = bytes[below(bytes.size())];
          break;
        case 1:
          text.insert(at, 1, bytes[below(bytes.size())]);
          break;
        default:
          text.erase(at, 1 + below(2));
          break;
      }
    auto whole = feed(text, {});
    auto cut = below(text.size() + 1);
    auto parts = feed(text, {cut, std::min(text.size(), cut + 1)});
    if (whole.result == state::refused || parts.result != whole.result) {
      INFO(text << "\ncut at " << cut);
      CHECK(parts.result == whole.result);
      CHECK(parts.status == whole.status);
    }
  }
}

TEST_CASE("parser: limits", "[http][parser]") {
  auto status = [](const std::string& text) {
    return feed(text, {}).status;
  };
  auto get = [](std::string_view target, std::string_view more = {}) {
    return "GET " + std::string{target} + " HTTP/1.1\r\nHost: h\r\n"
           + std::string{more} + "\r\n";
  };
  SECTION("a target up to its limit is taken, one byte more is 414") {
    auto fits = "/" + long_name.substr(0, lims.target_bytes - 1);
    CHECK(feed(get(fits), {}).result == state::done);
    CHECK(status(get(fits + "x")) == 414);
    CHECK(status("GET /" + long_name) == 414); // before its end came
    CHECK(status("GET /" + long_name + long_name) == 414);
  }
  SECTION("a header up to its limit is taken, one byte more is 431") {
    auto text = get("/", "A: \r\n");
    std::string value(lims.header_bytes - text.size(), 'v');
    CHECK(feed(get("/", "A: " + value + "\r\n"), {}).result == state::done);
    CHECK(status(get("/", "A: " + value + "v\r\n")) == 431);
    auto open = get("/", "A: " + value);
    CHECK(status(open + std::string(100, 'v')) == 431);
  }
  SECTION("the number of headers") {
    std::string lines;
    for (size_t i = 0; i + 1 < lims.header_count; ++i)
      lines += "A: b\r\n";
    CHECK(feed(get("/", lines), {}).result == state::done);
    CHECK(status(get("/", lines + "A: b\r\n")) == 431);
  }
  SECTION("a method that does not end is refused early") {
    CHECK(status(std::string(lims.method_bytes + 1, 'A')) == 400);
    CHECK(status(std::string(lims.method_bytes + 1, 'A')
                 + " / HTTP/1.1\r\nHost: h\r\n\r\n")
          == 400);
  }
  SECTION("HTTP/0.9 and HTTP/2 are refused at the end of their first line") {
    CHECK(status("GET /\r\n") == 400);
    CHECK(status("PRI * HTTP/2.0\r\n") == 400);
  }
}

// -- chunked bodies -----------------------------------------------------------

namespace {

struct decoded {
  bool bad = false;
  bool done = false;
  std::string body;
  std::string rest; ///< behind the body
  bool operator==(const decoded&) const = default;
};

/// Decodes a body that comes in `pieces` into buffers of `room` bytes.
decoded decode_pieces(const std::vector<std::string>& pieces, size_t room) {
  static const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
  parser p{lims};
  request r;
  REQUIRE(p.parse_header(head, r) == state::done);
  decoded out;
  std::string pending;
  for (auto& piece : pieces) {
    pending += piece;
    for (;;) {
      std::vector<char> exact(pending.begin(), pending.end());
      std::vector<std::byte> to(room);
      size_t got = 0;
      parser::error_code ec;
      auto used = p.decode_chunked(exact, to, got, ec);
      out.body.append(reinterpret_cast<const char*>(to.data()), got);
      pending.erase(0, used);
      if (ec) {
        out.bad = true;
        return out;
      }
      if (got == 0)
        break;
    }
  }
  out.done = p.is_done();
  out.rest = pending;
  CHECK(r.headers.size() == 2); // trailers are no headers
  return out;
}

decoded decode(const std::string& body, size_t cut, size_t room) {
  return decode_pieces({body.substr(0, cut), body.substr(cut)}, room);
}

decoded decode_bytewise(const std::string& body, size_t room) {
  std::vector<std::string> bytes;
  for (char c : body)
    bytes.emplace_back(1, c);
  return decode_pieces(bytes, room);
}

} // namespace

TEST_CASE("parser: chunked body", "[http][parser]") {
  SECTION("good ones give the same bytes however they are cut") {
    for (std::string body :
         {"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nGET /",
          "3;a=b;c=\"d\"\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n",
          "1\r\nx\r\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\nrest",
          "2\r\n\r\n\r\n0\r\n\r\n"}) {
      CAPTURE(body);
      auto whole = decode(body, 0, 1000);
      CHECK(whole.done);
      CHECK_FALSE(whole.bad);
      for (size_t room : {1, 2, 7, 1000})
        for (size_t i = 0; i <= body.size(); ++i) {
          CAPTURE(room, i);
          CHECK(decode(body, i, room) == whole);
        }
      CHECK(decode_bytewise(body, 1) == whole);
      CHECK(decode_bytewise(body, 1000) == whole);
    }
    CHECK(decode("5\r\nhello\r\n0\r\n\r\nGET /", 0, 9).rest == "GET /");
    CHECK(decode("5\r\nhello\r\n0\r\n\r\nGET /", 0, 9).body == "hello");
  }
  SECTION("bad ones are bad however they are cut") {
    for (std::string body :
         {"x\r\n\r\n", "-1\r\na\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
          "5\r\nhelloX\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
          "0x5\r\nhello\r\n0\r\n\r\n", "\r\n0\r\n\r\n",
          "10000000000000000\r\nx\r\n0\r\n\r\n",
          "1\r\nx\r\n0\r\nBad Name: "
          "1\r\n\r\n",
          "1\r\nx\r\n0\r\nContent-Length: 3\r\n\r\n",
          "+5\r\nhello\r\n0\r\n\r\n", "1;\r\nx\r\n0\r\n\r\n"}) {
      CAPTURE(body);
      for (size_t i = 0; i <= body.size(); ++i) {
        CAPTURE(i);
        CHECK(decode(body, i, 100).bad);
      }
      CHECK(decode_bytewise(body, 100).bad);
    }
  }
}
