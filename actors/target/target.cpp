#include "actors/target/target.hpp"

#include "actors/base/ask.hpp"
#include "actors/base/gather.hpp"
#include "storage/base/home.hpp"
#include "storage/base/hrw.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <optional>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto mountpath_timeout = 30s;
constexpr auto reconcile_timeout = 30s;
constexpr auto fault_retry = 1s;
/// Between tries to make what could not be made on a disk.
constexpr auto complete_pause = 2s;
constexpr int max_opens = 3; ///< of a mountpath, at the start; it is then out
constexpr auto open_pause = 1s;

using extended = target_actor::extend<caf::reacts_to<atom::next>,
                                      caf::reacts_to<atom::tick>>;
constexpr size_t max_waiting = 1024;
constexpr size_t max_counting = 16;

struct target_state {
  static inline const char* name = "target";

  extended::pointer self = nullptr;
  target_config config;
  std::shared_ptr<board<target_view>> shown;
  volume vol;
  /// An open mountpath.
  struct disk {
    mountpath_actor actor;
    mountpath_ptr handles;
  };
  std::map<std::string, disk> disks; ///< by path: those in use
  std::map<std::string, int> opens;  ///< that failed, at the start
  std::function<void()> again;       ///< opens once more
  std::vector<lister_actor> listers;
  std::vector<mountpath_watcher> watchers;
  target_view view;

  bmd_ptr applied = std::make_shared<const bmd>(); ///< carried out
  stamp applied_at;
  std::optional<sync_view> next; ///< to be carried out
  bool started = false;
  bool stopped = false;
  mountpath_actor opening; ///< starts; not in `disks` yet
  bool applying = false;
  bool changing = false;   ///< the mountpaths
  bool completing = false; ///< a tick is on its way
  /// Disks that fail are taken out (fshc.enabled).
  bool health_checked = true;
  std::shared_ptr<board<storage::space_limits>> limits
    = std::make_shared<board<storage::space_limits>>();
  bool leaving = false;  ///< no buckets any more
  uint64_t promised = 0; ///< highest epoch seen
  size_t counting = 0;
  std::vector<std::pair<stamp, caf::typed_response_promise<ack>>> waiting;

  using answer_fn = std::function<void(const error&)>;

  std::vector<mountpath_actor> mountpaths() const {
    std::vector<mountpath_actor> out;
    for (auto& [path, d] : disks)
      out.push_back(d.actor);
    return out;
  }

  void configure(const cluster_config& x) {
    auto percent = [&](const char* key) {
      return static_cast<unsigned>(x.values.integer(key));
    };
    health_checked = x.values.flag("fshc.enabled");
    storage::space_limits now{percent("space.highwm"),
                              percent("space.out_of_space")};
    if (now != *limits->read())
      limits->show(std::make_shared<const storage::space_limits>(now));
  }

  // -- start

  caf::result<ack> start(const start_target& how) {
    applied = how.state->buckets;
    applied_at = how.state->at;
    configure(*how.state->config);
    view.node_id = config.node_id;
    view.mirror = spawn_mirror(
      self->system(), {config.env, caf::actor_cast<caf::weak_actor_ptr>(self),
                       config.buckets, shown});
    auto all = with_arguments(config.known, config.mountpaths, config.labels);
    if (!all)
      return all.error();
    vol = std::move(*all);
    if (config.known.mountpaths.empty() && applied->buckets.empty())
      vol.settled = true; // there are no objects
    for (auto& path : config.mountpaths)
      if (vol.find(path)->state == mpath_state::detached)
        log_warning("mountpath " + path
                    + " was detached and stays so: attach it again, or leave"
                      " out this argument");
    for (size_t i = 0; i < config.listers; ++i)
      listers.push_back(
        spawn_lister(self->system(), config.env, config.node_id));
    auto answer = self->make_response_promise<ack>();
    open_next(vol, [this, answer](const error& e) mutable {
      if (e)
        answer.deliver(e);
      else
        save(vol, [this, answer](const error& why) mutable {
          if (why) {
            answer.deliver(why);
            return;
          }
          show();
          started = true;
          config.buckets->show(applied);
          answer.deliver(ack{});
          apply();
        });
    });
    return answer;
  }

