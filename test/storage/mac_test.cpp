#include "storage/base/mac.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("mac: known answers", "[storage][mac]") {
  // RFC 4231, test case 2.
  auto x
    = hmac_sha256("Jefe", std::string_view{"what do ya want for nothing?"});
  CHECK(base64url(x) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
  // Case 6: a secret that is longer than a block.
  mac_key key{std::string(131, '\xaa')};
  for (int i = 0; i < 2; ++i)
    CHECK(base64url(key.sign(std::string_view{
            "Test Using Larger Than Block-Size Key - Hash Key First"}))
          == "YOQxWR7gtn8Niiaqy_W3f44LxiE3KMUUBUYEDw7jf1Q");
  CHECK(base64url({}) == "");
  CHECK(base64url(std::span{x}.first(1)) == "Ww");
  CHECK(base64url(std::span{x}.first(2)) == "W9w");
  CHECK(same_secret(x, x));
  CHECK_FALSE(same_secret(x, std::span{x}.first(31)));
}
