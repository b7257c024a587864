// Statistics of the node: counters that any thread bumps without a lock and
// without an atomic read-modify-write. Each thread has its own block; whoever
// reads sums the blocks. A block outlives its thread and goes to the next one,
// so that there are never more than threads at one time.
// Names and kinds: AIStore stats/common.go; api-control 7.7, aisloader.md 5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais {

/// What is counted: enumerator, name, kind, help.
// clang-format off
#define AIS_STATS(X) \
  X(get_n, "get.n", counter, "Objects read") \
  X(put_n, "put.n", counter, "Objects written") \
  X(append_n, "append.n", counter, "Appends to objects") \
  X(del_n, "del.n", counter, "Objects deleted") \
  X(ren_n, "ren.n", counter, "Objects renamed") \
  X(head_n, "head.n", counter, "Questions about an object or bucket") \
  X(lst_n, "lst.n", counter, "Pages of object lists") \
  X(get_size, "get.size", size, "Bytes of objects sent") \
  X(put_size, "put.size", size, "Bytes of objects received") \
  X(get_ns_total, "get.ns.total", total, "Time spent on reads [ns]") \
  X(put_ns_total, "put.ns.total", total, "Time spent on writes [ns]") \
  X(append_ns_total, "append.ns.total", total, "Time spent on appends [ns]") \
  X(head_ns_total, "head.ns.total", total, "Time spent on questions [ns]") \
  X(lst_ns_total, "lst.ns.total", total, "Time spent on lists [ns]") \
  X(err_get_n, "err.get.n", counter, "Failed reads") \
  X(err_put_n, "err.put.n", counter, "Failed writes") \
  X(err_append_n, "err.append.n", counter, "Failed appends") \
  X(err_del_n, "err.del.n", counter, "Failed deletions") \
  X(err_ren_n, "err.ren.n", counter, "Failed renames") \
  X(err_head_n, "err.head.n", counter, "Failed questions") \
  X(err_lst_n, "err.lst.n", counter, "Failed lists") \
  X(err_http_write_n, "err.http.write.n", counter, "Answers the client did not take") \
  X(err_io_get_n, "err.io.get.n", counter, "Disk errors of reads") \
  X(err_io_put_n, "err.io.put.n", counter, "Disk errors of writes") \
  X(err_io_del_n, "err.io.del.n", counter, "Disk errors of deletions") \
  X(err_put_cksum_n, "err.put.cksum.n", counter, "Writes with a wrong checksum") \
  X(stream_in_n, "stream.in.n", counter, "Objects received from other targets") \
  X(stream_in_size, "stream.in.size", size, "Bytes of objects received from other targets") \
  X(stream_out_n, "stream.out.n", counter, "Objects sent to other targets") \
  X(stream_out_size, "stream.out.size", size, "Bytes of objects sent to other targets") \
  X(err_stream_in_n, "err.stream.in.n", counter, "Objects from other targets refused or broken off") \
  X(err_kalive_n, "err.kalive.n", counter, "Keepalives without answer") \
  X(lease_hit_n, "lease.hit.n", counter, "Reads of a file that was open") \
  X(lease_miss_n, "lease.miss.n", counter, "Reads that opened the file") \
  X(verify_n, "verify.n", counter, "Checksums compared") \
  X(verify_size, "verify.size", size, "Bytes read to compare checksums") \
  X(edge_conn_n, "edge.conn.n", counter, "Connections accepted") \
  X(edge_req_n, "edge.req.n", counter, "Requests received")
// clang-format on

enum class stat : uint8_t {
#define AIS_STAT_VALUE(id, name, kind, help) id,
  AIS_STATS(AIS_STAT_VALUE)
#undef AIS_STAT_VALUE
};

#define AIS_STAT_ITEM(id, name, kind, help) stat::id,
inline constexpr stat all_stats[] = {AIS_STATS(AIS_STAT_ITEM)};
#undef AIS_STAT_ITEM
inline constexpr size_t stat_count = std::size(all_stats);

struct stat_info {
  std::string_view name; ///< e.g. "get.n"
  std::string_view kind; ///< counter, size or total
  std::string_view help; ///< a phrase for people
};

const stat_info& info_of(stat x);

/// Adds to the calling thread's share. Never blocks, except on the first call
/// of a thread. Counts of a thread that is being torn down (from destructors of
/// thread-local objects) may get lost.
void count(stat x, uint64_t by = 1) noexcept;

using stat_values = std::array<uint64_t, stat_count>;

/// The sums over all threads, also those that ended, since start or the last
/// reset.
stat_values stat_sums();

/// Starts counting from zero again: errors only, or everything.
void reset_stats(bool errors_only);

/// One more value to expose beside the counters.
struct gauge {
  std::string name; ///< e.g. "state.flags"
  int64_t value = 0;
  /// More labels: name, value. Names must be valid ones.
  std::vector<std::pair<std::string, std::string>> labels;
};

/// Returns `name` as AIStore exports it, without prefix: dots to '_', ".n" to
/// "_count", ".size" to "_bytes", "up.ns.time" to "uptime".
std::string exported_name(std::string_view name);

/// Prometheus text (format 0.0.4) of all counters and `gauges`, every sample
/// with the label node_id. Gauges of one name may come in any order.
std::string prometheus_text(std::string_view prefix, std::string_view node_id,
                            std::vector<gauge> gauges);

} // namespace ais
