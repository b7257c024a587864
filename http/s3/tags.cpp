#include "http/s3/tags.hpp"

#include "http/s3/xml.hpp"
#include "http/url.hpp"
#include "storage/base/names.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

size_t characters(std::string_view x) {
  return static_cast<size_t>(std::count_if(
    x.begin(), x.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

checked check(const tag_set& x, size_t max) {
  auto wrong = [](std::string text) {
    return fault{invalid_tag, std::move(text), {}};
  };
  if (x.size() > max)
    return wrong("at most " + std::to_string(max) + " tags are allowed");
  for (auto i = x.begin(); i != x.end(); ++i) {
    auto& [key, value] = *i;
    if (key.empty() || characters(key) > max_tag_key)
      return wrong("a tag's key has 1 to 128 characters");
    if (characters(value) > max_tag_value)
      return wrong("a tag's value has at most 256 characters");
    if (!valid_utf8(key) || !valid_utf8(value))
      return wrong("tags must be UTF-8");
    if (key.substr(0, 4) == "aws:")
      return wrong("keys of tags must not begin with \"aws:\"");
    if (std::any_of(x.begin(), i,
                    [&, &k = key](auto& y) { return y.first == k; }))
      return wrong("there are two tags of the same key");
  }
  return std::monostate{};
}

} // namespace

outcome<tag_set> parse_tagging(std::string_view body, size_t max) {
  fault malformed{
    malformed_xml,
    "a <Tagging> needs a <TagSet> of <Tag> with <Key> and <Value>",
    {}};
  auto doc = parse_xml(body, "Tagging");
  if (!doc)
    return doc.why();
  tag_set out;
  size_t sets = 0;
  for (auto& set : (*doc)->document_element().children()) {
    if (local_name(set) != "TagSet")
      return malformed;
    ++sets;
    for (auto& x : set.children()) {
      if (local_name(x) != "Tag" || out.size() > max_bucket_tags)
        return malformed;
      out.emplace_back(child_text(x, "Key"), child_text(x, "Value"));
    }
  }
  if (sets != 1)
    return malformed;
  if (auto ok = check(out, max); !ok)
    return ok.why();
  return out;
}

outcome<tag_set> parse_tag_query(std::string_view x, size_t max) {
  auto parsed = query::parse(x, max_bucket_tags + 1);
  if (!parsed)
    return fault{invalid_argument,
                 "tags must be key=value&key=value, URL-encoded: "
                   + message_of(parsed.error()),
                 {}};
  tag_set out{parsed->all()};
  if (auto ok = check(out, max); !ok)
    return ok.why();
  return out;
}

std::string to_query(const tag_set& x) {
  std::string out;
  for (auto& [key, value] : x) {
    out.append(out.empty() ? "" : "&").append(percent_encode(key, ""));
    out.append("=").append(percent_encode(value, ""));
  }
  return out;
}

std::string to_xml(const tag_set& x) {
  xml_writer xml{"Tagging"};
  xml.open("TagSet");
  for (auto& [key, value] : x)
    xml.open("Tag").text("Key", key).text("Value", value).close();
  return xml.finish();
}

} // namespace ais::http::s3
