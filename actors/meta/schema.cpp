#include "actors/meta/schema.hpp"

#include "storage/base/assert.hpp"
#include "storage/base/units.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace ais {

namespace {

error invalid(const property& p, const std::string& given,
              const std::string& wanted) {
  return fail(errc::invalid_argument, "invalid value \"" + given + "\" for "
                                        + std::string{p.path} + ": use "
                                        + wanted);
}

template <class T>
std::optional<T> number(std::string_view x) {
  T out{};
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), out);
  if (ec != std::errc{} || end != x.data() + x.size() || x.empty())
    return std::nullopt;
  return out;
}

bool limited(const property& p) {
  return p.min != 0 || p.max != 0;
}

std::string limits_of(const property& p) {
  auto show = [&](int64_t x) {
    if (p.kind == property_kind::duration)
      return format_duration(std::chrono::milliseconds{x});
    if (p.kind == property_kind::size)
      return format_size(static_cast<uint64_t>(x));
    return std::to_string(x);
  };
  if (p.max >= no_limit)
    return "a value of at least " + show(p.min);
  return "a value from " + show(p.min) + " to " + show(p.max);
}

bool one_of(std::string_view list, std::string_view x) {
  while (!list.empty()) {
    auto bar = list.find('|');
    if (list.substr(0, bar) == x)
      return true;
    list = bar == std::string_view::npos ? std::string_view{}
                                         : list.substr(bar + 1);
  }
  return false;
}

/// Reads text as the property's kind: the canonical JSON value.
expected<json::value> read(const property& p, std::string_view text) {
  auto given = std::string{text};
  switch (p.kind) {
    case property_kind::boolean: {
      auto x = lower(text);
      for (auto yes : {"true", "t", "1", "y", "yes", "on"})
        if (x == yes)
          return json::value(true);
      for (auto no : {"false", "f", "0", "n", "no", "off"})
        if (x == no)
          return json::value(false);
      return invalid(p, given, "true or false");
    }
    case property_kind::integer: {
      auto x = number<int64_t>(text);
      if (!x)
        return invalid(p, given, "a whole number");
      if (limited(p) && (*x < p.min || *x > p.max))
        return invalid(p, given, limits_of(p));
      return json::value(*x);
    }
    case property_kind::mask: {
      auto x = number<uint64_t>(text);
      if (!x)
        return invalid(p, given, "a number of 64 bits");
      return json::value(std::to_string(*x));
    }
    case property_kind::text:
      if (!p.allowed.empty() && !one_of(p.allowed, text)) {
        auto list = std::string{p.allowed};
        std::replace(list.begin(), list.end(), '|', ' ');
        return invalid(p, given, "one of: " + list);
      }
      return json::value(json::string{text.data(), text.size()});
    case property_kind::duration: {
      auto x = parse_duration(text);
      if (!x)
        return invalid(p, given, "a duration such as 10s or 1m30s");
      auto ms
        = std::chrono::duration_cast<std::chrono::milliseconds>(*x).count();
      if (x->count() < 0 || (limited(p) && (ms < p.min || ms > p.max)))
        return invalid(p, given, limits_of(p));
      return json::value(format_duration(*x));
    }
    case property_kind::size: {
      auto x = parse_size(text);
      if (!x)
        return invalid(p, given, "a size such as 64KiB or 1GiB");
      auto bytes = static_cast<int64_t>(*x);
      if (limited(p) && (bytes < p.min || bytes > p.max))
        return invalid(p, given, limits_of(p));
      // Keep what the rounded form would lose.
      auto shown = format_size(*x);
      auto back = parse_size(shown);
      return json::value(back && *back == *x ? shown : std::to_string(*x));
    }
    case property_kind::tree: {
      auto x = parse_json(text, max_tree_depth);
      if (!x || !x->is_object())
        return invalid(p, given,
                       "a JSON object of at most "
                         + std::to_string(max_tree_depth) + " levels");
      return *x;
    }
  }
  return invalid(p, given, "another value");
}

/// A JSON scalar as it would be typed; none for types the kind does not take.
std::optional<std::string> typed(const property& p, const json::value& v) {
  auto quoted = v.is_string();
  auto whole = v.is_int64() || v.is_uint64();
  switch (p.kind) {
    case property_kind::boolean:
      if (!v.is_bool())
        return std::nullopt;
      return v.get_bool() ? "true" : "false";
    case property_kind::integer:
    case property_kind::mask:
    case property_kind::size:
      if (whole)
        return to_text(v);
      break;
    case property_kind::text:
    case property_kind::duration:
      break;
    case property_kind::tree:
      if (!v.is_object())
        return std::nullopt;
      return to_text(v);
  }
  if (!quoted)
    return std::nullopt;
  return std::string{v.get_string().data(), v.get_string().size()};
}

