#include "http/s3/lifecycle.hpp"

#include "http/s3/tags.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "http/url.hpp"
#include "storage/base/names.hpp"
#include "storage/base/units.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

using storage::lifecycle_rule;
using storage::lifecycle_rules;

constexpr int64_t day_seconds = 86'400;

fault malformed(std::string why) {
  return {malformed_xml, "the lifecycle is refused: " + std::move(why), {}};
}

fault bad_argument(std::string why) {
  return {invalid_argument, std::move(why), {}};
}

/// A positive number.
checked read_count(const pugi::xml_node& x, uint64_t& to,
                   uint64_t max = storage::max_lifecycle_days) {
  auto name = std::string{local_name(x)};
  std::string_view text = x.text().as_string();
  auto n = whole_number(text);
  auto sign = text.substr(0, 1) == "-";
  if (!n && !(sign && whole_number(text.substr(1))))
    return malformed("<" + name + "> must be a number");
  if (!n || *n == 0 || *n > max)
    return bad_argument("<" + name + "> must be a number from 1 to "
                        + std::to_string(max));
  to = *n;
  return std::monostate{};
}

outcome<std::string> read_tag(const pugi::xml_node& x) {
  auto key = child_text(x, "Key");
  auto value = child_text(x, "Value");
  tag_set one;
  one.emplace_back(key, value);
  auto text = to_query(one);
  if (auto ok = parse_tag_query(text, 1); !ok)
    return ok.why();
  return text;
}

/// A prefix that must hold beside the one there is.
checked add_prefix(std::string_view x, lifecycle_rule& out) {
  auto shorter = std::min(x.size(), out.prefix.size());
  if (x.substr(0, shorter) != std::string_view{out.prefix}.substr(0, shorter))
    return malformed("a rule has two prefixes that do not fit together");
  if (x.size() > out.prefix.size())
    out.prefix = x;
  return std::monostate{};
}

/// What stands in <Filter>, and in <And> within it: all of it must hold.
checked read_filter(const pugi::xml_node& from, lifecycle_rule& out, bool top) {
  for (auto& x : from.children()) {
    auto name = local_name(x);
    checked ok = std::monostate{};
    if (name == "Prefix") {
      ok = add_prefix(x.text().as_string(), out);
    } else if (name == "Tag") {
      auto tag = read_tag(x);
      if (!tag)
        return tag.why();
      out.tags.push_back(std::move(*tag));
    } else if (name == "ObjectSizeGreaterThan") {
      ok = read_count(x, out.larger_than, INT64_MAX);
    } else if (name == "ObjectSizeLessThan") {
      ok = read_count(x, out.smaller_than, INT64_MAX);
    } else if (name == "And" && top) {
      ok = read_filter(x, out, false);
    } else {
      ok = malformed("a <Filter> has no <" + std::string{name} + ">");
    }
    if (!ok)
      return ok.why();
    if (out.tags.size() > max_object_tags)
      return bad_argument("a rule has more tags than an object can have");
  }
  return std::monostate{};
}

checked read_date(std::string_view text, std::optional<int64_t>& out) {
  out = parse_iso_time(text);
  if (!out || *out < 0)
    return malformed("<Date> must be a date as 2030-01-01T00:00:00Z");
  if (*out % day_seconds != 0)
    return bad_argument("<Date> must be at midnight GMT");
  return std::monostate{};
}

checked read_expiration(const pugi::xml_node& from, lifecycle_rule& out) {
  auto kinds = 0;
  for (auto& x : from.children()) {
    auto name = local_name(x);
    std::string_view text = x.text().as_string();
    ++kinds;
    if (name == "Days") {
      if (auto ok = read_count(x, out.days); !ok)
        return ok.why();
    } else if (name == "Date") {
      if (auto ok = read_date(text, out.date); !ok)
        return ok.why();
    } else if (name == "ExpiredObjectDeleteMarker") {
      if (text != "true" && text != "false")
        return malformed("<ExpiredObjectDeleteMarker> must be true or false");
      out.delete_markers = text == "true";
    } else {
      return malformed("an <Expiration> has no <" + std::string{name} + ">");
    }
  }
  if (kinds != 1)
    return malformed("an <Expiration> needs one of <Days>, <Date> and"
                     " <ExpiredObjectDeleteMarker>");
  return std::monostate{};
}

