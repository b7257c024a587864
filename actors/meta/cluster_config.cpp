#include "actors/meta/cluster_config.hpp"

#include "storage/base/units.hpp"

#include <array>

namespace ais {

namespace {

using k = property_kind;
constexpr auto cluster = property_scope::cluster;
constexpr auto node = property_scope::node;

constexpr int64_t second = 1'000;
constexpr int64_t minute = 60 * second;
constexpr int64_t hour = 60 * minute;
constexpr int64_t kib = 1 << 10;
constexpr int64_t mib = 1 << 20;
constexpr int64_t gib = 1 << 30;
constexpr int64_t tib = gib << 10;
constexpr int64_t far = no_limit;
constexpr std::string_view cksum_types
  = "none|xxhash|xxhash2|md5|crc32c|sha256|sha512";
constexpr std::string_view policies = "immediate|delayed|never";
constexpr std::string_view when = "never|always";

// Defaults and ranges: api-control 7.4, but for faster keepalive (AIStore: 10s,
// cplane_operation 2s, max_keepalive 5s). `durability` is this project's own.
constexpr property table[] = {
  {"backend", k::tree, "{}"},
  {"durability.type", k::text, "sync", 0, 0, "sync|none"},
  {"write_policy.data", k::text, "immediate", 0, 0, policies, node},
  {"write_policy.md", k::text, "immediate", 0, 0, policies, node},
  {"checksum.type", k::text, "xxhash2", 0, 0, cksum_types},
  {"checksum.validate_cold_get", k::boolean, "false"},
  {"checksum.validate_warm_get", k::boolean, "false"},
  {"checksum.validate_obj_move", k::boolean, "false"},
  {"checksum.enable_read_range", k::boolean, "false"},
  {"tcb.compression", k::text, "never", 0, 0, when},
  {"tcb.bundle_multiplier", k::integer, "2", 1, 16},
  {"tcb.burst_buffer", k::integer, "512", 32, 10'000},
  {"tco.compression", k::text, "never", 0, 0, when},
  {"tco.bundle_multiplier", k::integer, "2", 1, 16},
  {"tco.burst_buffer", k::integer, "512", 32, 10'000},
  {"arch.compression", k::text, "never", 0, 0, when},
  {"arch.bundle_multiplier", k::integer, "2", 1, 16},
  {"arch.burst_buffer", k::integer, "512", 32, 10'000},
  {"lso.compression", k::text, "never", 0, 0, when},
  {"lso.bundle_multiplier", k::integer, "1", 1, 16},
  {"lso.burst_buffer", k::integer, "32", 32, 10'000},
  {"lso.walk_buffer", k::integer, "128", 16, 4096},
  {"lso.idle_time", k::duration, "20s", 5 * second, 10 * minute},
  {"lso.quiescent", k::duration, "5s", 2 * second, minute},
  {"rate_limit.backend.interval", k::duration, "1m", second, hour, {}, node},
  {"rate_limit.backend.max_tokens", k::integer, "1000", 1, far, {}, node},
  {"rate_limit.backend.enabled", k::boolean, "false", 0, 0, {}, node},
  {"rate_limit.backend.num_retries", k::integer, "3", 1, 10, {}, node},
  {"rate_limit.frontend.interval", k::duration, "1m", second, hour, {}, node},
  {"rate_limit.frontend.max_tokens", k::integer, "1000", 1, far, {}, node},
  {"rate_limit.frontend.enabled", k::boolean, "false", 0, 0, {}, node},
  {"rate_limit.frontend.burst_size", k::integer, "375", 1, far, {}, node},
  {"keepalivetracker.proxy.name", k::text, "heartbeat", 0, 0, "heartbeat", node,
   false},
  {"keepalivetracker.proxy.interval",
   k::duration,
   "1s",
   second,
   minute,
   {},
   node,
   false},
  {"keepalivetracker.proxy.factor", k::integer, "3", 1, 10, {}, node, false},
  {"keepalivetracker.target.name", k::text, "heartbeat", 0, 0, "heartbeat",
   node, false},
  {"keepalivetracker.target.interval",
   k::duration,
   "1s",
   second,
   minute,
   {},
   node,
   false},
  {"keepalivetracker.target.factor", k::integer, "3", 1, 10, {}, node, false},
  {"keepalivetracker.num_retries", k::integer, "3", 1, 10, {}, node, false},
  {"keepalivetracker.retry_factor", k::integer, "4", 1, 10, {}, node, false},
  {"rebalance.compression", k::text, "never", 0, 0, when},
  {"rebalance.bundle_multiplier", k::integer, "2", 1, 16},
  {"rebalance.burst_buffer", k::integer, "1024", 32, 10'000},
  {"rebalance.dest_retry_time", k::duration, "2m", second, 10 * minute},
  {"rebalance.enabled", k::boolean, "true"},
  {"resilver.enabled", k::boolean, "true", 0, 0, {}, node},
  {"log.level", k::mask, "3", 0, 0, {}, node},
  {"log.max_size", k::size, "64MiB", kib, gib, {}, node},
  {"log.max_total", k::size, "512MiB", mib, 10 * gib, {}, node},
  {"log.flush_time", k::duration, "1m", 1, hour, {}, node},
  {"log.stats_time", k::duration, "3m", 1, 10 * minute, {}, node},
  {"log.to_stderr", k::boolean, "false", 0, 0, {}, node},
  {"ec.compression", k::text, "never", 0, 0, when},
  {"ec.bundle_multiplier", k::integer, "2", 1, 16},
  {"ec.burst_buffer", k::integer, "512", 32, 10'000},
  {"ec.objsize_limit", k::integer, "262144", -1, far},
  {"ec.data_slices", k::integer, "2", 1, 32},
  {"ec.parity_slices", k::integer, "2", 1, 32},
  {"ec.enabled", k::boolean, "false"},
  {"ec.disk_only", k::boolean, "false"},
  {"get_batch.compression", k::text, "never", 0, 0, when},
  {"get_batch.bundle_multiplier", k::integer, "2", 1, 16},
  {"get_batch.burst_buffer", k::integer, "512", 32, 10'000},
  {"get_batch.max_wait", k::duration, "20s", second, minute},
  {"get_batch.warmup_workers", k::integer, "-1", -1, 10},
  {"get_batch.max_soft_errs", k::integer, "8", 0, far},
  {"get_batch.max_gfn", k::integer, "5", -1, far},
  {"space.cleanupwm", k::integer, "65", 1, 100, {}, node},
  {"space.lowwm", k::integer, "75", 1, 100, {}, node},
  {"space.highwm", k::integer, "90", 1, 100, {}, node},
  {"space.out_of_space", k::integer, "95", 1, 100, {}, node},
  {"space.batch_size", k::integer, "32768", 1024, 524'288, {}, node},
  {"space.dont_cleanup_time", k::duration, "30m", 15 * minute, far, {}, node},
  {"transport.max_header", k::integer, "4096", 512, 131'072},
  {"transport.burst_buffer", k::integer, "1024", 256, 4096},
  {"transport.idle_teardown", k::duration, "4s", second, far},
  {"transport.quiescent", k::duration, "10s", 8 * second, far},
  {"transport.lz4_block", k::size, "256KiB", 64 * kib, 4 * mib},
  {"transport.lz4_frame_checksum", k::boolean, "false"},
  {"disk.disk_util_low_wm", k::integer, "20", 1, 100, {}, node},
  {"disk.disk_util_high_wm", k::integer, "80", 1, 100, {}, node},
  {"disk.disk_util_max_wm", k::integer, "95", 1, 100, {}, node},
  {"disk.iostat_time_long", k::duration, "2s", 2 * second, minute, {}, node},
  {"disk.iostat_time_short", k::duration, "100ms", 1, minute, {}, node},
  {"disk.iostat_time_smooth", k::duration, "8s", 0, 10 * minute, {}, node},
  {"fshc.test_files", k::integer, "4", 4, far, {}, node},
  {"fshc.error_limit", k::integer, "2", 2, far, {}, node},
  {"fshc.io_err_limit", k::integer, "10", 10, far, {}, node},
  {"fshc.io_err_time", k::duration, "10s", 10 * second, minute, {}, node},
  {"fshc.enabled", k::boolean, "true", 0, 0, {}, node},
  {"chunks.objsize_limit", k::size, "0B"},
  {"chunks.max_monolithic_size", k::size, "1TiB", gib, tib},
  {"chunks.chunk_size", k::size, "1GiB", kib, 5 * gib},
  {"lru.dont_evict_time", k::duration, "2h", hour, far, {}, node},
  {"lru.capacity_upd_time", k::duration, "10m", 10 * second, far, {}, node},
  {"lru.batch_size", k::integer, "32768", 1024, 524'288, {}, node},
  {"lru.enabled", k::boolean, "false", 0, 0, {}, node},
  {"mirror.copies", k::integer, "2", 2, 32},
  {"mirror.burst_buffer", k::integer, "512", 0, far},
  {"mirror.enabled", k::boolean, "false"},
  {"periodic.stats_time", k::duration, "10s", second, minute},
  {"periodic.retry_sync_time", k::duration, "2s", 10, 10 * second},
  {"periodic.notif_time", k::duration, "30s", second, minute},
  {"client.client_timeout", k::duration, "10s", second, 30 * minute, {}, node},
  {"client.client_long_timeout",
   k::duration,
   "5m",
   second,
   30 * minute,
   {},
   node},
  {"client.list_timeout", k::duration, "5m", second, 30 * minute, {}, node},
  {"downloader.timeout", k::duration, "1h", second, hour, {}, node},
  {"auth.client_auth_required", k::boolean, "false"},
  {"auth.intra_cluster.request_auth", k::boolean, "false"},
  {"auth.intra_cluster.nonce_window", k::duration, "1m", second, 10 * minute},
  {"proxy.primary_url", k::text, ""},
  {"proxy.original_url", k::text, ""},
  {"proxy.discovery_url", k::text, ""},
  {"proxy.non_electable", k::boolean, "false"},
  {"net.l4.proto", k::text, "tcp", 0, 0, "tcp"},
  {"net.l4.sndrcv_buf_size", k::integer, "131072", 0, far},
  {"net.http.server_crt", k::text, "server.crt"},
  {"net.http.server_key", k::text, "server.key"},
  {"net.http.client_ca_tls", k::text, ""},
  {"net.http.domain_tls", k::text, ""},
  {"net.http.client_auth_tls", k::integer, "0", 0, 4},
  {"net.http.idle_conn_time", k::duration, "6s"},
  {"net.http.backend_idle_conn_time", k::duration, "6s"},
  {"net.http.idle_conns_per_host", k::integer, "32", 0, far},
  {"net.http.idle_conns", k::integer, "256", 0, far},
  {"net.http.write_buffer_size", k::integer, "0", 0, far},
  {"net.http.read_buffer_size", k::integer, "0", 0, far},
  {"net.http.use_https", k::boolean, "false"},
  {"net.http.skip_verify", k::boolean, "false"},
  {"net.http.chunked_transfer", k::boolean, "true"},
  {"net.use_ipv6", k::boolean, "false"},
  {"timeout.cplane_operation", k::duration, "500ms", 10, far, {}, node, false},
  {"timeout.max_keepalive", k::duration, "1s", 20, far, {}, node, false},
  {"timeout.max_host_busy", k::duration, "20s", 10 * second, far, {}, node},
  {"timeout.startup_time", k::duration, "1m", 30 * second, far, {}, node},
  {"timeout.join_startup_time", k::duration, "3m", 0, far, {}, node},
  {"timeout.send_file_time", k::duration, "5m", minute, far, {}, node},
  {"timeout.ec_streams_time", k::duration, "10m", 0, far, {}, node},
  {"timeout.object_md", k::duration, "2h", 0, 16 * hour, {}, node},
  {"timeout.cold_get_conflict", k::duration, "5s", 0, far, {}, node},
  {"memsys.min_free", k::size, "2GiB", 0, far, {}, node, false},
  {"memsys.default_buf", k::size, "32KiB", 4 * kib, 128 * kib, {}, node, false},
  {"memsys.to_gc", k::size, "4GiB", 0, tib, {}, node, false},
  {"memsys.hk_time", k::duration, "3m", 0, hour, {}, node, false},
  {"memsys.min_pct_total", k::integer, "0", 0, 95, {}, node, false},
  {"memsys.min_pct_free", k::integer, "0", 0, 95, {}, node, false},
  {"features", k::mask, "0"},
  {"versioning.enabled", k::boolean, "true"},
  {"versioning.validate_warm_get", k::boolean, "false"},
  {"versioning.synchronize", k::boolean, "false"},
};

error broken_rule(const std::string& text) {
  return fail(errc::invalid_argument, "invalid configuration: " + text);
}

/// The rules between several properties.
expected<void> check_rules(const property_set& x) {
  if (x.integer("space.cleanupwm") > x.integer("space.lowwm")
      || x.integer("space.lowwm") > x.integer("space.highwm")
      || x.integer("space.highwm") > x.integer("space.out_of_space"))
    return broken_rule("space watermarks must not decrease from cleanupwm over"
                       " lowwm and highwm to out_of_space");
  if (x.integer("disk.disk_util_low_wm") >= x.integer("disk.disk_util_high_wm")
      || x.integer("disk.disk_util_high_wm")
           >= x.integer("disk.disk_util_max_wm"))
    return broken_rule("disk utilisation watermarks must increase");
  if (x.duration("disk.iostat_time_short")
      > x.duration("disk.iostat_time_long"))
    return broken_rule("disk.iostat_time_short must not exceed"
                       " disk.iostat_time_long");
  if (x.size("log.max_total") < 2 * x.size("log.max_size"))
    return broken_rule("log.max_total must be at least twice log.max_size");
  if (x.duration("timeout.max_keepalive")
      < 2 * x.duration("timeout.cplane_operation"))
    return broken_rule("timeout.max_keepalive must be at least twice"
                       " timeout.cplane_operation");
  for (auto role : {"keepalivetracker.proxy", "keepalivetracker.target"}) {
    auto interval = x.duration(std::string{role} + ".interval");
    auto factor = x.integer(std::string{role} + ".factor");
    if (interval < x.duration("timeout.max_keepalive"))
      return broken_rule(std::string{role}
                         + ".interval must be at least timeout.max_keepalive");
    if (interval * factor > std::chrono::minutes{2})
      return broken_rule(std::string{role}
                         + ": interval x factor must not exceed 2m");
  }
  if (x.duration("lso.quiescent") >= x.duration("lso.idle_time"))
    return broken_rule("lso.quiescent must be below lso.idle_time");
  if (x.integer("rate_limit.frontend.burst_size")
      > x.integer("rate_limit.frontend.max_tokens") / 2)
    return broken_rule("rate_limit.frontend.burst_size must not exceed half of"
                       " max_tokens");
  if (x.duration("client.client_long_timeout")
      < x.duration("client.client_timeout"))
    return broken_rule("client.client_long_timeout must be at least"
                       " client.client_timeout");
  if (x.size("chunks.objsize_limit") > x.size("chunks.max_monolithic_size"))
    return broken_rule("chunks.objsize_limit must not exceed"
                       " chunks.max_monolithic_size");
  if (x.integer("get_batch.max_gfn") > x.integer("get_batch.max_soft_errs"))
    return broken_rule("get_batch.max_gfn must not exceed max_soft_errs");
  return caf::unit;
}

/// Refuses what must not change on one node, or for the moment, only; names the
/// section.
expected<void> check_override(const property& p, bool transient) {
  auto section = std::string{p.path.substr(0, p.path.find('.'))};
  if (transient)
    for (auto never : {"auth", "net", "tracing", "memsys", "keepalivetracker"})
      if (section == never)
        return fail(errc::unsupported, section
                                         + " configuration cannot be changed"
                                           " transiently: it takes effect at a"
                                           " restart");
  if (p.scope == cluster)
    return fail(errc::invalid_argument,
                section
                  + (transient ? " (cluster-scoped) configuration cannot be"
                                 " changed transiently"
                               : " configuration can only be globally"
                                 " updated"));
  if (transient && !p.transient_ok)
    return fail(errc::unsupported, std::string{p.path}
                                     + " cannot be changed transiently: it"
                                       " takes effect at a restart");
  return caf::unit;
}

/// Paths named by a tree, in dotted form.
void collect(const json::object& tree, const std::string& path,
             std::vector<const property*>& out) {
  for (auto& m : tree) {
    auto full = path + std::string{m.key().data(), m.key().size()};
    auto* p = find_property(table, full);
    if (p && !m.value().is_null())
      out.push_back(p);
    else if (auto* below = m.value().if_object())
      collect(*below, full + '.', out);
  }
}

/// Names that older clients use.
std::string modern(std::string path) {
  if (path == "auth.enabled")
    return "auth.client_auth_required";
  constexpr std::string_view key = "auth.cluster_key.";
  if (path.compare(0, key.size(), key) == 0)
    return "auth.intra_cluster." + path.substr(key.size());
  return path;
}

/// Carries out a change on `values`; returns which properties it sets. The
/// rules between properties are not checked here.
expected<std::vector<const property*>>
edit(property_set& values, const config_change& change) {
  std::vector<const property*> touched;
  for (auto& [given, text] : change.by_name) {
    auto path = modern(given);
    if (auto ok = values.set(path, text); !ok)
      return ok.error();
    touched.push_back(find_property(table, path));
  }
  if (auto ok = values.set_tree(change.tree); !ok)
    return ok.error();
  collect(change.tree, "", touched);
  if (touched.empty())
    return fail(errc::invalid_argument, "no properties to update");
  // A configuration that has it from elsewhere stays readable.
  for (auto* p : touched)
    if (p->path == "net.http.use_https" && values.flag(p->path))
      return fail(errc::unsupported,
                  "net.http.use_https: nodes speak plain HTTP to clients; leave"
                  " it at false, and put a server that speaks TLS in front of"
                  " them");
  return touched;
}

} // namespace

schema config_schema() {
  return table;
}

expected<cluster_config_ptr>
with_changes(const cluster_config& x, const config_change& change,
             int64_t now_ns) {
  auto next = std::make_shared<cluster_config>(x);
  ++next->version;
  next->changed = format_rfc3339(now_ns);
  if (auto touched = edit(next->values, change); !touched)
    return touched.error();
  if (auto ok = check_rules(next->values); !ok)
    return ok.error();
  return cluster_config_ptr{next};
}

expected<overrides>
with_override(const overrides& x, const cluster_config& base,
              const config_change& change, bool transient) {
  auto values = effective_values(base, x);
  auto touched = edit(values, change);
  if (!touched)
    return touched.error();
  auto next = x;
  ++next.version;
  for (auto* p : *touched) {
    if (auto ok = check_override(*p, transient); !ok)
      return ok.error();
    auto& v = values.value(p->path);
    if (transient) {
      next.transient[p->path] = v;
    } else {
      next.saved[p->path] = v;
      next.transient.erase(p->path);
    }
  }
  if (auto ok = check_rules(values); !ok)
    return ok.error();
  return next;
}

property_set effective_values(const cluster_config& base, const overrides& x) {
  auto out = base.values;
  for (auto* tree : {&x.saved, &x.transient})
    if (auto ok = out.set_tree(*tree); !ok)
      return base.values;
  if (!check_rules(out))
    return base.values;
  return out;
}

json::object to_json(const cluster_config& x) {
  return to_json(x, x.values);
}

json::object to_json(const cluster_config& x, const property_set& values) {
  auto out = values.to_tree();
  out["uuid"] = x.uuid;
  out["lastupdate_time"] = x.changed;
  out["config_version"] = std::to_string(x.version);
  return out;
}

expected<cluster_config_ptr> parse_cluster_config(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  return parse_cluster_config(*parsed);
}

expected<cluster_config_ptr> parse_cluster_config(const json::value& v) {
  auto* tree = v.if_object();
  if (!tree)
    return fail(errc::invalid_argument, "the configuration is no object");
  auto out = std::make_shared<cluster_config>();
  auto uuid = text_member(*tree, "uuid");
  auto changed = text_member(*tree, "lastupdate_time");
  auto version = unsigned_member(*tree, "config_version", 1);
  if (!uuid || !changed || !version)
    return fail(errc::invalid_argument, "the configuration has no identity");
  out->uuid = *uuid;
  out->changed = *changed;
  out->version = *version;
  auto rest = *tree;
  for (auto key : {"uuid", "lastupdate_time", "config_version"})
    rest.erase(key);
  if (auto ok = out->values.set_tree(rest); !ok)
    return ok.error();
  return cluster_config_ptr{out};
}

} // namespace ais
