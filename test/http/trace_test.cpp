#include "http/trace.hpp"

#include "test/http/testing.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace ais;
using namespace ais::http;
using namespace ais::http::testing;

namespace {

constexpr int64_t second = 1'000'000'000;

traced_request one(std::string object = "o", int status = 200) {
  traced_request out;
  out.verb = "GET";
  out.bucket = "ais://b";
  out.object = std::move(object);
  out.status = status;
  return out;
}

trace_query behind(const trace_page& x) {
  trace_query out;
  out.after = x.next;
  return out;
}

std::vector<std::string> names(const trace_page& x) {
  std::vector<std::string> out;
  for (auto& r : x.requests)
    out.push_back(r.object);
  return out;
}

expected<trace_query> asked(std::string_view text) {
  auto q = query::parse(text, 16);
  REQUIRE(q);
  return parse_trace_query(*q);
}

request get(std::string_view target) {
  request out;
  out.method = "GET";
  out.target = target;
  return out;
}

} // namespace

TEST_CASE("trace: what is kept", "[http][trace]") {
  request_trace t{3};
  using list = std::vector<std::string>;

  SECTION("nothing, unless somebody asks; then what ends from then on") {
    t.add(one("before"));
    CHECK_FALSE(t.on());
    auto first = t.read({}, 1);
    CHECK(t.on());
    CHECK(first.requests.empty());
    t.add(one("a"));
    t.add(one("b"));
    auto next = t.read(behind(first), 2);
    CHECK(names(next) == list{"a", "b"});
    CHECK(next.requests[1].number == next.requests[0].number + 1);
    CHECK_FALSE((next.more || next.interrupted || next.lost));
    CHECK(t.read(behind(next), 3).requests.empty());
  }
  SECTION("the newest, and how many were forgotten") {
    auto first = t.read({}, 1);
    for (auto name : {"a", "b", "c", "d", "e"})
      t.add(one(name));
    auto next = t.read(behind(first), 2);
    CHECK(next.lost == 2);
    CHECK(names(next) == list{"c", "d", "e"});
    CHECK(t.read(behind(next), 3).lost == 0);
  }
  SECTION("two who trace do not take from each other") {
    auto a = t.read({}, 1);
    t.add(one("x"));
    auto b = t.read({}, 2);
    t.add(one("y"));
    CHECK(names(t.read(behind(a), 3)) == list{"x", "y"});
    CHECK(names(t.read(behind(b), 4)) == list{"y"});
  }
  SECTION("it ends when nobody has asked for a while") {
    auto first = t.read({}, second);
    t.expire(second + std::chrono::nanoseconds{watched}.count());
    CHECK(t.on());
    t.add(one("forgotten"));
    t.expire(second + std::chrono::nanoseconds{watched}.count() + 1);
    CHECK_FALSE(t.on());
    t.add(one("unseen"));
    auto again = t.read(behind(first), 60 * second);
    CHECK(again.interrupted);
    CHECK(again.requests.empty());
    t.add(one("seen"));
    auto next = t.read(behind(again), 61 * second);
    CHECK(names(next) == list{"seen"});
    CHECK_FALSE(next.interrupted);
  }
  SECTION("a cursor from the future is none") {
    auto first = t.read({}, 1);
    t.add(one("a"));
    auto q = behind(first);
    q.after->number = 1'000'000;
    CHECK(t.read(q, 2).requests.empty());
  }
}

TEST_CASE("trace: long pages", "[http][trace]") {
  request_trace t{max_traced_per_page + 10};
  auto first = t.read({}, 1);
  for (size_t i = 0; i < max_traced_per_page + 5; ++i)
    t.add(one(std::to_string(i), i == max_traced_per_page + 2 ? 500 : 200));
  auto page = t.read(behind(first), 2);
  CHECK(page.more);
  CHECK(page.requests.size() == max_traced_per_page);
  page = t.read(behind(page), 3);
  CHECK_FALSE(page.more);
  CHECK(page.requests.size() == 5);
  // What does not fit is passed over.
  auto q = behind(first);
  q.filter.answered.push_back({500, 599});
  page = t.read(q, 4);
  CHECK(page.requests.size() == 1);
  CHECK_FALSE(page.more);
}

TEST_CASE("trace: threads", "[http][trace]") {
  request_trace t{100'000};
  auto first = t.read({}, 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n)
        t.add(one());
    });
  uint64_t seen = 0;
  auto page = first;
  while (seen < 4000) {
    page = t.read(behind(page), 2);
    seen += page.requests.size();
  }
  for (auto& x : threads)
    x.join();
  CHECK(seen == 4000);
  CHECK(page.lost == 0);
}

