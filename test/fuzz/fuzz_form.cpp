// Form uploads: fields and the file, cut into pieces of any size, are what they
// are in one piece.
#include "http/s3/form.hpp"
#include "http/s3/post_policy.hpp"
#include "test/fuzz/input.hpp"

#include <algorithm>
#include <string>

using namespace ais::http::s3;

namespace {

std::string cut_out(std::string whole, size_t head, size_t piece) {
  form_file file{"XX", head};
  std::string out;
  for (size_t at = 0; at < whole.size(); at += piece) {
    auto n = std::min(piece, whole.size() - at);
    auto raw = std::as_writable_bytes(std::span{whole.data() + at, n});
    auto content = file.pass(raw);
    FUZZ_CHECK(content.size() <= n);
    out.append(reinterpret_cast<const char*>(content.data()), content.size());
  }
  return out + (file.finish() ? "!" : "?");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  auto piece = size_t{1} + data[0];
  auto text = text_of(data + 1, size - 1);
  if (auto policy = post_policy::parse(text)) {
    form_head form{{{"key", "k"}}, "f", 0};
    static_cast<void>(policy->check(form, "b", "k", 1));
    FUZZ_CHECK(policy->min_bytes() <= text.size() || policy->max_bytes() > 0);
  }
  auto head = parse_form_head(text, "XX");
  if (!head || !*head)
    return 0;
  auto begin = (*head)->size;
  FUZZ_CHECK(begin <= text.size());
  FUZZ_CHECK((*head)->fields.size() <= max_form_fields);
  // A longer beginning says the same.
  auto again = parse_form_head(text.substr(0, begin), "XX");
  FUZZ_CHECK(again && *again && (*again)->fields == (*head)->fields);
  auto whole = cut_out(std::string{text}, begin, text.size());
  FUZZ_CHECK(cut_out(std::string{text}, begin, piece) == whole);
  auto end = text.find("\r\n--XX", begin);
  auto content = text.substr(begin, end == text.npos ? text.npos : end - begin);
  FUZZ_CHECK(end == text.npos ? whole.back() == '?'
                              : whole == std::string{content} + '!');
  return 0;
}
