#include "http/s3/acl.hpp"

#include "http/s3/xml.hpp"
#include "http/tokens.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <array>

namespace ais::http::s3 {

namespace {

/// Whom buckets without an owner show.
constexpr std::string_view server_id
  = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";
constexpr std::string_view server_name = "ais";

constexpr std::string_view everybody_uri
  = "http://acs.amazonaws.com/groups/global/AllUsers";
constexpr std::string_view all_users_uri
  = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
constexpr std::string_view kept_grants = "grants";

constexpr std::pair<std::string_view, permission> permission_names[]
  = {{"READ", permission::read},
     {"WRITE", permission::write},
     {"READ_ACP", permission::read_acl},
     {"WRITE_ACP", permission::write_acl},
     {"FULL_CONTROL", permission::full_control}};

constexpr std::pair<std::string_view, permission> grant_headers[]
  = {{"x-amz-grant-read", permission::read},
     {"x-amz-grant-write", permission::write},
     {"x-amz-grant-read-acp", permission::read_acl},
     {"x-amz-grant-write-acp", permission::write_acl},
     {"x-amz-grant-full-control", permission::full_control}};

std::string_view name_of(permission x) {
  for (auto& [name, value] : permission_names)
    if (value == x)
      return name;
  return "NONE";
}

std::optional<permission> parse_permission(std::string_view x) {
  for (auto& [name, value] : permission_names)
    if (name == x)
      return value;
  return {};
}

/// "READ:*"
std::string kept(const acl_grant& x) {
  std::string out{name_of(x.what)};
  out += ':';
  if (x.to == group::one_user)
    return out + percent_encode(x.user, "");
  return out + (x.to == group::everybody ? '*' : '+');
}

std::string kept(const acl& x) {
  std::string out{kept_grants};
  for (auto& g : x)
    out.append(" ").append(kept(g));
  return out;
}

std::optional<acl_grant> parse_kept(std::string_view x) {
  auto colon = x.find(':');
  if (colon == std::string_view::npos)
    return {};
  auto what = parse_permission(x.substr(0, colon));
  auto user = percent_decode(x.substr(colon + 1));
  if (!what || !user || user->empty())
    return {};
  if (x.substr(colon + 1) == "*")
    return acl_grant{group::everybody, {}, *what};
  if (x.substr(colon + 1) == "+")
    return acl_grant{group::all_users, {}, *what};
  return acl_grant{group::one_user, std::move(*user), *what};
}

fault no_mail() {
  return {unresolvable_mail,
          "nobody has a mail address here: name grantees by id",
          {}};
}

outcome<acl_grant>
to_user(std::string user, permission what, const known_user& known) {
  if (!known(user))
    return fault{invalid_argument,
                 "there is no user \"" + user.substr(0, 128)
                   + "\": grants are"
                     " to users of the keys file, by their id",
                 {}};
  return acl_grant{group::one_user, std::move(user), what};
}

outcome<acl_grant> to_group(std::string_view uri, permission what) {
  if (uri == everybody_uri)
    return acl_grant{group::everybody, {}, what};
  if (uri == all_users_uri)
    return acl_grant{group::all_users, {}, what};
  return fault{invalid_argument,
               "the groups to grant something are AllUsers and"
               " AuthenticatedUsers",
               {}};
}

std::string_view unquoted(std::string_view x) {
  if (x.size() >= 2 && x.front() == '"' && x.back() == '"')
    x = x.substr(1, x.size() - 2);
  return x;
}

/// Reads 'id="...", uri="..."'.
checked read_header(std::string_view list, permission what,
                    const known_user& known, acl& out) {
  fault why{internal_error, {}, {}};
  auto add = [&](std::string_view token) {
    auto eq = token.find('=');
    auto value = eq == std::string_view::npos ? std::string_view{}
                                              : unquoted(token.substr(eq + 1));
    auto kind = token.substr(0, eq);
    outcome<acl_grant> made = fault{
      invalid_argument, "a grant header lists id=\"...\" and uri=\"...\"", {}};
    if (same_name(kind, "id"))
      made = to_user(std::string{value}, what, known);
    else if (same_name(kind, "uri"))
      made = to_group(value, what);
    else if (same_name(kind, "emailAddress"))
      made = no_mail();
    if (made && out.size() < max_grants)
      out.push_back(std::move(*made));
    else
      why = made ? fault{invalid_argument, "there are too many grants", {}}
                 : made.why();
    return static_cast<bool>(made);
  };
  if (!each_token(list, add))
    return why;
  return std::monostate{};
}

std::optional<std::string_view> canned_name(std::string_view x) {
  for (std::string_view known :
       {"private", "public-read", "public-read-write", "authenticated-read",
        "bucket-owner-read", "bucket-owner-full-control"})
    if (x == known)
      return known;
  return {};
}

outcome<acl_grant>
parse_grant(const pugi::xml_node& x, const known_user& known) {
  auto what = parse_permission(child_text(x, "Permission"));
  auto grantee = pugi::xml_node{};
  for (auto& child : x.children())
    if (local_name(child) == "Grantee")
      grantee = child;
  if (!what || !grantee)
    return fault{malformed_acl,
                 "a <Grant> needs a <Grantee> and a <Permission>: READ, WRITE,"
                 " READ_ACP, WRITE_ACP or FULL_CONTROL",
                 {}};
  if (auto id = child_text(grantee, "ID"); !id.empty())
    return to_user(std::move(id), *what, known);
  if (auto uri = child_text(grantee, "URI"); !uri.empty())
    return to_group(uri, *what);
  if (!child_text(grantee, "EmailAddress").empty())
    return no_mail();
  return fault{malformed_acl, "a <Grantee> needs an <ID> or a <URI>", {}};
}

void add_grant(xml_writer& xml, const acl_grant& x) {
  auto user = x.to == group::one_user;
  xml.open("Grant").open(
    std::string{"Grantee xmlns:xsi=\"http://www.w3.org/2001/"
                "XMLSchema-instance\" xsi:type=\""}
    + (user ? "CanonicalUser" : "Group") + '"');
  if (user) {
    auto owner = shown_owner(x.user);
    xml.text("ID", owner.id).text("DisplayName", owner.name);
  } else {
    xml.text("URI", x.to == group::everybody ? everybody_uri : all_users_uri);
  }
  xml.close().text("Permission", name_of(x.what)).close();
}

} // namespace

// -- meaning ------------------------------------------------------------------

bool grants(const acl& x, std::string_view user, permission what, bool groups) {
  auto bits = static_cast<uint8_t>(what);
  return std::any_of(x.begin(), x.end(), [&](auto& g) {
    if (!groups && g.to != group::one_user)
      return false;
    auto to = g.to == group::everybody
              || (g.to == group::all_users && !user.empty())
              || (g.to == group::one_user && !user.empty() && g.user == user);
    return to && bits != 0 && (static_cast<uint8_t>(g.what) & bits) == bits;
  });
}

bool is_public(const acl& x) {
  return std::any_of(x.begin(), x.end(),
                     [](auto& g) { return g.to != group::one_user; });
}

acl_owner shown_owner(std::string_view user) {
  if (user.empty() || user == server_id)
    return {std::string{server_id}, std::string{server_name}};
  return {std::string{user}, std::string{user}};
}

std::optional<acl>
canned_acl(std::string_view name, const std::string& owner_id,
           const std::string& bucket_owner_id) {
  acl out;
  if (!canned_name(name))
    return {};
  if (name == "public-read" || name == "public-read-write")
    out.push_back({group::everybody, {}, permission::read});
  if (name == "public-read-write")
    out.push_back({group::everybody, {}, permission::write});
  if (name == "authenticated-read")
    out.push_back({group::all_users, {}, permission::read});
  out.push_back({group::one_user, owner_id, permission::full_control});
  if (bucket_owner_id.empty() || bucket_owner_id == owner_id)
    return out;
  if (name == "bucket-owner-read")
    out.push_back({group::one_user, bucket_owner_id, permission::read});
  if (name == "bucket-owner-full-control")
    out.push_back({group::one_user, bucket_owner_id, permission::full_control});
  return out;
}

// -- headers and bodies
// -------------------------------------------------------

outcome<std::optional<std::string>>
wanted_acl(const request& req, const known_user& known) {
  auto name = req.find("x-amz-acl");
  acl list;
  auto explicitly = false;
  for (auto& [header, what] : grant_headers)
    for (auto value : req.find_all(header)) {
      explicitly = true;
      if (auto ok = read_header(value, what, known, list); !ok)
        return ok.why();
    }
  if (name.empty())
    return explicitly ? std::optional{kept(list)}
                      : std::optional<std::string>{};
  if (explicitly)
    return fault{
      invalid_request, "give x-amz-acl or x-amz-grant-*, not both", {}};
  if (!canned_name(name))
    return fault{invalid_argument,
                 "x-amz-acl must be private, public-read, public-read-write,"
                 " authenticated-read, bucket-owner-read or"
                 " bucket-owner-full-control",
                 {}};
  return std::optional{std::string{name}};
}

outcome<std::string>
parse_acl_body(std::string_view body, const std::string& owner_id,
               const known_user& known) {
  auto doc = parse_xml(body, "AccessControlPolicy");
  if (!doc)
    return doc.why();
  acl out;
  auto lists = 0;
  for (auto& x : (*doc)->document_element().children()) {
    if (local_name(x) == "Owner") {
      if (auto id = child_text(x, "ID"); !id.empty() && id != owner_id)
        return fault{
          access_denied, "the owner cannot be changed: leave it as it is", {}};
    } else if (local_name(x) == "AccessControlList") {
      ++lists;
      for (auto& g : x.children()) {
        auto grant = parse_grant(g, known);
        if (!grant)
          return grant.why();
        if (out.size() == max_grants)
          return fault{invalid_argument, "there are more than 100 grants", {}};
        out.push_back(std::move(*grant));
      }
    }
  }
  if (lists != 1)
    return fault{malformed_acl,
                 "an <AccessControlPolicy> needs one <AccessControlList>",
                 {}};
  return kept(out);
}

acl kept_acl(std::string_view text, const std::string& owner_id,
             const std::string& bucket_owner_id) {
  if (text.empty())
    text = "private";
  if (auto known = canned_acl(text, owner_id, bucket_owner_id))
    return std::move(*known);
  acl out;
  if (text.substr(0, kept_grants.size()) != kept_grants)
    return out;
  text.remove_prefix(kept_grants.size());
  while (!text.empty()) {
    text.remove_prefix(1); // the space
    auto end = text.find(' ');
    auto grant = parse_kept(text.substr(0, end));
    if (!grant)
      return {};
    out.push_back(std::move(*grant));
    text
      = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  }
  return out;
}

void add_owner(xml_writer& xml, const acl_owner& x, std::string_view element) {
  xml.open(element).text("ID", x.id).text("DisplayName", x.name).close();
}

std::string acl_xml(const acl_owner& owner, const acl& x) {
  xml_writer xml{"AccessControlPolicy"};
  add_owner(xml, owner);
  xml.open("AccessControlList");
  for (auto groups : {true, false}) // they come first, as others show them
    for (auto& g : x)
      if ((g.to != group::one_user) == groups)
        add_grant(xml, g);
  return xml.finish();
}

} // namespace ais::http::s3
