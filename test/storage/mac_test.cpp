#include "storage/base/mac.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("mac: known answers", "[storage][mac]") {
  // RFC 4231, test case 2.
  auto x
    = hmac_sha256("Jefe", std::string_view{"what do ya want for nothing?"});
  CHECK(base64url(x) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
  CHECK(base64url({}) == "");
  CHECK(base64url(std::span{x}.first(1)) == "Ww");
  CHECK(base64url(std::span{x}.first(2)) == "W9w");
  CHECK(same_secret(x, x));
  CHECK_FALSE(same_secret(x, std::span{x}.first(31)));
}
