// ais storage: disks, mountpaths, capacity. Source: cli.md 4.7.
#include "cli/mountpath.hpp"
#include "cli/regex.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <regex>
#include <thread>
#include <utility>

namespace ais::cli {

namespace {

// -- disks --------------------------------------------------------------------

/// Between the two looks that make a rate.
constexpr auto interval = std::chrono::seconds{1};

/// What online targets say about their disks. The first look of this program
/// is none: what a target says then, has been since somebody else asked.
std::vector<std::pair<node_info, json::object>>
ask_disks(context& x, const arguments& a) {
  static auto looked = false;
  std::vector<std::pair<node_info, json::object>> out;
  for (auto& node : chosen_targets(x, a))
    if (!node.inactive())
      out.emplace_back(node, query_target(x, node, "disk"));
  if (!std::exchange(looked, true)) {
    std::this_thread::sleep_for(interval);
    return ask_disks(x, a);
  }
  return out;
}

void disks(context& x, const arguments& a) {
  auto wanted = parse_regex(a.get("regex"));
  json::object raw;
  table out{{"TARGET", "DISK", "READ", "READ(avg size)", "WRITE",
             "WRITE(avg size)", "UTIL(%)"}};
  uint64_t total_read = 0, total_write = 0, total_util = 0, n = 0;
  std::vector<std::vector<cell>> rows;
  for (auto& [node, said] : ask_disks(x, a)) {
    uint64_t read = 0, write = 0, util = 0, count = 0;
    for (auto& m : object_at(said, "AllDiskStats")) {
      std::string name{m.key().data(), m.key().size()};
      if (!std::regex_search(name, wanted))
        continue;
      auto& d = *m.value().if_object();
      read += number_at(d, "RBps");
      write += number_at(d, "WBps");
      util += number_at(d, "Util");
      ++count;
      if (!a.has("summary"))
        out.add({node.name(), name,
                 x.units.rate(static_cast<double>(number_at(d, "RBps"))),
                 x.units.bytes(number_at(d, "Ravg")),
                 x.units.rate(static_cast<double>(number_at(d, "WBps"))),
                 x.units.bytes(number_at(d, "Wavg")),
                 fmt::format("{}%", number_at(d, "Util"))});
    }
    if (a.has("summary") && count > 0)
      out.add({node.name(), counted(count, "disk"),
               x.units.rate(static_cast<double>(read)), "",
               x.units.rate(static_cast<double>(write)), "",
               fmt::format("{}%", util / count)});
    total_read += read;
    total_write += write;
    total_util += util;
    n += count;
    raw[node.id] = std::move(said);
  }
  if (a.has("json"))
    return say_json(raw);
  if (n == 0) {
    say("No disks.");
    return;
  }
  if (n > 1 && !a.has("no-footers"))
    out.add({{"--- Cluster:", colour::cyan},
             "",
             x.units.rate(static_cast<double>(total_read)),
             "",
             x.units.rate(static_cast<double>(total_write)),
             "",
             fmt::format("{}%", total_util / n)});
  if (a.has("summary")) {
    out.drop("READ(avg size)");
    out.drop("WRITE(avg size)");
  }
  out.print(headers(a));
}

// -- capacity -----------------------------------------------------------------

/// "good", or what the target complains about.
cell capacity_status(const node_status& n) {
  auto text = text_at(n.capacity(), "cs_err");
  if (!text.empty())
    return {text, colour::red};
  if (n.flags() & 256)
    return {"out-of-space", colour::red};
  if (n.flags() & 2048)
    return {"low-usable-capacity", colour::cyan};
  return {"good"};
}

void capacity(context& x, const arguments& a) {
  auto nodes = ask_nodes(x, chosen_targets(x, a));
  if (a.has("json")) {
    json::object out;
    for (auto& n : nodes)
      out[n.node.id] = n.capacity();
    return say_json(out);
  }
  table by_path{{"TARGET", "MOUNTPATH", "CAP USED(%)", "CAP AVAIL", "DISK",
                 "FILESYSTEM", "CAP STATUS"}};
  table by_target{{"TARGET", "MOUNTPATHS", "USED(min%, avg%, max%)",
                   "CAP AVAIL", "Disks & File System", "CAP STATUS"}};
  for (auto& n : nodes) {
    auto& c = n.capacity();
    auto& paths = object_at(c, "mountpaths");
    if (!n.online()) {
      by_target.add({n.node.marked_name(), "-", "-", "-", "-", n.word()});
      by_path.add({n.node.marked_name(), "-", "-", "-", "-", "-", n.word()});
      continue;
    }
    std::vector<std::string> where;
    for (auto& m : paths) {
      auto& cdf = *m.value().if_object();
      auto& fs = object_at(cdf, "fs");
      auto text = disks_and_fs(cdf);
      if (std::find(where.begin(), where.end(), text) == where.end())
        where.push_back(text);
      by_path.add({n.node.name(), std::string{m.key().data(), m.key().size()},
                   text_at(cdf, "pct_used") + '%',
                   x.units.bytes(number_at(cdf, "avail")),
                   text.substr(0, text.find('(')), text_at(fs, "FsType"),
                   capacity_status(n)});
    }
    by_target.add({n.node.name(), std::to_string(paths.size()),
                   fmt::format("{}%, {}%, {}%", text_at(c, "pct_min"),
                               text_at(c, "pct_avg"), text_at(c, "pct_max")),
                   x.units.bytes(number_at(c, "total_avail")),
                   fmt::format("{}", fmt::join(where, " ")),
                   capacity_status(n)});
  }
  (a.has("mountpath") ? by_path : by_target).print(headers(a));
}

using namespace flags;

} // namespace

command storage_capacity() {
  command c;
  c.name = "capacity";
  c.summary = "show how full the targets are";
  c.usage = "[TARGET...]";
  c.run = capacity;
  c.operands = {operand::target};
  c.flags = {{"mountpath", "", value_kind::nothing, "", "by mountpath"},
             json,
             no_headers,
             refresh,
             count};
  return c;
}

command storage_disk(const char* name) {
  command c;
  c.name = name;
  c.summary = "show disks: throughput, request sizes, utilization";
  c.usage = "[TARGET...]";
  c.run = disks;
  c.operands = {operand::target};
  c.flags
    = {{"summary", "", value_kind::nothing, "", "one row for each target"},
       regex,
       json,
       no_headers,
       no_footers,
       refresh,
       count};
  return c;
}

command show_storage() {
  auto c = storage_disk("storage");
  auto mountpaths = mountpath_commands();
  mountpaths.children.clear();
  c.children
    = {storage_disk("disk"), mountpaths, storage_capacity(), bucket_summary()};
  return c;
}

command storage_commands() {
  command c;
  c.name = "storage";
  c.summary = "show disks and capacity; change mountpaths";
  c.children
    = {storage_disk("disk"),      mountpath_commands(),     storage_capacity(),
       bucket_summary(),          start_cleanup("cleanup"), bucket_validate(),
       start_resilver("resilver")};
  // As 'ais storage show capacity', too.
  command show_c;
  show_c.name = "show";
  show_c.summary = "show disks, mountpaths or capacity";
  show_c.children = show_storage().children;
  c.children.insert(c.children.begin(), show_c);
  return c;
}

} // namespace ais::cli