  /// Opens, one after the other, what is in use by `x` and not open yet. At a
  /// start, a disk that fails is taken out; the last one is not.
  void open_next(volume& x, const answer_fn& end) {
    if (stopped)
      return end(fail(errc::not_ready, config.node_id + " is stopping"));
    for (auto& m : x.mountpaths)
      if (in_use(m) && !disks.count(m.path))
        return open(x, m.path, end);
    end({});
  }

  void open(volume& x, const std::string& path, const answer_fn& end) {
    mountpath_config c;
    c.env = config.env;
    c.root = path;
    c.node_id = config.node_id;
    // Whoever enables one by hand may have replaced the disk.
    auto* before = started ? nullptr : config.known.find(path);
    c.claimed = before && before->state != mpath_state::detached;
    c.shards = config.shards;
    c.group_pause = config.group_pause;
    c.map = config.map;
    c.view = shown;
    c.limits = limits;
    c.failed = [me = caf::actor_cast<caf::weak_actor_ptr>(self),
                path](const error& e) {
      if (auto target = me.lock())
        caf::anon_send(caf::actor_cast<target_actor>(target),
                       mountpath_failed{path, message_of(e)});
    };
    auto n = std::max<size_t>(x.mountpaths.size(), 1);
    c.cached_leases = std::max<size_t>(config.cached_leases / n, 1);
    auto actor = spawn_mountpath(self->system(), c);
    opening = actor;
    auto fresh = !before || !in_use(*before);
    auto failed = [this, &x, path, end, actor](const error& e) {
      opening = nullptr;
      self->send_exit(actor, caf::exit_reason::user_shutdown);
      auto last = std::count_if(x.mountpaths.begin(), x.mountpaths.end(),
                                [](auto& m) { return in_use(m); })
                  == 1;
      if (started || stopped || e == errc::integrity
          || e == errc::invalid_argument || e == errc::unsupported)
        return end(e);
      if (++opens[path] < max_opens) {
        log_warning("mountpath " + path
                    + " cannot be opened, trying again: " + message_of(e));
        again = [this, &x, end] {
          open_next(x, end);
        };
        self->delayed_send(self, open_pause, atom::next_v);
        return;
      }
      if (last || !health_checked)
        return end(e);
      log_error("mountpath " + path + " is taken out: " + message_of(e));
      x = *with_fault(x, path, message_of(e));
      open_next(x, end);
    };
    ask<mountpath_ptr>(
      self, actor, mountpath_timeout, atom::start_v,
      [this, &x, path, actor, end, failed, fresh](mountpath_ptr& handles) {
        auto buckets = buckets_now();
        buckets.forget_copies = fresh;
        ask<ack>(
          self, actor, reconcile_timeout, buckets,
          [this, &x, path, actor, handles, end](ack) {
            opening = nullptr;
            disks[path] = {actor, handles};
            open_next(x, end);
          },
          failed);
      },
      failed);
  }

  // -- the view

  /// Shows `vol`. Shards look at the view, too: from now on each changes only
  /// what is placed with it.
  void show() {
    if (!vol.settled || view.volume->version == 0)
      view.resilver_id = make_id(config.env);
    view.volume = std::make_shared<const volume>(vol);
    view.mountpaths.clear();
    view.digests.clear();
    view.leaving.clear();
    walk_these walk;
    walk.moving = !vol.settled;
    for (auto& m : vol.mountpaths) {
      auto i = disks.find(m.path);
      if (!in_use(m) || i == disks.end())
        continue;
      walk.mountpaths.push_back(i->second.handles);
      if (m.state == mpath_state::enabled) {
        view.mountpaths.push_back(i->second.handles);
        view.digests.push_back(i->second.handles->disk->digest());
      } else {
        view.leaving.push_back(i->second.handles);
      }
    }
    for (auto& x : listers)
      self->send(x, walk);
    shown->show(std::make_shared<const target_view>(view));
    for (auto& x : watchers)
      self->send(x, atom::next_v);
    self->send(view.mirror, atom::next_v);
  }

