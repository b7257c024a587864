#include "actors/xact/make_copies.hpp"

#include "actors/base/ask.hpp"
#include "actors/xact/object_job.hpp"

namespace ais {

expected<xact_actor>
spawn_make_copies(caf::actor_system& sys, const xact_order& order) {
  auto what = [view = order.node.view](
                object_job_actor::pointer self, const located& x,
                const std::function<void(const deed_result&)>& done) {
    ask<copies_ensured>(
      self, view->read()->mirror, copy_timeout, ensure_copies{x.key},
      [done](const copies_ensured& y) { done(std::optional{y.bytes}); }, done);
  };
  return spawn_object_job(sys, order, what, true);
}

} // namespace ais
