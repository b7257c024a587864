#include "http/sysinfo.hpp"

#include <fstream>
#include <sstream>
#include <unistd.h>

namespace ais::http {

namespace {

void read_memory(system_info& out) {
  std::ifstream in{"/proc/meminfo"};
  std::string name;
  uint64_t kib = 0;
  std::string unit;
  while (in >> name >> kib && std::getline(in, unit)) {
    auto bytes = kib << 10;
    if (name == "MemTotal:")
      out.mem_total = bytes;
    else if (name == "MemFree:")
      out.mem_free = bytes;
    else if (name == "MemAvailable:")
      out.mem_available = bytes;
    else if (name == "Cached:" || name == "Buffers:")
      out.mem_cached += bytes;
    else if (name == "SwapTotal:")
      out.swap_total = bytes;
    else if (name == "SwapFree:")
      out.swap_free = bytes;
  }
}

void read_process(system_info& out) {
  std::ifstream statm{"/proc/self/statm"};
  uint64_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  out.virtual_size = size * page;
  out.resident = resident * page;
  out.shared = shared * page;
  std::ifstream in{"/proc/self/stat"};
  std::string line;
  std::getline(in, line);
  // The command in parentheses may contain anything; fields 14 and 15 are
  // times.
  std::istringstream fields{line.substr(line.rfind(')') + 1)};
  std::string skipped;
  for (int i = 3; i < 14; ++i)
    fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  out.cpu_user_ms = user * 1000 / ticks;
  out.cpu_system_ms = system * 1000 / ticks;
}

} // namespace

system_info read_system_info() {
  system_info out;
  read_memory(out);
  read_process(out);
  std::ifstream load{"/proc/loadavg"};
  load >> out.load[0] >> out.load[1] >> out.load[2];
  return out;
}

} // namespace ais::http
