// Access control lists of buckets and objects: whom their owner lets in besides
// himself. As headers, as XML, and as they are kept: the name of a canned list,
// or "grants READ:* WRITE:+ FULL_CONTROL:<user>", '*' for everybody, '+' for
// all with an access key, users percent-encoded. Kept as a bucket's property,
// and as an object's custom metadata, which changes with its content by one
// commit. Source: Amazon S3 User Guide, "Access control list (ACL) overview".
#pragma once

#include "http/request.hpp"
#include "http/s3/fault.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

class xml_writer;

inline constexpr size_t max_grants = 100;
/// The custom metadata that keeps an object's list.
inline constexpr const char* acl_key = "s3:acl";
/// The bucket properties that keep a bucket's, and its owner.
inline constexpr std::string_view acl_property = "s3.acl";
inline constexpr std::string_view owner_property = "s3.owner";

/// Bits of what a grant allows; of a bucket, `read` is to list, `write` to
/// create, replace and delete objects.
enum class permission : uint8_t {
  none = 0,
  read = 1,
  write = 2,
  read_acl = 4,
  write_acl = 8,
  full_control = 15,
};

enum class group : uint8_t { one_user, everybody, all_users };

struct acl_grant {
  group to = group::one_user;
  std::string user; ///< if to one
  permission what = permission::read;
  bool operator==(const acl_grant&) const = default;
};

using acl = std::vector<acl_grant>;

/// Whether a list lets somebody. @param user  empty: anonymous
/// @param groups  whether grants to groups count
bool grants(const acl& x, std::string_view user, permission what,
            bool groups = true);
/// Whether it lets in people nobody named.
bool is_public(const acl& x);

/// The owner, as replies show him: of a bucket without one, this server.
struct acl_owner {
  std::string id;
  std::string name;
};
acl_owner shown_owner(std::string_view user);
/// As an element of a reply: <Owner>, or another kind of person.
void add_owner(xml_writer& xml, const acl_owner& x,
               std::string_view element = "Owner");

/// The grants of a canned list, the owner's included; none if there is no such.
/// @param bucket_owner_id  if the owner of an object is another one
std::optional<acl>
canned_acl(std::string_view name, const std::string& owner_id,
           const std::string& bucket_owner_id = {});

/// Which users there are: none else can be granted anything.
using known_user = std::function<bool(std::string_view)>;

/// What x-amz-acl or x-amz-grant-* ask for, as it is kept; none: nothing.
/// @returns invalid_argument, invalid_request, unresolvable_mail.
outcome<std::optional<std::string>>
wanted_acl(const request& req, const known_user& known);

/// Reads an <AccessControlPolicy>, as it is kept. @returns malformed_xml,
/// malformed_acl, invalid_argument, unresolvable_mail; access_denied for
/// another owner.
outcome<std::string>
parse_acl_body(std::string_view body, const std::string& owner_id,
               const known_user& known);

/// The list as it was kept; one that cannot be understood grants nothing.
acl kept_acl(std::string_view text, const std::string& owner_id,
             const std::string& bucket_owner_id = {});

/// An <AccessControlPolicy>.
std::string acl_xml(const acl_owner& owner, const acl& x);

} // namespace ais::http::s3
