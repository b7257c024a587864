#include "http/basp_frames.hpp"

#include <caf/atom.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <random>
#include <string>
#include <vector>

using namespace ais::http;

namespace {

enum : uint8_t { server, client, direct, routed, monitor, down, beat };

/// A header; what is not said is zero.
struct frame {
  uint8_t operation = beat;
  uint32_t payload = 0;
  uint64_t receiver = 0;
  uint8_t flags = 0;
};

std::vector<std::byte> bytes_of(const frame& x) {
  std::vector<std::byte> out;
  auto put = [&](uint64_t value, int size) {
    for (int i = size; i-- > 0;)
      out.push_back(static_cast<std::byte>(value >> (8 * i)));
  };
  put(x.operation, 1);
  put(0, 2);
  put(x.flags, 1);
  put(x.payload, 4);
  put(1, 8);
  put(0, 8);
  put(x.receiver, 8);
  return out;
}

/// Whether all headers pass, each with the payload it announces.
bool pass(basp_frames f, const std::vector<frame>& xs) {
  for (auto& x : xs) {
    if (f.take(bytes_of(x)))
      return false;
    std::vector<std::byte> payload(x.payload);
    if (x.payload > 0 && f.take(payload))
      return false;
  }
  return true;
}

const basp_frames accepted{basp_side::accepted};
const basp_frames connected{basp_side::connected};

} // namespace

TEST_CASE("basp: what nodes send passes", "[http][basp]") {
  CHECK(bytes_of({}).size() == basp_header_bytes);
  auto rest = std::vector<frame>{
    {beat, 0},  {direct, 100, 7},     {routed, 1, 7}, {monitor, 40, 7},
    {down, 60}, {direct, 1 << 20, 7}, {beat, 0}};
  auto in = rest;
  in.insert(in.begin(), {client, 20});
  in.push_back({client, 20, 0, 4}); // selects this connection
  CHECK(pass(accepted, in));
  auto out = rest;
  out.insert(out.begin(), {server, 60});
  CHECK(pass(connected, out));
  auto spawn = static_cast<uint64_t>(caf::atom("SpawnServ"));
  CHECK(pass(accepted, {{client, 20}, {direct, 10, spawn, 1}}));
}

TEST_CASE("basp: strangers are refused", "[http][basp]") {
  SECTION("who does not begin with a handshake, or with the wrong one") {
    for (uint8_t x : {server, direct, routed, monitor, down, beat})
      CHECK_FALSE(pass(accepted, {{x, x == beat ? 0u : 10u, 1}}));
    for (uint8_t x : {client, direct, routed, monitor, down, beat})
      CHECK_FALSE(pass(connected, {{x, x == beat ? 0u : 10u, 1}}));
  }
  SECTION("a handshake without content; CAF would follow a null pointer") {
    CHECK_FALSE(pass(accepted, {{client, 0}}));
    CHECK_FALSE(pass(connected, {{server, 0}}));
    CHECK_FALSE(pass(accepted, {{client, 9}, {client, 0}}));
    for (uint8_t x : {direct, routed, monitor, down})
      CHECK_FALSE(pass(accepted, {{client, 9}, {x, 0, 1}}));
  }
  SECTION("the other side's handshake, later on") {
    CHECK_FALSE(pass(accepted, {{client, 9}, {server, 9}}));
    CHECK_FALSE(pass(connected, {{server, 9}, {client, 9}}));
    CHECK_FALSE(pass(connected, {{server, 9}, {server, 9}}));
  }
  SECTION("what is too large, before there is room for it") {
    auto header = [](basp_frames f, frame x) {
      REQUIRE_FALSE(f.take(bytes_of({client, 1})));
      REQUIRE_FALSE(f.take(std::vector<std::byte>(1)));
      return f.take(bytes_of(x)) == nullptr;
    };
    for (uint8_t x : {direct, routed}) {
      CHECK(header(accepted, {x, max_basp_frame_bytes, 1}));
      CHECK_FALSE(header(accepted, {x, max_basp_frame_bytes + 1, 1}));
      CHECK_FALSE(header(accepted, {x, 0xffffffff, 1}));
    }
    for (uint8_t x : {client, monitor, down}) {
      CHECK(header(accepted, {x, max_basp_small_bytes, 1}));
      CHECK_FALSE(header(accepted, {x, max_basp_small_bytes + 1, 1}));
    }
    CHECK_FALSE(header(accepted, {beat, 1}));
  }
  SECTION("receivers by name: one only") {
    for (auto name : {caf::atom("ConfigServ"), caf::atom("x")}) {
      auto id = static_cast<uint64_t>(name);
      CHECK_FALSE(pass(accepted, {{client, 9}, {direct, 9, id, 1}}));
      CHECK_FALSE(pass(accepted, {{client, 9}, {routed, 9, id, 1}}));
    }
  }
  SECTION("operations there are none") {
    for (int x = beat + 1; x < 256; ++x)
      CHECK_FALSE(
        pass(accepted, {{client, 9}, {static_cast<uint8_t>(x), 9, 1}}));
  }
  SECTION("pieces of another size") {
    auto f = accepted;
    CHECK(f.take(std::vector<std::byte>(31)));
    f = accepted;
    CHECK_FALSE(f.take(bytes_of({client, 9})));
    CHECK(f.take(std::vector<std::byte>(8)));
  }
}

TEST_CASE("basp: rubbish does not pass for a beginning", "[http][basp]") {
  std::mt19937 random{7};
  std::vector<std::byte> piece(basp_header_bytes);
  for (int i = 0; i < 100'000; ++i) {
    for (auto& b : piece)
      b = static_cast<std::byte>(random());
    auto f = accepted;
    auto passed = f.take(piece) == nullptr;
    // One byte in 256 says "handshake", and its length is small by chance.
    if (passed)
      CHECK(piece[0] == std::byte{client});
    CHECK(f.greeted() == passed);
  }
}
