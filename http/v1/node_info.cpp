#include "http/v1/node_info.hpp"

#include "http/sysinfo.hpp"
#include "storage/base/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace ais::http::v1 {

namespace {

uint64_t percent(uint64_t part, uint64_t whole) {
  return whole ? (part * 100 + whole / 2) / whole : 0;
}

int64_t uptime_ns(const facts& e) {
  return e.env().wall_ns() - e.shared().boards->started_ns;
}

/// "vda" for "/dev/vda".
std::string disk_of(const storage::fs_identity& fs) {
  auto slash = fs.device.rfind('/');
  return slash == std::string::npos ? fs.device : fs.device.substr(slash + 1);
}

/// "dm-0" for "/dev/mapper/data", which is a link to it.
std::string kernel_name_of(const storage::fs_identity& fs) {
  std::error_code ec;
  auto device = std::filesystem::canonical(fs.device, ec);
  return ec ? disk_of(fs) : device.filename().string();
}

} // namespace

uint64_t state_flags(const facts& e) {
  auto out = e.shared().boards->state.load();
  if (stat_sums()[static_cast<size_t>(stat::err_io_get_n)] > 0)
    out |= state_disk_fault;
  auto view = e.target();
  for (auto& m : view->volume->mountpaths)
    if (!m.fault.empty())
      out |= state_disk_fault;
  for (auto& mp : view->mountpaths) {
    out |= mp->disk->space().full() ? state_out_of_space : 0;
    out |= mp->disk->space().low() ? state_low_capacity : 0;
  }
  if (!view->volume->settled)
    out |= state_resilvering;
  if (moving(e.map()) && !view->node_id.empty())
    out |= state_rebalancing;
  return out;
}

json::object bck_json(const bck& x) {
  return {{"name", x.name},
          {"provider", to_string(x.provider)},
          {"namespace", {{"uuid", x.ns.uuid}, {"name", x.ns.name}}}};
}

json::object node_state_json(const facts& e) {
  auto& map = e.map();
  auto* primary = map.find(map.primary);
  json::object who;
  if (primary)
    who = {{"pub_url", primary->pub.url()},
           {"control_url", primary->control.url()},
           {"id", primary->id}};
  return {{"smap",
           {{"Primary", std::move(who)},
            {"uuid", map.uuid},
            {"version", std::to_string(map.version)}}},
          {"bmd",
           {{"uuid", e.buckets().uuid},
            {"version", std::to_string(e.buckets().version)}}},
          {"rmd", {{"version", "0"}}},
          {"config", {{"version", std::to_string(e.config().version)}}},
          {"etlmd", {{"version", "0"}}},
          {"flags", state_flags(e)}};
}

json::object sysinfo_json() {
  auto x = read_system_info();
  auto cpu = read_cpu_shares();
  auto used = x.mem_total - std::min(x.mem_total, x.mem_available);
  auto pct = x.mem_total ? 100.0 * static_cast<double>(x.resident)
                             / static_cast<double>(x.mem_total)
                         : 0.0;
  return {{"mem_used", x.resident},
          {"mem_avail", x.mem_available},
          {"pct_mem_used", pct},
          {"pct_cpu_used", cpu.process},
          {"load_avg",
           {{"One", x.load[0]}, {"Five", x.load[1]}, {"Fifteen", x.load[2]}}},
          {"cpu_util", static_cast<int64_t>(cpu.machine + 0.5)},
          {"mem",
           {{"Total", x.mem_total},
            {"Used", used},
            {"Free", x.mem_free},
            {"BuffCache", x.mem_cached},
            {"ActualFree", x.mem_available},
            {"ActualUsed", used},
            {"SwapTotal", x.swap_total},
            {"SwapFree", x.swap_free},
            {"SwapUsed", x.swap_total - std::min(x.swap_total, x.swap_free)}}},
          {"proc",
           {{"CPU",
             {{"User", x.cpu_user_ms},
              {"System", x.cpu_system_ms},
              {"Total", x.cpu_user_ms + x.cpu_system_ms},
              {"LastTime", 0},
              {"Percent", cpu.process}}},
            {"Mem",
             {{"Size", x.virtual_size},
              {"Resident", x.resident},
              {"Share", x.shared}}}}}};
}

namespace {

std::string label_of(const volume& x, const std::string& path) {
  auto* m = x.find(path);
  return m ? m->label : std::string{};
}

} // namespace

json::object capacity_json(const facts& e) {
  json::object mountpaths;
  uint64_t used = 0, avail = 0, max = 0, min = 100, sum = 0, n = 0;
  std::string full;
  std::set<std::string> counted;
  for (auto& mp : e.target()->mountpaths) {
    auto& disk = mp->disk->disk();
    auto space = disk.space(mp->disk->root());
    auto fs = disk.identity(mp->disk->root());
    if (!space || !fs)
      continue;
    auto pct
      = percent(space->used_bytes, space->used_bytes + space->avail_bytes);
    mountpaths[mp->disk->root()]
      = {{"mountpath_label", label_of(*e.target()->volume, mp->disk->root())},
         {"fs", {{"Fs", fs->device}, {"FsType", fs->type}, {"FsID", fs->id}}},
         {"disks", json::array{json::value(disk_of(*fs))}},
         {"used", std::to_string(space->used_bytes)},
         {"avail", std::to_string(space->avail_bytes)},
         {"pct_used", pct}};
    if (mp->disk->space().full())
      full += (full.empty() ? "out of space: " : ", ") + mp->disk->root();
    // Mountpaths on one file system share its space.
    if (counted.insert(fs->id).second) {
      used += space->used_bytes;
      avail += space->avail_bytes;
    }
    max = std::max(max, pct);
    min = std::min(min, pct);
    sum += pct;
    ++n;
  }
  return {{"mountpaths", std::move(mountpaths)},
          {"cs_err", full},
          {"total_used", std::to_string(used)},
          {"total_avail", std::to_string(avail)},
          {"pct_max", max},
          {"pct_avg", n ? sum / n : 0},
          {"pct_min", n ? min : 0}};
}

