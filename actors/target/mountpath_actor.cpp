#include "actors/target/mountpath_actor.hpp"

#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace ais {

namespace {

struct look_for_space {};

} // namespace

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::look_for_space)

namespace ais {

namespace {

using namespace std::chrono_literals;

/// Trash is removed in steps, so that bucket operations never wait long.
constexpr size_t files_per_sweep = 4096;
constexpr auto shard_tick = 60s;
constexpr auto shard_stop_timeout = 10s;
/// Between two looks how full the disk is: far from full, and not.
constexpr auto space_pause = 10s;
constexpr auto space_pause_near = 1s;
constexpr unsigned near_percent = 15; ///< below the limit

/// Between the two checks that take a disk out.
constexpr auto check_again = 1s;
/// Between checks that were passed, while operations fail.
constexpr int64_t check_pause_ns = 5'000'000'000;

using mountpath_impl = mountpath_actor::extend<caf::reacts_to<atom::next>,
                                               caf::reacts_to<atom::flush>,
                                               caf::reacts_to<look_for_space>>;

struct mountpath_state {
  static inline const char* name = "mountpath";

  mountpath_impl::pointer self = nullptr;
  mountpath_config config;
  std::shared_ptr<storage::mountpath> disk;
  std::vector<shard_actor> shards;
  std::vector<io_actor> io, copiers;
  bool sweeping = false;
  bool suspected = false; ///< a second check is due
  int64_t ticked_ns = 0;  ///< when the shards were told to flush
  int64_t passed_ns = 0;  ///< the last check
  std::vector<caf::typed_response_promise<ack>> emptied; ///< wait for it

  expected<mountpath_ptr> start() {
    auto opened = storage::mountpath::open(
      *config.env.disk,
      {config.root, config.node_id, make_id(config.env), config.claimed});
    if (!opened)
      return opened.error();
    disk = std::move(*opened);
    auto& sys = self->system();
    for (size_t i = 0; i < config.io_actors; ++i) {
      io.push_back(spawn_io(sys, config.env, io_for::clients));
      copiers.push_back(spawn_io(sys, config.env, io_for::jobs));
    }
    for (size_t i = 0; i < config.shards; ++i)
      shards.push_back(spawn_shard(
        sys,
        {config.env, disk, config.node_id + '|' + std::to_string(i),
         shard_config{}.cached_objects,
         std::max<size_t>(config.cached_leases / config.shards, 1), config.map,
         config.node_id, config.view, caf::actor_cast<disk_keeper>(self),
         copiers[i % copiers.size()], config.group_pause}));
    ticked_ns = config.env.steady_ns();
    measure();
    sweep_later();
    return std::make_shared<const mountpath_handles>(
      mountpath_handles{disk, shards, io, copiers});
  }

  void measure() {
    auto limits
      = config.limits ? *config.limits->read() : storage::space_limits{};
    auto& space = disk->space();
    auto was_full = space.full();
    if (auto ok = disk->measure(limits); !ok)
      log_warning("mountpath " + config.root
                  + ": cannot tell how full it is: " + message_of(ok.error()));
    auto percent = std::to_string(space.used()) + "% of its disk are used";
    if (space.full() && !was_full)
      log_error("mountpath " + config.root
                + " takes no more content: " + percent);
    if (was_full && !space.full())
      log_info("mountpath " + config.root + " takes content again: " + percent);
    tick_shards();
    auto near = space.used() + near_percent > limits.out_of_space;
    // Short: the message keeps us, and our thread, when we have stopped.
    self->delayed_send(self, near ? space_pause_near : space_pause,
                       look_for_space{});
  }

  void tick_shards() {
    auto now = config.env.steady_ns();
    if (now - ticked_ns < std::chrono::nanoseconds{shard_tick}.count())
      return;
    ticked_ns = now;
    for (auto& x : shards)
      caf::anon_send(x, atom::tick_v);
  }

  expected<void> reconcile_with(const reconcile& req) {
    auto& want = req.buckets;
    auto have = disk->buckets();
    if (!have)
      return have.error();
    for (auto& x : *have) {
      auto same = [&](auto& y) {
        return y.bck == x.bck
               && (y.bid == x.bid || AIS_MUTANT("incarnations-mixed"));
      };
      if (std::any_of(want.begin(), want.end(), same))
        continue;
      log_warning("mountpath " + config.root + ": " + cname_of(x.bck)
                  + " is of no known bucket incarnation: moved to the trash");
      if (auto ok = disk->destroy_bucket(x.bck); !ok)
        return ok.error();
    }
    for (auto& x : want)
      if (auto ok = disk->create_bucket(x); !ok)
        return ok.error();
    if (req.forget_copies && !AIS_MUTANT("copies-come-back"))
      for (auto& x : want)
        if (auto ok = disk->forget_copies(x); !ok)
          return ok.error();
    auto removed = disk->remove_stale_work();
    if (!removed)
      return removed.error();
    if (*removed > 0)
      log_info("mountpath " + config.root + ": removed "
               + std::to_string(*removed) + " unfinished writes");
    sweep_later();
    return caf::unit;
  }

