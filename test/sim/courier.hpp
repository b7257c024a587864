// The COURIER of the simulation: streams in pieces over the simulated network,
// which delays, loses and breaks them. As over TCP, pieces arrive in order and
// once, or the stream stalls until its time is out; unlike TCP, bits may flip.
#pragma once

#include "actors/mover/courier.hpp"
#include "test/sim/world.hpp"

namespace ais::sim {

/// A piece of a stream on its way.
struct segment {
  uint64_t stream = 0;
  bool back = false;   ///< from the receiver to the sender
  uint32_t number = 0; ///< in that direction, from 0
  uint8_t kind = 0;    ///< a frame_kind, or 0: content
  std::string bytes;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, segment& x) {
  return f(x.stream, x.back, x.number, x.kind, x.bytes);
}

/// Spawns the courier of a node's current process.
courier_actor spawn_courier(world& w, node_t id, const environment& env);

} // namespace ais::sim

CAF_BEGIN_TYPE_ID_BLOCK(ais_sim, caf::id_block::ais::end)

  CAF_ADD_TYPE_ID(ais_sim, (ais::sim::segment))

CAF_END_TYPE_ID_BLOCK(ais_sim)
