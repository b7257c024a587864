// Control messages: JSON bodies, configuration and bucket property trees.
#include "actors/meta/bprops.hpp"
#include "test/fuzz/input.hpp"

using namespace ais;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto parsed = parse_json(text_of(data, size));
  if (!parsed)
    return 0;
  FUZZ_CHECK(parse_json(to_text(*parsed)));
  auto* o = parsed->if_object();
  if (!o)
    return 0;
  static const cluster_config config;
  if (auto next = with_changes(config, {{}, *o}, 1)) {
    auto back = parse_cluster_config(to_text(to_json(**next)));
    FUZZ_CHECK(back && (*back)->values == (*next)->values);
  }
  static const bprops props;
  if (auto next = with_props(props, *o)) {
    next->bid = 1;
    auto back = parse_bprops(to_json(*next, {provider::ais, {}, "b"}));
    FUZZ_CHECK(back && back->values == next->values);
  }
  return 0;
}
