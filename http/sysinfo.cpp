#include "http/sysinfo.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <mutex>
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

/// Time of all processors together, in ticks since they or we started.
struct cpu_times {
  uint64_t process = 0;
  uint64_t busy = 0;
  uint64_t all = 0;
};

cpu_times read_cpu_times() {
  cpu_times out;
  std::ifstream in{"/proc/stat"};
  std::string name;
  uint64_t ticks = 0;
  in >> name; // "cpu": user nice system idle iowait irq softirq steal
  for (int i = 0; i < 8 && in >> ticks; ++i) {
    out.all += ticks;
    if (i != 3 && i != 4)
      out.busy += ticks;
  }
  system_info mine;
  read_process(mine);
  auto hz = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  out.process = (mine.cpu_user_ms + mine.cpu_system_ms) * hz / 1000;
  return out;
}

/// What a block device did since the machine's start.
struct disk_sums {
  uint64_t reads = 0;
  uint64_t read_bytes = 0;
  uint64_t writes = 0;
  uint64_t written_bytes = 0;
  uint64_t busy_ms = 0;
};

std::map<std::string, disk_sums> read_disk_sums() {
  constexpr uint64_t sector = 512; // of this file, whatever the device has
  std::map<std::string, disk_sums> out;
  std::ifstream in{"/proc/diskstats"};
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields{line};
    std::string skipped, name;
    disk_sums x;
    uint64_t read_sectors = 0, written_sectors = 0;
    if (fields >> skipped >> skipped >> name >> x.reads >> skipped
        >> read_sectors >> skipped >> x.writes >> skipped >> written_sectors
        >> skipped >> skipped >> x.busy_ms) {
      x.read_bytes = read_sectors * sector;
      x.written_bytes = written_sectors * sector;
      out[name] = x;
    }
  }
  return out;
}

/// How much a sum that may begin again has grown.
uint64_t growth(uint64_t before, uint64_t now) {
  return now - std::min(before, now);
}

disk_rates
rates_between(const disk_sums& before, const disk_sums& now, double seconds) {
  auto reads = growth(before.reads, now.reads);
  auto writes = growth(before.writes, now.writes);
  auto read = growth(before.read_bytes, now.read_bytes);
  auto written = growth(before.written_bytes, now.written_bytes);
  auto busy = growth(before.busy_ms, now.busy_ms);
  auto per_second = [seconds](uint64_t x) {
    return static_cast<uint64_t>(static_cast<double>(x) / seconds);
  };
  return {per_second(read), reads ? read / reads : 0, per_second(written),
          writes ? written / writes : 0,
          std::min<uint64_t>(per_second(busy) / 10, 100)};
}

double percent(uint64_t now, uint64_t before, uint64_t of) {
  if (of == 0 || now < before)
    return 0;
  return std::min(
    100.0 * static_cast<double>(now - before) / static_cast<double>(of), 100.0);
}

} // namespace

cpu_shares read_cpu_shares() {
  using clock = std::chrono::steady_clock;
  static std::mutex mutex; // guards what follows
  static cpu_times before;
  static clock::time_point when;
  static cpu_shares last;
  std::lock_guard guard{mutex};
  auto now = clock::now();
  if (now - when < std::chrono::milliseconds{500} && before.all > 0)
    return last;
  auto times = read_cpu_times();
  auto all = times.all - std::min(before.all, times.all);
  last = {percent(times.process, before.process, all),
          percent(times.busy, before.busy, all)};
  before = times;
  when = now;
  return last;
}

std::map<std::string, disk_rates> read_disk_rates() {
  using clock = std::chrono::steady_clock;
  static std::mutex mutex; // guards what follows
  static std::map<std::string, disk_sums> before;
  static clock::time_point when;
  static std::map<std::string, disk_rates> last;
  std::lock_guard guard{mutex};
  auto now = clock::now();
  if (now - when < std::chrono::milliseconds{500} && !before.empty())
    return last;
  auto sums = read_disk_sums();
  auto seconds = std::chrono::duration<double>(now - when).count();
  last.clear();
  for (auto& [name, x] : sums)
    if (auto i = before.find(name); i != before.end())
      last[name] = rates_between(i->second, x, seconds);
  before = std::move(sums);
  when = now;
  return last;
}

system_info read_system_info() {
  system_info out;
  read_memory(out);
  read_process(out);
  std::ifstream load{"/proc/loadavg"};
  load >> out.load[0] >> out.load[1] >> out.load[2];
  return out;
}

} // namespace ais::http
