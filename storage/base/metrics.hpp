// Statistics of the node: counters that any thread bumps without a lock and
// without an atomic read-modify-write. Each thread has its own block; whoever
// reads sums the blocks.
// Names and kinds: AIStore stats/common.go; api-control 7.7, aisloader.md 5.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais {

/// What is counted. `X(enumerator, name, kind)`.
#define AIS_STATS(X)                                                           \
  X(get_n, "get.n", counter)                                                   \
  X(put_n, "put.n", counter)                                                   \
  X(append_n, "append.n", counter)                                             \
  X(del_n, "del.n", counter)                                                   \
  X(ren_n, "ren.n", counter)                                                   \
  X(head_n, "head.n", counter)                                                 \
  X(lst_n, "lst.n", counter)                                                   \
  X(get_size, "get.size", size)                                                \
  X(put_size, "put.size", size)                                                \
  X(get_ns_total, "get.ns.total", total)                                       \
  X(put_ns_total, "put.ns.total", total)                                       \
  X(append_ns_total, "append.ns.total", total)                                 \
  X(head_ns_total, "head.ns.total", total)                                     \
  X(lst_ns_total, "lst.ns.total", total)                                       \
  X(err_get_n, "err.get.n", counter)                                           \
  X(err_put_n, "err.put.n", counter)                                           \
  X(err_append_n, "err.append.n", counter)                                     \
  X(err_del_n, "err.del.n", counter)                                           \
  X(err_ren_n, "err.ren.n", counter)                                           \
  X(err_head_n, "err.head.n", counter)                                         \
  X(err_lst_n, "err.lst.n", counter)                                           \
  X(err_http_write_n, "err.http.write.n", counter)                             \
  X(err_io_get_n, "err.io.get.n", counter)                                     \
  X(err_io_put_n, "err.io.put.n", counter)                                     \
  X(err_io_del_n, "err.io.del.n", counter)                                     \
  X(err_put_cksum_n, "err.put.cksum.n", counter)                               \
  X(err_kalive_n, "err.kalive.n", counter)                                     \
  X(lease_hit_n, "lease.hit.n", counter)                                       \
  X(lease_miss_n, "lease.miss.n", counter)                                     \
  X(verify_n, "verify.n", counter)                                             \
  X(verify_size, "verify.size", size)                                          \
  X(edge_conn_n, "edge.conn.n", counter)                                       \
  X(edge_req_n, "edge.req.n", counter)

enum class stat : uint8_t {
#define AIS_STAT_VALUE(id, name, kind) id,
  AIS_STATS(AIS_STAT_VALUE)
#undef AIS_STAT_VALUE
};

#define AIS_STAT_ONE(id, name, kind) +1
inline constexpr size_t stat_count = 0 AIS_STATS(AIS_STAT_ONE);
#undef AIS_STAT_ONE

struct stat_info {
  std::string_view name; ///< e.g. "get.n"
  std::string_view kind; ///< counter, size or total
};

const stat_info& info_of(stat x);

/// Adds to the calling thread's share.
void count(stat x, uint64_t by = 1) noexcept;

using stat_values = std::array<uint64_t, stat_count>;

/// The sums over all threads since start or the last reset.
stat_values stat_sums();

/// Starts counting from zero again: errors only, or everything.
void reset_stats(bool errors_only);

/// One more value to expose beside the counters.
struct gauge {
  std::string name; ///< "state.flags"
  int64_t value = 0;
  std::vector<std::pair<std::string, std::string>> labels; ///< more labels
};

/// Prometheus text (format 0.0.4) of all counters and `gauges`, every sample
/// with the label node_id. Names: `prefix` + name, dots to '_', ".n" to
/// "_count", ".size" to "_bytes".
std::string prometheus_text(std::string_view prefix, std::string_view node_id,
                            const std::vector<gauge>& gauges);

} // namespace ais
