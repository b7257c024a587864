#include "http/client.hpp"

#include "http/request.hpp"
#include "test/http/scripted.hpp"
#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using http::client_request;
using http::testing::fixture;
using http::testing::get;
using http::testing::ok;
using http::testing::scripted;

namespace {

class text_source : public http::body_source {
public:
  explicit text_source(std::string x) : text(std::move(x)) {}
  std::optional<uint64_t> size() const override {
    return sized ? std::optional<uint64_t>{text.size()} : std::nullopt;
  }
  expected<size_t> read(uint64_t offset, std::span<char> room) override {
    ++reads;
    auto n = std::min<size_t>(room.size(), text.size() - offset);
    std::copy_n(text.data() + offset, n, room.data());
    return n;
  }
  std::string text;
  bool sized = true;
  int reads = 0;
};

} // namespace

TEST_CASE("client: replies of a real server", "[http][client]") {
  fixture f;
  http::client c;
  auto url = "http://127.0.0.1:" + std::to_string(f.port());

  SECTION("bodies go both ways, on one connection") {
    for (int i = 0; i < 3; ++i) {
      auto req = get(url + "/echo");
      req.method = "PUT";
      req.body = "hello";
      auto r = c.send(req);
      REQUIRE(r);
      CHECK(r->status == 200);
      CHECK(r->body == "PUT /echo \nhello");
      CHECK_FALSE(r->find("date").empty());
    }
  }
  SECTION("a large reply goes to the sink") {
    std::string got;
    int status = 0;
    auto req = get(url + "/file");
    req.sink = [&](std::span<const char> x) -> expected<void> {
      got.append(x.data(), x.size());
      return caf::unit;
    };
    req.on_head = [&](int s, const http::header_list&) {
      status = s;
    };
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(status == 200);
    CHECK(r->body.empty());
    CHECK(got == f.file());
  }
  SECTION("chunks are put together") {
    auto r = c.send(get(url + "/stream"));
    REQUIRE(r);
    CHECK(r->body.size() > 5);
  }
  SECTION("a large body waits for 100-continue and arrives whole") {
    text_source source{std::string(1 << 20, 'x')};
    auto req = get(url + "/pull");
    req.method = "PUT";
    req.source = &source;
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->status == 200);
    CHECK(r->body.find("1048576") != std::string::npos);
  }
  SECTION("a body of unknown size arrives in chunks") {
    text_source source{std::string(600'000, 'y')};
    source.sized = false;
    auto req = get(url + "/pull");
    req.method = "PUT";
    req.source = &source;
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->status == 200);
    CHECK(r->body.find("600000") != std::string::npos);
    CHECK(c.send(get(url + "/fast"))->body == "fast\n");
  }
  SECTION("a reply that is cut is an error") {
    auto r = c.send(get(url + "/short"));
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::io_error);
  }
}

TEST_CASE("client: connections are used again", "[http][client]") {
  scripted s{[](auto&) {
    return ok("x");
  }};
  http::client c;
  for (int i = 0; i < 5; ++i)
    REQUIRE(c.send(get(s.url("/"))));
  CHECK(s.connections == 1);
}

TEST_CASE("client: a connection that was closed meanwhile is replaced",
          "[http][client]") {
  scripted s{[](auto&) {
    return ok("x", "Connection: close\r\n");
  }};
  http::client c;
  for (int i = 0; i < 3; ++i)
    REQUIRE(c.send(get(s.url("/"))));
  CHECK(s.connections == 3);
}

