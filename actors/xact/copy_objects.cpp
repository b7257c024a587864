#include "actors/xact/copy_objects.hpp"

#include "actors/base/ask.hpp"
#include "actors/xact/object_job.hpp"

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;

using done_fn = std::function<void(const deed_result&)>;

/// What is not there (any more) is no failure.
auto unless_gone(const done_fn& done) {
  return [done](const error& e) {
    if (e == errc::object_not_found)
      done(std::optional<uint64_t>{});
    else
      done(e);
  };
}

void look_at(object_job_actor::pointer self, const located& x,
             const done_fn& done) {
  ask<lom_ptr>(
    self, x.shard, shard_timeout, head_object{x.key},
    [done](const lom_ptr& lom) { done(std::optional{lom->size_bytes}); },
    unless_gone(done));
}

} // namespace

std::string name_of_copy(const copy_plan& how, const std::string& name) {
  auto out = name;
  auto dot = name.rfind('.');
  if (dot != std::string::npos && dot > name.rfind('/') + 1)
    for (auto& [from, to] : how.extensions)
      if (name.compare(dot + 1, std::string::npos, from) == 0) {
        out = name.substr(0, dot + 1) + to;
        break;
      }
  return how.prepend + out;
}

expected<xact_actor>
spawn_copy_objects(caf::actor_system& sys, const xact_order& order) {
  auto what
    = [node = order.node, how = order.what.copy,
       rename = order.what.kind == "move-bck"](
        object_job_actor::pointer self, const located& x, const done_fn& done) {
        if (how.dry_run)
          return look_at(self, x, done);
        auto to = node.buckets->read()->find(how.to);
        if (!to || (*to)->ref.bid != how.to_bid)
          return done(fail(errc::bucket_not_found,
                           "bucket \"" + cname_of(how.to) + "\" is gone"));
        copy_object req{x.key, {*to, name_of_copy(how, x.key.name)}, rename};
        // The bucket that is renamed takes no changes: what is in the new one
        // was written later.
        req.unless_there = rename;
        if (auto ok = check_object_name(req.to.name); !ok)
          return done(with_context(ok.error(), "the copy of " + x.key.name));
        ask<lom_ptr>(
          self, node.mover, copy_timeout, std::move(req),
          [done](const lom_ptr& lom) { done(std::optional{lom->size_bytes}); },
          unless_gone(done));
      };
  return spawn_object_job(sys, order, what, order.what.copy.go_on);
}

} // namespace ais
