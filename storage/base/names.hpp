// Names: providers, namespaces, buckets, objects; their rules and the two
// canonical spellings, uname (for placement) and cname (for people).
// Source: AIStore cmn/bck.go, cmn/cos/uname.go; storage-semantics sections
// 2, 4.
#pragma once

#include "storage/base/errc.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ais {

// -- limits -------------------------------------------------------------------

inline constexpr size_t max_bucket_name = 64;     ///< [bytes]
inline constexpr size_t max_namespace_name = 64;  ///< [bytes]
inline constexpr size_t max_namespace_uuid = 32;  ///< [bytes]
inline constexpr size_t max_object_name = 16'384; ///< [bytes]

// -- types --------------------------------------------------------------------

/// Who keeps a bucket's content.
enum class provider : uint8_t { ais, aws, azure, gcp, oci };

/// "ais", "aws", ...: the spelling in JSON, unames and directory names.
std::string_view to_string(provider x);

/// The spelling for people in URIs: ais, s3, az, gs, oc.
std::string_view scheme_of(provider x);

/// Accepts names and scheme aliases; empty is `ais`.
/// @returns errc::invalid_provider otherwise.
expected<provider> parse_provider(std::string_view x);

/// A namespace; both parts empty is the global one.
struct ns {
  std::string uuid; ///< cluster uuid or alias; empty: this cluster
  std::string name; ///< empty: global
  bool global() const { return uuid.empty() && name.empty(); }
  // clang-tidy 14 takes its 0 for a pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const ns&) const = default;
};

/// "@uuid#name"; "@#" for the global namespace.
std::string uname_of(const ns& x);

/// Parses the query form: "", "@#", "#name", "@uuid", "@uuid#name".
expected<ns> parse_ns(std::string_view x);

/// Identifies a bucket. Ordered by provider, namespace, name.
struct bck {
  ais::provider provider = ais::provider::ais;
  ais::ns ns;
  std::string name;
  /// True when the content lives elsewhere: a cloud or another cluster.
  bool remote() const {
    return provider != ais::provider::ais || !ns.uuid.empty();
  }
  // NOLINTNEXTLINE(modernize-use-nullptr): as above
  auto operator<=>(const bck&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ns& x) {
  return f(x.uuid, x.name);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, bck& x) {
  return f(x.provider, x.ns, x.name);
}

// -- spellings ----------------------------------------------------------------

/// "provider/@uuid#ns/bucket/" + object: what is hashed for placement.
std::string uname_of(const bck& b, std::string_view object = {});

/// Inverse of uname_of(bck, object); the object may be empty.
/// @returns errc::invalid_argument when it is no uname.
expected<std::pair<bck, std::string>> parse_uname(std::string_view x);

/// "ais://[@uuid#ns/]bucket[/object]": for messages and clients. The Python SDK
/// recognises missing buckets and objects by this form.
std::string cname_of(const bck& b, std::string_view object = {});

// -- rules --------------------------------------------------------------------

/// 1..64 of [A-Za-z0-9._-], no "..", no leading '.' unless `system`.
/// @returns errc::invalid_name with the reason and what is allowed.
expected<void> check_bucket_name(std::string_view x, bool system = false);

/// Same alphabet; uuid at most 32 bytes.
expected<void> check_ns(const ns& x);

/// 1..16384 bytes of valid UTF-8 without NUL, CR or LF; no component "." or
/// "..", no leading "~/", no trailing '/'. Empty components ("a//b", "/a")
/// are allowed and literal.
/// @returns errc::invalid_name with the reason.
expected<void> check_object_name(std::string_view x);

/// The rules of check_object_name, except that empty and trailing '/' are fine.
expected<void> check_prefix(std::string_view x);

/// True for well-formed UTF-8: no overlong forms, no surrogates.
bool valid_utf8(std::string_view x);

} // namespace ais