  /// Has the second copy of the node's metadata kept on a mountpath of `x`:
  /// where it is, or on the first one that can take it.
  void keep_second_copy(const volume& x, const answer_fn& end) {
    std::vector<std::string> dirs;
    for (auto& m : x.mountpaths)
      if (m.state == mpath_state::enabled)
        dirs.insert(m.path == config.copy_dir ? dirs.begin() : dirs.end(),
                    m.path);
    if (dirs.empty() && !config.spare_copy_dir.empty())
      dirs.push_back(config.spare_copy_dir);
    keep_copy_at(std::move(dirs), end);
  }

  void keep_copy_at(std::vector<std::string> dirs, const answer_fn& end) {
    if (dirs.empty())
      return end(fail(errc::io_error, "no mountpath can take the second copy of"
                                      " this node's metadata"));
    keep_copy req{dirs.front(), {}};
    if (auto d = disks.find(req.dir); d != disks.end())
      req.keeper = caf::actor_cast<disk_keeper>(d->second.actor);
    dirs.erase(dirs.begin());
    ask<ack>(
      self, config.vault, vault_timeout, req,
      [this, dir = req.dir, end](ack) {
        config.copy_dir = dir;
        end({});
      },
      [this, dirs, end](const error&) { keep_copy_at(dirs, end); });
  }

  /// Makes a volume durable; sets where the copy is.
  void save(volume& x, const answer_fn& end) {
    if (!config.vault)
      return end({});
    keep_second_copy(x, [this, &x, end](const error& e) {
      if (e)
        return end(e);
      x.copy_at = config.copy_dir;
      if (x == config.known)
        end({});
      else
        store(x, end);
    });
  }

  void store(const volume& x, const answer_fn& end) {
    ask<ack>(
      self, config.vault, vault_timeout,
      save_meta{"mountpaths", x.version, to_text(x)},
      [this, x, end](ack) {
        config.known = x;
        end({});
      },
      end);
  }

  // -- mountpaths come and go

  expected<volume> changed(const change_mountpath& x) const {
    using op = change_mountpath::op;
    switch (x.what) {
      case op::attach:
        return with_attached(vol, x.path, x.label);
      case op::enable:
        return with_enabled(vol, x.path);
      case op::rescan:
        if (!x.path.empty() && !vol.find(x.path))
          return with_enabled(vol, x.path).error();
        return unsettled(vol);
      default:
        return without(vol, x.path,
                       {x.what == op::detach, x.move, others_serve()});
    }
  }

  /// Whether this target may leave the cluster (node/attendance.hpp): objects
  /// go to others then.
  bool others_serve() const {
    auto map = config.map ? config.map->read() : nullptr;
    return map
           && std::any_of(
             map->targets.begin(), map->targets.end(), [this](auto& x) {
               return x.first != config.node_id && active(x.second);
             });
  }

  caf::result<mountpath_changed> change(const change_mountpath& req) {
    if (auto ok = changeable(); !ok)
      return ok.error();
    if (req.what == change_mountpath::op::check)
      return check(req.path);
    auto next_one = changed(req);
    if (!next_one)
      return next_one.error();
    if (*next_one == vol)
      return mountpath_changed{false, {}};
    if (req.what == change_mountpath::op::attach)
      if (auto ok = config.env.disk->stat(req.path);
          !ok || ok->kind != storage::entry_kind::dir)
        return fail(errc::not_found,
                    "mountpath " + req.path
                      + " does not exist: mount a disk there, or make the"
                        " directory");
    return carry_out_change(std::move(*next_one));
  }

  /// On request: whether the disk works; if not, it is taken out.
  caf::result<mountpath_changed> check(const std::string& path) {
    auto i = disks.find(path);
    if (i == disks.end()) // unknown, or not in use
      return with_enabled(vol, path)
               ? fail(errc::conflict, path + " is disabled")
               : with_enabled(vol, path).error();
    auto answer = self->make_response_promise<mountpath_changed>();
    ask<ack>(
      self, i->second.actor, mountpath_timeout, check_mountpath{},
      [answer](ack) mutable {
        answer.deliver(mountpath_changed{true, {}});
      },
      [this, path, answer](const error& e) mutable {
        take_out({path, message_of(e)});
        answer.deliver(e);
      });
    return answer;
  }

