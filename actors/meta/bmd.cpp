#include "actors/meta/bmd.hpp"

#include "storage/base/mutant.hpp"

namespace ais {

namespace {

/// Set in every bid of an ais:// bucket, as AIStore does.
constexpr uint64_t own_bucket_bit = uint64_t{1} << 63;

error no_bucket(const bck& b) {
  auto text = "bucket \"" + cname_of(b) + "\" does not exist";
  if (b.remote())
    return fail(errc::remote_bucket_not_found, "remote " + text);
  return fail(errc::bucket_not_found, std::move(text));
}

bucket_ptr make_bucket(const bck& b, bprops props) {
  auto out = std::make_shared<bucket>();
  out->ref = {b, props.bid};
  out->cksum = props.cksum();
  out->durability = props.durability();
  out->versioned = props.versioned();
  out->copies = props.copies();
  auto rules = props.values.text(storage::lifecycle_property);
  if (auto parsed = storage::parse_lifecycle(rules); parsed && !rules.empty())
    out->lifecycle
      = std::make_shared<const storage::lifecycle_rules>(std::move(*parsed));
  out->props = std::make_shared<const bprops>(std::move(props));
  return out;
}

std::shared_ptr<bmd> successor(const bmd& x) {
  auto next = std::make_shared<bmd>(x);
  ++next->version;
  return next;
}

} // namespace

expected<bucket_ptr> bmd::find(const bck& b) const {
  auto i = buckets.find(b);
  if (i == buckets.end())
    return no_bucket(b);
  return i->second;
}

expected<bmd_ptr> with_bucket(const bmd& x, const bck& b, bprops props) {
  if (x.buckets.count(b))
    return fail(errc::bucket_exists,
                "bucket \"" + cname_of(b) + "\" already exists");
  auto next = successor(x);
  next->last_bid += !AIS_MUTANT("bid-twice");
  props.bid = next->last_bid | own_bucket_bit;
  next->buckets[b] = make_bucket(b, std::move(props));
  return bmd_ptr{next};
}

expected<bmd_ptr> without_bucket(const bmd& x, const bck& b) {
  if (!x.buckets.count(b))
    return no_bucket(b);
  auto next = successor(x);
  next->buckets.erase(b);
  return bmd_ptr{next};
}

expected<bmd_ptr> with_bucket_props(const bmd& x, const bck& b, bprops props) {
  auto known = x.find(b);
  if (!known)
    return known.error();
  auto next = successor(x);
  props.bid = (*known)->ref.bid;
  next->buckets[b] = make_bucket(b, std::move(props));
  return bmd_ptr{next};
}

json::object to_json(const bmd& x) {
  json::object providers;
  for (auto& [b, value] : x.buckets) {
    auto& spaces = providers[to_string(b.provider)];
    if (!spaces.is_object())
      spaces.emplace_object();
    auto& names = spaces.get_object()[uname_of(b.ns)];
    if (!names.is_object())
      names.emplace_object();
    names.get_object()[b.name] = to_json(*value->props, b);
  }
  return {{"providers", std::move(providers)},
          {"uuid", x.uuid},
          {"version", std::to_string(x.version)},
          {"last_bid", std::to_string(x.last_bid)}};
}

expected<bmd_ptr> parse_bmd(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  return parse_bmd(*parsed);
}

expected<bmd_ptr> parse_bmd(const json::value& v) {
  auto* tree = v.if_object();
  auto* providers = tree ? tree->if_contains("providers") : nullptr;
  if (!providers || !providers->is_object())
    return fail(errc::invalid_argument, "no \"providers\" in the BMD");
  auto out = std::make_shared<bmd>();
  auto version = unsigned_member(*tree, "version", 0);
  auto last_bid = unsigned_member(*tree, "last_bid", 0);
  auto uuid = text_member(*tree, "uuid");
  if (!version || !last_bid || !uuid)
    return fail(errc::invalid_argument, "the BMD has no identity");
  out->version = *version;
  out->last_bid = *last_bid;
  out->uuid = *uuid;
  for (auto& [p_key, spaces] : providers->get_object()) {
    auto p = parse_provider({p_key.data(), p_key.size()});
    if (!p || !spaces.is_object())
      return fail(errc::invalid_argument, "bad provider in the BMD");
    for (auto& [ns_key, names] : spaces.get_object()) {
      auto space = parse_ns({ns_key.data(), ns_key.size()});
      if (!space || !names.is_object())
        return fail(errc::invalid_argument, "bad namespace in the BMD");
      for (auto& [name, props] : names.get_object()) {
        bck b{*p, *space, {name.data(), name.size()}};
        if (!props.is_object())
          return fail(errc::invalid_argument, "bad bucket in the BMD");
        auto value = parse_bprops(props.get_object());
        if (!value)
          return with_context(value.error(), cname_of(b));
        out->buckets[b] = make_bucket(b, std::move(*value));
      }
    }
  }
  return bmd_ptr{out};
}

} // namespace ais
