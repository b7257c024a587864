#include "actors/node/node.hpp"

#include "storage/base/log.hpp"
#include "storage/base/units.hpp"

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto load_timeout = 30s;
constexpr auto target_start_timeout = 600s;
constexpr auto target_stop_timeout = 60s;

/// Who this node is, kept as metadata of kind "node".
struct identity {
  std::string proxy_id;
  std::string target_id;
  std::string cluster;
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
  auto cluster = text_member(*o, "cluster");
  if (!proxy || !target || !cluster || proxy->empty() || target->empty()
      || cluster->empty())
    return fail(errc::integrity, "the node's identity is incomplete");
  return identity{*proxy, *target, *cluster};
}

std::string to_text(const identity& x) {
  return to_pretty_text(json::object{{"proxy_id", x.proxy_id},
                                     {"target_id", x.target_id},
                                     {"cluster", x.cluster}});
}

struct node_state {
  static inline const char* name = "node";
  using promise = caf::typed_response_promise<node_handles>;

  node_actor::pointer self = nullptr;
  node_config config;
  std::shared_ptr<node_boards> boards;
  identity who;
  vault_actor vault;
  cluster_map_actor map;
  bucket_map_actor buckets;
  cluster_config_actor conf;
  target_actor target;
  proxy_actor proxy;
  summaries_actor jobs;

  // Start-up is a chain: each step calls the next.

  void load_identity(promise answer) {
    vault = spawn_vault(self->system(), config.env,
                        {config.dir + "/conf", config.mountpaths.front()});
    load("node", answer, [this, answer](const std::string& text) {
      if (text.empty())
        return create_identity(answer);
      auto known = parse_identity(text);
      if (!known)
        return give_up(answer, known.error());
      who = std::move(*known);
      load_map(answer);
    });
  }

  void create_identity(promise answer) {
    who = {make_id(config.env), make_id(config.env), make_id(config.env)};
    self->request(vault, load_timeout, save_meta{"node", 1, to_text(who)})
      .then([this, answer](ack) { load_map(answer); },
            [this, answer](error& e) { give_up(answer, e); });
  }

  void load_map(promise answer) {
    load("smap", answer, [this, answer](const std::string& text) {
      auto next = std::make_shared<smap>();
      uint64_t base = 0;
      if (!text.empty()) {
        auto known = parse_smap(text);
        if (!known)
          return give_up(answer, known.error());
        if ((*known)->uuid != who.cluster) {
          return give_up(answer,
                         fail(errc::integrity,
                              "cluster integrity error cie#50: the cluster map"
                              " is of cluster "
                                + (*known)->uuid + ", this node is of "
                                + who.cluster));
        }
        *next = **known;
        base = next->version;
      } else {
        next->uuid = who.cluster;
        next->created = format_rfc3339(config.env.wall_ns());
      }
      describe_self(*next);
      next->version = base + 1;
      auto& sys = self->system();
      auto before = std::make_shared<smap>(*next);
      before->version = base;
      map = sys.spawn(owner<smap>, smap_ptr{before}, vault, boards->map);
      self
        ->request(map, load_timeout, replace<smap>{base, smap_ptr{next}, false})
        .then([this, answer](smap_ptr&) { load_config(answer); },
              [this, answer](error& e) { give_up(answer, e); });
    });
  }

  void describe_self(smap& x) const {
    snode p{who.proxy_id,   node_role::proxy, config.address,
            config.address, config.address,   snode_ic_member};
    snode t{who.target_id,  node_role::target, config.address,
            config.address, config.address,    0};
    x.proxies = {{p.id, p}};
    x.targets = {{t.id, t}};
    x.primary = p.id;
  }

  void load_config(promise answer) {
    load("conf", answer, [this, answer](const std::string& text) {
      auto first = std::make_shared<cluster_config>();
      first->uuid = who.cluster;
      cluster_config_ptr boot = first;
      if (!text.empty()) {
        auto known = parse_cluster_config(text);
        if (!known)
          return give_up(answer, known.error());
        boot = *known;
      }
      conf = self->system().spawn(owner<cluster_config>, boot, vault,
                                  boards->config);
      load_buckets(answer);
    });
  }

  void load_buckets(promise answer) {
    load("bmd", answer, [this, answer](const std::string& text) {
      auto first = std::make_shared<bmd>();
      first->uuid = who.cluster;
      bmd_ptr boot = first;
      if (!text.empty()) {
        auto known = parse_bmd(text);
        if (!known)
          return give_up(answer, known.error());
        boot = *known;
      }
      buckets = self->system().spawn(owner<bmd>, boot, vault, boards->buckets);
      start_target(boot, answer);
    });
  }

  void start_target(const bmd_ptr& known, promise answer) {
    target_config c;
    c.env = config.env;
    c.node_id = who.target_id;
    c.mountpaths = config.mountpaths;
    c.shards = config.shards;
    c.cached_leases = config.cached_leases;
    target = spawn_target(self->system(), c, boards->target);
    reconcile req;
    for (auto& [which, b] : known->buckets)
      req.buckets.push_back(b->ref);
    self->request(target, target_start_timeout, req)
      .then([this, answer](ack) { activate(answer); },
            [this, answer](error& e) { give_up(answer, e); });
  }

  void activate(promise answer) {
    auto& sys = self->system();
    proxy = spawn_proxy(sys, {config.env, buckets, conf, {target}});
    jobs = spawn_summaries(sys, config.env, boards->target);
    boards->started_ns = config.env.wall_ns();
    boards->state |= state_cluster_started | state_node_started;
    log_info("node active: p[" + who.proxy_id + "] t[" + who.target_id
             + "] cluster " + who.cluster);
    answer.deliver(node_handles{who.proxy_id, who.target_id, proxy, jobs});
  }

  template <class F>
  void load(const char* kind, promise answer, F f) {
    self->request(vault, load_timeout, load_meta{kind})
      .then([f](loaded_meta& x) mutable { f(x.json); },
            [this, answer](error& e) { give_up(answer, e); });
  }

  void give_up(promise answer, const error& why) {
    log_error("the node cannot start: " + message_of(why));
    answer.deliver(why);
  }

  caf::result<ack> stop() {
    auto answer = self->make_response_promise<ack>();
    boards->state = 0;
    auto rest = [this, answer]() mutable {
      stop_one(jobs);
      stop_one(proxy);
      stop_one(buckets);
      stop_one(conf);
      stop_one(map);
      stop_one(vault);
      answer.deliver(ack{});
      self->quit();
    };
    if (!target) {
      rest();
      return answer;
    }
    self->request(target, target_stop_timeout, atom::stop_v)
      .then(
        [this, rest](ack) mutable {
          stop_one(target);
          rest();
        },
        [this, rest](error& e) mutable {
          log_warning("the target did not stop cleanly: " + message_of(e));
          stop_one(target);
          rest();
        });
    return answer;
  }

  template <class Handle>
  void stop_one(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::user_shutdown);
    x = nullptr;
  }
};

node_actor::behavior_type
node(node_actor::stateful_pointer<node_state> self, node_config config,
     std::shared_ptr<node_boards> boards) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.boards = std::move(boards);
  return {
    [&st](atom::start) -> caf::result<node_handles> {
      auto answer = st.self->make_response_promise<node_handles>();
      st.load_identity(answer);
      return answer;
    },
    [&st](atom::stop) { return st.stop(); },
  };
}

} // namespace

node_actor spawn_node(caf::actor_system& sys, const node_config& config,
                      std::shared_ptr<node_boards> boards) {
  return sys.spawn(node, config, std::move(boards));
}

} // namespace ais
