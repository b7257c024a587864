#include "actors/node/node.hpp"

#include "actors/cluster/election.hpp"
#include "actors/cluster/gate.hpp"
#include "actors/node/attendance.hpp"
#include "actors/resilver/resilver.hpp"
#include "actors/xact/lifecycle.hpp"
#include "storage/base/log.hpp"
#include "storage/base/units.hpp"

namespace ais {

namespace {

/// Of shard_config: less than a client notices who comes across one.
constexpr std::chrono::milliseconds job_group_pause{4};

using namespace std::chrono_literals;

constexpr auto load_timeout = 30s;
constexpr auto target_start_timeout = 600s;
constexpr auto target_stop_timeout = 60s;
constexpr auto lease_poll = 20ms;

/// Who this node is, kept as metadata of kind "node". Both ids, whatever the
/// roles of today.
struct identity {
  std::string proxy_id;
  std::string target_id;
};

expected<identity> parse_identity(const std::string& text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  if (!o)
    return fail(errc::integrity, "the node's identity is no object");
  auto proxy = text_member(*o, "proxy_id");
  auto target = text_member(*o, "target_id");
  if (!proxy || !target || proxy->empty() || target->empty())
    return fail(errc::integrity, "the node's identity is incomplete");
  return identity{*proxy, *target};
}

std::string to_text(const identity& x) {
  return to_pretty_text(
    json::object{{"proxy_id", x.proxy_id}, {"target_id", x.target_id}});
}

using extended
  = node_actor::extend<caf::reacts_to<sync_view>, caf::reacts_to<atom::next>,
                       caf::reacts_to<atom::tick>>;

/// Whom METASYNC tells what it shows.
struct audience {
  std::shared_ptr<node_boards> boards;
  local_config_actor local;
  peers_actor peers;
  keepalive_actor keepalive;
  membership_actor membership;
  election_actor election; ///< null without a proxy
  proxy_actor proxy;
  target_actor target;             ///< null without
  xactions_actor xactions;         ///< the same
  lifecycle_clock_actor lifecycle; ///< the same
  rebalance_actor rebalance;       ///< the same
  resilver_actor resilver;         ///< the same
  attendance_actor attendance;     ///< the same
  caf::strong_actor_ptr node;

  void tell(const sync_view& x) {
    // Who decides alone needs nobody's beats to serve; keepalive narrows it
    // when others can take over.
    if (x.primary && !electorate_of(*x.accepted->map).sole.empty())
      boards->gate_fence->open_until(fence::always);
    auto old = boards->sync->read()->state;
    // First what shards look at: whoever acts on the new state finds that they
    // know who owns what.
    if (old->map != x.state->map)
      boards->map->show(x.state->map);
    boards->sync->show(std::make_shared<const sync_view>(x));
    if (old->config != x.state->config) {
      boards->config->show(x.state->config);
      caf::anon_send(local, x.state->config);
    }
    if (!target && old->buckets != x.state->buckets)
      boards->buckets->show(x.state->buckets);
    caf::anon_send(peers, x);
    caf::anon_send(keepalive, x);
    caf::anon_send(membership, x);
    caf::anon_send(proxy, x);
    if (election)
      caf::anon_send(election, x);
    if (target)
      caf::anon_send(target, x);
    if (rebalance)
      caf::anon_send(rebalance, x);
    if (attendance)
      caf::anon_send(attendance, x);
    caf::anon_send(caf::actor_cast<caf::actor>(node), x);
  }
};

struct node_state {
  static inline const char* name = "node";
  using promise = caf::typed_response_promise<node_handles>;

  extended::pointer self = nullptr;
  node_config config;
  std::shared_ptr<node_boards> boards;
  identity who;
  uint64_t promised = 0;
  overrides own;
  vault_actor vault;
  volume known_volume;  ///< the target's mountpaths, as they were
  std::string copy_at;  ///< where the second copy was; empty: not known
  std::string copy_dir; ///< where it is now
  metasync_actor metasync;
  gate_actor gate;
  mover_actor mover;     ///< null without a target
  remover_actor remover; ///< the same
  std::shared_ptr<audience> others;
  summaries_actor jobs;
  promise starting;
  bool target_started = false;
  bool serving = false; ///< started
  bool stopping = false;
  stamp dismissed_at; ///< what we showed when we were; none: never

