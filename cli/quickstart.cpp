// ais quickstart: a node on this machine, with one command.
#include "cli/context.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience = 60s; ///< for a start or a stop

/// Beside this program, beside its directory (a build), or in PATH.
std::string find_aisnode() {
  std::error_code ec;
  auto here = fs::read_symlink("/proc/self/exe", ec).parent_path();
  for (auto& path : {here / "aisnode", here / ".." / "http" / "aisnode"})
    if (::access(path.c_str(), X_OK) == 0)
      return fs::canonical(path, ec).string();
  auto* list = std::getenv("PATH");
  std::string rest = list ? list : "";
  while (!rest.empty()) {
    auto colon = rest.find(':');
    auto path = rest.substr(0, colon) + "/aisnode";
    if (::access(path.c_str(), X_OK) == 0)
      return path;
    rest = colon == rest.npos ? "" : rest.substr(colon + 1);
  }
  throw failure("there is no aisnode beside this program or in PATH: install"
                " it, or build it with ./dev up");
}

std::string directory_of(const arguments& a) {
  auto out = a.get("dir");
  if (out.empty()) {
    auto* home = std::getenv("HOME");
    out = std::string{home ? home : "."} + "/ais-data";
  }
  std::error_code ec;
  return fs::absolute(out, ec).lexically_normal().string();
}

std::string read_line(const std::string& path) {
  std::ifstream in{path};
  std::string out;
  std::getline(in, out);
  return out;
}

/// The node that serves `dir`, if one runs: a pid in a file may be stale.
pid_t running(const std::string& dir) {
  auto text = read_line(dir + "/quickstart.pid");
  auto pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  if (pid <= 0)
    return 0;
  std::ifstream in{fmt::format("/proc/{}/cmdline", pid), std::ios::binary};
  std::string all{std::istreambuf_iterator<char>{in}, {}};
  auto name = all.substr(0, all.find('\0'));
  auto ours = name.size() >= 7 && name.substr(name.size() - 7) == "aisnode"
              && all.find('\0' + dir + '\0') != all.npos;
  return ours ? pid : 0;
}

bool healthy(const std::string& url) {
  http::client_options options;
  options.connect_timeout = options.idle_timeout = 2s;
  http::client_request req;
  req.url = url + "/v1/health";
  auto reply = http::client{options}.send(req);
  return reply && reply->ok();
}

pid_t start(const std::string& program, const std::string& dir,
            const std::string& port) {
  std::vector<std::string> words{program,       "--dir",      dir,
                                 "--port",      port,         "--port-file",
                                 dir + "/port", "--log-file", dir + "/log"};
  std::vector<char*> argv;
  for (auto& w : words)
    argv.push_back(w.data());
  argv.push_back(nullptr);
  auto errors = dir + "/stderr";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, errors.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  // In a session of its own: the terminal's Ctrl-C is not for it.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  auto code = ::posix_spawn(&pid, program.c_str(), &files, &attributes,
                            argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0)
    throw failure(fmt::format("cannot start {}: {}", program,
                              std::generic_category().message(code)));
  return pid;
}

void say_next(const std::string& url, const std::string& dir) {
  auto endpoint = url == "http://127.0.0.1:8080"
                    ? ""
                    : fmt::format("  export AIS_ENDPOINT={}\n", url);
  say(fmt::format("endpoint   {0}\n"
                  "data       {1}   (log: {1}/log)\n"
                  "stop       ais quickstart --stop --dir {1}\n\n"
                  "try next\n{2}"
                  "  ais create ais://hello\n"
                  "  ais put /etc/hostname ais://hello\n"
                  "  ais ls ais://hello\n"
                  "  ais show cluster",
                  url, dir, endpoint));
}

void stop(const std::string& dir) {
  auto pid = running(dir);
  if (pid == 0) {
    say(fmt::format("no node runs in {}", dir));
    return;
  }
  if (::kill(pid, SIGTERM) != 0)
    throw failure(fmt::format("cannot stop the node, pid {}: {}", pid,
                              std::generic_category().message(errno)));
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (running(dir) != 0) {
    ::waitpid(pid, nullptr, WNOHANG);
    if (std::chrono::steady_clock::now() > deadline)
      throw failure(
        fmt::format("the node, pid {}, does not stop: see {}/log", pid, dir));
    std::this_thread::sleep_for(20ms);
  }
  std::error_code ec;
  fs::remove(dir + "/quickstart.pid", ec);
  say("stopped");
}

void quickstart(context&, const arguments& a) {
  auto dir = directory_of(a);
  if (a.has("stop"))
    return stop(dir);
  if (running(dir) != 0) {
    auto url = "http://127.0.0.1:" + read_line(dir + "/port");
    say(fmt::format("the node already runs\n"));
    return say_next(url, dir);
  }
  auto program = find_aisnode();
  std::error_code ec;
  fs::create_directories(dir, ec);
  if (ec || ::access(dir.c_str(), W_OK) != 0)
    throw failure(fmt::format("cannot write to {}: check its owner and"
                              " permissions, or choose another with --dir",
                              dir));
  fs::remove(dir + "/port", ec);
  auto pid = start(program, dir, std::to_string(a.number("port", 8080)));
  std::ofstream{dir + "/quickstart.pid"} << pid << '\n';
  auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto port = read_line(dir + "/port");
    if (!port.empty() && healthy("http://127.0.0.1:" + port))
      return say_next("http://127.0.0.1:" + port, dir);
    if (::waitpid(pid, nullptr, WNOHANG) == pid)
      throw failure(
        fmt::format("the node did not start: {}", read_line(dir + "/stderr")));
    if (std::chrono::steady_clock::now() > deadline)
      throw failure(fmt::format("the node does not answer: see {}/log", dir));
    std::this_thread::sleep_for(20ms);
  }
}

} // namespace

command quickstart_command() {
  command c;
  c.name = "quickstart";
  c.summary = "start a node on this machine and say what to try";
  c.run = quickstart;
  c.flags = {{"dir", "", value_kind::text, "DIR",
              "configuration and data [$HOME/ais-data]"},
             {"port", "", value_kind::number, "N",
              "to listen on, of the loopback; 0 for any [8080]"},
             {"stop", "", value_kind::nothing, "", "stop it"}};
  c.examples = {"ais quickstart", "ais quickstart --stop"};
  return c;
}

} // namespace ais::cli
