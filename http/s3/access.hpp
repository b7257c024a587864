// Who may use the S3 API, and what for: the one place where that is decided.
//
// Access keys come from the file `s3.json` in the node's directory, read again
// when it changes:
//
//   {"anonymous": "none",
//    "keys": [{"access_key": "AK1", "secret_key": "...",
//              "access": "write", "buckets": ["train-*"]},
//             {"access_key": "AK2", "secret_key": "...",
//              "access": "own", "user": "alice"}]}
//
// `access` and `anonymous` are none, read, write or admin (default of a key:
// admin): the operator's word, for all buckets that have no owner. A key with
// `own` makes buckets and owns them; of all else it has what owners grant.
// `buckets` are names, or beginnings with a '*' (default: all): a fence that no
// grant goes beyond. Keys of one `user` (default: the key itself) are one.
// Keys are also managed over HTTP (keys.cpp): the cluster's state keeps them,
// in the same form, with "disabled": true for those that are switched off.
// Without any: a node that listens on the loopback only is open to all,
// signatures are not checked; any other refuses.
#pragma once

#include "http/s3/acl.hpp"
#include "http/s3/ownership.hpp"
#include "http/s3/policy.hpp"
#include "http/s3/public_block.hpp"
#include "storage/base/errc.hpp"
#include "storage/disk.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr std::string_view access_file = "s3.json";
inline constexpr size_t max_access_file = 1 << 20; ///< [bytes]

enum class level : uint8_t { none, read, write, admin };

struct access_key {
  std::string id;
  std::string secret;
  std::string user; ///< whose it is
  level access = level::admin;
  bool owns = false; ///< "own": makes buckets, which are its user's
  std::vector<std::string> buckets; ///< empty: all
  bool disabled = false;            ///< as if it were not there
  bool covers(std::string_view bucket) const;
  /// Whether it may manage the others.
  bool administrates() const;
};

struct access_rules {
  level anonymous = level::none;
  bool verify = true; ///< signatures; false: everybody is anonymous
  std::vector<access_key> keys;
  /// One that is not disabled.
  const access_key* find(std::string_view id) const;
  bool has_key(std::string_view id) const;
  bool has_user(std::string_view name) const;
};
using access_rules_ptr = std::shared_ptr<const access_rules>;

// -- the decision
// -----------------------------------------------------------------

/// Who asks, as far as it is proven.
struct caller {
  const access_key* key = nullptr; ///< null: anonymous
  level access = level::none;      ///< the operator's word
  std::string_view user() const {
    return key ? std::string_view{key->user} : std::string_view{};
  }
};

/// What somebody wants to do.
struct wish {
  std::string_view action;             ///< for policies: "s3:GetObject"
  level needs = level::admin;          ///< of operators' levels
  permission right = permission::none; ///< of lists; none: only the owner
  bool of_object = false;              ///< the object's list counts
};

/// What a bucket's properties say of it.
struct bucket_rights {
  std::string owner; ///< user; empty: nobody's
  acl list;
  bool has_policy = false;
  policy_ptr rules; ///< null, though it has one: it cannot be understood
  public_block guard = {};
  ownership owned = ownership::writer;
  /// Whether its lists, and those of its objects, say anything.
  bool lists() const { return owned != ownership::enforced; }
};

enum class ruling : uint8_t {
  allow,
  deny,
  look ///< it depends on the object: ask again with what is known of it
};

/// Whether the caller may. In this order: the key's fence; the policy's
/// denials (not of changes to the policy by who owns it or administrates, or
/// nobody could mend it); the operator's levels; the owner; what the policy
/// allows; the lists. The last two count as far as the public access block and
/// the object ownership let them.
/// @param bucket  null: it does not exist, or is none
/// @param asked   of the policy
/// @param object  the object's list; null: not known, or there is none
ruling decide(const caller& who, const wish& what, std::string_view name,
              const bucket_rights* bucket, const policy_question& asked,
              const acl* object);

// -- keys
// -------------------------------------------------------------------------

/// Reads the file's text. @returns errc::invalid_argument with the reason.
expected<access_rules_ptr> parse_access(std::string_view text);

/// The same from the file. errc::not_found: there is none.
expected<access_rules_ptr>
read_access(storage::disk& d, const std::string& path);

/// The rules of a node, kept up to date with the file; one per I/O thread.
class access_book {
public:
  /// @param path  of the file
  /// @param open  what holds without the file: open to all
  access_book(storage::disk& d, std::string path, bool open);

  const access_rules_ptr& rules() const { return rules_; }
  /// A policy as a bucket keeps it; null if it cannot be understood.
  policy_ptr policy_of(const std::string& text, std::string_view bucket);
  /// Looks whether the file changed; cheap. A file that cannot be read or
  /// understood leaves the keys of before in effect; if there was no file
  /// before, it lets nobody in.
  void refresh();
  /// Takes over the keys that the cluster's state keeps, if they changed.
  /// Those of the file come first.
  void follow(const std::string& cluster_keys);
  /// What the file says; null: there is none that can be understood.
  const access_rules* file() const {
    return from_file_ ? file_.get() : nullptr;
  }

private:
  void load();
  void combine();

  storage::disk& disk_;
  std::string path_;
  bool open_;
  std::optional<storage::file_stamp> seen_; ///< none: there was no file
  bool from_file_ = false;                  ///< where file_ is from
  access_rules_ptr file_;                   ///< or what holds without it
  std::string cluster_text_;
  access_rules_ptr cluster_; ///< null: no keys
  access_rules_ptr rules_;   ///< both
  /// By bucket: the text, and what it says.
  std::map<std::string, std::pair<std::string, policy_ptr>, std::less<>>
    policies_;
};

} // namespace ais::http::s3
