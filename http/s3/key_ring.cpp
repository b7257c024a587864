#include "http/s3/key_ring.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace ais::http::s3 {

namespace {

std::string_view level_name(const access_key& x) {
  if (x.owns)
    return "own";
  switch (x.access) {
    case level::none:
      return "none";
    case level::read:
      return "read";
    case level::write:
      return "write";
    default:
      return "admin";
  }
}

json::object to_json(const access_key& x) {
  auto out = shown(x);
  out["secret_key"] = x.secret;
  return out;
}

std::string to_text(const std::vector<access_key>& keys) {
  if (keys.empty())
    return {};
  json::array list;
  for (auto& x : keys)
    list.push_back(to_json(x));
  return ais::to_text(json::object{{"keys", std::move(list)}});
}

expected<std::vector<access_key>> keys_of(std::string_view text) {
  if (text.empty())
    return std::vector<access_key>{};
  auto rules = parse_access(text);
  if (!rules)
    return rules.error();
  return (*rules)->keys;
}

auto find_key(std::vector<access_key>& keys, std::string_view id) {
  return std::find_if(keys.begin(), keys.end(),
                      [&](auto& x) { return x.id == id; });
}

error no_key(std::string_view id) {
  return fail(errc::not_found, "there is no managed access key \""
                                 + std::string{id.substr(0, 128)}
                                 + "\"; those of s3.json are changed there");
}

} // namespace

expected<access_key>
parse_new_key(std::string_view body, std::string id, std::string secret) {
  auto v = parse_json(body.empty() ? "{}" : body);
  auto* o = v ? v->if_object() : nullptr;
  if (!o)
    return fail(errc::invalid_argument,
                "a new key is an object of access, buckets and user, all"
                " optional");
  for (auto& [name, value] : *o)
    if (name != "access" && name != "buckets" && name != "user")
      return fail(errc::invalid_argument,
                  "a new key has no \"" + std::string{name}.substr(0, 40)
                    + "\": access, buckets and user are what can be said");
  (*o)["access_key"] = id;
  (*o)["secret_key"] = std::move(secret);
  json::array one{json::value(*o)};
  auto rules
    = parse_access(ais::to_text(json::object{{"keys", std::move(one)}}));
  if (!rules)
    return rules.error();
  return (*rules)->keys.front();
}

expected<std::string> with_key(std::string_view text, const access_key& x) {
  auto keys = keys_of(text);
  if (!keys)
    return keys.error();
  if (find_key(*keys, x.id) != keys->end())
    return fail(errc::exists, "access key " + x.id + " is there already");
  if (keys->size() >= max_managed_keys)
    return fail(errc::too_many_requests, "there are "
                                           + std::to_string(max_managed_keys)
                                           + " access keys: delete some first");
  keys->push_back(x);
  return to_text(*keys);
}

expected<std::string>
with_disabled(std::string_view text, std::string_view id, bool disabled) {
  auto keys = keys_of(text);
  if (!keys)
    return keys.error();
  auto i = find_key(*keys, id);
  if (i == keys->end())
    return no_key(id);
  i->disabled = disabled;
  return to_text(*keys);
}

expected<std::string> without_key(std::string_view text, std::string_view id) {
  auto keys = keys_of(text);
  if (!keys)
    return keys.error();
  auto i = find_key(*keys, id);
  if (i == keys->end())
    return no_key(id);
  keys->erase(i);
  return to_text(*keys);
}

expected<void> check_ring(std::string_view text, const access_rules* file) {
  auto keys = keys_of(text);
  if (!keys)
    return keys.error();
  if (keys->empty())
    return caf::unit;
  auto rules = [](auto& x) {
    return x.administrates();
  };
  auto in_file
    = file && std::any_of(file->keys.begin(), file->keys.end(), rules);
  if (in_file || std::any_of(keys->begin(), keys->end(), rules))
    return caf::unit;
  return fail(errc::invalid_argument,
              "then no key could manage the others: keep one with access admin"
              " for all buckets, or make one first");
}

json::object shown(const access_key& x) {
  json::object out;
  out["access_key"] = x.id;
  out["access"] = level_name(x);
  out["user"] = x.user;
  if (!x.buckets.empty())
    out["buckets"] = json::value_from(x.buckets);
  if (x.disabled)
    out["disabled"] = true;
  return out;
}

} // namespace ais::http::s3
