#include "http/client.hpp"
#include "test/http/scripted.hpp"
#include "test/http/testing.hpp"

#include <catch2/catch.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace ais;
using http::testing::fixture;
using http::testing::get;
using http::testing::ok;
using http::testing::scripted;

namespace {

/// A certificate and its key, in files and in memory.
struct identity {
  std::shared_ptr<X509> cert;
  std::shared_ptr<EVP_PKEY> key;
  std::string cert_file;
  std::string key_file;
};

/// A directory with an authority and what it has signed.
class authority {
public:
  authority() {
    char name[] = "/tmp/ais-tls-XXXXXX";
    REQUIRE(::mkdtemp(name));
    dir_ = name;
    ca = make("authority", "", 1);
  }
  ~authority() { std::filesystem::remove_all(dir_); }
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;

  /// For hosts such as "DNS:a,IP:1.2.3.4"; without any, a new authority.
  identity make(const std::string& name, const std::string& hosts, int days) {
    identity out;
    out.key.reset(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    out.cert.reset(X509_new(), &X509_free);
    auto* x = out.cert.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    constexpr long day = 24 * 3600;
    X509_gmtime_adj(X509_getm_notBefore(x), -3 * day);
    X509_gmtime_adj(X509_getm_notAfter(x), days * day);
    X509_set_pubkey(x, out.key.get());
    X509_NAME_add_entry_by_txt(
      X509_get_subject_name(x), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    auto& by = hosts.empty() ? out : ca;
    X509_set_issuer_name(x, X509_get_subject_name(by.cert.get()));
    auto* more = hosts.empty() ? X509V3_EXT_conf_nid(
                   nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE")
                               : X509V3_EXT_conf_nid(nullptr, nullptr,
                                                     NID_subject_alt_name,
                                                     hosts.c_str());
    REQUIRE(more);
    X509_add_ext(x, more, -1);
    X509_EXTENSION_free(more);
    REQUIRE(X509_sign(x, by.key.get(), EVP_sha256()) > 0);
    out.cert_file = dir_ + '/' + name + ".pem";
    out.key_file = dir_ + '/' + name + ".key";
    std::unique_ptr<FILE, int (*)(FILE*)> file{
      ::fopen(out.cert_file.c_str(), "w"), &::fclose};
    REQUIRE(PEM_write_X509(file.get(), x) == 1);
    file.reset(::fopen(out.key_file.c_str(), "w"));
    REQUIRE(PEM_write_PrivateKey(file.get(), out.key.get(), nullptr, nullptr, 0,
                                 nullptr, nullptr)
            == 1);
    return out;
  }

  identity ca;

private:
  std::string dir_;
  long serial_ = 0;
};

std::shared_ptr<SSL_CTX> speaks(const identity& x) {
  std::shared_ptr<SSL_CTX> out{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
  REQUIRE(SSL_CTX_use_certificate(out.get(), x.cert.get()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(out.get(), x.key.get()) == 1);
  return out;
}

std::string hello(const std::string&) {
  return ok("hello");
}

http::client trusting(const authority& a) {
  http::client_options options;
  options.tls.files.ca = a.ca.cert_file;
  return http::client{options};
}

/// The request fails by `kind`; @returns what is said.
std::string
refused(http::client_options options, const std::string& url, errc kind) {
  auto r = http::client{std::move(options)}.send(get(url));
  REQUIRE_FALSE(r);
  INFO(message_of(r.error()));
  CHECK(r.error() == kind);
  return message_of(r.error());
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != text.npos);
  return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("client: TLS", "[http][client][tls]") {
  authority a;
  auto server = a.make("server", "DNS:localhost,IP:127.0.0.1", 2);
  auto c = trusting(a);

  SECTION("names and addresses are verified; connections are used again") {
    scripted s{hello, speaks(server)};
    for (int i = 0; i < 4; ++i) {
      auto r = c.send(get(s.url("/", i < 3 ? "127.0.0.1" : "localhost")));
      REQUIRE(r);
      CHECK(r->body == "hello");
      CHECK(s.connections == (i < 3 ? 1 : 2));
      if (i == 2) // the server takes one at a time
        c = trusting(a);
    }
  }
  SECTION("by TLS 1.2, too, but nothing older") {
    auto ctx = speaks(server);
    SSL_CTX_set_security_level(ctx.get(), 0);
    SSL_CTX_set_min_proto_version(ctx.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx.get(), TLS1_2_VERSION);
    scripted s{hello, ctx};
    CHECK(c.send(get(s.url("/"))));
    SSL_CTX_set_max_proto_version(ctx.get(), TLS1_1_VERSION);
    CHECK_FALSE(trusting(a).send(get(s.url("/"))));
  }
  SECTION("the server learns the name, but no address") {
    auto ctx = speaks(server);
    std::string name;
    SSL_CTX_set_tlsext_servername_arg(ctx.get(), &name);
    SSL_CTX_set_tlsext_servername_callback(
      ctx.get(), +[](SSL* x, int*, void* to) {
        auto* sent = SSL_get_servername(x, TLSEXT_NAMETYPE_host_name);
        *static_cast<std::string*>(to) = sent ? sent : "none";
        return SSL_TLSEXT_ERR_OK;
      });
    scripted s{hello, ctx};
    REQUIRE(c.send(get(s.url("/", "localhost"))));
    CHECK(name == "localhost");
    c = trusting(a);
    REQUIRE(c.send(get(s.url("/"))));
    CHECK(name == "none");
  }
  SECTION("large bodies both ways") {
    size_t got = 0;
    scripted s{[&](const std::string& request) {
                 got = request.size();
                 return ok(std::string(3'000'000, 'x'));
               },
               speaks(server)};
    auto req = get(s.url("/"));
    req.method = "PUT";
    req.body = std::string(15'000, 'y');
    for (int i = 0; i < 3; ++i) {
      auto r = c.send(req);
      REQUIRE(r);
      CHECK(r->body.size() == 3'000'000);
      CHECK(got > 15'000);
    }
    CHECK(s.connections == 1);
  }
  SECTION("a server that does not know 100-continue gets the body") {
    std::string seen;
    scripted s{[&](const std::string& request) {
                 seen = request;
                 return ok("late");
               },
               speaks(server)};
    s.knows_expect = false;
    auto req = get(s.url("/"));
    req.method = "PUT";
    req.body = std::string(20'000, 'y');
    http::client_options options;
    options.tls.files.ca = a.ca.cert_file;
    options.idle_timeout = std::chrono::seconds{10};
    // The tickets of TLS 1.3, which come first, are no answer.
    auto r = http::client{options}.send(req);
    REQUIRE(r);
    CHECK(r->body == "late");
    CHECK(seen.find("Expect: 100-continue") != seen.npos);
  }
  SECTION("a connection that was closed meanwhile is replaced") {
    scripted s{[](auto&) { return ok("x", "Connection: close\r\n"); },
               speaks(server)};
    for (int i = 0; i < 3; ++i)
      REQUIRE(c.send(get(s.url("/"))));
    CHECK(s.connections == 3);
  }
  SECTION("nobody answers the handshake in time") {
    http::client_options options;
    options.connect_timeout = std::chrono::milliseconds{50};
    scripted s{hello}; // waits for a header
    auto text
      = refused(options, "https" + s.url("/").substr(4), errc::timed_out);
    CHECK(has(text, "TLS"));
  }
}

TEST_CASE("client: redirects and TLS", "[http][client][tls]") {
  authority a;
  auto server = a.make("server", "IP:127.0.0.1", 2);
  auto c = trusting(a);
  std::string seen;
  auto listen = [&](const std::string& request) {
    seen = request;
    return ok("there");
  };
  std::string to;
  scripted here{[&](const std::string& request) {
                  if (request.find("GET /x") == 0)
                    return ok("here");
                  return "HTTP/1.1 307 X\r\nLocation: " + to
                         + "\r\nContent-Length: 0\r\n\r\n";
                },
                speaks(server)};
  auto req = get(here.url("/"));
  req.headers = {{"authorization", "Bearer 1"}, {"Cookie", "2"}, {"X-A", "3"}};

  SECTION("relative ones stay with TLS") {
    to = GENERATE(as<std::string>{}, "/x", "//");
    if (to == "//")
      to = here.url("/x").substr(6);
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->body == "here");
    CHECK(r->url == here.url("/x"));
    CHECK(here.connections == 1);
  }
  SECTION("from TLS to plain HTTP, without secrets") {
    scripted there{listen};
    to = there.url("/x");
    auto r = c.send(req);
    REQUIRE(r);
    CHECK(r->body == "there");
    CHECK(seen.find("X-A: 3") != seen.npos);
    CHECK(seen.find("uthorization") == seen.npos);
    CHECK(seen.find("Cookie") == seen.npos);
  }
  SECTION("from TLS to TLS, with them") {
    scripted there{listen, speaks(server)};
    to = there.url("/x");
    REQUIRE(c.send(req));
    CHECK(seen.find("authorization: Bearer 1") != seen.npos);
  }
}

TEST_CASE("client: whom TLS does not trust", "[http][client][tls]") {
  authority a;
  http::client_options options;
  options.tls.files.ca = a.ca.cert_file;
  options.tls.names = {"CERT", "KEY", "CA"};
  options.tls.skip_name = "SKIP";

  SECTION("an authority that is not known") {
    authority other;
    auto x = GENERATE(0, 1);
    scripted s{hello,
               speaks(x ? other.make("x", "IP:127.0.0.1", 2) : other.ca)};
    auto text = refused(options, s.url("/"), errc::access_denied);
    CHECK(has(text, "not signed by an authority that is known here"));
    CHECK(has(text, "\nname its authority by CA, or"));
    CHECK(has(text, "set SKIP"));
    options.tls.skip_verify = true;
    CHECK(http::client{options}.send(get(s.url("/"))));
  }
  SECTION("an old certificate") {
    scripted s{hello, speaks(a.make("x", "IP:127.0.0.1", -1))};
    CHECK(has(refused(options, s.url("/"), errc::access_denied), "expired"));
  }
  SECTION("a certificate for others") {
    scripted s{hello, speaks(a.make("x", "DNS:a.example,IP:127.0.0.2", 2))};
    auto host = GENERATE(as<std::string>{}, "127.0.0.1", "localhost");
    CHECK(has(refused(options, s.url("/", host), errc::access_denied),
              "is for a.example, 127.0.0.2\nuse a name"));
  }
  SECTION("a server that asks for a certificate") {
    auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    auto ctx = speaks(a.make("x", "IP:127.0.0.1", 2));
    SSL_CTX_set_max_proto_version(ctx.get(), version);
    SSL_CTX_set_verify(
      ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    REQUIRE(
      SSL_CTX_load_verify_locations(ctx.get(), a.ca.cert_file.c_str(), nullptr)
      == 1);
    scripted s{hello, ctx};
    auto text = refused(options, s.url("/"), errc::access_denied);
    CHECK(has(text, "takes only clients with a certificate"));
    CHECK(has(text, "\nname one by CERT and KEY"));

    authority other;
    auto foreign = other.make("me", "DNS:me", 2);
    options.tls.files.cert = foreign.cert_file;
    options.tls.files.key = foreign.key_file;
    CHECK(has(refused(options, s.url("/"), errc::access_denied),
              "does not take the certificate in " + foreign.cert_file));

    auto good = a.make("me", "DNS:me", 2);
    options.tls.files.cert = good.cert_file;
    options.tls.files.key = good.key_file;
    CHECK(http::client{options}.send(get(s.url("/"))));
  }
  SECTION("plain HTTP where TLS is expected, and the reverse") {
    fixture f;
    auto port = std::to_string(f.port());
    auto text = refused(options, "https://127.0.0.1:" + port + '/',
                        errc::invalid_argument);
    CHECK(has(text, "does not speak TLS\n"));
    CHECK(has(text, "http://"));
    scripted s{hello, speaks(a.make("x", "IP:127.0.0.1", 2))};
    text = refused(options, "http" + s.url("/").substr(5), errc::io_error);
    CHECK(has(text, "https://"));
    scripted alerting{[](auto&) {
      return std::string{"\x15\x03\x01\x00\x02\x02\x0a", 7};
    }};
    text = refused(options, alerting.url("/"), errc::invalid_argument);
    CHECK(has(text, "speaks TLS\nits address begins with https://"));
  }
}

TEST_CASE("client: files for TLS", "[http][client][tls]") {
  authority a;
  auto me = a.make("me", "DNS:me", 2);
  auto other = a.make("other", "DNS:other", 2);
  http::client_options options;
  auto& tls = options.tls;
  tls.names = {"CERT", "KEY", "CA"};
  auto text = [&] {
    return refused(options, "https://127.0.0.1:1/", errc::invalid_argument);
  };

  SECTION("one of two") {
    tls.files.cert = me.cert_file;
    CHECK(has(text(), "CERT is of no use without KEY"));
    tls.files = {"", me.key_file, ""};
    CHECK(has(text(), "KEY is of no use without CERT"));
  }
  SECTION("none there") {
    tls.files.ca = "/nowhere/ca.pem";
    CHECK(has(text(), "CA /nowhere/ca.pem: No such file"));
  }
  SECTION("something else") {
    auto name = me.cert_file + ".txt";
    std::ofstream{name} << "no certificate\n";
    tls.files = {name, me.key_file, ""};
    CHECK(has(text(), "CERT " + name));
  }
  SECTION("a key of another certificate") {
    tls.files = {me.cert_file, other.key_file, ""};
    CHECK(has(text(), "KEY " + other.key_file));
  }
  SECTION("plain HTTP does not need them") {
    tls.files.ca = "/nowhere/ca.pem";
    scripted s{hello};
    CHECK(http::client{options}.send(get(s.url("/"))));
  }
}
