// Control messages: JSON bodies, configuration and bucket property trees.
#include "actors/meta/bprops.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;

namespace {

/// What was accepted is what the next start reads.
void check_kept(const cluster_config& x) {
  auto back = parse_cluster_config(to_text(to_json(x)));
  FUZZ_CHECK(back && (*back)->values == x.values);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto parsed = parse_json(text_of(data, size));
  if (!parsed)
    return 0;
  FUZZ_CHECK(parse_json(to_text(*parsed)));
  auto* o = parsed->if_object();
  if (!o)
    return 0;
  static const cluster_config config;
  if (auto next = with_changes(config, {{}, *o}, 1))
    check_kept(**next);
  config_change change;
  for (auto& m : *o)
    if (auto* text = m.value().if_string())
      change.by_name.emplace_back(std::string{m.key()},
                                  std::string{text->data(), text->size()});
  if (auto next = with_changes(config, change, 1))
    check_kept(**next);
  static const bprops props;
  if (auto next = with_props(props, *o)) {
    next->bid = 1;
    auto back = parse_bprops(to_json(*next, {provider::ais, {}, "b"}));
    FUZZ_CHECK(back && back->values == next->values);
  }
  return 0;
}