  void take_out(const mountpath_failed& x) {
    if (!health_checked)
      return;
    auto without_it = with_fault(vol, x.path, x.why);
    if (!without_it || *without_it == vol)
      return;
    auto left = std::any_of(
      without_it->mountpaths.begin(), without_it->mountpaths.end(),
      [](auto& m) { return m.state == mpath_state::enabled; });
    if (!left && !others_serve())
      return log_error("mountpath " + x.path
                       + " fails, and is the last one: " + x.why);
    if (!changeable()) {
      self->delayed_send(self, fault_retry, x);
      return;
    }
    log_error("mountpath " + x.path + " fails and is taken out: " + x.why);
    begin_change(
      std::move(*without_it), [](const expected<mountpath_changed>& y) {
        if (!y)
          log_error("cannot take a mountpath out: " + message_of(y.error()));
      });
  }

  caf::result<mountpath_changed> end_moves(const objects_settled& req) {
    if (auto ok = changeable(); !ok)
      return ok.error();
    if (req.version != vol.version)
      return fail(errc::conflict, "the mountpaths have changed meanwhile");
    return carry_out_change(settled(vol));
  }

  expected<void> changeable() const {
    if (!started || leaving)
      return fail(errc::not_ready, config.node_id + " has not started yet");
    if (changing || applying)
      return fail(errc::busy, "another change of buckets or mountpaths is under"
                              " way: try again");
    return caf::unit;
  }

  caf::result<mountpath_changed> carry_out_change(volume to) {
    auto answer = self->make_response_promise<mountpath_changed>();
    begin_change(std::move(to),
                 [answer](const expected<mountpath_changed>& x) mutable {
                   if (x)
                     answer.deliver(*x);
                   else
                     answer.deliver(x.error());
                 });
    return answer;
  }

  void
  begin_change(volume to,
               std::function<void(const expected<mountpath_changed>&)> told) {
    changing = true;
    auto goal = std::make_shared<volume>(std::move(to));
    // Copies take the place of objects that are left behind.
    auto left = [](const volume& x) {
      return std::count_if(x.mountpaths.begin(), x.mountpaths.end(),
                           [](auto& m) { return m.left_behind; });
    };
    if (left(*goal) > left(vol) && mirrored())
      goal->settled = false;
    if (!in_use(*goal))
      goal->settled = true; // there is nothing that could move
    auto end = [this, goal, told](const error& e) {
      changing = false;
      if (e) {
        close_unused();
        told(e);
      } else {
        release_emptied(*goal);
        vol = *goal;
        log_info("mountpaths: version " + std::to_string(vol.version) + ": "
                 + described());
        for (auto& [path, d] : disks)
          if (auto* m = vol.find(path); !m || !in_use(*m))
            d.handles->disk->close(); // before others serve what it has
        show();
        close_unused();
        told(mountpath_changed{true,
                               vol.settled ? std::string{} : view.resilver_id});
      }
      apply();
    };
    open_next(*goal, [this, goal, end](const error& e) {
      if (e)
        end(e);
      else
        save(*goal, end);
    });
  }

  /// Has mountpaths that are detached, and whose objects have moved, forget
  /// that they were ours. One that fails to is ours alone to attach.
  void release_emptied(const volume& goal) {
    for (auto& m : vol.mountpaths) {
      auto* then = goal.find(m.path);
      auto d = disks.find(m.path);
      if (m.state != mpath_state::detaching || d == disks.end() || !then
          || then->state != mpath_state::detached)
        continue;
      ask<ack>(
        self, d->second.actor, mountpath_timeout, release_mountpath{},
        [](ack) {},
        [path = m.path](const error& e) {
          log_warning("mountpath " + path
                      + " is detached, but no other node can attach it: "
                      + message_of(e));
        });
    }
  }

  bool mirrored() const {
    auto& all = newest()->buckets;
    return std::any_of(all.begin(), all.end(),
                       [](auto& b) { return b.second->copies > 1; });
  }

  std::string described() const {
    std::string out;
    for (auto& m : vol.mountpaths)
      if (m.state != mpath_state::detached)
        out += (out.empty() ? "" : ", ") + m.path + ' '
               + std::string{to_string(m.state)};
    return out;
  }

