#include "http/s3/cors.hpp"

#include "http/request.hpp"
#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <charconv>

namespace ais::http::s3 {

namespace {

constexpr std::string_view known_methods[]
  = {"GET", "PUT", "HEAD", "POST", "DELETE"};

bool fits(std::string_view pattern, std::string_view x) {
  auto star = pattern.find('*');
  if (star == std::string_view::npos)
    return pattern == x;
  auto head = pattern.substr(0, star);
  auto tail = pattern.substr(star + 1);
  return x.size() >= head.size() + tail.size()
         && x.substr(0, head.size()) == head
         && x.substr(x.size() - tail.size()) == tail;
}

bool allows(const cors_rule& rule, const cors_request& x) {
  auto origin = std::any_of(rule.origins.begin(), rule.origins.end(),
                            [&](auto& y) { return fits(y, x.origin); });
  auto method = std::find(rule.methods.begin(), rule.methods.end(), x.method);
  if (!origin || method == rule.methods.end())
    return false;
  return each_token(x.headers, [&](std::string_view wanted) {
    auto name = lower(wanted);
    return std::any_of(rule.headers.begin(), rule.headers.end(),
                       [&](auto& y) { return fits(lower(y), name); });
  });
}

std::string joined(const std::vector<std::string>& x) {
  std::string out;
  for (auto& y : x)
    out.append(out.empty() ? "" : ", ").append(y);
  return out;
}

/// What goes into headers and the property.
bool printable(std::string_view x) {
  return std::all_of(x.begin(), x.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f; });
}

checked check(const cors_rule& x) {
  if (x.origins.empty() || x.methods.empty())
    return fault{malformed_xml,
                 "a <CORSRule> needs an <AllowedOrigin> and an <AllowedMethod>",
                 {}};
  for (auto& y : x.methods)
    if (std::find(std::begin(known_methods), std::end(known_methods), y)
        == std::end(known_methods))
      return fault{invalid_request,
                   "AllowedMethod must be GET, PUT, HEAD, POST or DELETE",
                   {}};
  for (auto* list : {&x.origins, &x.headers, &x.exposed})
    for (auto& y : *list)
      if (y.empty() || !printable(y) || std::count(y.begin(), y.end(), '*') > 1)
        return fault{invalid_request,
                     "origins and headers are printable ASCII with at most one"
                     " '*'",
                     {}};
  return std::monostate{};
}

outcome<cors_rule> parse_rule(const pugi::xml_node& from) {
  cors_rule out;
  for (auto& x : from.children()) {
    auto name = local_name(x);
    std::string value = x.text().as_string();
    if (name == "ID") {
      out.id = std::move(value);
    } else if (name == "AllowedOrigin") {
      out.origins.push_back(std::move(value));
    } else if (name == "AllowedMethod") {
      out.methods.push_back(std::move(value));
    } else if (name == "AllowedHeader") {
      out.headers.push_back(std::move(value));
    } else if (name == "ExposeHeader") {
      out.exposed.push_back(std::move(value));
    } else if (name == "MaxAgeSeconds") {
      uint32_t age = 0;
      auto last = value.data() + value.size();
      auto [end, ec] = std::from_chars(value.data(), last, age);
      if (ec != std::errc{} || end != last || value.empty())
        return fault{malformed_xml, "MaxAgeSeconds must be a number", {}};
      out.max_age = age;
    } else {
      return fault{malformed_xml, "a <CORSRule> has no such element", {}};
    }
  }
  if (auto ok = check(out); !ok)
    return ok.why();
  return out;
}

} // namespace

outcome<cors_rules> parse_cors(std::string_view body) {
  if (body.size() > max_cors_bytes)
    return fault{malformed_xml, "a CORS configuration may have 64 KiB", {}};
  auto doc = parse_xml(body, "CORSConfiguration");
  if (!doc)
    return doc.why();
  cors_rules out;
  for (auto& x : (*doc)->document_element().children()) {
    auto rule = local_name(x) == "CORSRule"
                  ? parse_rule(x)
                  : fault{malformed_xml, "only <CORSRule> is expected", {}};
    if (!rule)
      return rule.why();
    out.push_back(std::move(*rule));
  }
  if (out.empty() || out.size() > max_cors_rules)
    return fault{malformed_xml, "name 1 to 100 rules", {}};
  return out;
}

std::string to_xml(const cors_rules& x) {
  xml_writer xml{"CORSConfiguration"};
  for (auto& rule : x) {
    xml.open("CORSRule");
    if (!rule.id.empty())
      xml.text("ID", rule.id);
    for (auto& y : rule.origins)
      xml.text("AllowedOrigin", y);
    for (auto& y : rule.methods)
      xml.text("AllowedMethod", y);
    for (auto& y : rule.headers)
      xml.text("AllowedHeader", y);
    for (auto& y : rule.exposed)
      xml.text("ExposeHeader", y);
    if (rule.max_age)
      xml.number("MaxAgeSeconds", *rule.max_age);
    xml.close();
  }
  return xml.finish();
}

const cors_rule* find_rule(const cors_rules& rules, const cors_request& x) {
  for (auto& rule : rules)
    if (allows(rule, x))
      return &rule;
  return nullptr;
}

void add_cors(header_list& out, const cors_rule& rule, const cors_request& x,
              bool preflight) {
  auto anybody = std::find(rule.origins.begin(), rule.origins.end(), "*")
                 != rule.origins.end();
  out.emplace_back("Access-Control-Allow-Origin",
                   anybody ? "*" : std::string{x.origin});
  if (!anybody)
    out.emplace_back("Access-Control-Allow-Credentials", "true");
  out.emplace_back("Access-Control-Allow-Methods", joined(rule.methods));
  if (preflight && !x.headers.empty())
    out.emplace_back("Access-Control-Allow-Headers", lower(x.headers));
  if (!rule.exposed.empty())
    out.emplace_back("Access-Control-Expose-Headers", joined(rule.exposed));
  if (preflight && rule.max_age)
    out.emplace_back("Access-Control-Max-Age", std::to_string(*rule.max_age));
  out.emplace_back("Vary", "Origin, Access-Control-Request-Headers,"
                           " Access-Control-Request-Method");
}

} // namespace ais::http::s3
