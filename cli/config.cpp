// ais config: of the cluster, of nodes, of this program. Source: cli.md 4.9.
#include "cli/context.hpp"
#include "cli/props.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ais::cli {

namespace {

// -- showing ------------------------------------------------------------------

json::object cluster_config(context& x) {
  auto got = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
  if (auto* o = got.if_object())
    return *o;
  throw failure("the answer cannot be read");
}

failure no_such_key(const std::string& key, const json::object& config) {
  std::vector<std::string> names;
  for (auto& [k, v] : flattened(config))
    names.push_back(k);
  auto near = nearest(key, names);
  return failure(fmt::format(
    "invalid property name \"{}\"{}\nUsage examples:\n"
    "  ais config cluster log.level=4\n"
    "  ais config cluster periodic.stats_time 12s\n"
    "  ais config cluster '{{\"mirror\": {{\"enabled\": true}}}}'\n"
    "  ais config cluster mirror\n"
    "  ais config node t[ID] inherited log.level=4",
    key, near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
}

void show_cli(context& x, const arguments& a) {
  if (a.has("path")) {
    say(settings::path());
    return;
  }
  if (a.has("json")) {
    auto all = x.config.document();
    json::object aliases;
    for (auto& [name, target] : x.config.aliases)
      aliases[name] = target;
    all["aliases"] = std::move(aliases);
    return say_json(all);
  }
  table out{{"PROPERTY", "VALUE"}};
  for (auto& [k, v] : x.config.all())
    out.add({k, v.empty() ? "-" : v});
  out.print(headers(a));
}

void show_cluster_config(context& x, const arguments& a,
                         const std::string& prefix) {
  auto config = cluster_config(x);
  if (a.has("json")) {
    if (prefix.empty())
      return say_json(config);
    auto* section = config.if_contains(prefix);
    if (!section)
      throw no_such_key(prefix, config);
    return say_json(json::object{{prefix, *section}});
  }
  if (prefix == "features") {
    auto active = number_at(config, "features");
    table out{{"FEATURE", "ON", "ALSO PER BUCKET"}};
    auto& all = feature_names();
    for (size_t i = 0; i < all.size(); ++i) {
      auto on = (active >> i & 1) != 0;
      out.add({{std::string{all[i].name}, on ? colour::cyan : colour::none},
               on ? "yes" : "no",
               all[i].of_buckets ? "yes" : "no"});
    }
    return out.print(headers(a));
  }
  auto out = property_table(config, prefix, {});
  if (out.empty())
    throw no_such_key(prefix, config);
  out.print(headers(a));
}

/// Which keys belong to one node alone.
bool local_key(const std::string& key) {
  for (auto x : {"confdir", "log_dir", "host_net", "fspaths", "test_fspaths"})
    if (key.substr(0, key.find('.')) == x)
      return true;
  return false;
}

void show_node_config(context& x, const arguments& a, const node_info& n,
                      const std::string& scope, const std::string& prefix) {
  auto got = x.cluster().node_query(n, "config");
  auto* all = got.if_object();
  if (!all)
    throw failure("the answer cannot be read");
  if (a.has("json")) {
    json::object some;
    for (auto& m : *all) {
      std::string key{m.key().data(), m.key().size()};
      auto local = local_key(key);
      if ((scope == "local") == local || scope == "all" || scope.empty())
        if (prefix.empty() || key == prefix.substr(0, prefix.find('.')))
          some[m.key()] = m.value();
    }
    return say_json(some);
  }
  auto defaults = flattened(cluster_config(x));
  auto cluster_value = [&](const std::string& key) {
    for (auto& [k, v] : defaults)
      if (k == key)
        return v;
    return std::string{};
  };
  table inherited{{"PROPERTY", "VALUE", "DEFAULT"}};
  table local{{"PROPERTY", "VALUE"}};
  for (auto& [k, v] : flattened(*all)) {
    if (k.substr(0, prefix.size()) != prefix)
      continue;
    if (local_key(k)) {
      local.add({k, shown_value(k, v)});
      continue;
    }
    auto usual = cluster_value(k);
    auto own = usual != v && k != "lastupdate_time";
    inherited.add({k,
                   {shown_value(k, v), own ? colour::cyan : colour::none},
                   own ? shown_value(k, usual) : "-"});
  }
  auto& one = scope == "local" ? local : inherited;
  if (one.empty() && (scope != "all" || local.empty()))
    throw no_such_key(prefix, *all);
  if (scope == "all") {
    local.print(headers(a));
    say("");
    inherited.print(headers(a));
  } else {
    one.print(headers(a));
  }
}

bool scope_word(const std::string& x) {
  return x == "inherited" || x == "local" || x == "all";
}

void show(context& x, const arguments& a) {
  if (a.operands.empty() || a.operands[0] == "cluster")
    return show_cluster_config(x, a,
                               a.operands.size() > 1 ? a.operands[1] : "");
  if (a.operands[0] == "cli")
    return show_cli(x, a);
  auto n = x.cluster().node(a.operands[0]);
  auto scoped = a.operands.size() > 1 && scope_word(a.operands[1]);
  auto scope = scoped ? a.operands[1] : "";
  size_t next = scoped ? 2 : 1;
  show_node_config(x, a, n, scope,
                   a.operands.size() > next ? a.operands[next] : "");
}

// -- setting ------------------------------------------------------------------

bool needs_restart(const std::string& key) {
  for (auto x : {"memsys.", "net.", "tracing.", "timeout.cplane_operation",
                 "timeout.max_keepalive"})
    if (key.rfind(x, 0) == 0)
      return true;
  return false;
}

/// The sections of `changed`, as they are now.
void say_sections(const json::object& config, const property_list& changed) {
  std::vector<std::string> sections;
  for (auto& [k, v] : changed) {
    auto section = k.substr(0, k.find('.'));
    if (std::find(sections.begin(), sections.end(), section) == sections.end())
      sections.push_back(section);
  }
  table out{{"PROPERTY", "VALUE"}};
  for (auto& [k, v] : flattened(config))
    if (std::find(sections.begin(), sections.end(), k.substr(0, k.find('.')))
        != sections.end())
      out.add({k, shown_value(k, v)});
  out.print(true);
}

void warn_restart(const property_list& changed) {
  for (auto& [k, v] : changed)
    if (needs_restart(k))
      warn(fmt::format("{} takes effect after a restart of the nodes", k));
}

void check_keys(const property_list& wanted, const json::object& config) {
  auto known = flattened(config);
  for (auto& [k, v] : wanted) {
    auto there = std::any_of(known.begin(), known.end(),
                             [&, &key = k](auto& p) { return p.first == key; });
    auto tree = k.rfind("backend.", 0) == 0 || k.rfind("auth.", 0) == 0
                || k.rfind("tracing.", 0) == 0;
    if (!there && !tree)
      throw no_such_key(k, config);
  }
}

/// Keys and values as a query, with the values that the cluster wants.
query_list as_query(const property_list& wanted, const arguments& a) {
  query_list out;
  for (auto& [k, v] : wanted)
    out.emplace_back(k,
                     k == "features" ? std::to_string(parse_features(v)) : v);
  if (a.has("transient"))
    out.emplace_back("transient", "true");
  return out;
}

/// "features A B C" means all of them.
property_list wanted_of(const std::vector<std::string>& words) {
  if (words.size() > 2 && words[0] == "features") {
    std::string all;
    for (size_t i = 1; i < words.size(); ++i)
      all += (i > 1 ? "," : "") + words[i];
    return {{"features", all}};
  }
  return parse_properties(words);
}

bool shows_only(const std::vector<std::string>& words) {
  return words.empty()
         || (words.size() == 1
             && words[0].find_first_of("={") == std::string::npos);
}

void config_cluster(context& x, const arguments& a) {
  if (shows_only(a.operands))
    return show_cluster_config(x, a, a.operands.empty() ? "" : a.operands[0]);
  auto wanted = wanted_of(a.operands);
  check_keys(wanted, cluster_config(x));
  http::client_request req;
  req.method = "PUT";
  req.url = x.cluster().url("/v1/cluster/set-config", as_query(wanted, a));
  x.cluster().call(std::move(req));
  say_sections(cluster_config(x), wanted);
  say("\nCluster config updated");
  warn_restart(wanted);
}

void config_node(context& x, const arguments& a) {
  auto n = x.cluster().node(a.operands[0]);
  auto scoped = a.operands.size() > 1 && scope_word(a.operands[1]);
  std::vector<std::string> words{a.operands.begin() + (scoped ? 2 : 1),
                                 a.operands.end()};
  if (shows_only(words))
    return show_node_config(x, a, n, scoped ? a.operands[1] : "",
                            words.empty() ? "" : words[0]);
  auto wanted = wanted_of(words);
  auto got = x.cluster().node_query(n, "config");
  check_keys(wanted, got.as_object());
  x.cluster().call(
    x.cluster().node_request(n, "PUT", "/set-config", as_query(wanted, a)));
  got = x.cluster().node_query(n, "config");
  say_sections(got.as_object(), wanted);
  say(fmt::format("\nnode {} config updated", n.name()));
  warn_restart(wanted);
}

void config_cli_set(context& x, const arguments& a) {
  for (auto& [k, v] : parse_properties(a.operands)) {
    auto was = x.config.get(k);
    x.config.set(k, v);
    say(fmt::format("\"{}\" set to: \"{}\" (was: \"{}\")", k, x.config.get(k),
                    was));
  }
  x.config.save();
}

void config_cli_reset(context&, const arguments&) {
  settings::defaults().save();
  say(fmt::format("CLI config reset to defaults ({})", settings::path()));
}

void reset(context& x, const arguments& a) {
  if (a.operands[0] == "cluster") {
    x.cluster().act("PUT", "/v1/cluster", {}, "reset-config");
    say("config of all nodes reset to cluster defaults");
    return;
  }
  auto n = x.cluster().node(a.operands[0]);
  auto req = x.cluster().node_request(n, "PUT", "", {});
  req.body
    = to_text({{"action", "reset-config"}, {"name", ""}, {"value", nullptr}});
  x.cluster().call(std::move(req));
  say(fmt::format("config of node {} reset to cluster defaults", n.name()));
}

// -- descriptions -------------------------------------------------------------

using namespace flags;

constexpr flag path_flag{"path", "", value_kind::nothing, "",
                         "print where its file is"};

command cli_group() {
  command show_c;
  show_c.name = "show";
  show_c.summary = "show the configuration of this program";
  show_c.run = show_cli;
  show_c.flags = {json, no_headers, path_flag};
  command set_c;
  set_c.name = "set";
  set_c.summary = "change the configuration of this program";
  set_c.usage = "KEY=VALUE [KEY=VALUE...]";
  set_c.run = config_cli_set;
  set_c.operands = {operand::cli_prop};
  set_c.examples = {"ais config cli set cluster.url=http://10.0.0.1:8080"};
  command reset_c;
  reset_c.name = "reset";
  reset_c.summary = "restore the defaults of this program's configuration";
  reset_c.run = config_cli_reset;
  auto c = show_c;
  c.name = "cli";
  c.summary = "show and change the configuration of this program";
  c.children = {show_c, set_c, reset_c};
  return c;
}

} // namespace

command config_show(const char* name) {
  command c;
  c.name = name;
  c.summary = "show the configuration of the cluster, a node or this program";
  c.usage = "[cluster|cli|NODE] [inherited|local|all|SECTION] [SECTION]";
  c.run = show;
  c.operands
    = {operand::config_scope, operand::node_scope, operand::cluster_prop};
  c.flags = {json, no_headers, path_flag};
  c.examples = {"ais show config cluster", "ais show config cluster log",
                "ais show config t[ID] inherited log", "ais show config cli"};
  return c;
}

command config_commands() {
  command cluster_c;
  cluster_c.name = "cluster";
  cluster_c.summary = "change the cluster's configuration, or show it";
  cluster_c.usage = "[KEY=VALUE...]";
  cluster_c.run = config_cluster;
  cluster_c.operands = {operand::cluster_prop};
  cluster_c.flags = {transient, json, no_headers};
  cluster_c.examples
    = {"ais config cluster log.level=4", "ais config cluster mirror",
       "ais config cluster features S3-API-via-Root Fsync-PUT",
       "ais config cluster features none"};
  command node_c;
  node_c.name = "node";
  node_c.summary = "change one node's configuration, or show it";
  node_c.usage = "NODE [inherited|local|all] [KEY=VALUE...]";
  node_c.run = config_node;
  node_c.operands = {operand::node, operand::node_scope, operand::cluster_prop};
  node_c.flags = {transient, json, no_headers};
  node_c.examples = {"ais config node t[ID] inherited log.level=4"};
  command reset_c;
  reset_c.name = "reset";
  reset_c.summary = "make nodes (or one) inherit the cluster's configuration"
                    " again";
  reset_c.usage = "cluster|NODE";
  reset_c.run = reset;
  reset_c.operands = {operand::config_scope};
  command c;
  c.name = "config";
  c.summary = "show and change configuration: of the cluster, of nodes, of"
              " this program";
  c.children = {config_show("show"), cluster_c, node_c, cli_group(), reset_c};
  return c;
}

} // namespace ais::cli
