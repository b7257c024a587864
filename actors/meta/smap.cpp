#include "actors/meta/smap.hpp"

#include "storage/base/home.hpp"
#include "storage/base/hrw.hpp"

#include <algorithm>
#include <charconv>

namespace ais {

namespace {

json::object to_json(const net_info& x) {
  return {{"node_ip_addr", x.host},
          {"daemon_port", std::to_string(x.port)},
          {"direct_url", x.url()}};
}

expected<net_info> parse_net(const json::object& node, const char* key) {
  auto* v = node.if_contains(key);
  if (!v || !v->is_object())
    return fail(errc::invalid_argument, std::string{"no "} + key);
  auto host = text_member(v->get_object(), "node_ip_addr");
  auto port = integer_member(v->get_object(), "daemon_port", 0);
  if (!host || !port || *port < 0 || *port > 65535)
    return fail(errc::invalid_argument, std::string{"bad "} + key);
  return net_info{*host, static_cast<uint16_t>(*port)};
}

} // namespace

std::string net_info::url() const {
  auto v6 = host.find(':') != std::string::npos;
  return (v6 ? "http://[" + host + "]:" : "http://" + host + ':')
         + std::to_string(port);
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1"
         || (host.substr(0, 4) == "127."
             && host.find_first_not_of("0123456789.")
                  == std::string_view::npos);
}

std::string_view to_string(node_role x) {
  return x == node_role::proxy ? "proxy" : "target";
}

std::string name_of(const snode& x) {
  std::string out = x.role == node_role::proxy ? "p[" : "t[";
  return out.append(x.id).append("]");
}

const snode* smap::find(const std::string& id) const {
  if (auto i = proxies.find(id); i != proxies.end())
    return &i->second;
  if (auto i = targets.find(id); i != targets.end())
    return &i->second;
  return nullptr;
}

expected<void> check_company(const snode& x, const snode& member) {
  struct network {
    net_info snode::*at;
    const char* use;
  };
  for (auto& n : {network{&snode::pub, "clients"},
                  network{&snode::control, "other nodes"},
                  network{&snode::data, "data"}}) {
    auto& ours = (x.*n.at).host;
    auto& theirs = (member.*n.at).host;
    if (is_loopback(ours) == is_loopback(theirs))
      continue;
    return fail(errc::conflict,
                name_of(x) + "'s address for " + n.use + " is " + ours
                  + ", that of " + name_of(member) + " is " + theirs
                  + ": a loopback address leads nowhere from another machine;"
                    " start all nodes with --host on addresses that all of them"
                    " and their clients can reach");
  }
  return caf::unit;
}

bool active(const snode& x) {
  return (x.flags & (snode_maintenance | snode_decommission)) == 0;
}

bool electable(const snode& x) {
  return x.role == node_role::proxy && active(x)
         && (x.flags & snode_non_electable) == 0;
}

std::vector<std::string> succession(const smap& x) {
  std::vector<std::string> out;
  for (auto& [id, node] : x.proxies)
    if (electable(node))
      out.push_back(id);
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) {
    return placement_digest(a) > placement_digest(b);
  });
  return out;
}

namespace {

/// The target of `ids` (or of all active ones) with the largest weight.
template <class Ids>
const std::string* pick_owner(const Ids& ids, uint64_t object_digest) {
  const std::string* out = nullptr;
  uint64_t best = 0;
  for (auto& id : ids) {
    auto weight = hrw_mix(placement_digest(id) ^ object_digest);
    if (!out || weight >= best) {
      out = &id;
      best = weight;
    }
  }
  return out;
}

std::vector<std::string> active_targets(const smap& x) {
  std::vector<std::string> out;
  for (auto& [id, node] : x.targets)
    if (active(node))
      out.push_back(id);
  return out;
}

} // namespace

const snode* owner_of(const smap& x, uint64_t object_digest) {
  auto find = [&](const std::string* id) -> const snode* {
    auto i = id ? x.targets.find(*id) : x.targets.end();
    return i == x.targets.end() ? nullptr : &i->second;
  };
  if (x.placements.empty())
    return find(pick_owner(active_targets(x), object_digest));
  return find(pick_owner(x.placements.back().targets, object_digest));
}

expected<void> check_owner(const smap& x, const std::string& target,
                           const bck& bucket, const std::string& object) {
  auto* owner = owner_of(x, home_digest(bucket, object));
  if (owner && owner->id == target)
    return caf::unit;
  return fail(errc::not_ready, cname_of(bucket, object) + " belongs to "
                                 + (owner ? name_of(*owner) : "nobody")
                                 + " by now: try again");
}

bool moving(const smap& x) {
  return x.placements.size() > 1;
}

bool owned_throughout(const smap& x, const std::string& target,
                      uint64_t object_digest) {
  return std::all_of(x.placements.begin(), x.placements.end(), [&](auto& set) {
    auto* id = pick_owner(set.targets, object_digest);
    return id && *id == target;
  });
}

uint64_t generation_of(const smap& x) {
  return x.placements.empty() ? 0 : x.placements.back().generation;
}

