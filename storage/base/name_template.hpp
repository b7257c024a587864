// Name templates: bash-like ranges that stand for many names, such as
// "shard-{000..999}.tar". Source: api-data 1.12 (first form).
#pragma once

#include "storage/base/errc.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ais {

/// A template stands for at most that many names.
inline constexpr uint64_t max_template_names = 10'000'000;

/// Text with ranges "{first..last}" or "{first..last..step}". Both ends
/// belong to the range; names are padded with zeros to the width of the
/// shorter end as typed. The last range varies fastest.
class name_template {
public:
  /// @returns errc::invalid_argument for ranges that are empty, backwards or
  ///          malformed, or when there are more than max_template_names.
  static expected<name_template> parse(std::string_view text);

  /// False: there is no range, the only name is the text itself.
  bool ranged() const { return !ranges_.empty(); }
  /// How many names it stands for, at least 1.
  uint64_t size() const { return size_; }
  /// The name with this number. @pre i < size().
  std::string at(uint64_t i) const;
  /// What all names begin with.
  const std::string& prefix() const { return texts_.front(); }

private:
  struct range {
    uint64_t first = 0;
    uint64_t count = 1;
    uint64_t step = 1;
    size_t width = 0; ///< digits at least
  };
  std::vector<range> ranges_;
  std::vector<std::string> texts_; ///< around the ranges: one more than those
  uint64_t size_ = 1;
};

} // namespace ais
