#include "actors/base/setup.hpp"

#include "actors/cluster/gate.hpp"

namespace ais {

void add_message_types(caf::actor_system_config& cfg) {
  cfg.add_message_types<caf::id_block::ais>();
}

} // namespace ais
