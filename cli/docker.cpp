#include "cli/docker.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 1s;

/// Starts `docker ps`, which writes the images of what runs to `out`.
/// @returns 0: it cannot be started.
pid_t start_docker_ps(int out) {
  std::array<std::string, 4> words{"docker", "ps", "--format", "{{.Image}}"};
  std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(),
                            words[3].data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  auto code
    = ::posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  return code == 0 ? pid : 0;
}

/// Reads to the end of `in`. @returns false if that does not come in time.
bool read_all(int in, std::string& out) {
  std::array<char, 4096> part;
  auto until = clock::now() + patience;
  for (;;) {
    auto left = std::max<clock::duration>(until - clock::now(), 0ms);
    pollfd p{in, POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(left / 1ms)) <= 0)
      return false;
    auto n = ::read(in, part.data(), part.size());
    if (n <= 0)
      return n == 0;
    out.append(part.data(), static_cast<size_t>(n));
  }
}

} // namespace

bool docker_cluster_runs() {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return false;
  auto pid = start_docker_ps(ends[1]);
  ::close(ends[1]);
  std::string images;
  auto complete = pid && read_all(ends[0], images);
  ::close(ends[0]);
  if (!pid)
    return false;
  if (!complete)
    ::kill(pid, SIGKILL);
  auto status = -1;
  ::waitpid(pid, &status, 0);
  // "aistore", "aistorage/cluster-minimal:latest", "registry/aistore:1".
  return complete && status == 0 && images.find("aistor") != images.npos;
}

} // namespace ais::cli
