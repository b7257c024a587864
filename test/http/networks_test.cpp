#include "http/networks.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace ais;
using namespace ais::http;

namespace {

const outward outside{"10.1.2.3", "2001:db8::5"};

/// Options that are fine, to be changed.
network_options on(const std::string& host, uint16_t port = 8080) {
  network_options x;
  x.host = host;
  x.port = port;
  return x;
}

/// What is said when they are not; empty if they are.
std::string why_not(const network_options& x, const outward& out = outside) {
  auto got = choose_networks(x, out);
  if (got)
    return {};
  CHECK(got.error() == errc::invalid_argument);
  return message_of(got.error());
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("networks: one address by default", "[http][networks]") {
  auto x = choose_networks(on("10.0.0.7", 51080), outside);
  REQUIRE(x);
  CHECK(x->pub.listen == net_info{"10.0.0.7", 51080});
  CHECK(x->pub.shown == x->pub.listen);
  CHECK(x->control.listen == net_info{"10.0.0.7", 52080});
  CHECK(x->control.shown == x->control.listen);
  CHECK(x->data.listen == net_info{"10.0.0.7", 53080});
  CHECK(x->data.shown == x->data.listen);
}

TEST_CASE("networks: each may have its own", "[http][networks]") {
  auto given = on("10.0.0.7");
  given.advertise = "node7.example.org";
  given.control_host = "10.1.0.7";
  given.control_port = 9000;
  given.data_host = "0.0.0.0";
  auto x = choose_networks(given, outside);
  REQUIRE(x);
  CHECK(x->pub.listen == net_info{"10.0.0.7", 8080});
  CHECK(x->pub.shown == net_info{"node7.example.org", 8080});
  CHECK(x->control.listen == net_info{"10.1.0.7", 9000});
  CHECK(x->control.shown == net_info{"10.1.0.7", 9000});
  CHECK(x->data.listen == net_info{"0.0.0.0", 10080});
  CHECK(x->data.shown == net_info{"10.1.2.3", 10080});
}

TEST_CASE("networks: what is advertised goes for all that share the host",
          "[http][networks]") {
  auto given = on("0.0.0.0");
  given.advertise = "192.0.2.9";
  given.data_host = "10.2.0.7";
  auto x = choose_networks(given, outside);
  REQUIRE(x);
  CHECK(x->pub.shown.host == "192.0.2.9");
  CHECK(x->control.shown.host == "192.0.2.9");
  CHECK(x->control.listen.host == "0.0.0.0");
  CHECK(x->data.shown.host == "10.2.0.7");
}

TEST_CASE("networks: a wildcard is never told", "[http][networks]") {
  CHECK(choose_networks(on("0.0.0.0"), outside)->pub.shown.host == "10.1.2.3");
  CHECK(choose_networks(on("::"), outside)->pub.shown.host == "2001:db8::5");
  // A socket for "::" takes IPv4, too.
  CHECK(choose_networks(on("::"), {"10.1.2.3", ""})->pub.shown.host
        == "10.1.2.3");
  CHECK(has(why_not(on("0.0.0.0"), {"", "2001:db8::5"}), "--advertise"));
  CHECK(has(why_not(on("::"), {}), "--advertise"));
  auto given = on("10.0.0.7");
  given.control_host = "0.0.0.0";
  CHECK(has(why_not(given, {}), "--control-host"));
  for (auto* all : {"0.0.0.0", "::", "::0"}) {
    given = on("10.0.0.7");
    given.advertise = all;
    CHECK(has(why_not(given), "nobody can connect"));
  }
}

TEST_CASE("networks: no loopback address for callers from elsewhere",
          "[http][networks]") {
  for (auto* host : {"0.0.0.0", "::", "10.0.0.7"})
    for (auto* told : {"127.0.0.1", "127.3.2.1", "localhost", "::1"}) {
      auto given = on(host);
      given.advertise = told;
      CHECK(has(why_not(given), "from elsewhere"));
    }
  // Nobody from elsewhere can ask; a forwarder may lead here.
  for (auto* told : {"127.0.0.1", "localhost", "10.9.9.9"}) {
    auto given = on("127.0.0.1");
    given.advertise = told;
    CHECK(why_not(given) == "");
  }
}

TEST_CASE("networks: ports", "[http][networks]") {
  CHECK(choose_networks(on("10.0.0.7", 63535), outside)->data.listen.port
        == 65535);
  CHECK(has(why_not(on("10.0.0.7", 63536)), "--data-port"));
  CHECK(has(why_not(on("10.0.0.7", 65000)), "--control-port"));
  auto given = on("10.0.0.7", 65000);
  given.control_port = 4000;
  given.data_port = 4001;
  CHECK(why_not(given) == "");
  given.data_port = 4000;
  CHECK(has(why_not(given), "4000"));
  given.data_host = "10.0.0.8";
  CHECK(why_not(given) == "");
  given.data_host = "0.0.0.0";
  CHECK(has(why_not(given), "4000"));
  given = on("10.0.0.7");
  given.control_port = 8080;
  CHECK(has(why_not(given), "8080"));
  // One node of its own has one port.
  given = on("10.0.0.7", 65000);
  given.alone = true;
  auto x = choose_networks(given, outside);
  REQUIRE(x);
  CHECK(x->control.shown == x->pub.shown);
  CHECK(x->data.shown == x->pub.shown);
}

TEST_CASE("networks: what is no address is refused", "[http][networks]") {
  for (auto* host : {"", "localhost", "10.0.0", "1.2.3.4.5", "[::1]", "::1%lo",
                     "fe80::1%eth0", "10.0.0.7:80"}) {
    CAPTURE(host);
    CHECK(has(why_not(on(host)), "--host"));
    if (*host == '\0')
      continue;
    auto given = on("10.0.0.7");
    given.control_host = host;
    CHECK(has(why_not(given), "--control-host"));
    given = on("10.0.0.7");
    given.data_host = host;
    CHECK(has(why_not(given), "--data-host"));
  }
  for (auto* told : {"http://a", "a:80", "[::1]", "a b", "a/b", "a\n"}) {
    CAPTURE(told);
    auto given = on("10.0.0.7");
    given.advertise = told;
    CHECK(has(why_not(given), "--advertise"));
  }
  auto given = on("10.0.0.7");
  given.advertise = std::string(254, 'a');
  CHECK(has(why_not(given), "--advertise"));
}

TEST_CASE("networks: IPv6 addresses stand in brackets", "[http][networks]") {
  auto x = choose_networks(on("2001:db8::7"), outside);
  REQUIRE(x);
  CHECK(x->pub.shown.url() == "http://[2001:db8::7]:8080");
  CHECK(x->control.shown.url() == "http://[2001:db8::7]:9080");
  CHECK(net_info{"::1", 80}.url() == "http://[::1]:80");
  CHECK(net_info{"host", 80}.url() == "http://host:80");
}