void place_anew(smap& x, bool move) {
  placement_set next{generation_of(x) + 1, active_targets(x)};
  if (!x.placements.empty() && x.placements.back().targets == next.targets)
    return;
  if (!move && !moving(x))
    x.placements.clear();
  else if (x.placements.empty()) // by a version that knew of none
    x.placements.push_back({});
  x.placements.push_back(std::move(next));
  if (x.placements.size() > max_placements) {
    auto last = std::move(x.placements.back());
    x.placements = {{last.generation - 1, {}}, std::move(last)};
  }
}

void search_anew(smap& x) {
  auto now = generation_of(x);
  x.placements = {{now, {}}, {now + 1, active_targets(x)}};
}

void end_moves(smap& x) {
  if (moving(x))
    x.placements.erase(x.placements.begin(), x.placements.end() - 1);
}

json::object to_json(const snode& x) {
  return {{"public_net", to_json(x.pub)},
          {"intra_data_net", to_json(x.data)},
          {"intra_control_net", to_json(x.control)},
          {"daemon_type", to_string(x.role)},
          {"daemon_id", x.id},
          {"flags", x.flags},
          {"id_digest", placement_digest(x.id)}};
}

json::object to_json(const smap& x) {
  json::object pmap;
  for (auto& [id, node] : x.proxies)
    pmap[id] = to_json(node);
  json::object tmap;
  for (auto& [id, node] : x.targets)
    tmap[id] = to_json(node);
  json::array placements;
  for (auto& set : x.placements)
    placements.push_back(
      {{"generation", set.generation},
       {"targets", json::array(set.targets.begin(), set.targets.end())}});
  auto* primary = x.find(x.primary);
  return {{"pmap", std::move(pmap)},
          {"proxy_si", to_json(primary ? *primary : snode{})},
          {"tmap", std::move(tmap)},
          {"uuid", x.uuid},
          {"creation_time", x.created},
          {"version", std::to_string(x.version)},
          {"placements", std::move(placements)}};
}

expected<snode> parse_snode(const json::value& v) {
  auto* o = v.if_object();
  if (!o)
    return fail(errc::invalid_argument, "a node is no object");
  snode out;
  auto id = text_member(*o, "daemon_id");
  auto role = text_member(*o, "daemon_type");
  auto flags = unsigned_member(*o, "flags", 0);
  auto pub = parse_net(*o, "public_net");
  auto control = parse_net(*o, "intra_control_net");
  auto data = parse_net(*o, "intra_data_net");
  if (!id || !role || !flags || !pub || !control || !data || id->empty())
    return fail(errc::invalid_argument, "a node is incomplete");
  out.id = *id;
  out.role = *role == "target" ? node_role::target : node_role::proxy;
  out.flags = *flags;
  out.pub = *pub;
  out.control = *control;
  out.data = *data;
  return out;
}

namespace {

/// Absent in the maps of other implementations.
expected<std::vector<placement_set>> parse_placements(const json::object& o) {
  std::vector<placement_set> out;
  auto* all = o.if_contains("placements");
  if (!all)
    return out;
  auto bad = fail(errc::invalid_argument, "the smap has bad placements");
  if (!all->is_array())
    return bad;
  for (auto& v : all->get_array()) {
    auto* set = v.if_object();
    auto* ids = set ? set->if_contains("targets") : nullptr;
    if (!ids || !ids->is_array())
      return bad;
    placement_set next;
    auto generation = unsigned_member(*set, "generation", 0);
    if (!generation)
      return bad;
    next.generation = *generation;
    for (auto& id : ids->get_array()) {
      if (!id.is_string())
        return bad;
      next.targets.emplace_back(id.get_string());
    }
    out.push_back(std::move(next));
  }
  return out;
}

} // namespace

expected<smap_ptr> parse_smap(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  return parse_smap(*parsed);
}

expected<smap_ptr> parse_smap(const json::value& v) {
  auto* tree = v.if_object();
  auto* pmap = tree ? tree->if_contains("pmap") : nullptr;
  auto* tmap = tree ? tree->if_contains("tmap") : nullptr;
  auto* primary = tree ? tree->if_contains("proxy_si") : nullptr;
  if (!pmap || !tmap || !primary || !pmap->is_object() || !tmap->is_object())
    return fail(errc::invalid_argument, "the smap lacks its maps");
  auto out = std::make_shared<smap>();
  auto version = unsigned_member(*tree, "version", 0);
  auto uuid = text_member(*tree, "uuid");
  auto created = text_member(*tree, "creation_time");
  auto first = parse_snode(*primary);
  if (!version || !uuid || !created || !first)
    return fail(errc::invalid_argument, "the smap has no identity");
  out->version = *version;
  out->uuid = *uuid;
  out->created = *created;
  out->primary = first->id;
  auto placements = parse_placements(*tree);
  if (!placements)
    return placements.error();
  out->placements = std::move(*placements);
  for (auto* map : {pmap, tmap}) {
    for (auto& m : map->get_object()) {
      auto node = parse_snode(m.value());
      if (!node)
        return node.error();
      auto& nodes = map == pmap ? out->proxies : out->targets;
      auto id = node->id;
      nodes.emplace(std::move(id), std::move(*node));
    }
  }
  return smap_ptr{out};
}

} // namespace ais
