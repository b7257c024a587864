// What of a bucket's names an S3 listing shows: keys, and prefixes that stand
// for what lies below a delimiter. Source: Amazon S3 API Reference,
// ListObjectsV2.
#pragma once

#include "http/s3/fault.hpp"
#include "http/s3/xml.hpp"
#include "http/url.hpp"
#include "storage/walk.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_keys = 1000; ///< per page

/// What a client asks for.
struct list_query {
  std::string prefix;
  std::string delimiter;
  std::string after; ///< only what comes behind it; empty: from the start
  std::string uuid;  ///< of a listing that goes on
  size_t count = max_keys;
  bool url = false; ///< names are percent-encoded in the reply
  bool owner = false;
  bool nothing = false; ///< no name can begin with the prefix

  /// `x` as it stands in the reply.
  std::string shown(std::string_view x) const;
};

/// @param version  1, 2, or 0 for versions
outcome<list_query> parse_list_query(const query& q, int version);

/// The token of a page behind `last`.
std::string make_token(std::string_view uuid, std::string_view last);

/// Takes the names of a bucket in order and keeps what a page shows.
class list_page {
public:
  explicit list_page(const list_query& q) : query_(q) {}

  /// Takes the next name. @returns false when the page is full: the name is on
  /// the next one.
  bool add(storage::walk_entry x);

  const std::vector<storage::walk_entry>& keys() const { return keys_; }
  const std::vector<std::string>& prefixes() const { return prefixes_; }
  size_t size() const { return keys_.size() + prefixes_.size(); }
  /// The last key or prefix; empty if there is none.
  const std::string& last() const { return last_; }
  /// Where to look for the next name: behind all that it stands for.
  std::string resume_at(const std::string& seen) const;

private:
  const list_query& query_;
  std::vector<storage::walk_entry> keys_;
  std::vector<std::string> prefixes_;
  std::string last_;
};

/// What all kinds of listings begin with.
void add_query(xml_writer& xml, std::string_view bucket, const list_query& q);
/// What they tell of an object besides its name.
void add_attributes(xml_writer& xml, const storage::walk_entry& x);
void add_prefixes(xml_writer& xml, const list_query& q, const list_page& page);

/// Adds one that was answered to the statistics.
void count_listing(std::chrono::steady_clock::time_point start);

} // namespace ais::http::s3
