#include "http/s3/virtual_host.hpp"

#include <catch2/catch.hpp>

using namespace ais::http;

TEST_CASE("s3 virtual hosts: domains", "[http][s3]") {
  CHECK(*s3::parse_domain("S3.Example.com") == "s3.example.com");
  CHECK(*s3::parse_domain("localhost") == "localhost");
  for (auto bad : {"", ".", ".com", "com.", "a..b", "*.com", "a:80", "a/b",
                   "a b", "http://a"})
    CHECK_FALSE(s3::parse_domain(bad));
  CHECK_FALSE(s3::parse_domain(std::string(254, 'a')));
}

TEST_CASE("s3 virtual hosts: buckets", "[http][s3]") {
  std::vector<std::string> domains{"example.com", "s3.example.com", "local"};
  auto bucket = [&](std::string_view host) {
    return s3::bucket_of_host(host, domains).value_or("-");
  };
  CHECK(bucket("b.example.com") == "b");
  CHECK(bucket("B.Example.COM:8080") == "b");
  CHECK(bucket("my.bucket.local:1") == "my.bucket");
  CHECK(bucket("b.s3.example.com") == "b"); // the longest domain
  CHECK(bucket("s3.example.com") == "s3");  // a bucket below example.com
  for (auto none :
       {"", "example.com", "example.com:80", ".example.com", "bexample.com",
        "b.example.org", "127.0.0.1:80", "[::1]:80", "b.example.com.", "b.com"})
    CHECK(bucket(none) == "-");
  CHECK_FALSE(s3::bucket_of_host("b.example.com", {}));
}
