// Bucket policies: what is accepted can be asked anything, and patterns mean
// what a plain matcher says.
#include "http/s3/policy.hpp"
#include "test/fuzz/input.hpp"

#include <vector>

using namespace ais::http::s3;

namespace {

/// Row by row over all prefixes.
bool plain_match(std::string_view pattern, std::string_view text) {
  std::vector<char> fits(text.size() + 1, 0);
  fits[0] = 1;
  for (char p : pattern) {
    if (p == '*') {
      for (size_t i = 1; i < fits.size(); ++i)
        fits[i] = static_cast<char>(fits[i] | fits[i - 1]);
      continue;
    }
    for (size_t i = fits.size() - 1; i > 0; --i)
      fits[i]
        = static_cast<char>(fits[i - 1] && (p == '?' || p == text[i - 1]));
    fits[0] = 0;
  }
  return fits.back() != 0;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = text_of(data, size);
  if (auto cut = text.find('\n');
      cut != std::string_view::npos && cut < 200 && size < 2000) {
    auto pattern = text.substr(0, cut);
    auto subject = text.substr(cut + 1);
    FUZZ_CHECK(wildcard_match(pattern, subject)
               == plain_match(pattern, subject));
  }
  auto made = policy::parse(text, "b");
  if (!made)
    return 0;
  FUZZ_CHECK(size <= max_policy_bytes);
  for (auto user : {"", "u"})
    for (auto value : {"", "1", "10.0.0.1", "2026-11-21T00:00:00Z"}) {
      policy_question q{
        "s3:GetObject", "b/k", user, user, [&](auto key) {
          return key.size() % 2 ? fact{} : fact{true, std::string{value}};
        }};
      auto said = (*made)->evaluate(q);
      FUZZ_CHECK(said != effect::unknown);
      FUZZ_CHECK(said == (*made)->evaluate(q));
    }
  (*made)->is_public();
  return 0;
}
