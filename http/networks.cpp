#include "http/networks.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <set>
#include <sys/socket.h>
#include <unistd.h>

namespace ais::http {

namespace {

constexpr int control_offset = 1000;
constexpr int data_offset = 2000;
constexpr size_t max_host_bytes = 253;

/// AF_INET, AF_INET6, or 0 for what is no IP address.
int family_of(const std::string& host) {
  in6_addr any{};
  for (auto family : {AF_INET, AF_INET6})
    if (::inet_pton(family, host.c_str(), &any) == 1)
      return family;
  return 0;
}

bool is_wildcard(const std::string& host) {
  in6_addr x{};
  auto family = family_of(host);
  if (family == 0)
    return false;
  ::inet_pton(family, host.c_str(), &x);
  in6_addr zero{};
  return std::equal(x.s6_addr, x.s6_addr + (family == AF_INET ? 4 : 16),
                    zero.s6_addr);
}

bool is_name(const std::string& host) {
  constexpr auto fit = "abcdefghijklmnopqrstuvwxyz"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !host.empty() && host.size() <= max_host_bytes
         && host.find_first_not_of(fit) == std::string::npos;
}

error no_address(const std::string& host, const char* flag) {
  return fail(errc::invalid_argument,
              '"' + host + "\" is not an IP address to listen on: see " + flag);
}

/// What to call a network that listens on `host`.
expected<std::string>
shown_as(const std::string& host, const std::string& advertise,
         const outward& out, const char* flag) {
  if (!advertise.empty()) {
    if (family_of(advertise) == 0 && !is_name(advertise))
      return fail(errc::invalid_argument,
                  '"' + advertise
                    + "\" is no host name or IP address: --advertise takes one"
                      " without scheme, brackets or port");
    if (is_wildcard(advertise))
      return fail(errc::invalid_argument,
                  "nobody can connect to " + advertise
                    + ": give --advertise an address of this machine");
    if (is_loopback(advertise) && !is_loopback(host))
      return fail(errc::invalid_argument,
                  "this node listens on " + host
                    + ", where other machines reach it, but would call itself "
                    + advertise
                    + ": give --advertise an address that leads here from"
                      " elsewhere, or listen with "
                    + flag + " 127.0.0.1");
    return advertise;
  }
  if (!is_wildcard(host))
    return host;
  auto& found
    = family_of(host) == AF_INET6 && !out.v6.empty() ? out.v6 : out.v4;
  if (found.empty())
    return fail(errc::invalid_argument,
                "this node would listen on all addresses (" + host
                  + "), and none of them leads outside: say with --advertise"
                    " which one others shall use, or with "
                  + flag + " on which one to listen");
  return found;
}

expected<uint16_t>
port_of(uint16_t given, uint16_t pub, int offset, const char* flag) {
  if (given)
    return given;
  if (pub + offset > 65535)
    return fail(errc::invalid_argument,
                "port " + std::to_string(pub) + " + " + std::to_string(offset)
                  + " is no port: choose one with " + flag);
  return static_cast<uint16_t>(pub + offset);
}

/// One of the intra-cluster networks.
expected<network>
intra(const network& pub, const std::string& host, uint16_t given, int offset,
      const outward& out, const char* host_flag, const char* port_flag) {
  auto port = port_of(given, pub.listen.port, offset, port_flag);
  if (!port)
    return port.error();
  if (host.empty())
    return network{{pub.listen.host, *port}, {pub.shown.host, *port}};
  if (family_of(host) == 0)
    return no_address(host, host_flag);
  auto shown = shown_as(host, {}, out, host_flag);
  if (!shown)
    return shown.error();
  return network{{host, *port}, {*shown, *port}};
}

/// Two that cannot both listen.
bool collide(const net_info& a, const net_info& b) {
  return a.port == b.port
         && (a.host == b.host || is_wildcard(a.host) || is_wildcard(b.host));
}

/// Where the kernel would send from, towards `somewhere`.
std::string source_towards(int family, const char* somewhere) {
  sockaddr_storage at{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(at);
    v4 = {AF_INET, htons(9), {}, {}};
    ::inet_pton(family, somewhere, &v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
    v6 = {AF_INET6, htons(9), 0, {}, 0};
    ::inet_pton(family, somewhere, &v6.sin6_addr);
    size = sizeof(sockaddr_in6);
  }
  // Connecting a datagram socket only looks up the route.
  auto fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return {};
  auto* address = reinterpret_cast<sockaddr*>(&at);
  auto ok = ::connect(fd, address, size) == 0
            && ::getsockname(fd, address, &size) == 0;
  ::close(fd);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes
    = family == AF_INET
        ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(at).sin_addr)
        : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(at).sin6_addr);
  if (!ok || !::inet_ntop(family, bytes, text.data(), text.size()))
    return {};
  std::string out{text.data()};
  // Of one link only, or of this machine only.
  auto near = is_loopback(out) || out.rfind("fe80:", 0) == 0
              || out.rfind("169.254.", 0) == 0;
  return near ? std::string{} : out;
}

/// The one IPv4 address that is no loopback, if there is exactly one.
std::string only_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    return {};
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, ::freeifaddrs};
  std::set<std::string> found;
  for (auto* x = list; x; x = x->ifa_next) {
    if (!x->ifa_addr || x->ifa_addr->sa_family != AF_INET)
      continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(*x->ifa_addr);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    if (!is_loopback(text.data()))
      found.insert(text.data());
  }
  return found.size() == 1 ? *found.begin() : std::string{};
}

} // namespace

expected<networks>
choose_networks(const network_options& given, const outward& out) {
  if (family_of(given.host) == 0)
    return no_address(given.host, "--host");
  auto shown = shown_as(given.host, given.advertise, out, "--host");
  if (!shown)
    return shown.error();
  network pub{{given.host, given.port}, {*shown, given.port}};
  if (given.alone)
    return networks{pub, pub, pub};
  auto control = intra(pub, given.control_host, given.control_port,
                       control_offset, out, "--control-host", "--control-port");
  if (!control)
    return control.error();
  auto data = intra(pub, given.data_host, given.data_port, data_offset, out,
                    "--data-host", "--data-port");
  if (!data)
    return data.error();
  networks x{pub, *control, *data};
  for (auto [a, b] : {std::pair{&x.pub, &x.control},
                      {&x.pub, &x.data},
                      {&x.control, &x.data}})
    if (collide(a->listen, b->listen))
      return fail(errc::invalid_argument,
                  "two networks of this node would listen on port "
                    + std::to_string(a->listen.port)
                    + ": give them different ports with --port,"
                      " --control-port and --data-port");
  return x;
}

outward find_outward() {
  // Addresses for documentation (RFC 5737, RFC 3849): any route will do.
  outward out{source_towards(AF_INET, "198.51.100.1"),
              source_towards(AF_INET6, "2001:db8::1")};
  if (out.v4.empty())
    out.v4 = only_address();
  return out;
}

} // namespace ais::http
