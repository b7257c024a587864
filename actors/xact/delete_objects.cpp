#include "actors/xact/delete_objects.hpp"

#include "actors/base/ask.hpp"
#include "actors/xact/object_job.hpp"

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;

void remove(object_job_actor::pointer self, const located& x, uint64_t bytes,
            const std::function<void(const deed_result&)>& done) {
  ask<ack>(
    self, x.shard, shard_timeout, delete_object{x.key, {}},
    [bytes, done](ack) { done(std::optional{bytes}); },
    [done](const error& e) {
      if (e == errc::object_not_found)
        done(std::optional<uint64_t>{});
      else
        done(e);
    });
}

} // namespace

expected<xact_actor>
spawn_delete_objects(caf::actor_system& sys, const xact_order& order) {
  auto what = [](object_job_actor::pointer self, const located& x,
                 const std::function<void(const deed_result&)>& done) {
    ask<lom_ptr>(
      self, x.shard, shard_timeout, head_object{x.key},
      [self, x, done](const lom_ptr& lom) {
        remove(self, x, lom->size_bytes, done);
      },
      [self, x, done](const error& e) {
        // Damaged ones can be removed, too.
        if (e == errc::object_not_found)
          done(std::optional<uint64_t>{});
        else
          remove(self, x, 0, done);
      });
  };
  return spawn_object_job(sys, order, what, true);
}

} // namespace ais