  // Start-up is a chain: each step calls the next.

  void open_vault() {
    vault = spawn_vault(self->system(), config.env, config.dir + "/conf");
    // Where the second copy of all is, the first one tells.
    self->request(vault, load_timeout, load_meta{"mountpaths"})
      .then(
        [this](loaded_meta& x) {
          auto parsed = parse_volume(x.json);
          if (!parsed || x.json.empty())
            return look_for_copy(parsed ? error{} : parsed.error());
          known_volume = std::move(*parsed);
          copy_at = known_volume.copy_at;
          keep_copy_somewhere();
        },
        [this](const error& e) { look_for_copy(e); });
  }

  /// The first copy is new, lost, or damaged (`why`): then the second one tells
  /// who we are.
  void look_for_copy(const error& why) {
    find_copy where;
    if (config.target)
      where.dirs = config.mountpaths;
    where.dirs.push_back(config.dir + "/conf.copy");
    self->request(vault, load_timeout, std::move(where))
      .then(
        [this, why](const found_copy& x) {
          if (why && x.dir.empty())
            return give_up(why);
          copy_at = x.dir;
          keep_copy_somewhere();
        },
        [this](error& e) { give_up(e); });
  }

  void keep_copy_somewhere() {
    std::vector<std::string> dirs;
    for (auto& m : known_volume.mountpaths)
      if (m.state == mpath_state::enabled)
        dirs.insert(m.path == copy_at ? dirs.begin() : dirs.end(), m.path);
    if (config.target && dirs.empty())
      dirs.push_back(copy_at.empty() ? config.mountpaths.front() : copy_at);
    dirs.push_back(config.dir + "/conf.copy");
    keep_copy_at(std::move(dirs));
  }

  /// In the first one that can take it.
  void keep_copy_at(std::vector<std::string> dirs) {
    copy_dir = dirs.front();
    dirs.erase(dirs.begin());
    auto current = copy_at.empty() || copy_dir == copy_at;
    self->request(vault, load_timeout, keep_copy{copy_dir, {}, current})
      .then([this](ack) { load_volume(); },
            [this, dirs](error& e) {
              if (dirs.empty())
                return give_up(e);
              log_warning("no second copy of the metadata at " + copy_dir + ": "
                          + message_of(e));
              keep_copy_at(dirs);
            });
  }

  void load_volume() {
    load("mountpaths", [this](const std::string& text) {
      auto parsed = parse_volume(text);
      if (!parsed)
        return give_up(parsed.error());
      known_volume = std::move(*parsed);
      note_copy();
    });
  }

  /// Tells on the disk where the second copy is now, if it has just moved:
  /// what is saved from here on is not where the volume says.
  void note_copy() {
    if (known_volume.version == 0 || known_volume.copy_at == copy_dir)
      return load_identity();
    known_volume.copy_at = copy_dir;
    ++known_volume.version;
    self
      ->request(
        vault, load_timeout,
        save_meta{"mountpaths", known_volume.version, to_text(known_volume)})
      .then([this](ack) { load_identity(); }, [this](error& e) { give_up(e); });
  }

  void load_identity() {
    load("node", [this](const std::string& text) {
      if (text.empty())
        return create_identity();
      auto known = parse_identity(text);
      if (!known)
        return give_up(known.error());
      who = std::move(*known);
      load_promise();
    });
  }

  void create_identity() {
    who = {make_id(config.env), make_id(config.env)};
    self->request(vault, load_timeout, save_meta{"node", 1, to_text(who)})
      .then([this](ack) { load_promise(); }, [this](error& e) { give_up(e); });
  }

  void load_promise() {
    load("epoch", [this](const std::string& text) {
      promised = std::strtoull(text.c_str(), nullptr, 10);
      load_overrides();
    });
  }