TEST_CASE("client: redirects", "[http][client]") {
  std::vector<std::string> seen;
  scripted there{[&](const std::string& request) {
    seen.push_back(request);
    return ok("there");
  }};
  auto status = std::string{"301"};
  scripted here{[&](auto&) {
    return "HTTP/1.1 " + status + " X\r\nLocation: " + there.url("/b?c=d")
           + "\r\nContent-Length: 0\r\n\r\n";
  }};
  http::client c;

  SECTION("method and body stay") {
    status = GENERATE(as<std::string>{}, "301", "307");
    auto req = get(here.url("/a"));
    req.method = "PUT";
    req.body = "data";
    req.headers = {{"Ais-X", "1"}};
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->body == "there");
    CHECK(r->url == there.url("/b?c=d"));
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].find("PUT /b?c=d HTTP/1.1\r\n") == 0);
    CHECK(seen[0].find("Ais-X: 1\r\n") != std::string::npos);
    CHECK(seen[0].substr(seen[0].size() - 4) == "data");
  }
  SECTION("a body that waits is read only for the one who takes it") {
    fixture f;
    scripted to_fixture{[&](auto&) {
      return "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:"
             + std::to_string(f.port()) + "/pull\r\nContent-Length: 0\r\n\r\n";
    }};
    text_source source{std::string(100'000, 'x')};
    auto req = get(to_fixture.url("/a"));
    req.method = "PUT";
    req.source = &source;
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->status == 200);
    CHECK(source.reads == 1);
  }
  SECTION("a circle ends") {
    scripted loop{[](auto&) {
      return "HTTP/1.1 307 X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    }};
    auto r = c.send(get(loop.url("/x")));
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::io_error);
  }
}

TEST_CASE("client: what fails", "[http][client]") {
  http::client_options fast;
  fast.idle_timeout = std::chrono::milliseconds{50};
  http::client c{fast};

  SECTION("nobody listens") {
    auto r = c.send(get("http://127.0.0.1:1/"));
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::not_ready);
  }
  SECTION("no answer in time") {
    fixture f;
    auto r
      = c.send(get("http://127.0.0.1:" + std::to_string(f.port()) + "/wait"));
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::timed_out);
    f.open_gate();
  }
  SECTION("the sink's error ends it") {
    scripted s{[](auto&) {
      return ok("x");
    }};
    auto req = get(s.url("/"));
    req.sink = [](std::span<const char>) -> expected<void> {
      return fail(errc::no_space, "full");
    };
    auto r = c.send(req);
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::no_space);
  }
  SECTION("a line break in a header") {
    auto req = get("http://127.0.0.1:1/");
    req.headers = {{"X", "a\r\nY: b"}};
    auto r = c.send(req);
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::invalid_argument);
  }
  SECTION("URLs") {
    auto url = GENERATE(as<std::string>{}, "", "host:80", "http://",
                        "http://h:x/", "http://[::1", "http://h/a b",
                        "http://h/a\nb", "http://:80/", "ftp://h/");
    auto r = c.send(get(url));
    REQUIRE_FALSE(r);
    CHECK(r.error() == errc::invalid_argument);
  }
}

TEST_CASE("client: URLs of servers", "[http][client]") {
  auto x = http::parse_server_url("http://[::1]:8080?q");
  REQUIRE(x);
  CHECK(x->host == "::1");
  CHECK(x->port == "8080");
  CHECK(x->target == "/?q");
  CHECK(x->authority() == "[::1]:8080");
  CHECK(http::parse_server_url("http://h")->port == "80");
  CHECK(http::parse_server_url("https://h")->port == "443");
  CHECK(http::parse_server_url("https://h")->origin() == "https://h:443");
}

TEST_CASE("client: errors of AIStore", "[http][client]") {
  http::client_reply r;
  r.status = 404;
  r.body = R"({"tcode":"ErrBckNotFound","message":"no bucket","node":"p[x]",)"
           R"("status":404})";
  auto e = http::api_error_of(r);
  CHECK(e.tcode == "ErrBckNotFound");
  CHECK(e.message == "no bucket");
  CHECK(e.node == "p[x]");

  SECTION("to HEAD they come in a header") {
    r.headers = {{"Hdr-Error", R"({"message":"gone"})"}};
    r.body.clear();
    CHECK(http::api_error_of(r).message == "gone");
  }
  SECTION("other bodies are quoted, pages and nothing are not") {
    r.body = "plain words\n";
    CHECK(http::api_error_of(r).message == "plain words");
    r.body = "<html>404</html>";
    CHECK(http::api_error_of(r).message == "Not Found");
    r.body.clear();
    CHECK(http::api_error_of(r).message == "Not Found");
  }
}
