// Bucket URIs as people type them: ais://[@uuid][#ns/]bucket[/object].
// Source: cli.md 2.1.
#pragma once

#include "storage/base/names.hpp"

#include <string>
#include <string_view>

namespace ais::cli {

class arguments;

struct uri {
  bck bucket;                ///< without a name: all buckets of the provider
  bool any_provider = false; ///< nothing was given at all
  bool any_remote = false;   ///< "ais://@": buckets of all remote clusters
  std::string object;        ///< or prefix: what follows the bucket
  bool slash = false;        ///< a '/' followed the bucket

  bool query() const { return bucket.name.empty(); }
};

/// Parses a bucket with or without an object, or a provider alone.
/// @throws failure with what was meant.
uri parse_uri(std::string_view text);

/// The operand that may be left out; its object is what names are to begin
/// with, which --prefix may say, too.
uri optional_uri(const arguments& a);

/// The same, but it must name a bucket.
uri parse_bucket(std::string_view text);
/// A bucket and nothing behind it.
bck parse_bare_bucket(std::string_view text);
/// A bucket with objects: BUCKET/OBJECT, or BUCKET where options choose them.
uri parse_objects(std::string_view text);
/// A bucket and an object.
uri parse_object(std::string_view text);

} // namespace ais::cli
