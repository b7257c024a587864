// aisnode: one process, one actor system, one node.
#include "actors/base/setup.hpp"
#include "http/client.hpp"
#include "http/courier.hpp"
#include "http/edge.hpp"
#include "http/intra.hpp"
#include "http/networks.hpp"
#include "http/s3/virtual_host.hpp"
#include "http/server.hpp"
#include "http/v1/informant.hpp"
#include "storage/base/log.hpp"
#include "storage/posix_disk.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace ais;

struct arguments {
  std::string dir = "ais-data";
  std::vector<std::string> mountpaths;
  std::string role; ///< empty: both
  std::string join;
  http::network_options net;
  http::tls_files tls; ///< between nodes
  bool non_electable = false;
  bool standby = false;
  bool no_redirect = false;
  bool s3_redirect = false;
  std::vector<std::string> s3_domains;
  /// Whether it is part of a cluster of several processes.
  bool clustered() const {
    return !role.empty() || !join.empty() || net.control_port != 0
           || net.data_port != 0 || !net.control_host.empty()
           || !net.data_host.empty() || tls.any() || standby;
  }
  size_t threads = 0;
  std::string port_file;
  std::string log_file;
};

/// A sentence for the person who started us, then the exit code.
int refuse(const std::string& text) {
  std::fprintf(stderr, "aisnode: %s\n", text.c_str());
  return 1;
}

std::string absolute(const std::string& path) {
  std::string out = path;
  if (path.empty() || path.front() != '/') {
    char cwd[4096];
    if (!::getcwd(cwd, sizeof(cwd)))
      return path;
    out = std::string{cwd} + '/' + path;
  }
  while (out.size() > 1 && out.back() == '/')
    out.pop_back();
  return out;
}

/// Holds a directory for this process alone, until it ends.
expected<int> lock_directory(const std::string& path) {
  if (auto ok = storage::make_dirs(storage::posix_disk(), path); !ok)
    return fail(errc::io_error,
                "cannot use directory " + path + ": " + message_of(ok.error()));
  auto file = path + "/.ais.lock";
  auto fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(errc::io_error, "cannot write to directory " + path
                                  + ": check its owner and permissions");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(
      errc::busy,
      "directory " + path
        + " is in use by another aisnode: stop"
          " that one, or give this one other directories with --dir and"
          " --mountpath");
  return fd;
}

/// Open files are leases and connections: take all that we may have.
size_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

environment real_environment() {
  environment env;
  env.disk = &storage::posix_disk();
  env.wall_ns = [] {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  };
  env.steady_ns = [] {
    return std::chrono::nanoseconds{
      std::chrono::steady_clock::now().time_since_epoch()}
      .count();
  };
  env.random = [] {
    // The kernel's: secrets are made of it.
    uint64_t out = 0;
    if (::getrandom(&out, sizeof(out), 0) != sizeof(out))
      std::abort();
    return out;
  };
  return env;
}

/// The addresses of this node, by which it will be known.
expected<http::networks> networks_of(const arguments& args, uint16_t port) {
  auto wanted = args.net;
  wanted.port = port;
  wanted.alone = !args.clustered();
  return http::choose_networks(wanted, http::find_outward());
}

/// Starts the node; whoever waits in `to` gets its handles, or an error.
void start(caf::actor_system& sys, const node_actor& node,
           const caf::actor& to) {
  sys.spawn(
    [to](caf::event_based_actor* self, const node_actor& x) {
      self->request(x, caf::infinite, atom::start_v)
        .then([self, to](node_handles& y) { self->send(to, std::move(y)); },
              [self, to](error& e) { self->send(to, std::move(e)); });
    },
    node);
}

/// Turns signals, which all threads block, into messages.
class signal_thread {
public:
  signal_thread(const sigset_t& which, caf::actor to)
    : thread_{[which, to = std::move(to), this] {
        int signal = 0;
        while (!over_ && sigwait(&which, &signal) == 0) {
          if (over_)
            break;
          log_info("stopping: "
                   + std::string{signal == SIGTERM ? "SIGTERM" : "SIGINT"});
          caf::anon_send(to, atom::stop_v);
        }
      }} {}
  signal_thread(const signal_thread&) = delete;
  signal_thread& operator=(const signal_thread&) = delete;
  ~signal_thread() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }

private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

void stop(caf::actor_system& sys, const node_actor& node) {
  caf::scoped_actor self{sys};
  self->request(node, std::chrono::minutes{2}, atom::stop_v)
    .receive([](ack) {},
             [](error& e) {
               log_warning("the node did not stop cleanly: " + message_of(e));
             });
}

/// The map of the cluster that answers at `url`.
expected<smap_ptr> members_at(const std::string& url) {
  http::client_options options;
  options.connect_timeout = options.idle_timeout = std::chrono::seconds{5};
  http::client_request req;
  req.url = url + "/v1/daemon?what=smap";
  auto got = http::client{options}.send(req);
  if (!got)
    return got.error();
  if (got->status != 200)
    return fail(errc::not_ready,
                url + " answers HTTP " + std::to_string(got->status));
  auto map = parse_smap(got->body);
  if (!map)
    return with_context(map.error(), url + " is no AIStore cluster");
  if ((*map)->proxies.empty())
    return fail(errc::not_ready, url + " has no cluster yet");
  return *map;
}

