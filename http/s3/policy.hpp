// Bucket policies: who may or must not do what with a bucket and its objects,
// under which conditions. The common subset of AWS' language; what is not
// understood is refused when it is set, never ignored.
// Source: AWS IAM User Guide, "JSON policy element reference" and "Policy
// evaluation logic"; Amazon S3 User Guide, "Bucket policies".
//
// Not there: NotPrincipal, variables (${...}), ForAllValues and ForAnyValue,
// condition keys other than those of policy_facts.hpp.
#pragma once

#include "http/s3/fault.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_policy_bytes = 20 << 10; ///< as AWS has it
inline constexpr size_t max_policy_depth = 6;
/// The bucket property that keeps the text.
inline constexpr std::string_view policy_property = "s3.policy";

/// What a request has for a condition key.
struct fact {
  bool known = true;                ///< false: it depends on an object not seen
  std::optional<std::string> value; ///< none: the request has no such key
};

/// A request, as policies look at it.
struct policy_question {
  std::string_view action;     ///< "s3:GetObject"
  std::string_view resource;   ///< "bucket" or "bucket/key"
  std::string_view user;       ///< empty: anonymous
  std::string_view access_key; ///< his
  /// By condition key, as it was written to the policy.
  std::function<fact(std::string_view)> find;
};

enum class effect : uint8_t { none, allow, deny, unknown };

/// Whether a text fits a pattern with '*' and '?'. In linear time but for its
/// stars, at most |text| * |pattern|.
bool wildcard_match(std::string_view pattern, std::string_view text);

class policy {
public:
  /// Reads the text. @param bucket  whose it is: resources must be its own
  /// @returns malformed_policy, with what is wrong and where.
  static outcome<std::shared_ptr<const policy>>
  parse(std::string_view text, std::string_view bucket);

  /// What it says to a request: an explicit denial counts most. `unknown` if
  /// that depends on a fact that is not known.
  effect evaluate(const policy_question& q) const;

  /// Whether it lets in people nobody named, without a condition on where they
  /// come from.
  bool is_public() const;

  // -- as it was written, checked; for policy.cpp

  enum class test : uint8_t {
    string_equals,
    string_equals_any_case,
    string_like,
    numeric_equals,
    numeric_less,
    numeric_less_equals,
    numeric_greater,
    numeric_greater_equals,
    date_equals,
    date_less,
    date_less_equals,
    date_greater,
    date_greater_equals,
    boolean,
    ip_address,
    absent,
  };

  struct condition {
    test what = test::string_equals;
    bool negated = false;   ///< "...NotEquals": no value may fit
    bool if_exists = false; ///< holds without the key
    std::string key;
    std::vector<std::string> values; ///< one must fit
  };

  struct statement {
    bool allows = false;
    bool everybody = false;
    std::vector<std::string> principals; ///< users or access keys
    bool other_actions = false;          ///< NotAction
    std::vector<std::string> actions;    ///< patterns, lower case
    bool other_resources = false;        ///< NotResource
    std::vector<std::string> resources;  ///< patterns of "bucket/key"
    std::vector<condition> conditions;
  };

private:
  std::vector<statement> statements_;
};

using policy_ptr = std::shared_ptr<const policy>;

} // namespace ais::http::s3