  void load_overrides() {
    load("override", [this](const std::string& text) {
      auto known = parse_overrides(text);
      if (!known)
        return give_up(known.error());
      own = std::move(*known);
      load_state();
    });
  }

  void load_state() {
    load("state", [this](const std::string& text) {
      auto begins = text.empty() && config.join.empty() && !config.standby;
      if (config.first_config && !begins)
        log_info("the cluster's configuration in the settings is not used: it"
                 " is for a new cluster, this one has its own");
      if (text.empty())
        return spawn_all(begins ? first_state()
                                : std::make_shared<cluster_state>());
      auto known = parse_cluster_state(text);
      if (!known)
        return give_up(known.error());
      if (!config.join_uuid.empty() && (*known)->uuid() != config.join_uuid)
        return give_up(
          fail(errc::integrity,
               "cluster integrity error cie#80: this node is of cluster "
                 + (*known)->uuid() + ", the one to join is " + config.join_uuid
                 + ": leave out --join, or start with an empty --dir (and empty"
                   " mountpaths)"));
      spawn_all(*known);
    });
  }

  /// Of a cluster that begins with this node.
  cluster_state_ptr first_state() const {
    auto map = std::make_shared<smap>();
    auto buckets = std::make_shared<bmd>();
    auto conf = std::make_shared<cluster_config>();
    if (config.first_config)
      conf->values = config.first_config->values;
    map->uuid = buckets->uuid = conf->uuid = make_id(config.env);
    map->created = format_rfc3339(config.env.wall_ns());
    for (auto& x : nodes())
      (x.role == node_role::proxy ? map->proxies : map->targets)[x.id] = x;
    map->primary = who.proxy_id;
    place_anew(*map, false);
    auto out = std::make_shared<cluster_state>();
    out->map = map;
    out->buckets = buckets;
    out->config = conf;
    return out;
  }

  /// What this process is in the map.
  std::vector<snode> nodes() const {
    std::vector<snode> out;
    if (config.proxy)
      out.push_back({who.proxy_id, node_role::proxy, config.pub, config.control,
                     config.data, config.electable ? 0 : snode_non_electable});
    if (config.target)
      out.push_back({who.target_id, node_role::target, config.pub,
                     config.control, config.data, 0});
    return out;
  }

  std::vector<std::string> seats() const {
    std::vector<std::string> out;
    for (auto& x : nodes())
      out.push_back(x.id);
    return out;
  }

  void spawn_all(cluster_state_ptr known) {
    auto& sys = self->system();
    auto& env = config.env;
    auto& peer_board = boards->peers;
    boards->own->show(std::make_shared<const std::vector<snode>>(nodes()));
    others = std::make_shared<audience>();
    others->boards = boards;
    others->node = caf::actor_cast<caf::strong_actor_ptr>(self);
    metasync
      = spawn_metasync(sys, {env, seats(), vault, known, promised, peer_board,
                             [to = others](const sync_view& x) {
                               to->tell(x);
                             }});
    others->local = spawn_local_config(sys, env, own, vault, boards->local);
    others->peers
      = spawn_peers(sys, {env, seats(), config.connector, peer_board,
                          [to = others](const std::string& id) {
                            caf::anon_send(to->keepalive, peer_lost{id});
                          }});
    others->membership
      = spawn_membership(sys, {env, nodes(), metasync, others->peers,
                               config.connector, peer_board});
    if (config.proxy)
      others->election = spawn_election(sys, {env, who.proxy_id, metasync});
    others->proxy = spawn_proxy(
      sys, {env, metasync, others->peers, config.connector, peer_board});
    if (config.target) {
      auto rebalances = std::make_shared<xact_board>();
      auto resilvers = std::make_shared<xact_board>();
      others->target = spawn_target(sys, target_settings(), boards->target);
      mover = spawn_mover(sys,
                          {env, who.target_id, boards->sync, boards->buckets,
                           boards->target, boards->gate_fence, config.courier});
      others->resilver = spawn_resilver(
        sys, {env, others->target, boards->buckets, boards->target, resilvers});
      others->attendance = spawn_attendance(
        sys, {env, who.target_id, others->proxy, boards->target});
      self->send(others->target,
                 watch_mountpaths{
                   caf::actor_cast<mountpath_watcher>(others->attendance)});
      others->rebalance = spawn_rebalance(
        sys, {env, who.target_id, others->target, mover, boards->map,
              boards->buckets, boards->target, peer_board,
              settler_actor{others->resilver}, rebalances});
      others->xactions = spawn_xactions(sys, {env,
                                              who.target_id,
                                              others->target,
                                              boards->sync,
                                              boards->buckets,
                                              boards->target,
                                              boards->gate_fence,
                                              settler_actor{others->rebalance},
                                              mover,
                                              {rebalances, resilvers},
                                              config.lifecycle_day});
      others->lifecycle = spawn_lifecycle_clock(
        sys, env, boards->buckets, others->xactions, config.lifecycle_day);
      remover = spawn_remover(
        sys, {env, who.target_id, boards->sync, boards->buckets, boards->target,
              boards->gate_fence, settler_actor{others->rebalance}});
    }
    others->keepalive = spawn_keepalive(
      sys, {env, seats(), metasync, peer_board, boards->gate_fence, events()});
    gate = spawn_gate(
      sys, env,
      {seats(),
       [sync = boards->sync] { return sync->read()->accepted->uuid(); },
       metasync, others->keepalive, others->membership, others->proxy,
       dismissed_actor{node_actor{self}}, others->local, config.informant,
       others->target, others->xactions, others->rebalance, remover});
    auto door = caf::actor_cast<caf::strong_actor_ptr>(gate);
    self->send(others->peers, own_gate{door});
    if (auto ok = config.publish(door); !ok)
      return give_up(ok.error());
    self->send(metasync, atom::start_v);
    enter(*known);
  }