checked read_noncurrent(const pugi::xml_node& from, lifecycle_rule& out) {
  for (auto& x : from.children()) {
    auto days = local_name(x) == "NoncurrentDays";
    if (!days && local_name(x) != "NewerNoncurrentVersions")
      return malformed("a <NoncurrentVersionExpiration> has <NoncurrentDays>"
                       " and <NewerNoncurrentVersions>");
    auto ok = read_count(x, days ? out.noncurrent_days : out.noncurrent_kept);
    if (!ok)
      return ok.why();
  }
  if (out.noncurrent_days == 0)
    return malformed("a <NoncurrentVersionExpiration> needs <NoncurrentDays>");
  return std::monostate{};
}

checked read_abort(const pugi::xml_node& from, lifecycle_rule& out) {
  for (auto& x : from.children())
    if (local_name(x) == "DaysAfterInitiation")
      if (auto ok = read_count(x, out.abort_days); !ok)
        return ok.why();
  if (out.abort_days == 0)
    return malformed("an <AbortIncompleteMultipartUpload> needs"
                     " <DaysAfterInitiation>");
  return std::monostate{};
}

/// Why there is none: what is wrong with it, or that we cannot.
fault refuse_transition(const pugi::xml_node& from) {
  std::optional<int64_t> date;
  for (auto& x : from.children())
    if (local_name(x) == "Date")
      if (auto ok = read_date(x.text().as_string(), date); !ok)
        return ok.why();
  return fault{not_implemented,
               "there is only the class STANDARD: leave out transitions",
               {}};
}

checked read_status(std::string_view text, lifecycle_rule& out) {
  if (text != "Enabled" && text != "Disabled")
    return malformed("<Status> must be Enabled or Disabled");
  out.enabled = text == "Enabled";
  return std::monostate{};
}

/// One element of a <Rule>.
checked read_element(const pugi::xml_node& x, lifecycle_rule& out) {
  auto name = local_name(x);
  std::string_view text = x.text().as_string();
  if (name == "ID") {
    out.id = text;
    auto control = [](char y) {
      return static_cast<unsigned char>(y) < 0x20 || y == 0x7f;
    };
    if (out.id.size() > max_rule_id || !valid_utf8(out.id)
        || std::any_of(out.id.begin(), out.id.end(), control))
      return bad_argument("the ID of a rule has at most 255 bytes of UTF-8,"
                          " and no control characters");
    return std::monostate{};
  }
  if (name == "Prefix") {
    out.old_form = true;
    return add_prefix(text, out);
  }
  if (name == "Filter")
    return read_filter(x, out, true);
  if (name == "Status")
    return read_status(text, out);
  if (name == "Expiration")
    return read_expiration(x, out);
  if (name == "NoncurrentVersionExpiration")
    return read_noncurrent(x, out);
  if (name == "AbortIncompleteMultipartUpload")
    return read_abort(x, out);
  if (name == "Transition" || name == "NoncurrentVersionTransition")
    return refuse_transition(x);
  return malformed("a <Rule> has no <" + std::string{name} + ">");
}

checked check_rule(const lifecycle_rule& x, const pugi::xml_node& from) {
  auto has = [&](std::string_view name) {
    auto all = from.children();
    return std::count_if(all.begin(), all.end(),
                         [&](auto& y) { return local_name(y) == name; });
  };
  for (auto* once :
       {"ID", "Prefix", "Filter", "Status", "Expiration",
        "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"})
    if (has(once) > 1)
      return malformed("a <Rule> has two <" + std::string{once} + ">");
  if (has("Status") == 0 || has("Prefix") + has("Filter") != 1)
    return malformed("a <Rule> needs a <Status>, and a <Filter> or a"
                     " <Prefix>");
  auto actions = has("Expiration") + has("NoncurrentVersionExpiration")
                 + has("AbortIncompleteMultipartUpload");
  if (actions == 0)
    return fault{invalid_request,
                 "a rule needs an action: Expiration,"
                 " NoncurrentVersionExpiration or"
                 " AbortIncompleteMultipartUpload",
                 {}};
  auto narrow = !x.tags.empty() || x.larger_than > 0 || x.smaller_than > 0;
  if (narrow && (x.abort_days > 0 || x.delete_markers))
    return fault{invalid_request,
                 "AbortIncompleteMultipartUpload and ExpiredObjectDeleteMarker"
                 " are for a prefix: not for tags and sizes",
                 {}};
  if (x.smaller_than > 0 && x.smaller_than <= x.larger_than + 1)
    return fault{invalid_request,
                 "no object is larger than ObjectSizeGreaterThan and smaller"
                 " than ObjectSizeLessThan",
                 {}};
  return std::monostate{};
}

