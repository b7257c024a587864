#include "actors/xact/xactions.hpp"

#include "actors/xact/cleanup.hpp"
#include "actors/xact/copy_objects.hpp"
#include "actors/xact/delete_objects.hpp"
#include "actors/xact/lifecycle.hpp"
#include "actors/xact/make_copies.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <deque>

namespace ais {

namespace {

/// A job's end, told by its actor.
struct noted_end {
  xact_end what;
};

} // namespace

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::noted_end)

namespace ais {

namespace {

using extended = xactions_actor::extend<caf::reacts_to<noted_end>>;

struct kept_xact {
  xact_snap snap;
  std::shared_ptr<xact_progress> progress;
  xact_actor job; ///< null when it has ended

  xact_snap now() const {
    auto out = snap;
    out.objects = progress->objects.load();
    out.bytes = progress->bytes.load();
    out.looked = progress->looked.load();
    out.total = progress->total.load();
    return out;
  }
};

struct xactions_state {
  static inline const char* name = "xactions";

  extended::pointer self = nullptr;
  xactions_config config;
  std::deque<kept_xact> kept; ///< oldest first
  size_t running = 0;

  ~xactions_state() {
    for (auto& x : kept)
      if (x.job)
        caf::anon_send(x.job, atom::stop_v);
  }

  kept_xact* find(const std::string& id) {
    for (auto& x : kept)
      if (x.snap.id == id)
        return &x;
    return nullptr;
  }

  caf::result<ack> start(const start_xact& req) {
    if (find(req.id))
      return ack{};
    if (running >= max_running_xacts)
      return fail(errc::too_many_requests,
                  "too many jobs run at once; try again later");
    if (auto ok = startable(req); !ok)
      return ok.error();
    auto progress = std::make_shared<xact_progress>();
    auto job = spawn_job(
      {config, req, progress, [to = self->address()](const xact_end& x) {
         if (auto me = caf::actor_cast<caf::actor>(to))
           caf::anon_send(me, noted_end{x});
       }});
    if (!job)
      return job.error();
    forget_old();
    xact_snap snap;
    snap.id = req.id;
    snap.kind = req.kind;
    snap.bucket = req.bucket;
    snap.to = req.copy.to;
    snap.start_ns = config.env.wall_ns();
    kept.push_back({std::move(snap), std::move(progress), std::move(*job)});
    ++running;
    return ack{};
  }

  expected<xact_actor> spawn_job(const xact_order& order) {
    auto& kind = order.what.kind;
    if (kind == "cleanup-store")
      return spawn_cleanup(self->system(), order);
    if (kind == "delete-listrange")
      return spawn_delete_objects(self->system(), order);
    if (kind == "make-n-copies")
      return spawn_make_copies(self->system(), order);
    if (kind == "copy-bck" || kind == "copy-listrange" || kind == "move-bck")
      return spawn_copy_objects(self->system(), order);
    if (kind == lifecycle_kind)
      return spawn_lifecycle(self->system(), order);
    return fail(errc::unsupported,
                '"' + kind.substr(0, 40) + "\" is no job of this version");
  }

  /// Whether a job can run here now.
  expected<void> startable(const start_xact& req) const {
    if (req.bucket.name.empty())
      return caf::unit;
    auto buckets = config.buckets->read();
    for (auto& [which, bid] : {std::pair{req.bucket, req.bid},
                               std::pair{req.copy.to, req.copy.to_bid}}) {
      if (bid == 0)
        continue; // there is none
      auto bucket = buckets->find(which);
      if (!bucket)
        return bucket.error();
      if ((*bucket)->ref.bid != bid)
        return fail(errc::bucket_not_found, "bucket \"" + cname_of(which)
                                              + "\" is another one here: try"
                                                " again");
    }
    auto whole = req.what.names.empty() && req.what.name_template.empty();
    if (whole && req.kind != "make-n-copies"
        && moving(*config.sync->read()->state->map))
      return fail(errc::busy, "objects are being moved between targets"
                              " (rebalance): begin when that has ended");
    return caf::unit;
  }

  void forget_old() {
    auto limit
      = config.env.wall_ns() - std::chrono::nanoseconds{xact_kept}.count();
    std::erase_if(kept,
                  [&](auto& x) { return !x.job && x.snap.end_ns < limit; });
    auto over = kept.size() - std::min(kept.size(), max_kept_xacts - 1);
    std::erase_if(kept,
                  [&](auto& x) { return over > 0 && !x.job && over-- > 0; });
  }

  void ended(const xact_end& x) {
    auto* it = find(x.id);
    if (!it || !it->job)
      return;
    it->job = nullptr;
    it->snap.end_ns = config.env.wall_ns();
    it->snap.aborted = x.aborted;
    it->snap.error = x.error;
    --running;
    log_info(it->snap.kind + '[' + x.id + "] has ended"
             + (x.aborted ? ", aborted" : "")
             + (x.error.empty() ? "" : ": " + x.error));
  }

  static bool fits(const xact_snap& x, const std::string& id,
                   const std::string& kind, const std::string& bucket) {
    return (id.empty() || x.id == id) && (kind.empty() || x.kind == kind)
           && (bucket.empty() || cname_of(x.bucket) == bucket);
  }

  void stop(const stop_xact& req) {
    if (req.id.empty() && req.kind.empty())
      return;
    for (auto& x : kept)
      if (x.job && fits(x.snap, req.id, req.kind, req.bucket))
        self->send(x.job, atom::stop_v);
  }

  xact_snaps query(const query_xacts& req) const {
    xact_snaps out;
    for (auto& x : kept)
      if (fits(x.snap, req.id, req.kind, req.bucket))
        out.snaps.push_back(x.now());
    for (auto& shown : config.others)
      for (auto& x : *shown->read())
        if (fits(x, req.id, req.kind, req.bucket))
          out.snaps.push_back(x);
    return out;
  }
};

extended::behavior_type
xactions(extended::stateful_pointer<xactions_state> self,
         xactions_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const start_xact& x) { return st.start(x); },
    [&st](const stop_xact& x) {
      st.stop(x);
      return ack{};
    },
    [&st](const query_xacts& x) { return st.query(x); },
    [&st](const noted_end& x) { st.ended(x.what); },
  };
}

} // namespace

xactions_actor
spawn_xactions(caf::actor_system& sys, const xactions_config& config) {
  return spawn_plain(sys, config.env, xactions, config);
}

} // namespace ais
