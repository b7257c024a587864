// Cluster metadata on disk: two copies of each kind, in two directories, each
// replaced atomically, so that one good copy survives a crash at any moment and
// the loss of either.
//
// A copy is `.ais.<kind>`: one line "ais-meta 1 <kind> <version> xxh64:<hex>",
// then JSON; the checksum covers the JSON (`tail -n +2 .ais.bmd | jq .`).
#pragma once

#include "storage/disk.hpp"

#include <string>
#include <vector>

namespace ais {

inline constexpr size_t max_meta_bytes = 256 << 20; ///< of one copy

class meta_store {
public:
  /// One or two directories, which must exist.
  meta_store(storage::disk& d, std::vector<std::string> dirs)
    : disk_(d), dirs_(std::move(dirs)) {}

  const std::vector<std::string>& dirs() const { return dirs_; }

  /// Writes both copies, one after the other; durable on return.
  expected<void>
  save(const std::string& kind, uint64_t version, const std::string& json);

  /// The JSON of the valid copy with the highest version; empty if there never
  /// was one. Restores the other copy if it is another.
  /// @returns errc::integrity when there are copies but none is valid.
  expected<std::string> load(const std::string& kind);

  /// Removes both copies; durable on return. Absent is success.
  expected<void> forget(const std::string& kind);

private:
  std::string path(size_t i, const std::string& kind) const {
    return dirs_[i] + "/.ais." + kind;
  }

  storage::disk& disk_;
  std::vector<std::string> dirs_;
};

} // namespace ais