  /// Stops what is open and not in use (any more).
  void close_unused() {
    for (auto i = disks.begin(); i != disks.end();) {
      auto* m = vol.find(i->first);
      if (m && in_use(*m)) {
        ++i;
        continue;
      }
      auto path = i->first;
      ask<ack>(
        self, i->second.actor, mountpath_timeout, atom::stop_v, [](ack) {},
        [path](const error& e) {
          log_warning("mountpath " + path
                      + " did not stop cleanly: " + message_of(e));
        });
      i = disks.erase(i);
    }
  }

  // -- buckets

  caf::result<ack> begin(const begin_txn& req) {
    if (req.epoch < promised)
      return fail(errc::not_ready,
                  "epoch " + std::to_string(req.epoch) + " is over: try again");
    auto there = newest()->buckets.count(req.bucket.bck) > 0;
    if (there == (req.what == begin_txn::op::create))
      return fail(errc::conflict, cname_of(req.bucket.bck)
                                    + (there ? " is" : " is not") + " on "
                                    + config.node_id + " yet: try again");
    if (!started)
      return fail(errc::not_ready, config.node_id + " has not started yet");
    if (view.mountpaths.empty())
      return fail(errc::not_ready, config.node_id + " has no usable mountpath");
    if (req.copies > view.mountpaths.size())
      return fail(errc::invalid_argument,
                  std::to_string(req.copies)
                    + " copies are too many: " + config.node_id + " has "
                    + std::to_string(view.mountpaths.size())
                    + " mountpaths, and keeps one copy on each at most");
    if (req.what == begin_txn::op::change)
      return ack{};
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths(), mountpath_timeout, probe_mountpath{},
           into(answer));
    return answer;
  }

  const bmd_ptr& newest() const {
    return next ? next->state->buckets : applied;
  }

  /// Whether a bucket can be read here.
  expected<void> readable(const bck& b, uint64_t bid) const {
    if (!started)
      return fail(errc::not_ready, config.node_id + " has not started yet");
    if (stopped)
      return fail(errc::not_ready, config.node_id + " is stopping");
    auto i = applied->buckets.find(b);
    if (i == applied->buckets.end() || i->second->ref.bid != bid)
      return fail(errc::bucket_not_found, "bucket \"" + cname_of(b)
                                            + "\" does not exist on "
                                            + config.node_id + ", or not yet");
    return caf::unit;
  }

  caf::result<listed_part> list(list_part& req) {
    if (auto ok = readable(req.bucket, req.bid); !ok)
      return ok.error();
    auto i = std::hash<std::string>{}(req.uuid) % listers.size();
    return self->delegate(listers[i], std::move(req));
  }

  /// Counting takes long: a lister of its own, so that listings need not wait.
  caf::result<bucket_totals> count(const count_bucket& req) {
    if (auto ok = readable(req.bucket, req.bid); !ok)
      return ok.error();
    if (counting >= max_counting)
      return fail(errc::too_many_requests,
                  "too many summaries run at once; try again");
    ++counting;
    auto worker = spawn_lister(self->system(), config.env, config.node_id);
    walk_these walk{view.mountpaths, false};
    walk.mountpaths.insert(walk.mountpaths.end(), view.leaving.begin(),
                           view.leaving.end());
    self->send(worker, walk);
    auto answer = self->make_response_promise<bucket_totals>();
    auto end = [this, worker] {
      --counting;
      self->send_exit(worker, caf::exit_reason::user_shutdown);
    };
    self->request(worker, count_timeout, req)
      .then(
        [this, answer, end](bucket_totals& x) mutable {
          end();
          x.complete
            = std::none_of(vol.mountpaths.begin(), vol.mountpaths.end(),
                           [](auto& m) { return m.left_behind; });
          answer.deliver(x);
        },
        [answer, end](error& e) mutable {
          end();
          answer.deliver(std::move(e));
        });
    return answer;
  }

  caf::result<ack> wait_for(const carry_out& req) {
    if (applied_at >= req.at)
      return ack{};
    if (waiting.size() >= max_waiting)
      return fail(errc::too_many_requests, "too many changes at once");
    auto answer = self->make_response_promise<ack>();
    waiting.emplace_back(req.at, answer);
    return answer;
  }

  void see(const sync_view& x) {
    promised = std::max(promised, x.promised);
    configure(*x.state->config);
    if (x.state->at <= applied_at)
      return;
    next = x;
    apply();
  }

  /// Makes buckets that are new, shows the list, trashes what is gone.
  void apply() {
    if (!started || applying || changing || !next || leaving)
      return;
    applying = true;
    auto state = std::exchange(next, std::nullopt)->state;
    std::vector<make_bucket_dirs> make;
    std::vector<end_writes> sealed;
    std::vector<trash_bucket> trash;
    for (auto& [which, b] : state->buckets->buckets) {
      auto i = applied->buckets.find(which);
      if (i == applied->buckets.end() || i->second->ref.bid != b->ref.bid)
        make.push_back({b->ref});
      else if (b->props && !b->props->renamed.empty()
               && i->second->props->renamed.empty())
        sealed.push_back({b->ref.bck});
    }
    for (auto& [which, b] : applied->buckets)
      if (!state->buckets->buckets.count(which))
        trash.push_back({which});
    auto end = [this, state](const error& e) {
      done(*state, e);
    };
    auto second = [this, state, sealed, trash, end](const error& e) {
      config.buckets->show(state->buckets);
      if (e)
        return end(e);
      each(sealed, 0, [this, trash, end](const error& why) {
        if (why)
          return end(why);
        each(trash, 0, end);
      });
    };
    each(make, 0, second);
  }

  /// Sends all messages to all mountpaths, one after the other.
  template <class Message, class F>
  void each(const std::vector<Message>& xs, size_t i, F f) {
    if (i == xs.size())
      return f(error{});
    gather(self, mountpaths(), mountpath_timeout, xs[i],
           [this, xs, i, f](const error& e) {
             if (e)
               f(e);
             else
               each(xs, i + 1, f);
           });
  }

  void done(const cluster_state& x, const error& e) {
    applying = false;
    applied = x.buckets;
    applied_at = x.at;
    if (e) {
      log_error("cannot carry out bmd v" + std::to_string(x.buckets->version)
                + ": " + message_of(e));
      complete_later();
    }
    std::erase_if(waiting, [&](auto& w) {
      if (w.first > applied_at)
        return false;
      if (e)
        w.second.deliver(e);
      else
        w.second.deliver(ack{});
      return true;
    });
    apply();
  }

  // Buckets that could not be made, or trashed, on a disk: tried again.

  void complete_later() {
    if (!std::exchange(completing, true))
      self->delayed_send(self, complete_pause, atom::tick_v);
  }

  void complete() {
    completing = false;
    if (stopped || leaving)
      return;
    if (applying || changing)
      return complete_later();
    applying = true;
    gather(self, mountpaths(), reconcile_timeout, buckets_now(),
           [this](const error& e) {
             applying = false;
             if (e)
               complete_later();
             else
               log_info("all buckets are on all mountpaths again");
             apply();
           });
  }

  caf::result<ack> remove_all() {
    leaving = true;
    config.buckets->show(std::make_shared<const bmd>());
    auto answer = self->make_response_promise<ack>();
    gather(self, mountpaths(), mountpath_timeout, reconcile{}, into(answer));
    return answer;
  }

  caf::result<ack> sweep() {
    if (!leaving && (!started || applying || changing))
      return fail(errc::busy, "buckets or mountpaths of " + config.node_id
                                + " are being changed: try again");
    auto answer = self->make_response_promise<ack>();
    auto empty = [this, answer](const error& e) mutable {
      if (e)
        answer.deliver(e);
      else
        gather(self, mountpaths(), count_timeout, atom::sweep_v, into(answer));
    };
    if (leaving)
      empty({});
    else
      gather(self, mountpaths(), reconcile_timeout, buckets_now(), empty);
    return answer;
  }

  /// What is to be on every mountpath.
  reconcile buckets_now() const {
    reconcile out;
    for (auto& [which, b] : applied->buckets)
      out.buckets.push_back(b->ref);
    return out;
  }

  caf::result<ack> stop() {
    stopped = true;
    auto all = mountpaths();
    if (opening)
      all.push_back(opening);
    auto answer = self->make_response_promise<ack>();
    for (auto& x : listers)
      self->send_exit(x, caf::exit_reason::user_shutdown);
    gather(self, all, mountpath_timeout, atom::stop_v, into(answer));
    disks.clear();
    listers.clear();
    shown->show(std::make_shared<const target_view>());
    if (view.mirror)
      self->send_exit(view.mirror, caf::exit_reason::user_shutdown);
    view = {};
    return answer;
  }
};

