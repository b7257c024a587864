// ais storage mountpath: the mountpaths of targets come and go.
// Source: cli.md 4.7; api-control 3.5.
#include "cli/mountpath.hpp"

#include <fmt/format.h>

namespace ais::cli {

json::object query_target(context& x, const node_info& n, const char* what) {
  auto got = x.cluster().node_query(n, what);
  if (auto* o = got.if_object())
    return *o;
  throw failure(fmt::format("the answer of {} cannot be read", n.name()));
}

std::string disks_and_fs(const json::object& cdf) {
  auto& fs = object_at(cdf, "fs");
  std::string disk_names;
  for (auto& d : array_at(cdf, "disks"))
    disk_names += (disk_names.empty() ? "" : ",") + plain_text(d);
  return fmt::format("{}({})",
                     disk_names.empty() ? text_at(fs, "Fs") : disk_names,
                     text_at(fs, "FsType"));
}

namespace {

void list_paths(const json::object& said, const json::object& cdfs,
                const char* key, const char* title) {
  auto& paths = array_at(said, key);
  if (paths.empty())
    return;
  if (*title)
    say(fmt::format("   {}", title));
  for (auto& p : paths) {
    auto name = plain_text(p);
    auto& cdf = object_at(cdfs, name);
    say(fmt::format("      {}{}", name,
                    cdf.empty() ? "" : ' ' + disks_and_fs(cdf)));
  }
}

void show_mountpaths(context& x, const arguments& a) {
  auto targets = chosen_targets(x, a);
  json::object raw;
  auto first = true;
  for (auto& n : targets) {
    if (n.inactive()) {
      if (!a.has("json"))
        say_caption(n.marked_name());
      continue;
    }
    auto said = query_target(x, n, "mountpaths");
    if (a.has("json")) {
      raw[n.id] = std::move(said);
      continue;
    }
    auto disk = query_target(x, n, "disk");
    auto& cdfs = object_at(disk, "mountpaths");
    if (!std::exchange(first, false))
      say("");
    say_caption(n.name());
    say(fmt::format("   Used: min={}%, avg={}%, max={}%",
                    text_at(disk, "pct_min"), text_at(disk, "pct_avg"),
                    text_at(disk, "pct_max")));
    list_paths(said, cdfs, "available", "");
    list_paths(said, cdfs, "disabled", "Disabled:");
    list_paths(said, cdfs, "waiting_dd",
               "Transitioning to disabled or detached pending resilver:");
  }
  if (a.has("json"))
    say_json(raw);
}

// -- changes ------------------------------------------------------------------

struct named_path {
  node_info node;
  std::string path;
};

/// "NODE=PATH"..., or "NODE PATH". @throws misuse
std::vector<named_path> named_paths(context& x, const arguments& a) {
  std::vector<named_path> out;
  auto words = a.operands;
  if (words.size() == 2 && words[0].find('=') == std::string::npos
      && words[1].starts_with('/'))
    words = {words[0] + '=' + words[1]};
  for (auto& text : words) {
    auto eq = text.find('=');
    if (eq == std::string::npos || eq == 0 || eq + 1 == text.size())
      throw misuse(fmt::format("\"{}\" is not TARGET=PATH, as in"
                               " t[abcd1234]=/mnt/disk1",
                               text));
    out.push_back(
      {x.cluster().target(text.substr(0, eq)), text.substr(eq + 1)});
  }
  return out;
}

/// Sends an action about a mountpath. @returns the status: 200, or 204 when
/// there was nothing to do.
int change(context& x, const named_path& to, const char* method,
           const char* action, query_list query) {
  auto req = x.cluster().node_request(to.node, method, "/mountpaths",
                                      std::move(query));
  req.body = to_text({{"action", action}, {"name", ""}, {"value", to.path}});
  return x.cluster().call(std::move(req)).status;
}

query_list no_resilver_query(const arguments& a) {
  if (a.has("no-resilver"))
    return {{"dntres", "true"}};
  return {};
}

void attach(context& x, const arguments& a) {
  for (auto& p : named_paths(x, a)) {
    query_list query;
    if (a.has("label"))
      query.emplace_back("mountpath_label", a.get("label"));
    change(x, p, "PUT", "attach-mp", query);
    say(fmt::format("{}: mountpath \"{}\" is now attached", p.node.name(),
                    p.path));
  }
}

void enable(context& x, const arguments& a) {
  for (auto& p : named_paths(x, a)) {
    auto status = change(x, p, "POST", "enable-mp", {});
    say(fmt::format("{}: mountpath \"{}\" is {} enabled", p.node.name(), p.path,
                    status == 204 ? "already" : "now"));
  }
}

/// Says what becomes of its objects.
void take_away(context& x, const arguments& a, const char* method,
               const char* action, const char* done) {
  auto stays = a.has("no-resilver");
  for (auto& p : named_paths(x, a)) {
    auto question = fmt::format(
      "{} \"{}\" of {} without moving its objects, which then cannot be read?",
      done == std::string_view{"detached"} ? "Detach" : "Disable", p.path,
      p.node.name());
    if (stays && !confirmed(question, a.has("yes")))
      continue;
    auto status = change(x, p, method, action, no_resilver_query(a));
    if (status == 204)
      say(fmt::format("{}: mountpath \"{}\" is already {} (or on its way)",
                      p.node.name(), p.path, done));
    else if (stays)
      say(fmt::format("{}: mountpath \"{}\" is now {}", p.node.name(), p.path,
                      done));
    else
      say(fmt::format("{}: mountpath \"{}\" will be {} when its objects have"
                      " moved (to monitor, run 'ais show job resilver')",
                      p.node.name(), p.path, done));
  }
}

void detach(context& x, const arguments& a) {
  take_away(x, a, "DELETE", "detach-mp", "detached");
}

void disable(context& x, const arguments& a) {
  take_away(x, a, "POST", "disable-mp", "disabled");
}

void rescan(context& x, const arguments& a) {
  for (auto& p : named_paths(x, a)) {
    change(x, p, "POST", "rescan-mp", {});
    say(fmt::format("{}: looking for objects that are not in their places (to"
                    " monitor, run 'ais show job resilver')",
                    p.node.name()));
  }
}

void check(context& x, const arguments& a) {
  for (auto& p : named_paths(x, a)) {
    change(x, p, "POST", "fshc-mp", {});
    say(fmt::format("{}: mountpath \"{}\" works", p.node.name(), p.path));
  }
}

using namespace flags;

constexpr flag no_resilver{"no-resilver", "", value_kind::nothing, "",
                           "leave its objects on it: until it is enabled they"
                           " cannot be read"};

command action(const char* name, const char* summary, handler run,
               std::vector<flag> more) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = "TARGET=PATH...";
  c.run = run;
  c.operands = {operand::mountpath};
  c.flags = std::move(more);
  return c;
}

} // namespace

command mountpath_commands() {
  command show_c;
  show_c.name = "show";
  show_c.summary = "show mountpaths, their disks and file systems";
  show_c.usage = "[TARGET...]";
  show_c.run = show_mountpaths;
  show_c.operands = {operand::target};
  show_c.flags = {json, refresh, count};
  auto c = show_c;
  c.name = "mountpath";
  auto attach_c
    = action("attach", "give a target one more directory or disk", attach,
             {{"label", "", value_kind::text, "LABEL",
               "a word of yours about it, such as nvme"}});
  attach_c.examples = {"ais storage mountpath attach t[abcd1234]=/mnt/disk3"};
  c.children = {
    show_c,
    attach_c,
    action("detach", "take a mountpath away for good: its objects move first",
           detach, {no_resilver, yes}),
    action("enable", "use a disabled mountpath again", enable, {}),
    action("disable",
           "take a mountpath out for a while: its objects move first", disable,
           {no_resilver, yes}),
    action("rescan-disks", "look for objects that are not in their places",
           rescan, {}),
    action("fshc", "check a mountpath's file system; take it out if it fails",
           check, {})};
  return c;
}

} // namespace ais::cli