  target_config target_settings() const {
    target_config c;
    c.env = config.env;
    c.node_id = who.target_id;
    c.mountpaths = config.mountpaths;
    c.labels = config.labels;
    c.known = known_volume;
    c.vault = vault;
    c.copy_dir = copy_dir;
    c.spare_copy_dir = config.dir + "/conf.copy";
    c.shards = config.shards;
    c.group_pause = job_group_pause;
    c.cached_leases = config.cached_leases;
    c.buckets = boards->buckets;
    c.map = boards->map;
    return c;
  }

  keepalive_events events() {
    auto to = others;
    return {[to] {
              if (to->election)
                caf::anon_send(to->election, atom::start_v);
            },
            [to](const std::string& id, bool silent) {
              caf::anon_send(to->membership, mark_silent{id, silent});
            },
            [to] {
              caf::anon_send(caf::actor_cast<caf::actor>(to->node),
                             atom::next_v);
            }};
  }

  /// Becomes primary of a cluster that needs nobody else for it, or joins.
  void enter(const cluster_state& known) {
    auto alone = electorate_of(*known.map).sole;
    if (config.proxy && alone == who.proxy_id) {
      self->request(metasync, load_timeout, campaign{who.proxy_id})
        .then([this](ack) { describe_self(); },
              [this, map = known.map](error& e) {
                // Others decide with us still, or have a newer state: election
                // tries again when we are connected to them.
                log_info("not elected yet: " + message_of(e));
                join(*map);
              });
      return;
    }
    if (known.uuid().empty() && config.standby) {
      log_info("waiting to be invited: ais cluster add-remove-nodes join "
               + config.pub.host + ':' + std::to_string(config.pub.port));
      return;
    }
    join(*known.map);
  }

  /// Joins where we were told to, or through the nodes we know.
  void join(const smap& known) {
    auto via = config.join;
    for (auto* nodes : {&known.proxies, &known.targets})
      for (auto& [id, node] : *nodes)
        if (node.control != config.control)
          via.push_back(node.control);
    self->request(others->membership, caf::infinite, join_cluster{via})
      .then([](ack) {},
            [this](error& e) {
              // Whoever asked first hears how it ends.
              if (e != errc::busy)
                give_up(e);
            });
  }

