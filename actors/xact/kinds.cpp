#include "actors/xact/kinds.hpp"

namespace ais {

namespace {

constexpr xact_kind kinds[] = {
  {"election", "elect-primary", false, false},
  {"rebalance", "", false, true},
  {"resilver", "", false, true},
  {"lru", "lru-eviction", false, true},
  {"cleanup-store", "cleanup", false, true},
  {"summary-bck", "summary", false, false},
  {"summary-shard", "shard-summary", true, false},
  {"index-shard", "shard-index", true, false},
  {"rechunk", "", true, true},
  {"etl-inline", "", false, false},
  {"etl-bck", "etl-bucket", true, false},
  {"etl-listrange", "etl-objects", true, false},
  {"copy-bck", "copy-bucket", true, false},
  {"copy-listrange", "copy-objects", true, false},
  {"move-bck", "rename-bucket", true, false},
  {"ec-encode", "ec-bucket", true, false},
  {"ec-get", "", true, false},
  {"ec-put", "", true, false},
  {"ec-resp", "", true, false},
  {"make-n-copies", "mirror", true, false},
  {"put-copies", "", true, false},
  {"archive", "", true, false},
  {"blob-download", "", true, true},
  {"download", "", false, false},
  {"dsort", "", true, false},
  {"promote", "promote-files", true, false},
  {"prefetch-listrange", "prefetch-objects", true, true},
  {"delete-listrange", "delete-objects", true, false},
  {"evict-listrange", "evict-objects", true, false},
  {"evict-remote-bck", "evict-remote-bucket", true, false},
  {"list", "", true, false},
  {"get-batch", "", false, false},
  {"create-inventory", "", true, false},
  {"lifecycle", "", true, true}, // ours
  {"load-lom-cache", "warm-up-metadata", true, true},
};

} // namespace

const xact_kind* find_xact_kind(std::string_view name) {
  for (auto& x : kinds)
    if (!name.empty() && (x.name == name || x.display == name))
      return &x;
  return nullptr;
}

} // namespace ais
