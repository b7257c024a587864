// Highest random weight placement, bit for bit AIStore's, so that clients that
// compute the placement themselves and disks that move between the two agree.
// Source: AIStore cmn/cos/uuid.go, core/meta/smap.go; storage-semantics 4.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ais {

/// XXH64 with AIStore's placement seed 1103515245: of unames, node ids and
/// mountpath paths.
uint64_t placement_digest(std::string_view x);

/// One step of xoshiro256** seeded with splitmix64.
uint64_t hrw_mix(uint64_t x);

/// Returns the index of the candidate with the highest weight
/// hrw_mix(candidate ^ digest); the later one wins a tie; -1 without any.
int hrw_pick(std::span<const uint64_t> candidates, uint64_t digest);

} // namespace ais
