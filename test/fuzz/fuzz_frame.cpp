// Frames between movers: the input is a frame, or the payload of one.
#include "actors/mover/frame.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto raw = std::as_bytes(std::span{data, size});
  if (auto head = decode_frame_head(raw)) {
    FUZZ_CHECK(head->size <= max_frame_bytes);
    auto payload = raw.subspan(frame_head_bytes);
    if (check_payload(*head, payload))
      FUZZ_CHECK(std::equal(raw.begin(), raw.end(),
                            encode_frame(head->kind, payload).begin()));
  }
  if (auto receipt = decode_receipt(raw); receipt) {
    auto again = encode_receipt(*receipt);
    FUZZ_CHECK(decode_receipt(again) == receipt);
  }
  // With the right proof the fuzzer gets past the door.
  constexpr std::string_view secret = "x";
  storage::bytes text{raw.begin(), raw.end()};
  auto proof = hmac_sha256(secret, text);
  text.insert(text.end(), proof.begin(), proof.end());
  auto offer = decode_offer(text, secret);
  if (!offer)
    return 0;
  auto again = encode_offer(*offer, secret);
  FUZZ_CHECK(again || again.error() == errc::too_large);
  if (again)
    FUZZ_CHECK(decode_offer(*again, secret) == offer);
  return 0;
}