/// The same, waiting for a cluster that is about to start.
expected<smap_ptr> wait_for_members(const std::string& url) {
  for (int tries = 0;; ++tries) {
    auto found = members_at(url);
    if (found || found.error() == errc::invalid_argument || tries == 60)
      return found;
    if (tries == 0)
      log_info("waiting for the cluster: " + message_of(found.error()));
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
}

int run(const arguments& args) {
  // Blocked in all threads, so that only one sees them: before any starts.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto dir = absolute(args.dir);
  auto is_target = args.role != "proxy";
  std::vector<std::string> mountpaths;
  for (auto& x : args.mountpaths)
    mountpaths.push_back(absolute(x));
  if (!is_target && !mountpaths.empty())
    return refuse("a proxy has no mountpaths: leave out --mountpath");
  if (is_target && mountpaths.empty())
    mountpaths.push_back(dir + "/mp1");
  for (size_t i = 0; i < mountpaths.size(); ++i)
    for (size_t k = 0; k < mountpaths.size(); ++k)
      if (i != k && (mountpaths[k] + '/').rfind(mountpaths[i] + '/', 0) == 0)
        return refuse("mountpaths must not be equal or inside each other: "
                      + mountpaths[i] + " and " + mountpaths[k]);
  std::vector<int> locks;
  for (auto* list : {&mountpaths}) {
    for (auto& x : *list) {
      auto fd = lock_directory(x);
      if (!fd)
        return refuse(message_of(fd.error()));
      locks.push_back(*fd);
    }
  }
  if (auto fd = lock_directory(dir); !fd)
    return refuse(message_of(fd.error()));
  http::tls_context tls;
  if (args.tls.any()) {
    auto loaded = http::load_tls(args.tls);
    if (!loaded)
      return refuse(message_of(loaded.error()));
    tls = std::move(*loaded);
  }
  open_log(args.log_file.c_str(), log_level::info);

  auto files = raise_file_limit();
  caf::actor_system_config cfg;
  cfg.set("scheduler.policy", caf::atom("sharing"));
  cfg.set("scheduler.max-threads", size_t{1});
  cfg.set("logger.verbosity", caf::atom("quiet"));
  add_message_types(cfg);
  if (args.clustered())
    http::load_middleman(cfg);
  caf::actor_system sys{cfg};

  auto shared = std::make_shared<http::edge_shared>();
  shared->env = real_environment();
  shared->boards = std::make_shared<node_boards>();
  shared->log_file = args.log_file.empty() ? "" : absolute(args.log_file);
  shared->dir = dir;
  shared->relay = args.no_redirect;
  shared->s3_redirect = args.s3_redirect;
  shared->s3_domains = args.s3_domains;
  shared->mountpaths = mountpaths;
  auto threads = args.threads
                   ? args.threads
                   : std::max<size_t>(std::thread::hardware_concurrency(), 1);
  shared->loopback_only = is_loopback(args.net.host);
  shared->leases_per_edge = std::min<size_t>(files / 8 / threads, 16'384);

  http::server::options options;
  options.host = args.net.host;
  options.port = args.net.port;
  options.threads = threads;
  options.lims.connections = std::min<size_t>(files / 4, 10'000);
  http::server server{options, [&](http::worker& w) {
                        return std::make_unique<http::edge>(sys, w, shared);
                      }};
  if (auto ok = server.start(); !ok)
    return refuse(message_of(ok.error()));

  node_config config;
  config.env = shared->env;
  config.dir = dir;
  config.mountpaths = mountpaths;
  config.proxy = args.role != "target";
  config.target = is_target;
  config.electable = !args.non_electable;
  config.standby = args.standby;
  auto nets = networks_of(args, server.port());
  if (!nets) {
    server.stop();
    return refuse(message_of(nets.error()));
  }
  config.pub = nets->pub.shown;
  config.control = nets->control.shown;
  config.data = nets->data.shown;
  http::intra others{sys, tls};
  if (args.clustered()) {
    config.publish =
      [&others, at = nets->control.listen](const caf::strong_actor_ptr& gate) {
        return others.publish(at, gate);
      };
  } else {
    config.publish = [](const caf::strong_actor_ptr&) {
      return expected<void>{caf::unit};
    };
  }
  std::unique_ptr<http::tcp_courier> courier;
  if (args.clustered() && is_target) {
    http::tcp_courier::options data;
    data.listen = nets->data.listen;
    data.tls = tls;
    courier = std::make_unique<http::tcp_courier>(sys, data);
    if (auto ok = courier->start(); !ok) {
      server.stop();
      return refuse(message_of(ok.error()));
    }
    config.courier = courier->actor();
  }
  config.connector = others.connector();
  shared->scout = http::spawn_scout(sys);
  config.informant = http::v1::spawn_informant(sys, shared);
  config.cached_leases = std::min<size_t>(files / 8, 16'384);
  // A node that was in a cluster knows whom to ask; the one at the URL may wait
  // for us.
  auto& disk = storage::posix_disk();
  auto known = storage::exists(disk, dir + "/conf/.ais.state");
  if (!args.join.empty()) {
    auto via
      = known && *known ? members_at(args.join) : wait_for_members(args.join);
    if (!via && !(known && *known)) {
      server.stop();
      return refuse("cannot join: " + message_of(via.error()));
    }
    if (via) {
      for (auto& [id, member] : (*via)->proxies)
        config.join.push_back(member.control);
      config.join_uuid = (*via)->uuid;
    }
  }
  caf::scoped_actor self{sys};
  auto me = caf::actor_cast<caf::actor>(self);
  config.leave = [me] {
    caf::anon_send(me, atom::stop_v);
  };
  auto node = spawn_node(sys, config, shared->boards);
  error failed;
  {
    signal_thread waiting{signals, me};
    start(sys, node, me);
    auto over = false;
    self->receive_while([&] { return !over && !failed; })(
      [&](const node_handles& x) {
        shared->handles.show(std::make_shared<const node_handles>(x));
        if (!args.port_file.empty())
          std::ofstream{args.port_file} << server.port() << '\n';
        log_info("serving " + config.pub.url()
                 + (args.clustered()
                      ? ", other nodes at " + config.control.url()
                          + " and (data) " + config.data.url()
                      : std::string{}));
      },
      [&](const error& e) { failed = e; }, [&](atom::stop) { over = true; });
  }
  server.stop();
  shared->handles.show(std::make_shared<const node_handles>());
  stop(sys, node);
  courier.reset();
  // Whoever answered another node stays in CAF's registry until it exits.
  others.stop();
  caf::anon_send_exit(config.informant, caf::exit_reason::user_shutdown);
  config = node_config{};
  shared->scout = nullptr;
  node = nullptr;
  me = nullptr;
  if (failed)
    return refuse(message_of(failed));
  log_info("stopped");
  flush_log();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"aisnode: an AIStore-compatible object store node (proxy and"
               " target in one process)"};
  arguments args;
  app.add_option("--dir", args.dir, "configuration and, by default, data")
    ->capture_default_str();
  app.add_option("--mountpath", args.mountpaths,
                 "directory (disk) for objects; repeat for several"
                 " [<dir>/mp1]");
  app.add_option("--role", args.role, "proxy or target [both in one process]")
    ->check(CLI::IsMember({"proxy", "target"}));
  app.add_option("--join", args.join,
                 "URL of any node of the cluster to join; without it, a proxy"
                 " starts a cluster of its own");
  app.add_flag("--non-electable", args.non_electable, "never become primary");
  app.add_flag("--standby", args.standby,
               "without a cluster yet, wait until an administrator asks this"
               " node into one");
  app.add_flag("--no-redirect", args.no_redirect,
               "pass requests for objects of other nodes on and their answers"
               " back, instead of redirecting clients");
  app
    .add_option("--s3-domain", args.s3_domains,
                "S3 clients may name buckets as hosts below this domain:"
                " http://BUCKET.DOMAIN/KEY (may be repeated)")
    ->transform([](const std::string& x) {
      auto domain = http::s3::parse_domain(x);
      if (!domain)
        throw CLI::ValidationError(message_of(domain.error()));
      return *domain;
    });
  app.add_flag("--s3-redirect", args.s3_redirect,
               "redirect S3 clients to the node that has the object, instead of"
               " passing their requests on");
  app
    .add_option("--host", args.net.host,
                "IP address to listen on; 0.0.0.0 or :: for all")
    ->capture_default_str();
  app
    .add_option("--port", args.net.port,
                "port to listen on, 0 for any free one")
    ->capture_default_str();
  app.add_option("--advertise", args.net.advertise,
                 "name or address that clients and nodes are told to use [the"
                 " host, or the address that leads outside]");
  app.add_option("--control-host", args.net.control_host,
                 "IP address for messages of other nodes [the host]");
  app.add_option("--control-port", args.net.control_port,
                 "its port, in a cluster [port + 1000]");
  app.add_option("--data-host", args.net.data_host,
                 "IP address for objects from other nodes [the host]");
  app.add_option("--data-port", args.net.data_port,
                 "its port, in a cluster [port + 2000]");
  app.add_option("--tls-cert", args.tls.cert,
                 "PEM file of this node's certificate: nodes speak TLS with"
                 " each other");
  app.add_option("--tls-key", args.tls.key, "PEM file of its key");
  app.add_option("--tls-ca", args.tls.ca,
                 "PEM file of the authority that signed all nodes'");
  app.add_option("--threads", args.threads, "I/O threads [one per core]");
  app.add_option("--port-file", args.port_file,
                 "file to write the port to when ready");
  app.add_option("--log-file", args.log_file, "log here instead of stderr");
  app.set_version_flag("--version", "aisnode " AIS_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  return run(args);
}