void add_filter(xml_writer& xml, const lifecycle_rule& x) {
  if (x.old_form && x.tags.empty() && x.larger_than == 0
      && x.smaller_than == 0) {
    xml.text("Prefix", x.prefix);
    return;
  }
  auto conditions = x.tags.size() + (x.larger_than > 0 ? 1 : 0)
                    + (x.smaller_than > 0 ? 1 : 0) + (x.prefix.empty() ? 0 : 1);
  xml.open("Filter");
  if (conditions > 1)
    xml.open("And");
  if (!x.prefix.empty() || conditions == 0)
    xml.text("Prefix", x.prefix);
  for (auto& text : x.tags)
    if (auto tags = parse_tag_query(text, 1); tags && !tags->empty())
      xml.open("Tag")
        .text("Key", tags->front().first)
        .text("Value", tags->front().second)
        .close();
  if (x.larger_than > 0)
    xml.number("ObjectSizeGreaterThan", x.larger_than);
  if (x.smaller_than > 0)
    xml.number("ObjectSizeLessThan", x.smaller_than);
  if (conditions > 1)
    xml.close();
  xml.close();
}

void add_rule(xml_writer& xml, const lifecycle_rule& x) {
  xml.open("Rule").text("ID", x.id);
  add_filter(xml, x);
  xml.text("Status", x.enabled ? "Enabled" : "Disabled");
  if (x.days > 0 || x.date || x.delete_markers) {
    xml.open("Expiration");
    if (x.days > 0)
      xml.number("Days", x.days);
    if (x.date)
      xml.text("Date", format_xml_time(*x.date * 1'000'000'000));
    if (x.delete_markers)
      xml.flag("ExpiredObjectDeleteMarker", true);
    xml.close();
  }
  if (x.noncurrent_days > 0) {
    xml.open("NoncurrentVersionExpiration")
      .number("NoncurrentDays", x.noncurrent_days);
    if (x.noncurrent_kept > 0)
      xml.number("NewerNoncurrentVersions", x.noncurrent_kept);
    xml.close();
  }
  if (x.abort_days > 0)
    xml.open("AbortIncompleteMultipartUpload")
      .number("DaysAfterInitiation", x.abort_days)
      .close();
  xml.close();
}

} // namespace

outcome<lifecycle_rules> parse_lifecycle_body(std::string_view body) {
  auto doc = parse_xml(body, "LifecycleConfiguration");
  if (!doc)
    return doc.why();
  lifecycle_rules out;
  for (auto& from : (*doc)->document_element().children()) {
    if (local_name(from) != "Rule")
      return malformed("there is no <" + std::string{local_name(from)} + ">");
    lifecycle_rule rule;
    for (auto& x : from.children())
      if (auto ok = read_element(x, rule); !ok)
        return ok.why();
    if (auto ok = check_rule(rule, from); !ok)
      return ok.why();
    auto taken = std::any_of(out.begin(), out.end(), [&](auto& x) {
      return !x.id.empty() && x.id == rule.id;
    });
    if (taken)
      return bad_argument("two rules have the ID \"" + rule.id + '"');
    out.push_back(std::move(rule));
    if (out.size() > storage::max_lifecycle_rules)
      return malformed("it has more than 1000 rules");
  }
  if (out.empty())
    return malformed("it needs a <Rule>");
  return out;
}

std::string to_xml(const lifecycle_rules& x) {
  xml_writer xml{"LifecycleConfiguration"};
  for (auto& rule : x)
    add_rule(xml, rule);
  return xml.finish();
}

std::string expiration_header(const storage::lifecycle_rules& rules,
                              std::string_view key, const storage::lom& x) {
  auto end = storage::expiry_of(rules, key, x);
  if (!end)
    return {};
  return "expiry-date=\"" + format_http_date(end->at_ns) + "\", rule-id=\""
         + percent_encode(end->rule->id, "") + '"';
}

} // namespace ais::http::s3
