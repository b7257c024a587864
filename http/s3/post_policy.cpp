#include "http/s3/post_policy.hpp"

#include "http/request.hpp"
#include "http/s3/when.hpp"
#include "storage/base/json.hpp"
#include "storage/base/words.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr size_t max_depth = 4;

fault wrong(std::string why) {
  return {invalid_policy_document,
          "the form's policy is invalid: " + std::move(why),
          {}};
}

fault refused(std::string why) {
  return {access_denied,
          "the form is not what its policy allows: " + std::move(why),
          {}};
}

std::optional<uint64_t> size_of(const json::value& x) {
  if (x.is_uint64())
    return x.as_uint64();
  if (x.is_int64() && x.as_int64() >= 0)
    return static_cast<uint64_t>(x.as_int64());
  return {};
}

std::optional<std::string_view> text_of(const json::value& x) {
  if (auto* s = x.if_string())
    return std::string_view{s->data(), s->size()};
  return {};
}

/// Fields that need no condition.
bool exempt(std::string_view name) {
  for (std::string_view x :
       {"policy", "signature", "x-amz-signature", "awsaccesskeyid", "file"})
    if (name == x)
      return true;
  // A checksum says nothing but what the file is.
  return name.substr(0, 9) == "x-ignore-"
         || name.substr(0, 15) == "x-amz-checksum-";
}

} // namespace

outcome<post_policy> post_policy::parse(std::string_view text) {
  post_policy out;
  auto v = parse_json(text, max_depth);
  if (!v)
    return wrong("it is no JSON: " + message_of(v.error()));
  auto* o = v->if_object();
  auto* expiration = o ? o->if_contains("expiration") : nullptr;
  auto* list = o ? o->if_contains("conditions") : nullptr;
  if (!expiration || !list || !list->is_array())
    return wrong("it needs expiration and a list of conditions");
  auto when = text_of(*expiration);
  auto expires = when ? parse_iso_time(*when) : std::nullopt;
  if (!expires)
    return wrong("expiration must be a time like 2026-11-21T12:00:00Z");
  out.expires_ = *expires;
  for (auto& x : list->as_array()) {
    if (auto* pairs = x.if_object(); pairs && !pairs->empty()) {
      for (auto& [field, value] : *pairs) {
        auto wanted = text_of(value);
        if (!wanted)
          return wrong("a condition's value must be a text");
        out.conditions_.push_back({false, lower(field), std::string{*wanted}});
      }
      continue;
    }
    auto* a = x.if_array();
    auto op = a && a->size() == 3 ? text_of(a->front()) : std::nullopt;
    if (!op)
      return wrong("a condition is {\"field\": \"value\"}, [\"eq\","
                   " \"$field\", \"value\"], [\"starts-with\", \"$field\","
                   " \"value\"] or [\"content-length-range\", 0, 9]");
    if (same_name(*op, "content-length-range")) {
      auto min = size_of((*a)[1]);
      auto max = size_of((*a)[2]);
      if (!min || !max || *min > *max)
        return wrong("content-length-range needs two sizes in bytes");
      out.min_ = std::max(out.min_, *min);
      out.max_ = std::min(out.max_, *max);
      continue;
    }
    auto field = text_of((*a)[1]);
    auto value = text_of((*a)[2]);
    auto prefix = same_name(*op, "starts-with");
    if ((!prefix && !same_name(*op, "eq")) || !field || !value
        || field->size() < 2 || field->front() != '$')
      return wrong("a condition is [\"eq\" or \"starts-with\", \"$field\","
                   " \"value\"]");
    out.conditions_.push_back(
      {prefix, lower(field->substr(1)), std::string{*value}});
  }
  return out;
}

checked post_policy::check(const form_head& form, std::string_view bucket,
                           std::string_view key, int64_t now) const {
  if (now >= expires_)
    return refused("it has expired");
  for (auto& x : conditions_) {
    auto has = x.field == "bucket" ? bucket
               : x.field == "key"  ? key
                                   : form.get(x.field);
    auto fits
      = x.prefix ? has.substr(0, x.value.size()) == x.value : has == x.value;
    if (!fits)
      return refused("the condition on \"" + x.field.substr(0, 64)
                     + "\" does not hold");
  }
  for (auto& field : form.fields) {
    auto& name = field.first;
    auto covered = std::any_of(conditions_.begin(), conditions_.end(),
                               [&](auto& x) { return x.field == name; });
    if (!covered && !exempt(name))
      return refused("no condition is about the field \"" + name.substr(0, 64)
                     + '"');
  }
  return std::monostate{};
}

} // namespace ais::http::s3