extended::behavior_type
target(extended::stateful_pointer<target_state> self, target_config config,
       std::shared_ptr<board<target_view>> shown) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.shown = std::move(shown);
  return {
    [&st](const start_target& x) { return st.start(x); },
    [&st](const begin_txn& x) { return st.begin(x); },
    [&st](const carry_out& x) { return st.wait_for(x); },
    [&st](const remove_user_data&) { return st.remove_all(); },
    [&st](atom::sweep) { return st.sweep(); },
    [&st](list_part& x) { return st.list(x); },
    [&st](const count_bucket& x) { return st.count(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](const change_mountpath& x) { return st.change(x); },
    [&st](const objects_settled& x) { return st.end_moves(x); },
    [&st](const watch_mountpaths& x) { st.watchers.push_back(x.who); },
    [&st](const mountpath_failed& x) { st.take_out(x); },
    [&st](atom::next) { st.again(); },
    [&st](atom::tick) { st.complete(); },
    [&st](atom::stop) { return st.stop(); },
  };
}

} // namespace

namespace {

uint64_t digest_of(const object_key& x) {
  return disk_digest(x.bucket->ref.bck, x.name);
}

} // namespace

expected<located> target_view::locate(object_key key) const {
  auto digest = digest_of(key);
  auto i = hrw_pick(digests, digest);
  if (i < 0)
    return fail(errc::not_ready, "this node has no usable mountpath");
  auto& mpath = mountpaths[static_cast<size_t>(i)];
  return located{std::move(key), mpath, mpath->shard_of(digest)};
}

