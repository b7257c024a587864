// The table of settings, as people read it.
#include "http/config_meanings.hpp"
#include "http/node_settings.hpp"
#include "storage/base/units.hpp"
#include "storage/base/words.hpp"

#include <algorithm>

namespace ais::http {

namespace {

constexpr size_t help_width = 79;
constexpr size_t option_width = 25; ///< column where meanings begin

constexpr std::string_view help_front
  = "aisnode " AIS_VERSION ": a node of an AIStore-compatible object store\n"
    "\n"
    "usage: aisnode [option...]\n"
    "\n"
    "Without options: proxy and target in one process, data in ./ais-data, "
    "the\n"
    "native API and S3 on http://127.0.0.1:8080.\n";

constexpr std::string_view help_end
  = "\n"
    "Examples\n"
    "  aisnode --dir /data/ais\n"
    "      a store of one node, for programs of this machine\n"
    "  aisnode --role proxy --host 0.0.0.0 --dir /var/lib/ais\n"
    "      the first proxy of a cluster; then, on other machines:\n"
    "  aisnode --role target --join http://FIRST:8080 --host 0.0.0.0 \\\n"
    "          --dir /var/lib/ais --mountpath /mnt/disk1 --mountpath "
    "/mnt/disk2\n"
    "  aisnode --config /etc/ais/aisnode.json --print-config\n"
    "      checks a file and shows what would be in effect\n"
    "\n"
    "Signals\n"
    "  SIGTERM, SIGINT  end: running requests are finished\n"
    "  SIGHUP           open the log again, take over what may change in the\n"
    "                   file (--help-config: \"reload\"), read the "
    "certificates\n"
    "                   again; the log says what was done\n"
    "\n"
    "Exit codes\n"
    "  0 ended as asked   1 could not start or go on   2 wrong options or "
    "file\n";

std::string help_row(std::string_view left, std::string_view text) {
  auto out = "  " + std::string{left};
  if (out.size() + 1 > option_width)
    out += '\n' + std::string(option_width, ' ');
  else
    out.resize(option_width, ' ');
  return out + wrapped(text, option_width, help_width) + '\n';
}

/// The default as --help shows it; empty where there is nothing to show.
std::string shown_default(const setting& s) {
  auto bare = s.is.kind == property_kind::boolean
              || s.is.kind == property_kind::tree || s.is.otherwise.empty();
  return bare ? std::string{} : " [" + std::string{s.is.otherwise} + ']';
}

std::string choice(std::string_view allowed) {
  std::string out;
  for (char c : allowed)
    out += c == '|' ? std::string{", "} : std::string{c};
  return out;
}

/// A limit in the property's unit.
std::string limit(const property& p, int64_t x) {
  if (p.kind == property_kind::duration)
    return format_duration(std::chrono::milliseconds{x});
  if (p.kind == property_kind::size)
    return format_size(static_cast<uint64_t>(x));
  return std::to_string(x);
}

/// What a value may be.
std::string kind_of(const property& p) {
  if (!p.allowed.empty())
    return choice(p.allowed);
  auto name = [&]() -> std::string {
    switch (p.kind) {
      case property_kind::boolean:
        return "true, false";
      case property_kind::integer:
        return "number";
      case property_kind::mask:
        return "number in quotes";
      case property_kind::text:
        return "text";
      case property_kind::duration:
        return "duration";
      case property_kind::size:
        return "size";
      case property_kind::tree:
        return "object";
    }
    return {};
  }();
  if (p.min == 0 && p.max == 0)
    return name;
  if (p.max >= no_limit)
    return name + " from " + limit(p, p.min);
  return name + ' ' + limit(p, p.min) + " to " + limit(p, p.max);
}

std::string code(std::string_view x) {
  return x.empty() ? std::string{} : '`' + std::string{x} + '`';
}

std::string reference_row(const setting& s) {
  auto flag = std::string{s.flag};
  if (!s.value.empty())
    flag += ' ' + std::string{s.value};
  return "| " + code(s.is.path) + " | " + code(flag) + " | " + kind_of(s.is)
         + " | " + code(s.is.otherwise) + " | " + std::string{s.meaning}
         + (s.live ? " (reload)" : "") + " |\n";
}

} // namespace

std::string settings_help() {
  std::string out{help_front};
  std::string_view group;
  for (auto& s : all_settings()) {
    if (s.flag.empty())
      continue;
    if (s.group != group)
      out.append("\n").append(s.group).append("\n");
    group = s.group;
    auto left = std::string{s.flag};
    if (!s.value.empty())
      left += ' ' + std::string{s.value};
    out += help_row(left, std::string{s.meaning} + shown_default(s));
  }
  out += "\nOther\n";
  out += help_row("--config FILE", "settings from a JSON file; options win");
  out += help_row("--help-config", "all keys of that file, and of the cluster's"
                                   " configuration");
  out += help_row("--print-config", "check the settings, show them as such a"
                                    " file, and end");
  out += help_row("--version", "show the version and end");
  out += help_row("-h, --help", "show this and end");
  out += help_end;
  return out;
}

std::string settings_reference() {
  std::string out
    = "# Settings of aisnode\n"
      "\n"
      "`aisnode --help-config` prints this page; it is made from the table in\n"
      "`http/node_settings.cpp`. `aisnode --config FILE` reads a JSON object;"
      " keys with a dot\n"
      "are members of objects: `{\"host_net\": {\"port\": 8080}}`. Names and"
      " shapes are those of\n"
      "AIStore's local configuration where it has the key, so that such a file"
      " works as it is\n"
      "(ports may be in quotes). Options win over the file. An unknown key or a"
      " wrong value\n"
      "is refused: nothing is guessed. Relative paths begin where `aisnode` was"
      " started.\n"
      "SIGHUP takes over what is marked \"reload\"; all else needs a restart,"
      " and the log says\n"
      "so. `docker/systemd/aisnode.json` is an example with every key.\n";
  std::string_view group;
  for (auto& s : all_settings()) {
    if (s.group != group)
      out.append("\n## ").append(s.group).append(
        "\n\n| key | option | value | default | meaning |\n"
        "| --- | --- | --- | --- | --- |\n");
    group = s.group;
    out += reference_row(s);
  }
  out += "\n## The object \"cluster\"\n"
         "\n"
         "Keys and defaults are those of the cluster's configuration: `ais"
         " config cluster` shows\n"
         "and changes it while the cluster runs. Nodes keep and check all of"
         " them, as AIStore's\n"
         "clients expect; what belongs to something that is not there yet (see"
         " README.md) has no\n"
         "effect. \"node\": may differ per node (`ais config node`).\n"
         "\n| key | value | default | scope | meaning |\n"
         "| --- | --- | --- | --- | --- |\n";
  for (auto& p : config_schema())
    out += "| " + code(p.path) + " | " + kind_of(p) + " | " + code(p.otherwise)
           + " | " + (p.scope == property_scope::node ? "node" : "cluster")
           + " | " + std::string{config_meaning(p.path)} + " |\n";
  return out;
}

std::string settings_file(const property_set& x) {
  return to_pretty_text(x.to_tree());
}

} // namespace ais::http
