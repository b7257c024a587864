// What the machine and the process use, as Linux's /proc tells it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ais::http {

struct system_info {
  uint64_t mem_total = 0; ///< [bytes], as all below
  uint64_t mem_free = 0;
  uint64_t mem_available = 0;
  uint64_t mem_cached = 0;
  uint64_t swap_total = 0;
  uint64_t swap_free = 0;
  uint64_t resident = 0; ///< of this process
  uint64_t virtual_size = 0;
  uint64_t shared = 0;
  uint64_t cpu_user_ms = 0; ///< of this process since its start
  uint64_t cpu_system_ms = 0;
  double load[3] = {0, 0, 0}; ///< 1, 5, 15 minutes
};

/// Reads it now; what cannot be read is 0.
system_info read_system_info();

/// Shares of all processors' time, in percent of it.
struct cpu_shares {
  double process = 0; ///< of this process
  double machine = 0; ///< of whatever runs
};

/// Since the last time that was at least half a second ago; the first time,
/// since the start. Any thread.
cpu_shares read_cpu_shares();

/// What a block device does.
struct disk_rates {
  uint64_t read = 0;       ///< [bytes/s]
  uint64_t read_size = 0;  ///< of a request, on average [bytes]
  uint64_t write = 0;      ///< [bytes/s]
  uint64_t write_size = 0; ///< of a request, on average [bytes]
  uint64_t busy = 0;       ///< of the time [percent]
};

/// Of all block devices by the kernel's names, "sda1", since the last time that
/// was at least half a second ago; the first time, none. Any thread.
std::map<std::string, disk_rates> read_disk_rates();

} // namespace ais::http
