// Asks access.hpp's decide() about requests: what it needs to know is gathered
// here, from buckets, objects and requests.
//
// A request is judged where it comes in, and again by the node that answers it,
// which believes nobody: by the client's signature, and by the client's address
// as the first node signed it (client_header) with the cluster's secret.
#pragma once

#include "http/s3/service.hpp"

#include <string>
#include <string_view>

namespace ais::http::s3 {

// -- what can be wanted, if not of one operation only
// ------------------------------------------------------------------------

inline constexpr wish to_get{"s3:GetObject", level::read, permission::read,
                             true};
inline constexpr wish to_put{"s3:PutObject", level::write, permission::write,
                             false};
inline constexpr wish to_delete{"s3:DeleteObject", level::write,
                                permission::write, false};
inline constexpr wish to_list{"s3:ListBucket", level::read, permission::read,
                              false};

// -- judging
// --------------------------------------------------------------------

/// What is known of an object.
struct seen {
  bool looked = false;
  const storage::lom* attrs = nullptr; ///< null: there is none
};

/// What the properties of a bucket say; by its own name, whatever the client
/// calls it.
bucket_rights rights_of(edge& e, const bucket& b);

/// Whose an object is: a user's name, empty: nobody's.
std::string owner_of(const storage::lom& x, const bucket_rights& rights);

/// The list it came with.
acl list_of(const storage::lom& x, const bucket_rights& rights);

/// Whether a list can be given to a bucket, or an object in it, that has these
/// rights. @param list  as it is kept
/// @returns access_denied (public access block), acl_not_supported.
checked check_list(const std::string& list, const bucket_rights& rights);

/// Whether the request may do something with a bucket, or an object in it.
/// @param b  null: it does not exist, or is to be made
/// @param listed  for s3:prefix, if it is not the request's own
ruling judge(context& c, const wish& what, const bucket* b,
             std::string_view bucket, std::string_view key, seen object = {},
             std::optional<std::string_view> listed = {});

/// Whether the request may do what it asks for: by what is known before the
/// object is looked at.
ruling judge_request(context& c);

/// Looks at the object of the request, and decides.
task<checked> judge_object(context& c);

/// After a wait: whether the object that was opened is one the request may
/// have. It may have been replaced since judge_object().
checked still_allowed(context& c, const storage::lom& object);

/// Whether the request may read this object, as the source of a copy.
/// @param attrs  null: there is none
checked may_copy(context& c, const object_key& from, const storage::lom* attrs);

/// Says that there is no such key, to those who may know which keys there are.
fault missing_key(context& c, const bucket* b, std::string_view bucket,
                  std::string_view key);

/// Why somebody is not let in.
fault not_allowed(const context& c);

// -- addresses of clients
// -------------------------------------------------------

/// Tells the node that a request is relayed to where it came from:
/// "<address> <time> <proof>".
inline constexpr std::string_view client_header = "Ais-Client";

/// A header for a relayed request; empty if there is no secret.
std::string client_proof(const context& c);

/// Where the client is. @returns access_denied for a proof that does not hold.
outcome<std::string> client_address(const context& c);

} // namespace ais::http::s3
