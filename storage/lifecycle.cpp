#include "storage/lifecycle.hpp"

#include "storage/base/json.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace ais::storage {

namespace {

bool begins(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

/// The tags of an object, as they are kept.
std::set<std::string_view> tags_of(const lom& x) {
  std::set<std::string_view> out;
  auto kept = x.custom.find(object_tags_key);
  std::string_view rest
    = kept == x.custom.end() ? std::string_view{} : kept->second;
  while (!rest.empty()) {
    auto end = rest.find('&');
    out.insert(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{}
                                         : rest.substr(end + 1);
  }
  return out;
}

bool concerns(const lifecycle_rule& rule, std::string_view name, const lom& x) {
  if (!rule.enabled || !begins(name, rule.prefix))
    return false;
  if ((rule.larger_than > 0 && x.size_bytes <= rule.larger_than)
      || (rule.smaller_than > 0 && x.size_bytes >= rule.smaller_than))
    return false;
  if (rule.tags.empty())
    return true;
  auto has = tags_of(x);
  return std::all_of(rule.tags.begin(), rule.tags.end(),
                     [&](auto& tag) { return has.count(tag) > 0; });
}

/// `days` after `from`, at the end of that day.
int64_t after_days(int64_t from_ns, uint64_t days, int64_t day) {
  auto at = from_ns + static_cast<int64_t>(days) * day;
  if (day != day_ns)
    return at;
  return (at + day_ns - 1) / day_ns * day_ns;
}

void take_earlier(std::optional<expiry>& out, int64_t at,
                  const lifecycle_rule& rule) {
  if (!out || at < out->at_ns)
    out = expiry{at, &rule};
}

json::value to_json(const lifecycle_rule& x) {
  json::object out{{"id", x.id}, {"enabled", x.enabled}, {"prefix", x.prefix}};
  auto add = [&](std::string_view name, uint64_t value) {
    if (value > 0)
      out[name] = value;
  };
  if (x.old_form)
    out["old_form"] = true;
  if (!x.tags.empty())
    out["tags"] = json::value_from(x.tags);
  add("larger_than", x.larger_than);
  add("smaller_than", x.smaller_than);
  add("days", x.days);
  if (x.date)
    out["date"] = *x.date;
  add("abort_days", x.abort_days);
  if (x.delete_markers)
    out["delete_markers"] = true;
  add("noncurrent_days", x.noncurrent_days);
  add("noncurrent_kept", x.noncurrent_kept);
  return out;
}

expected<void> read_tags(const json::object& o, lifecycle_rule& out) {
  auto* list = find_member(o, "tags");
  if (!list)
    return caf::unit;
  auto* all = list->if_array();
  if (!all)
    return fail(errc::invalid_argument, "\"tags\" must be a list of texts");
  for (auto& tag : *all)
    if (auto* text = tag.if_string())
      out.tags.emplace_back(text->data(), text->size());
    else
      return fail(errc::invalid_argument, "\"tags\" must be a list of texts");
  return caf::unit;
}

expected<lifecycle_rule> read_rule(const json::value& v) {
  auto* o = v.if_object();
  if (!o)
    return fail(errc::invalid_argument, "a rule must be an object");
  lifecycle_rule out;
  error why;
  auto keep = [&](auto read, auto& to) {
    if (read)
      to = *read;
    else if (!why)
      why = read.error();
  };
  auto number = [&](std::string_view name, uint64_t& to) {
    keep(unsigned_member(*o, name, 0), to);
  };
  keep(text_member(*o, "id"), out.id);
  keep(text_member(*o, "prefix"), out.prefix);
  keep(bool_member(*o, "enabled"), out.enabled);
  keep(bool_member(*o, "old_form"), out.old_form);
  keep(bool_member(*o, "delete_markers"), out.delete_markers);
  number("larger_than", out.larger_than);
  number("smaller_than", out.smaller_than);
  number("days", out.days);
  number("abort_days", out.abort_days);
  number("noncurrent_days", out.noncurrent_days);
  number("noncurrent_kept", out.noncurrent_kept);
  if (find_member(*o, "date"))
    keep(integer_member(*o, "date", 0), out.date);
  if (auto ok = read_tags(*o, out); !ok && !why)
    why = ok.error();
  if (!why
      && std::max({out.days, out.abort_days, out.noncurrent_days})
           > max_lifecycle_days)
    why = fail(errc::invalid_argument, "a rule has more than "
                                         + std::to_string(max_lifecycle_days)
                                         + " days");
  constexpr int64_t max_date = INT64_MAX / 2'000'000'000;
  if (!why && out.date && (*out.date < 0 || *out.date > max_date))
    why = fail(errc::invalid_argument, "the date of a rule is out of range");
  if (why)
    return why;
  return out;
}

} // namespace

std::string to_text(const lifecycle_rules& x) {
  json::array out;
  for (auto& rule : x)
    out.push_back(to_json(rule));
  return ais::to_text(json::value(std::move(out)));
}

expected<lifecycle_rules> parse_lifecycle(std::string_view text) {
  if (text.size() > max_lifecycle_bytes)
    return fail(errc::invalid_argument, "the rules take more than "
                                          + std::to_string(max_lifecycle_bytes)
                                          + " bytes");
  auto v = parse_json(text);
  if (!v)
    return v.error();
  auto* all = v->if_array();
  if (!all || all->size() > max_lifecycle_rules)
    return fail(errc::invalid_argument,
                "lifecycle rules are a list of at most "
                  + std::to_string(max_lifecycle_rules));
  lifecycle_rules out;
  for (auto& x : *all) {
    auto rule = read_rule(x);
    if (!rule)
      return rule.error();
    out.push_back(std::move(*rule));
  }
  return out;
}

std::optional<expiry>
expiry_of(const lifecycle_rules& rules, std::string_view name, const lom& x,
          int64_t day) {
  std::optional<expiry> out;
  for (auto& rule : rules) {
    if ((rule.days == 0 && !rule.date) || !concerns(rule, name, x))
      continue;
    take_earlier(out,
                 rule.date ? *rule.date * 1'000'000'000
                           : after_days(x.mtime_ns, rule.days, day),
                 rule);
  }
  return out;
}

std::optional<expiry>
upload_expiry_of(const lifecycle_rules& rules, std::string_view name,
                 int64_t begun_ns, int64_t day) {
  std::optional<expiry> out;
  for (auto& rule : rules)
    if (rule.abort_days > 0 && rule.enabled && begins(name, rule.prefix))
      take_earlier(out, after_days(begun_ns, rule.abort_days, day), rule);
  return out;
}

bool version_due(const lifecycle_rules& rules, std::string_view name,
                 const former_version& x, int64_t now_ns, int64_t day) {
  return std::any_of(rules.begin(), rules.end(), [&](auto& rule) {
    return rule.noncurrent_days > 0 && x.newer >= rule.noncurrent_kept
           && after_days(x.since_ns, rule.noncurrent_days, day) <= now_ns
           && concerns(rule, name, x.attrs);
  });
}

bool mark_due(const lifecycle_rules& rules, std::string_view name,
              const lom& mark, int64_t now_ns, int64_t day) {
  auto forever = std::any_of(rules.begin(), rules.end(), [&](auto& rule) {
    return rule.delete_markers && concerns(rule, name, mark);
  });
  auto end = expiry_of(rules, name, mark, day);
  return forever || (end && end->at_ns <= now_ns);
}

} // namespace ais::storage