json::object disk_json(const facts& e) {
  auto out = capacity_json(e);
  json::object disks;
  auto rates = read_disk_rates();
  for (auto& mp : e.target()->mountpaths)
    if (auto fs = mp->disk->disk().identity(mp->disk->root())) {
      auto& x = rates[kernel_name_of(*fs)];
      disks[disk_of(*fs)] = {{"RBps", x.read},
                             {"Ravg", x.read_size},
                             {"WBps", x.write},
                             {"Wavg", x.write_size},
                             {"Util", x.busy}};
    }
  out["AllDiskStats"] = std::move(disks);
  return out;
}

json::object mountpaths_json(const facts& e) {
  json::array available, leaving_ones, disabled;
  for (auto& m : e.target()->volume->mountpaths) {
    if (m.state == mpath_state::detached)
      continue;
    auto& to = m.state == mpath_state::enabled ? available
               : leaving(m)                    ? leaving_ones
                                               : disabled;
    to.push_back(json::value(m.path));
  }
  return {{"available", std::move(available)},
          {"waiting_dd", std::move(leaving_ones)},
          {"disabled", std::move(disabled)}};
}

json::object target_sysinfo_json(const facts& e) {
  auto out = sysinfo_json();
  auto capacity = capacity_json(e);
  auto used = unsigned_member(capacity, "total_used", 0);
  auto avail = unsigned_member(capacity, "total_avail", 0);
  out["fs_used"] = std::to_string(*used);
  out["fs_capacity"] = std::to_string(*used + *avail);
  out["pct_fs_used"] = capacity["pct_avg"];
  return out;
}

json::object tracker_json(const facts& e, bool target) {
  json::object out;
  auto sums = stat_sums();
  for (size_t i = 0; i < stat_count; ++i)
    if (sums[i] > 0)
      out[info_of(static_cast<stat>(i)).name] = sums[i];
  // Averages since start, under the names of AIStore's latencies.
  auto average = [&](const char* name, stat ns, stat n) {
    auto count = sums[static_cast<size_t>(n)];
    out[name] = count ? sums[static_cast<size_t>(ns)] / count : 0;
  };
  average("get.ns", stat::get_ns_total, stat::get_n);
  average("lst.ns", stat::lst_ns_total, stat::lst_n);
  out["kalive.ns"] = 0;
  if (target) {
    average("put.ns", stat::put_ns_total, stat::put_n);
    average("append.ns", stat::append_ns_total, stat::append_n);
    // Clients derive rates from these: cumulative bytes.
    out["get.bps"] = sums[static_cast<size_t>(stat::get_size)];
    out["put.bps"] = sums[static_cast<size_t>(stat::put_size)];
  }
  out["state.flags"] = state_flags(e);
  out["up.ns.time"] = uptime_ns(e);
  return out;
}

json::object metric_kinds_json() {
  json::object out;
  for (size_t i = 0; i < stat_count; ++i) {
    auto& info = info_of(static_cast<stat>(i));
    out[info.name] = info.kind;
  }
  for (auto name : {"get.ns", "put.ns", "append.ns", "lst.ns", "kalive.ns"})
    out[name] = "latency";
  out["get.bps"] = "bw";
  out["put.bps"] = "bw";
  out["state.flags"] = "gauge";
  out["up.ns.time"] = "special";
  return out;
}

json::object node_json(const facts& e, const snode& node, bool status) {
  auto target = node.role == node_role::target;
  json::object out{{"snode", to_json(node)},
                   {"tracker", tracker_json(e, target)}};
  if (target)
    out["capacity"] = capacity_json(e);
  else
    out["capacity"]
      = {{"mountpaths", nullptr}, {"cs_err", ""}, {"total_used", "0"},
         {"total_avail", "0"},    {"pct_max", 0}, {"pct_avg", 0},
         {"pct_min", 0}};
  if (!status)
    return out;
  out["status"] = node.flags & snode_decommission  ? "decommission"
                  : node.flags & snode_maintenance ? "maintenance"
                                                   : "";
  out["deployment"] = "linux";
  out["ais_version"] = "5.0." AIS_VERSION;
  out["build_time"] = "";
  out["k8s_pod_name"] = "";
  out["cluster"] = node_state_json(e);
  out["sys_info"] = sysinfo_json();
  out["smap_version"] = std::to_string(e.map().version);
  return out;
}

json::object node_config_json(const facts& e, const snode& node) {
  auto local = e.shared().boards->local->read();
  auto out = to_json(*local->cluster, local->values);
  json::object paths;
  for (auto& m : e.target()->volume->mountpaths)
    if (m.state != mpath_state::detached)
      paths[m.path] = m.label;
  out["fspaths"] = std::move(paths);
  out["confdir"] = e.shared().dir;
  out["log_dir"] = e.shared().log_file.substr(
    0, e.shared().log_file.rfind('/') == std::string::npos
         ? 0
         : e.shared().log_file.rfind('/'));
  out["test_fspaths"] = {{"root", ""}, {"count", 0}, {"instance", 0}};
  out["host_net"] = {{"hostname", node.pub.host},
                     {"hostname_intra_control", node.control.host},
                     {"hostname_intra_data", node.data.host},
                     {"port", std::to_string(node.pub.port)},
                     {"port_intra_control", std::to_string(node.control.port)},
                     {"port_intra_data", std::to_string(node.data.port)}};
  return out;
}

} // namespace ais::http::v1