  /// The primary does not know us any more: we missed something, or it was
  /// announced that we leave.
  void rejoin() {
    auto& map = *boards->sync->read()->state->map;
    for (auto& x : nodes())
      if (auto* me = map.find(x.id); me && (me->flags & snode_decommission))
        return;
    join(*boards->sync->read()->accepted->map);
  }

  /// As the primary that starts anew: our own entry may have changed.
  void describe_self() {
    auto now = boards->sync->read()->state->map;
    if (*described(*now, nodes()) == *now)
      return;
    self
      ->request(metasync, load_timeout,
                propose{[mine = nodes()](cluster_state& x) -> expected<void> {
                  auto map = described(*x.map, mine);
                  place_anew(*map, !x.buckets->buckets.empty());
                  ++map->version;
                  x.map = map;
                  return caf::unit;
                }})
      .then([](cluster_state_ptr&) {}, [this](error& e) { give_up(e); });
  }

  /// The map with `mine` as they are now.
  static std::shared_ptr<smap>
  described(const smap& x, const std::vector<snode>& mine) {
    auto out = std::make_shared<smap>(x);
    for (auto& node : mine) {
      auto& all = node.role == node_role::proxy ? out->proxies : out->targets;
      auto& at = all[node.id];
      auto kept = at.flags & ~(snode_silent | snode_non_electable);
      at = node;
      at.flags |= kept;
    }
    return out;
  }

  // The first state with us in it starts the target; then we are active.

  void see(const sync_view& x) {
    auto in = x.member && x.state->at > dismissed_at;
    if (serving && in)
      boards->state |= state_cluster_started | state_node_started;
    if (serving && !in)
      boards->state &= ~(state_cluster_started | state_node_started);
    if (!starting.pending() || !x.member)
      return;
    boards->state |= state_cluster_started;
    if (!config.target)
      return activate();
    if (std::exchange(target_started, true))
      return;
    self->request(others->target, target_start_timeout, start_target{x.state})
      .then([this](ack) { activate(); }, [this](error& e) { give_up(e); });
  }

  void activate() {
    if (!starting.pending())
      return;
    // A target is of use once it has its first lease; it gets none while it is
    // in maintenance.
    auto* me = boards->sync->read()->state->map->find(who.target_id);
    auto leased = boards->gate_fence->open(config.env.steady_ns());
    if (config.target && !leased && (!me || active(*me))) {
      self->delayed_send(self, lease_poll, atom::tick_v);
      return;
    }
    auto& sys = self->system();
    jobs = spawn_summaries(sys, config.env, boards->sync, boards->peers);
    boards->started_ns = config.env.wall_ns();
    boards->state |= state_node_started;
    serving = true;
    auto uuid = boards->sync->read()->state->uuid();
    std::string what;
    for (auto& x : nodes())
      what += ' ' + name_of(x);
    log_info("node active:" + what + ", cluster " + uuid);
    starting.deliver(node_handles{config.proxy ? who.proxy_id : std::string{},
                                  config.target ? who.target_id : std::string{},
                                  others->proxy, mover, others->rebalance,
                                  others->local, jobs});
  }

  template <class F>
  void load(const char* kind, F f) {
    self->request(vault, load_timeout, load_meta{kind})
      .then([f](loaded_meta& x) mutable { f(x.json); },
            [this](error& e) { give_up(e); });
  }

  void give_up(const error& why) {
    if (stopping)
      return;
    log_error("the node cannot start: " + message_of(why));
    if (starting.pending())
      starting.deliver(why);
  }

  // Leaving: the user's data, the metadata, the answer, the process.

  caf::result<ack> leave(const dismiss& how) {
    auto uuid = boards->sync->read()->accepted->uuid();
    if (how.cluster != uuid)
      return fail(errc::integrity, "cluster integrity error cie#50: cluster "
                                     + how.cluster + " is not ours, " + uuid);
    log_warning(std::string{"dismissed from the cluster"}
                + (how.forget ? ", forgetting it" : "")
                + (how.rm_user_data ? ", removing all data" : "")
                + (how.stop ? ", stopping" : ""));
    self->send(others->membership, stay_away{});
    dismissed_at = boards->sync->read()->state->at;
    see(*boards->sync->read());
    auto answer = self->make_response_promise<ack>();
    if (!how.rm_user_data || !others->target) {
      forget(how, answer);
      return answer;
    }
    self->request(others->target, target_stop_timeout, remove_user_data{})
      .then([this, how, answer](ack) { forget(how, answer); },
            [answer](error& e) mutable { answer.deliver(std::move(e)); });
    return answer;
  }

