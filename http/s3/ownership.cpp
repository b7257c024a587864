#include "http/s3/ownership.hpp"

#include "http/s3/xml.hpp"

namespace ais::http::s3 {

namespace {

constexpr std::pair<std::string_view, ownership> names[]
  = {{"ObjectWriter", ownership::writer},
     {"BucketOwnerPreferred", ownership::preferred},
     {"BucketOwnerEnforced", ownership::enforced}};

} // namespace

std::string_view to_string(ownership x) {
  for (auto& [name, value] : names)
    if (value == x)
      return name;
  return "?";
}

std::optional<ownership> parse_ownership(std::string_view x) {
  for (auto& [name, value] : names)
    if (name == x)
      return value;
  return {};
}

ownership kept_ownership(std::string_view text) {
  if (text.empty())
    return ownership::writer;
  return parse_ownership(text).value_or(ownership::enforced);
}

outcome<ownership> parse_ownership_body(std::string_view body) {
  auto doc = parse_xml(body, "OwnershipControls");
  if (!doc)
    return doc.why();
  std::optional<ownership> out;
  auto rules = 0;
  for (auto& x : (*doc)->document_element().children())
    if (local_name(x) == "Rule" && ++rules == 1)
      out = parse_ownership(child_text(x, "ObjectOwnership"));
  if (rules != 1 || !out)
    return fault{malformed_xml,
                 "an <OwnershipControls> needs one <Rule> with an"
                 " <ObjectOwnership>: BucketOwnerEnforced,"
                 " BucketOwnerPreferred or ObjectWriter",
                 {}};
  return *out;
}

std::string to_xml(ownership x) {
  xml_writer xml{"OwnershipControls"};
  xml.open("Rule").text("ObjectOwnership", to_string(x)).close();
  return xml.finish();
}

} // namespace ais::http::s3
