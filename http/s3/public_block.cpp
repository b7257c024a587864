#include "http/s3/public_block.hpp"

#include "http/s3/xml.hpp"
#include "http/tokens.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr std::string_view nothing = "none";

struct flag_name {
  std::string_view name;
  bool public_block::*flag;
};

constexpr flag_name flags[]
  = {{"BlockPublicAcls", &public_block::block_acls},
     {"IgnorePublicAcls", &public_block::ignore_acls},
     {"BlockPublicPolicy", &public_block::block_policy},
     {"RestrictPublicBuckets", &public_block::restrict_buckets}};

const flag_name* find_flag(std::string_view name) {
  auto* i = std::find_if(std::begin(flags), std::end(flags),
                         [&](auto& x) { return x.name == name; });
  return i == std::end(flags) ? nullptr : i;
}

} // namespace

outcome<public_block> parse_public_block(std::string_view body) {
  auto doc = parse_xml(body, "PublicAccessBlockConfiguration");
  if (!doc)
    return doc.why();
  public_block out;
  for (auto& x : (*doc)->document_element().children()) {
    auto* known = find_flag(local_name(x));
    std::string_view value = x.text().as_string();
    if (!known || (value != "true" && value != "false"))
      return fault{malformed_xml,
                   "a <PublicAccessBlockConfiguration> has <BlockPublicAcls>,"
                   " <IgnorePublicAcls>, <BlockPublicPolicy> and"
                   " <RestrictPublicBuckets>, each true or false",
                   {}};
    out.*known->flag = value == "true";
  }
  return out;
}

std::string to_xml(const public_block& x) {
  xml_writer xml{"PublicAccessBlockConfiguration"};
  for (auto& [name, flag] : flags)
    xml.flag(name, x.*flag);
  return xml.finish();
}

std::string kept_text(const public_block& x) {
  std::string out;
  for (auto& [name, flag] : flags)
    if (x.*flag)
      out.append(out.empty() ? "" : ",").append(name);
  return out.empty() ? std::string{nothing} : out;
}

std::optional<public_block> kept_public_block(std::string_view text) {
  if (text.empty())
    return {};
  public_block out;
  if (text == nothing)
    return out;
  auto good = each_token(text, [&](std::string_view name) {
    auto* known = find_flag(name);
    if (known)
      out.*known->flag = true;
    return known != nullptr;
  });
  return good ? out : public_block{true, true, true, true};
}

} // namespace ais::http::s3