  /// One failure may be of one file; two checks that fail are the disk's. No
  /// space is no failure.
  void suspect() {
    auto now = config.env.steady_ns();
    if (suspected || (passed_ns != 0 && now - passed_ns < check_pause_ns))
      return;
    auto ok = disk->check();
    passed_ns = ok ? now : 0;
    if (ok)
      return;
    log_warning("mountpath " + config.root
                + " fails: " + message_of(ok.error()));
    suspected = true;
    self->delayed_send(self, check_again, atom::flush_v);
  }

  void check_second() {
    suspected = false;
    if (auto ok = disk->check(); !ok && config.failed)
      config.failed(ok.error());
  }

  void sweep_later() {
    if (!std::exchange(sweeping, true))
      self->send(self, atom::next_v);
  }

  caf::result<ack> sweep_all() {
    auto answer = self->make_response_promise<ack>();
    emptied.push_back(answer);
    sweep_later();
    return answer;
  }

  void tell_emptied(const error& e) {
    for (auto& x : std::exchange(emptied, {}))
      if (e)
        x.deliver(e);
      else
        x.deliver(ack{});
  }

  void sweep() {
    sweeping = false;
    auto more = disk->empty_trash(files_per_sweep);
    if (!more)
      log_warning("mountpath " + config.root
                  + ": cannot empty the trash: " + message_of(more.error()));
    if (more && *more)
      sweep_later();
    else
      tell_emptied(more ? error{} : more.error());
  }
};

caf::result<ack> to_result(const expected<void>& x) {
  if (!x)
    return x.error();
  return ack{};
}

mountpath_impl::behavior_type
mountpath(mountpath_impl::stateful_pointer<mountpath_state> self,
          mountpath_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](atom::start) -> caf::result<mountpath_ptr> {
      auto started = st.start();
      if (!started)
        return started.error();
      return *started;
    },
    [&st](const probe_mountpath&) { return to_result(st.disk->probe()); },
    [&st](const check_mountpath&) { return to_result(st.disk->check()); },
    [&st](const release_mountpath&) { return to_result(st.disk->release()); },
    [&st](const io_failed&) { st.suspect(); },
    [&st](atom::flush) { st.check_second(); },
    [&st](const make_bucket_dirs& x) {
      return to_result(st.disk->create_bucket(x.bucket));
    },
    [&st](const end_writes& x) {
      auto done = st.disk->end_writes(x.which);
      st.sweep_later();
      return to_result(done);
    },
    [&st](const trash_bucket& x) {
      auto done = st.disk->destroy_bucket(x.which);
      st.sweep_later();
      return to_result(done);
    },
    [&st](const reconcile& x) { return to_result(st.reconcile_with(x)); },
    [&st, self](atom::stop) -> caf::result<ack> {
      auto answer = self->make_response_promise<ack>();
      auto left = std::make_shared<size_t>(st.shards.size());
      auto one_less = [self, answer, left]() mutable {
        if (--*left > 0)
          return;
        answer.deliver(ack{});
        self->quit();
      };
      for (auto* all : {&st.io, &st.copiers})
        for (auto& x : std::exchange(*all, {}))
          self->send_exit(x, caf::exit_reason::user_shutdown);
      for (auto& x : std::exchange(st.shards, {})) {
        self->request(x, shard_stop_timeout, atom::tick_v)
          .then(
            [self, x, one_less](ack) mutable {
              self->send_exit(x, caf::exit_reason::user_shutdown);
              one_less();
            },
            [self, x, one_less](error&) mutable {
              self->send_exit(x, caf::exit_reason::kill);
              one_less();
            });
      }
      if (*left == 0) {
        answer.deliver(ack{});
        self->quit();
      }
      return answer;
    },
    [&st](atom::sweep) { return st.sweep_all(); },
    [&st](atom::next) { st.sweep(); },
    [&st](const look_for_space&) { st.measure(); },
  };
}

} // namespace

mountpath_actor
spawn_mountpath(caf::actor_system& sys, const mountpath_config& config) {
  return caf::actor_cast<mountpath_actor>(
    spawn_blocking(sys, config.env, mountpath, config));
}

} // namespace ais
