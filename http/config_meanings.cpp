#include "http/config_meanings.hpp"

#include <algorithm>
#include <iterator>

namespace ais::http {

namespace {

struct row {
  std::string_view path; ///< ".x": the last part of several keys
  std::string_view meaning;
};

constexpr row rows[] = {
  {"backend", "storage of other providers: provider -> its configuration"},
  {"durability.type", "default of new buckets: sync answers a write when it is"
                      " on disk, none earlier"},
  {"write_policy.data", "when content goes to disk, as AIStore calls it; see"
                        " durability for what is promised"},
  {"write_policy.md", "the same for attributes"},
  {"checksum.type", "default of new buckets: which checksum objects get"},
  {"checksum.validate_cold_get", "verify what is fetched from a backend"},
  {"checksum.validate_warm_get", "verify before every GET, not only until an"
                                 " object has been verified once"},
  {"checksum.validate_obj_move", "verify objects that move between targets"},
  {"checksum.enable_read_range", "send a checksum with parts of objects"},
  {".compression", "compress what goes between targets for this: never or"
                   " always"},
  {".bundle_multiplier", "streams per target for this"},
  {".burst_buffer", "messages that may wait in a stream for this"},
  {"lso.walk_buffer", "names read ahead when objects are listed"},
  {"lso.idle_time", "a listing nobody continues is forgotten after this"},
  {"lso.quiescent", "a listing is over when nothing came for this long"},
  {"rate_limit.backend.interval", "time in which max_tokens are spent"},
  {"rate_limit.backend.max_tokens", "requests to a backend per interval"},
  {"rate_limit.backend.enabled", "limit requests to backends"},
  {"rate_limit.backend.num_retries", "retries of a backend that is busy"},
  {"rate_limit.frontend.interval", "time in which max_tokens are spent"},
  {"rate_limit.frontend.max_tokens", "requests of clients per interval"},
  {"rate_limit.frontend.enabled", "limit requests of clients"},
  {"rate_limit.frontend.burst_size", "requests at once; at most half of"
                                     " max_tokens"},
  {"keepalivetracker.proxy.name", "how proxies are watched"},
  {"keepalivetracker.proxy.interval", "how often proxies say they are there"},
  {"keepalivetracker.proxy.factor", "a proxy is missed after interval x"
                                    " factor"},
  {"keepalivetracker.target.name", "how targets are watched"},
  {"keepalivetracker.target.interval", "how often nodes say they are there"},
  {"keepalivetracker.target.factor", "a node is missed after interval x"
                                     " factor"},
  {"keepalivetracker.num_retries", "attempts before a node is given up"},
  {"keepalivetracker.retry_factor", "how much longer each attempt waits"},
  {"rebalance.dest_retry_time", "how long to wait for a target that is to get"
                                " objects"},
  {"rebalance.enabled", "move objects when targets come or go"},
  {"resilver.enabled", "move objects when mountpaths come or go"},
  {"log.level", "1: errors, 2: and warnings, 3: and what happens, 4, 5: and"
                " details; a node's log_level wins"},
  {"log.max_size", "size at which a log is rotated"},
  {"log.max_total", "size of all logs of a node; at least twice max_size"},
  {"log.flush_time", "how long a line may wait; none does"},
  {"log.stats_time", "how often statistics are logged"},
  {"log.to_stderr", "log to stderr as well"},
  {"ec.objsize_limit", "objects below this are copied, not sliced; -1: none"
                       " [bytes]"},
  {"ec.data_slices", "slices of an object's content"},
  {"ec.parity_slices", "slices that may be lost"},
  {"ec.enabled", "default of new buckets: erasure coding"},
  {"ec.disk_only", "slice through files, never in memory"},
  {"get_batch.max_wait", "how long a batch waits for another target"},
  {"get_batch.warmup_workers", "readers ahead of a batch; -1: none"},
  {"get_batch.max_soft_errs", "objects that may be missing from a batch"},
  {"get_batch.max_gfn", "objects of a batch fetched from neighbours; -1: none"},
  {"space.cleanupwm", "clean up above this [% used]"},
  {"space.lowwm", "eviction goes down to this [% used]"},
  {"space.highwm", "eviction begins above this [% used]"},
  {"space.out_of_space", "refuse writes above this [% used]"},
  {"space.batch_size", "files a cleanup removes in one go"},
  {"space.dont_cleanup_time", "younger files are left alone"},
  {"transport.max_header", "header of a message between targets [bytes]"},
  {"transport.idle_teardown", "an idle stream is closed after this"},
  {"transport.quiescent", "a stream is over when nothing came for this long"},
  {"transport.lz4_block", "block size of compressed streams"},
  {"transport.lz4_frame_checksum", "checksums in compressed streams"},
  {"disk.disk_util_low_wm", "a disk is idle below this [% busy]"},
  {"disk.disk_util_high_wm", "jobs slow down above this [% busy]"},
  {"disk.disk_util_max_wm", "jobs wait above this [% busy]"},
  {"disk.iostat_time_long", "how often an idle disk is measured"},
  {"disk.iostat_time_short", "how often a busy disk is measured"},
  {"disk.iostat_time_smooth", "time over which measurements are averaged"},
  {"fshc.test_files", "files that are read and written to test a disk"},
  {"fshc.error_limit", "test failures that take a disk out"},
  {"fshc.io_err_limit", "errors that begin a test"},
  {"fshc.io_err_time", "time in which errors are counted"},
  {"fshc.enabled", "take out disks that fail"},
  {"chunks.objsize_limit", "objects above this are stored in chunks; 0: none"},
  {"chunks.max_monolithic_size", "objects above this must be chunked"},
  {"chunks.chunk_size", "size of a chunk"},
  {"lru.dont_evict_time", "objects used within this time stay"},
  {"lru.capacity_upd_time", "how often space is measured"},
  {"lru.batch_size", "objects evicted in one go"},
  {"lru.enabled", "default of new buckets: evict what was not used for long"},
  {"mirror.copies", "copies of an object in a target, on different mountpaths"},
  {"mirror.enabled", "default of new buckets: mirroring"},
  {"periodic.stats_time", "how often statistics are taken"},
  {"periodic.retry_sync_time", "pause before metadata is sent again"},
  {"periodic.notif_time", "how often jobs tell how far they are"},
  {"client.client_timeout", "for requests between nodes"},
  {"client.client_long_timeout", "for those that take long"},
  {"client.list_timeout", "for listings"},
  {"downloader.timeout", "for one download"},
  {"auth.client_auth_required", "native requests need a token"},
  {"auth.intra_cluster.request_auth", "redirects are signed, and targets want"
                                      " them to be"},
  {"auth.intra_cluster.nonce_window", "how long a signed redirect is good"},
  {"proxy.primary_url", "kept for AIStore's clients; nodes find the primary"
                        " themselves"},
  {"proxy.original_url", "the same"},
  {"proxy.discovery_url", "the same"},
  {"proxy.non_electable", "kept for AIStore's clients; see non_electable of a"
                          " node"},
  {"net.l4.proto", "transport protocol"},
  {"net.l4.sndrcv_buf_size", "socket buffers [bytes]; 0: the system's"},
  {"net.http.server_crt",
   "kept for AIStore's clients; no effect: see use_https"},
  {"net.http.server_key",
   "kept for AIStore's clients; no effect: see use_https"},
  {"net.http.client_ca_tls",
   "kept for AIStore's clients; no effect: see use_https"},
  {"net.http.domain_tls",
   "kept for AIStore's clients; no effect: see --tls-ca for TLS between nodes"},
  {"net.http.client_auth_tls",
   "kept for AIStore's clients; no effect: see use_https"},
  {"net.http.idle_conn_time", "an idle connection is closed after this"},
  {"net.http.backend_idle_conn_time", "the same for backends"},
  {"net.http.idle_conns_per_host", "idle connections kept per node"},
  {"net.http.idle_conns", "idle connections kept in all"},
  {"net.http.write_buffer_size", "buffer of a connection [bytes]; 0: default"},
  {"net.http.read_buffer_size", "buffer of a connection [bytes]; 0: default"},
  {"net.http.use_https", "kept for AIStore's clients; true is refused: nodes"
                         " speak plain HTTP to clients"},
  {"net.http.skip_verify",
   "kept for AIStore's clients; no effect: see --tls-ca for TLS between nodes"},
  {"net.http.chunked_transfer", "send bodies of unknown length in chunks"},
  {"net.use_ipv6", "prefer IPv6 addresses"},
  {"timeout.cplane_operation", "for a message between nodes"},
  {"timeout.max_keepalive", "for a keepalive; at least twice"
                            " cplane_operation"},
  {"timeout.max_host_busy", "how long a node may be too busy to answer"},
  {"timeout.startup_time", "how long a primary waits for its nodes"},
  {"timeout.join_startup_time", "how long a node tries to join"},
  {"timeout.send_file_time", "for one object between targets"},
  {"timeout.ec_streams_time", "idle streams of erasure coding are closed"},
  {"timeout.object_md", "how long attributes are kept in memory"},
  {"timeout.cold_get_conflict", "how long to wait for another cold GET"},
  {"memsys.min_free", "memory to leave to others"},
  {"memsys.default_buf", "buffer size"},
  {"memsys.to_gc", "memory after which some is given back"},
  {"memsys.hk_time", "how often memory is looked at"},
  {"memsys.min_pct_total", "memory to leave to others [% of all]"},
  {"memsys.min_pct_free", "memory to leave to others [% of what is free]"},
  {"features", "feature flags, a bit each"},
  {"versioning.enabled", "default of new buckets: count versions of objects"},
  {"versioning.validate_warm_get", "look for a newer version at the backend"},
  {"versioning.synchronize", "the same, and forget what is gone there"},
};

std::string_view find(std::string_view path) {
  auto it = std::find_if(std::begin(rows), std::end(rows),
                         [&](auto& r) { return r.path == path; });
  return it == std::end(rows) ? std::string_view{} : it->meaning;
}

} // namespace

std::string_view config_meaning(std::string_view path) {
  auto exact = find(path);
  auto dot = path.rfind('.');
  if (!exact.empty() || dot == std::string_view::npos)
    return exact;
  return find(path.substr(dot));
}

} // namespace ais::http
