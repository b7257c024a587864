// The VAULT over a disk that fails.
#include "actors/meta/vault.hpp"

#include "actors/meta/meta_store.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

using namespace ais;
using namespace std::chrono_literals;

TEST_CASE("vault: what was saved half-way is in both copies soon",
          "[actors][vault]") {
  sim::deterministic x;
  auto vault = spawn_vault(x.sys, x.env, "/root/conf");
  REQUIRE(x.ask<ack>(vault, keep_copy{"/root/copy", {}, true}));
  auto full = true;
  x.disk.fault = [&full](storage::disk_op,
                         const std::string& path) -> std::optional<errc> {
    auto hit = full && path.rfind("/root/copy/", 0) == 0;
    return hit ? std::optional{errc::no_space} : std::nullopt;
  };
  CHECK(x.ask<ack>(vault, save_meta{"epoch", 7, "7"}).error()
        == errc::no_space);
  x.advance(10s);
  full = false;
  x.advance(1s);
  auto copy = meta_store{x.disk, {"/root/copy"}}.load("epoch");
  REQUIRE(copy);
  CHECK(*copy == "7");

  // So that the first copy may be damaged.
  REQUIRE(x.disk.flip_bit("/root/conf/.ais.epoch", 3, 1));
  auto loaded = x.ask<loaded_meta>(vault, load_meta{"epoch"});
  REQUIRE(loaded);
  CHECK(loaded->json == "7");
  caf::anon_send_exit(vault, caf::exit_reason::user_shutdown);
  x.run();
}
