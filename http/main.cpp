// aisnode: one process, one actor system, one node.
#include "actors/base/setup.hpp"
#include "http/client.hpp"
#include "http/command_line.hpp"
#include "http/courier.hpp"
#include "http/edge.hpp"
#include "http/intra.hpp"
#include "http/networks.hpp"
#include "http/reload.hpp"
#include "http/server.hpp"
#include "http/service_manager.hpp"
#include "http/v1/informant.hpp"
#include "storage/base/log.hpp"
#include "storage/base/metrics.hpp"
#include "storage/posix_disk.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

/// Exit codes.
constexpr int failed_to_run = 1;
constexpr int wrong_settings = 2;

/// Of threads that work for jobs.
constexpr int job_niceness = 10;

/// A sentence for the person who started us, then the exit code.
int refuse(const std::string& text, int code = failed_to_run) {
  std::fprintf(stderr, "aisnode: %s\n", text.c_str());
  return code;
}

int refuse(const error& e) {
  return refuse(message_of(e),
                e == errc::invalid_argument ? wrong_settings : failed_to_run);
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

/// What mends a failure of a disk at the start.
std::string hint_of(const error& e) {
  if (e == errc::no_space)
    return ": free some space there, or give this node other directories with"
           " --dir and --mountpath";
  return ": check that its disk is there, who owns it and who may write, or"
         " give this node other directories with --dir and --mountpath";
}

/// Holds a directory for this process alone, until it ends.
expected<int> lock_directory(const std::string& path) {
  if (auto ok = storage::make_dirs(storage::posix_disk(), path); !ok)
    return fail(errc::io_error, "cannot use directory " + path + ": "
                                  + message_of(ok.error())
                                  + hint_of(ok.error()));
  auto file = path + "/.ais.lock";
  auto fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(errc::io_error,
                "cannot write to directory " + path + ": "
                  + std::strerror(errno)
                  + hint_of(errno == ENOSPC ? errc::no_space : errc::io_error));
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
  env.served = [] {
    uint64_t all = 0;
    auto sums = stat_sums();
    for (auto x : {ais::stat::get_n, ais::stat::put_n, ais::stat::head_n,
                   ais::stat::del_n, ais::stat::append_n})
      all += sums[static_cast<size_t>(x)];
    return all;
  };
  env.give_way = [] {
    // Of this thread alone. Who may not be nice is as he was.
    ::setpriority(PRIO_PROCESS, 0, job_niceness);
  };
  return env;
}

/// The addresses of this node, by which it will be known.
expected<http::networks>
networks_of(const http::node_settings& args, uint16_t port) {
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

/// Waits for signals, which all threads block.
class signal_thread {
public:
  /// @param to  gets atom::stop
  /// @param reload  called for SIGHUP, on a thread of its own
  signal_thread(const sigset_t& which, caf::actor to,
                std::function<void()> reload)
    : thread_{[which, to = std::move(to), reload = std::move(reload), this] {
        int signal = 0;
        while (!over_ && sigwait(&which, &signal) == 0) {
          if (over_)
            break;
          if (signal == SIGHUP) {
            reload();
            continue;
          }
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

/// The same, waiting for a cluster that is about to start. errc::conflict: we
/// were asked to stop meanwhile.
expected<smap_ptr> wait_for_members(const std::string& url) {
  sigset_t stopping;
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGTERM);
  sigaddset(&stopping, SIGINT);
  timespec pause{0, 500'000'000};
  for (int tries = 0;; ++tries) {
    auto found = members_at(url);
    if (found || found.error() == errc::invalid_argument || tries == 60)
      return found;
    if (tries == 0)
      log_info("waiting for the cluster: " + message_of(found.error()));
    if (sigtimedwait(&stopping, nullptr, &pause) > 0)
      return fail(errc::conflict, "asked to stop");
  }
}

/// The mountpaths of a target, absolute.
expected<std::vector<std::string>>
mountpaths_of(const http::node_settings& args, const std::string& dir) {
  std::vector<std::string> out;
  for (auto& [path, label] : args.mountpaths)
    out.push_back(absolute(path));
  if (out.empty() && args.role != "proxy")
    out.push_back(dir + "/mp1");
  for (size_t i = 0; i < out.size(); ++i)
    for (size_t n = 0; n < out.size(); ++n)
      if (i != n && (out[n] + '/').rfind(out[i] + '/', 0) == 0)
        return fail(errc::invalid_argument,
                    "mountpaths must not be equal or inside each other: "
                      + out[i] + " and " + out[n]);
  return out;
}

/// Writes the port, for whoever started us with port 0.
expected<void> write_port(const std::string& path, uint16_t port) {
  if (path.empty())
    return caf::unit;
  std::ofstream out{path};
  out << port << '\n' << std::flush;
  if (!out)
    return fail(errc::io_error, "cannot write the port to " + path
                                  + ": check that its directory exists and who"
                                    " may write there");
  return caf::unit;
}

/// Blocks the signals that a thread of ours waits for.
sigset_t block_signals() {
  sigset_t out;
  sigemptyset(&out);
  for (auto signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&out, signal);
  pthread_sigmask(SIG_BLOCK, &out, nullptr);
  return out;
}

/// @param reload  knows where the settings are from
int run(const http::node_settings& args, http::reloader reload) {
  // Blocked in all threads, so that only one sees them: before any starts.
  auto signals = block_signals();
  auto dir = absolute(args.dir);
  auto is_target = args.role != "proxy";
  auto mountpaths = mountpaths_of(args, dir);
  if (!mountpaths)
    return refuse(mountpaths.error());
  auto ran_before = ::access((dir + "/.ais.lock").c_str(), F_OK) == 0;
  for (auto& path : *mountpaths) { // held until we end
    auto fd = lock_directory(path);
    // A disk that died keeps nobody from the others: the target takes it out.
    if (!fd
        && (fd.error() == errc::busy || !ran_before || mountpaths->size() == 1))
      return refuse(fd.error());
  }
  if (auto fd = lock_directory(dir); !fd)
    return refuse(fd.error());
  http::tls_context tls;
  if (args.tls.any()) {
    auto loaded = http::load_tls(args.tls);
    if (!loaded)
      return refuse(loaded.error());
    tls = std::move(*loaded);
  }
  // Absolute, for a reload.
  auto log_file = args.log_file.empty() ? "" : absolute(args.log_file);
  if (auto ok = open_log(log_file); !ok)
    return refuse(ok.error());
  http::apply_live(args);
  reload.tls = tls;
  reload.certificates = args.tls;
  reload.s3_file = dir + '/' + std::string{http::s3::access_file};

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
  shared->log_file = log_file;
  shared->dir = dir;
  shared->relay = args.no_redirect;
  shared->s3_redirect = args.s3_redirect;
  shared->s3_domains = args.s3_domains;
  shared->s3_region = args.s3_region;
  shared->mountpaths = *mountpaths;
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
  options.lims.slow_seconds = args.slow_seconds;
  http::server server{options, [&](http::worker& w) {
                        return std::make_unique<http::edge>(sys, w, shared);
                      }};
  if (auto ok = server.start(); !ok)
    return refuse(ok.error());

  node_config config;
  config.env = shared->env;
  config.dir = dir;
  config.mountpaths = *mountpaths;
  for (auto& [path, label] : args.mountpaths)
    config.labels.emplace(absolute(path), label);
  config.first_config = args.first_config;
  config.proxy = args.role != "target";
  config.target = is_target;
  config.electable = !args.non_electable;
  config.standby = args.standby;
  auto nets = networks_of(args, server.port());
  if (!nets) {
    server.stop();
    return refuse(nets.error());
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
    data.give_way = config.env.give_way;
    courier = std::make_unique<http::tcp_courier>(sys, data);
    if (auto ok = courier->start(); !ok) {
      server.stop();
      return refuse(ok.error());
    }
    config.courier = courier->actor();
  }
  config.connector = others.connector();
  shared->scout = http::spawn_scout(sys);
  config.informant = http::v1::spawn_informant(sys, shared);
  config.lifecycle_day = args.lifecycle_day;
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
      if (via.error() == errc::conflict)
        return 0;
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
    std::atomic<bool> ready{false}; // as the service manager knows it
    auto reload_now = [&] {
      if (ready)
        http::notify_reloading();
      reload.run();
      if (ready)
        http::notify_service_manager("READY=1");
    };
    signal_thread waiting{signals, me, reload_now};
    start(sys, node, me);
    auto over = false;
    auto tell_ready = [&](const std::string& status) {
      http::notify_service_manager("READY=1\nSTATUS=" + status);
      ready = true;
    };
    if (args.standby && !(known && *known))
      tell_ready("waiting to be invited");
    self->receive_while([&] { return !over && !failed; })(
      [&](const node_handles& x) {
        shared->handles.show(std::make_shared<const node_handles>(x));
        if (auto ok = write_port(args.port_file, server.port()); !ok) {
          failed = ok.error();
          return;
        }
        log_info("serving " + config.pub.url()
                 + (args.clustered()
                      ? ", other nodes at " + config.control.url()
                          + " and (data) " + config.data.url()
                      : std::string{}));
        tell_ready("serving " + config.pub.url());
      },
      [&](const error& e) { failed = e; }, [&](atom::stop) { over = true; });
  }
  http::notify_service_manager("STOPPING=1\nSTATUS=stopping");
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
    return refuse(message_of(failed)
                  + (failed == errc::no_space ? hint_of(failed) : ""));
  log_info("stopped");
  flush_log();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  auto line = http::parse_command_line(argc, argv);
  if (!line)
    return refuse(line.error());
  auto show = [](const std::string& text) {
    return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0;
  };
  if (line->what == http::wanted::help)
    return show(http::settings_help());
  if (line->what == http::wanted::reference)
    return show(http::settings_reference());
  if (line->what == http::wanted::version)
    return show("aisnode " AIS_VERSION "\n");
  auto file = line->config_file.empty() ? "" : absolute(line->config_file);
  auto values = http::load_settings(file, line->options);
  if (!values)
    return refuse(values.error());
  if (line->what == http::wanted::settings)
    return show(http::settings_file(*values));
  return run(*http::settings_of(*values),
             {file, line->options, *values, {}, {}, {}});
}
