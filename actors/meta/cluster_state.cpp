#include "actors/meta/cluster_state.hpp"

#include "storage/base/mutant.hpp"

#include <algorithm>

namespace ais {

namespace {

json::object to_json(const electorate& x) {
  json::array voters;
  for (auto& id : x.voters)
    voters.emplace_back(id);
  return {{"voters", std::move(voters)}, {"sole", x.sole}};
}

expected<electorate> parse_electorate(const json::value& v) {
  auto* o = v.if_object();
  auto* voters = o ? o->if_contains("voters") : nullptr;
  auto sole = o ? text_member(*o, "sole") : std::string{};
  if (!voters || !voters->is_array() || !sole)
    return fail(errc::integrity, "the cluster state has a bad electorate");
  electorate out;
  out.sole = *sole;
  for (auto& id : voters->get_array()) {
    if (!id.is_string())
      return fail(errc::integrity, "the cluster state has a bad voter");
    out.voters.emplace_back(id.get_string().data(), id.get_string().size());
  }
  return out;
}

} // namespace

std::string to_string(const stamp& x) {
  return std::to_string(x.epoch) + '.' + std::to_string(x.number);
}

bool electorate::decided_by(const std::set<std::string>& ids) const {
  if (!sole.empty())
    return ids.count(sole) > 0;
  auto yes = std::count_if(voters.begin(), voters.end(),
                           [&](auto& id) { return ids.count(id) > 0; });
  return static_cast<size_t>(yes) * 2 > voters.size();
}

electorate electorate_of(const smap& x) {
  electorate out;
  for (auto* nodes : {&x.proxies, &x.targets})
    for (auto& [id, node] : *nodes)
      if (active(node) && (node.flags & snode_silent) == 0)
        out.voters.push_back(id);
  std::sort(out.voters.begin(), out.voters.end());
  if (auto order = succession(x); order.size() == 1)
    out.sole = order.front();
  return out;
}

bool cluster_state::decided_by(const std::set<std::string>& ids) const {
  return electorate_of(*map).decided_by(ids)
         && (AIS_MUTANT("before-ignored")
             || std::all_of(before.begin(), before.end(),
                            [&](auto& x) { return x.decided_by(ids); }));
}

cluster_state
successor(const cluster_state& x, uint64_t epoch, bool committed) {
  auto out = x;
  out.at = {epoch, x.at.number + 1};
  if (committed)
    out.before.clear();
  auto last = electorate_of(*x.map);
  if (std::find(out.before.begin(), out.before.end(), last) == out.before.end())
    out.before.push_back(std::move(last));
  return out;
}

std::string to_json(const cluster_state& x) {
  json::array before;
  for (auto& e : x.before)
    before.push_back(to_json(e));
  return to_pretty_text(json::object{{"epoch", x.at.epoch},
                                     {"number", x.at.number},
                                     {"before", std::move(before)},
                                     {"smap", to_json(*x.map)},
                                     {"bmd", to_json(*x.buckets)},
                                     {"config", to_json(*x.config)},
                                     {"secret", x.secret},
                                     {"access_keys", x.access_keys}});
}

expected<cluster_state_ptr> parse_cluster_state(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  auto part = [&](const char* key) {
    return o ? o->if_contains(key) : nullptr;
  };
  auto *map = part("smap"), *buckets = part("bmd"), *config = part("config"),
       *before = part("before");
  if (!map || !buckets || !config || !before || !before->is_array())
    return fail(errc::integrity, "the cluster state lacks a part");
  auto out = std::make_shared<cluster_state>();
  auto epoch = unsigned_member(*o, "epoch", 0);
  auto number = unsigned_member(*o, "number", 0);
  auto smap = parse_smap(*map);
  auto bmd = parse_bmd(*buckets);
  auto conf = parse_cluster_config(*config);
  auto secret = text_member(*o, "secret");
  auto access_keys = text_member(*o, "access_keys"); // absent: of before
  if (!epoch || !number)
    return fail(errc::integrity, "the cluster state has no stamp");
  if (!secret)
    return secret.error();
  if (!access_keys)
    return access_keys.error();
  if (!smap)
    return smap.error();
  if (!bmd)
    return bmd.error();
  if (!conf)
    return conf.error();
  out->at = {*epoch, *number};
  out->map = *smap;
  out->buckets = *bmd;
  out->config = *conf;
  out->secret = *secret;
  out->access_keys = *access_keys;
  for (auto& v : before->get_array()) {
    auto e = parse_electorate(v);
    if (!e)
      return e.error();
    out->before.push_back(std::move(*e));
  }
  return cluster_state_ptr{out};
}

} // namespace ais