/// Whether there are properties below `path`.
bool is_section(schema s, std::string_view path) {
  auto front = lower(path) + '.';
  return std::any_of(s.begin(), s.end(), [&](auto& p) {
    return lower(p.path).compare(0, front.size(), front) == 0;
  });
}

const char* wanted_type(property_kind x) {
  switch (x) {
    case property_kind::boolean:
      return "true or false";
    case property_kind::integer:
      return "a whole number";
    case property_kind::mask:
      return "a number in quotes";
    case property_kind::tree:
      return "an object";
    default:
      return "a string";
  }
}

} // namespace

const property* find_property(schema s, std::string_view path) {
  auto wanted = lower(path);
  for (auto& p : s)
    if (p.path.size() == wanted.size() && lower(p.path) == wanted)
      return &p;
  return nullptr;
}

property_set::property_set(schema s) : schema_(s) {
  for (auto& p : s) {
    auto v = read(p, p.otherwise);
    AIS_ASSERT(v);
    values_.emplace(p.path, std::move(*v));
  }
}

expected<void> property_set::set(std::string_view path, std::string_view text) {
  auto* p = find_property(schema_, path);
  if (!p)
    return unknown(path);
  auto v = read(*p, text);
  if (!v)
    return v.error();
  values_[p->path] = std::move(*v);
  return caf::unit;
}

expected<void> property_set::put(const property& p, const json::value& v) {
  auto text = typed(p, v);
  if (!text)
    return invalid(p, to_text(v), wanted_type(p.kind));
  return set(p.path, *text);
}

expected<void> property_set::set_tree(const json::object& tree) {
  return set_below(tree, "");
}

expected<void>
property_set::set_below(const json::object& tree, const std::string& path) {
  for (auto& m : tree) {
    if (m.value().is_null())
      continue;
    auto full = path + std::string{m.key().data(), m.key().size()};
    auto* p = find_property(schema_, full);
    expected<void> ok{caf::unit};
    auto* below = m.value().if_object();
    if (p)
      ok = put(*p, m.value());
    else if (below && (!below->empty() || is_section(schema_, full)))
      ok = set_below(*below, full + '.');
    else if (is_section(schema_, full))
      ok = fail(errc::invalid_argument,
                '"' + full + "\" must be an object of properties");
    else
      ok = unknown(full);
    if (!ok)
      return ok;
  }
  return caf::unit;
}

error property_set::unknown(std::string_view path) const {
  std::string_view nearest;
  auto wanted = lower(path);
  auto best = path.size() / 2 + 1;
  auto consider = [&](std::string_view known) {
    // A request may hold a path of megabytes: do not compare what is too long.
    if (known.size() + best <= path.size())
      return;
    if (auto d = edit_distance(wanted, lower(known)); d < best) {
      best = d;
      nearest = known;
    }
  };
  for (auto& p : schema_) {
    consider(p.path);
    consider(p.path.substr(0, p.path.find('.')));
  }
  auto text = "unknown property \"" + std::string{path.substr(0, 100)} + '"';
  if (!nearest.empty())
    text += ": did you mean \"" + std::string{nearest} + "\"?";
  return fail(errc::invalid_argument, std::move(text));
}

const json::value& property_set::value(std::string_view path) const {
  auto i = values_.find(path);
  AIS_ASSERT(i != values_.end());
  return i->second;
}

bool property_set::flag(std::string_view path) const {
  return value(path).as_bool();
}

int64_t property_set::integer(std::string_view path) const {
  return value(path).as_int64();
}

uint64_t property_set::mask(std::string_view path) const {
  return number<uint64_t>(text(path)).value_or(0);
}

std::string property_set::text(std::string_view path) const {
  auto& s = value(path).as_string();
  return {s.data(), s.size()};
}

std::chrono::nanoseconds property_set::duration(std::string_view path) const {
  return *parse_duration(text(path));
}

uint64_t property_set::size(std::string_view path) const {
  return *parse_size(text(path));
}

json::object property_set::to_tree() const {
  json::object out;
  for (auto& p : schema_) {
    auto path = p.path;
    auto* at = &out;
    for (auto dot = path.find('.'); dot != std::string_view::npos;
         dot = path.find('.')) {
      auto& below = (*at)[path.substr(0, dot)];
      if (!below.is_object())
        below.emplace_object();
      at = &below.get_object();
      path.remove_prefix(dot + 1);
    }
    (*at)[path] = values_.at(p.path);
  }
  return out;
}

} // namespace ais