  void forget(const dismiss& how, caf::typed_response_promise<ack> answer) {
    std::vector<std::string> kinds;
    if (how.forget)
      kinds.push_back("state");
    if (how.forget && !how.keep_config)
      kinds.push_back("override");
    forget_next(std::move(kinds), how, answer);
  }

  void forget_next(std::vector<std::string> kinds, const dismiss& how,
                   caf::typed_response_promise<ack> answer) {
    if (kinds.empty()) {
      answer.deliver(ack{});
      if (how.stop)
        end_process(how);
      return;
    }
    auto kind = kinds.back();
    kinds.pop_back();
    self->request(vault, vault_timeout, forget_meta{kind, how.stop})
      .then(
        [this, kinds, how, answer](ack) { forget_next(kinds, how, answer); },
        [this, how, answer](error& e) mutable {
          answer.deliver(std::move(e));
          // It has let go of its metadata: the process is of no use any more.
          if (how.stop && config.leave)
            config.leave();
        });
  }

  /// Removed data is off the disks before the process ends.
  void end_process(const dismiss& how) {
    auto go = [this] {
      if (config.leave)
        config.leave();
    };
    if (!how.rm_user_data || !others->target)
      return go();
    self->request(others->target, count_timeout, atom::sweep_v)
      .then([go](ack) { go(); },
            [go](error& e) {
              log_error("cannot empty the trash: " + message_of(e));
              go();
            });
  }

  caf::result<ack> stop() {
    auto answer = self->make_response_promise<ack>();
    stopping = true;
    if (starting.pending())
      starting.deliver(fail(errc::not_ready, "the node was stopped while it"
                                             " started"));
    boards->state = 0;
    auto rest = [this, answer](const error& e) mutable {
      if (e)
        log_warning("the target did not stop cleanly: " + message_of(e));
      stop_all();
      answer.deliver(ack{});
      self->quit();
    };
    if (!others || !others->target) {
      rest({});
      return answer;
    }
    self->request(others->target, target_stop_timeout, atom::stop_v)
      .then([rest](ack) mutable { rest({}); },
            [rest](error& e) mutable { rest(e); });
    return answer;
  }

  void stop_all() {
    stop_one(jobs);
    stop_one(gate);
    if (config.courier)
      self->send(config.courier, receive_streams{});
    stop_one(mover);
    stop_one(remover);
    if (others) {
      stop_one(others->election);
      stop_one(others->membership);
      stop_one(others->keepalive);
      stop_one(others->peers);
      stop_one(others->proxy);
      stop_one(others->lifecycle);
      stop_one(others->xactions);
      stop_one(others->rebalance);
      stop_one(others->resilver);
      stop_one(others->attendance);
      stop_one(others->target);
      stop_one(others->local);
    }
    stop_one(metasync);
    stop_one(vault);
  }

  template <class Handle>
  void stop_one(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::user_shutdown);
  }
};

extended::behavior_type
node(extended::stateful_pointer<node_state> self, node_config config,
     std::shared_ptr<node_boards> boards) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.boards = std::move(boards);
  return {
    [&st](atom::start) -> caf::result<node_handles> {
      st.starting = st.self->make_response_promise<node_handles>();
      auto answer = st.starting;
      st.open_vault();
      return answer;
    },
    [&st](atom::stop) { return st.stop(); },
    [&st](const dismiss& x) { return st.leave(x); },
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::tick) { st.activate(); },
    [&st](atom::next) { st.rejoin(); },
  };
}

} // namespace

node_actor spawn_node(caf::actor_system& sys, const node_config& config,
                      std::shared_ptr<node_boards> boards) {
  return spawn_plain(sys, config.env, node, config, std::move(boards));
}

} // namespace ais
