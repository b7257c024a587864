#include "actors/meta/bmd.hpp"

#include "storage/base/home.hpp"
#include "storage/base/mutant.hpp"

#include <algorithm>
#include <vector>

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
  out->keeping
    = storage::parse_keeping(props.values.text(storage::versioning_property));
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

uint64_t next_bid(bmd& x) {
  x.last_bid += !AIS_MUTANT("bid-twice");
  return x.last_bid | own_bucket_bit;
}

/// Tells a bucket which one has the former versions of its objects.
void find_versions(bmd& x, const bck& b) {
  auto& known = x.buckets.at(b);
  if (known->keeping == storage::keeping::off)
    return;
  auto there = x.buckets.find(storage::versions_of(known->ref).bck);
  auto changed = std::make_shared<bucket>(*known);
  changed->versions_bid = there == x.buckets.end() ? 0 : there->second->ref.bid;
  known = std::move(changed);
}

/// Makes the bucket for former versions, if one is needed and is not there:
/// its objects are kept as those of `b` are.
void add_versions(bmd& x, const bck& b) {
  auto& parent = *x.buckets.at(b);
  auto name = storage::versions_of(parent.ref).bck;
  if (parent.keeping == storage::keeping::off || x.buckets.count(name))
    return;
  auto props = *parent.props;
  for (auto& p : {"s3.acl", "s3.cors", "s3.lifecycle", "s3.owner", "s3.policy",
                  "s3.tags", "s3.versioning"})
    static_cast<void>(props.values.set(p, ""));
  static_cast<void>(props.values.set("versioning.enabled", "false"));
  props.bid = next_bid(x);
  x.buckets[name] = make_bucket(name, std::move(props));
}

/// The buckets that belong to `b`, unless another one of its name needs them.
std::vector<bck> belongings(const bmd& x, const bck& b) {
  auto named = [&](auto& y) {
    return y.first.name == b.name && !of_others(y.first.ns) && y.first != b;
  };
  if (of_others(b.ns) || std::any_of(x.buckets.begin(), x.buckets.end(), named))
    return {};
  return {{provider::ais, uploads_ns(), b.name},
          {provider::ais, versions_ns(), b.name}};
}

/// The bucket whose versions are in `b`; null: none.
bucket_ptr whose_versions(const bmd& x, const bucket& b) {
  for (auto& [name, value] : x.buckets)
    if (value->versions_bid == b.ref.bid)
      return value;
  return nullptr;
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
  props.bid = next_bid(*next);
  next->buckets[b] = make_bucket(b, std::move(props));
  add_versions(*next, b);
  find_versions(*next, b);
  return bmd_ptr{next};
}

expected<bmd_ptr> without_bucket(const bmd& x, const bck& b) {
  auto known = x.find(b);
  if (!known)
    return known.error();
  if (auto parent = whose_versions(x, **known))
    return fail(errc::conflict, cname_of(b) + " has the former versions of "
                                  + cname_of(parent->ref.bck)
                                  + ": it goes with that bucket");
  auto next = successor(x);
  next->buckets.erase(b);
  for (auto& other : belongings(x, b))
    next->buckets.erase(other);
  // What was on its way to it stays where it is: another bucket that gets its
  // name later must not get strangers' objects.
  for (auto& [name, value] : next->buckets) {
    if (value->props->renamed != uname_of(b))
      continue;
    auto props = *value->props;
    props.renamed.clear();
    value = make_bucket(name, std::move(props));
  }
  return bmd_ptr{next};
}

expected<bmd_ptr> with_bucket_props(const bmd& x, const bck& b, bprops props) {
  auto known = x.find(b);
  if (!known)
    return known.error();
  auto next = successor(x);
  props.bid = (*known)->ref.bid;
  next->buckets[b] = make_bucket(b, std::move(props));
  add_versions(*next, b);
  find_versions(*next, b);
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
  for (auto& [b, value] : out->buckets)
    find_versions(*out, b);
  return bmd_ptr{out};
}

} // namespace ais