TEST_CASE("trace: filters", "[http][trace]") {
  auto fits = [](std::string_view query, const traced_request& x) {
    auto q = asked(query);
    REQUIRE(q);
    return q->filter.fits(x);
  };
  auto x = one("dir/o", 404);
  x.took_ns = 5'000'000;
  CHECK(fits("what=trace", x));
  CHECK(fits("verb=get", x));
  CHECK(fits("verb=PUT,GET", x));
  CHECK_FALSE(fits("verb=PUT", x));
  CHECK(fits("status=404", x));
  CHECK(fits("status=200,4xx", x));
  CHECK_FALSE(fits("status=5xx,403", x));
  CHECK(fits("bucket=ais://b", x));
  CHECK_FALSE(fits("bucket=ais://bb", x));
  CHECK(fits("bucket=ais://b&prefix=dir/", x));
  CHECK_FALSE(fits("bucket=ais://b&prefix=other/", x));
  CHECK(fits("slower=5ms", x));
  CHECK_FALSE(fits("slower=5.1ms", x));
  CHECK_FALSE(fits("verb=GET&status=2xx", x));

  for (auto bad :
       {"status=0xx", "status=6xx", "status=600", "status=4x", "status=44",
        "status=abc", "status=-12", "slower=fast", "cursor=x", "cursor=1",
        "cursor=1.", "cursor=1.-1", "cursor=1.2.3", "bucket=b"}) {
    CAPTURE(bad);
    auto q = asked(bad);
    REQUIRE_FALSE(q);
    CHECK(q.error() == errc::invalid_argument);
  }
  auto cursor = asked("cursor=17.4");
  REQUIRE(cursor);
  CHECK(cursor->after->mark == 17);
  CHECK(cursor->after->number == 4);
}

TEST_CASE("trace: what a request is about", "[http][trace]") {
  auto x = describe(get("/v1/objects/b/a%20b/c?provider=ais"));
  CHECK(x.bucket == "ais://b");
  CHECK(x.object == "a b/c");
  CHECK(x.path == "/v1/objects/b/a%20b/c");
  CHECK(describe(get("/v1/objects/b/o?provider=s3&namespace=%23n")).bucket
        == "s3://@#n/b");
  CHECK(describe(get("/v1/buckets/b?what=x")).bucket == "ais://b");
  CHECK(describe(get("/v1/buckets")).bucket.empty());
  CHECK(describe(get("http://h/v1/cluster?what=smap")).what == "smap");

  SECTION("no secrets") {
    auto y = describe(get("/b/o?X-Amz-Signature=5ec2e7&what=5EC2E7/5ec2e7"));
    y.id = "";
    CHECK(to_text(to_json({{y}, {}, 0, false, false})).find("5ec2e7")
          == std::string::npos);
  }
  SECTION("one line, and not a long one") {
    auto y = describe(get("/v1/objects/b/a%0D%1B%5Bb%FF"));
    CHECK(y.object == "a??[b?");
    auto name = std::string(max_traced_text - 1, 'x') + "\u00fcy";
    CHECK(traced_text(name) == std::string(max_traced_text - 1, 'x'));
    CHECK(traced_text("\u00fc") == "\u00fc");
  }
}

TEST_CASE("trace: of a server", "[http][trace]") {
  fixture f;
  client c{f.port()};
  CHECK(c.ask(text("GET", "/fast")).status == 200);
  auto first = f.trace().read({}, 1);
  CHECK(first.requests.empty());

  SECTION("each request, however it is answered") {
    c.ask(text("GET", "/fast"));
    c.ask(text("GET", "/file", "X-Request-Id: r1\r\n"));
    c.ask(sized("PUT", "/echo", "hello"));
    c.ask(text("GET", "/stream"));
    c.ask(sized("POST", "/ignore", "never read"));
    c.send(text("HEAD", "/other"));
    c.read(true);
    c.ask(text("GET", "/none"));
    f.settle();
    auto all = f.trace().read(behind(first), 2).requests;
    REQUIRE(all.size() == 7);
    auto is = [&](size_t i, std::string_view verb, std::string_view path,
                  int status, uint64_t received, uint64_t sent) {
      CAPTURE(i);
      CHECK(all[i].verb == verb);
      CHECK(all[i].path == path);
      CHECK(all[i].status == status);
      CHECK(all[i].received == received);
      CHECK(all[i].sent == sent);
      CHECK(all[i].complete);
      CHECK(all[i].took_ns > 0);
      CHECK(all[i].peer.substr(0, 10) == "127.0.0.1:");
    };
    is(0, "GET", "/fast", 200, 0, 5);
    is(1, "GET", "/file", 200, 0, f.file().size());
    CHECK(all[1].id == "r1");
    is(2, "PUT", "/echo", 200, 5, 16);
    is(3, "GET", "/stream", 200, 0, all[3].sent);
    CHECK(all[3].sent > 0);
    is(4, "POST", "/ignore", 200, 0, 7);
    is(5, "HEAD", "/other", 200, 0, 0);
    is(6, "GET", "/none", 500, 0, 8);
  }
  SECTION("those that broke off, too") {
    c.send(text("GET", "/abort"));
    c.rest();
    client slow{f.port()};
    slow.send(text("PUT", "/echo", "Content-Length: 10\r\n", "abc"));
    f.await_handler();
    slow.end_sending();
    slow.rest();
    f.settle();
    auto all = f.trace().read(behind(first), 2).requests;
    REQUIRE(all.size() == 2);
    CHECK_FALSE(all[0].complete);
    CHECK_FALSE(all[1].complete);
    CHECK(all[1].received == 3);
  }
  SECTION("but not those that do not want to be seen") {
    c.ask(text("GET", "/hidden"));
    f.settle();
    CHECK(f.trace().read(behind(first), 2).requests.empty());
  }
}