std::vector<located> target_view::elsewhere(const object_key& key) const {
  std::vector<located> out;
  auto digest = digest_of(key);
  auto home = hrw_pick(digests, digest);
  for (auto* all : {&mountpaths, &leaving})
    for (size_t i = 0; i < all->size(); ++i)
      if (all == &leaving || static_cast<int>(i) != home)
        out.push_back({key, (*all)[i], (*all)[i]->shard_of(digest)});
  return out;
}

std::vector<located> target_view::everywhere(const object_key& key) const {
  std::vector<located> out;
  auto digest = digest_of(key);
  for (auto* all : {&mountpaths, &leaving})
    for (auto& mp : *all)
      out.push_back({key, mp, mp->shard_of(digest)});
  return out;
}

std::vector<located>
target_view::copies_at(const object_key& key, unsigned copies) const {
  std::vector<located> out;
  auto digest = digest_of(key);
  auto left = mountpaths;
  auto weights = digests;
  for (unsigned n = 0; n < copies && !left.empty(); ++n) {
    auto i = hrw_pick(weights, digest);
    if (n > 0)
      out.push_back({key, left[static_cast<size_t>(i)],
                     left[static_cast<size_t>(i)]->shard_of(digest)});
    left.erase(left.begin() + i);
    weights.erase(weights.begin() + i);
  }
  return out;
}

bool target_view::places(const storage::mountpath& mp,
                         const object_key& key) const {
  auto i = hrw_pick(digests, digest_of(key));
  return i >= 0 && mountpaths[static_cast<size_t>(i)]->disk.get() == &mp;
}

const mpath_info* target_view::left_behind(const object_key& key) const {
  std::optional<uint64_t> digest;
  for (auto& m : volume->mountpaths) {
    if (!m.left_behind || AIS_MUTANT("left-behind-denied"))
      continue;
    if (!digest)
      digest = digest_of(key);
    std::vector<uint64_t> then{placement_digest(m.path)};
    for (auto& path : m.beside)
      then.push_back(placement_digest(path));
    if (hrw_pick(then, *digest) == 0)
      return &m;
  }
  return nullptr;
}

bool may_be_elsewhere(const smap& map, const target_view& view,
                      const object_key& key) {
  return !view.volume->settled
         || (moving(map)
             && !owned_throughout(map, view.node_id,
                                  home_digest(key.bucket->ref.bck, key.name)));
}

target_actor spawn_target(caf::actor_system& sys, const target_config& config,
                          std::shared_ptr<board<target_view>> shown) {
  return spawn_plain(sys, config.env, target, config, std::move(shown));
}

} // namespace ais
