#include "http/service_manager.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ais::http {

void notify_service_manager(std::string_view assignments) {
  auto* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  auto size = path ? std::strlen(path) : 0;
  if (size < 2 || size >= sizeof(at.sun_path))
    return;
  std::memcpy(at.sun_path, path, size);
  if (at.sun_path[0] == '@')
    at.sun_path[0] = '\0'; // in the abstract namespace
  auto fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  ::sendto(fd, assignments.data(), assignments.size(), MSG_NOSIGNAL,
           reinterpret_cast<sockaddr*>(&at), length);
  ::close(fd);
}

void notify_reloading() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  auto us = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  notify_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

} // namespace ais::http
