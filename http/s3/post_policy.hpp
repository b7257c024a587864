// The policy document of a form upload: what its fields may be, until when, and
// how large the file. Who signs it lets others upload so.
// Source: Amazon S3 API Reference, "Creating a POST Policy".
#pragma once

#include "http/s3/form.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

class post_policy {
public:
  /// @param text  JSON @returns invalid_policy_document.
  static outcome<post_policy> parse(std::string_view text);

  /// Whether a form is what the policy wants: every condition holds, and every
  /// field (but those that sign, and x-ignore-*) is in one.
  /// @param key  with the file's name filled in
  /// @returns access_denied.
  checked check(const form_head& form, std::string_view bucket,
                std::string_view key, int64_t now_seconds) const;

  uint64_t min_bytes() const { return min_; } ///< of the file
  uint64_t max_bytes() const { return max_; }

private:
  struct condition {
    bool prefix = false; ///< starts-with, else eq
    std::string field;   ///< lower case
    std::string value;
  };

  int64_t expires_ = 0; ///< Unix time [s]
  std::vector<condition> conditions_;
  uint64_t min_ = 0;
  uint64_t max_ = UINT64_MAX;
};

} // namespace ais::http::s3
