// ais alias, search, advanced: small ones. Source: cli.md 3, 4.16, 4.17.
#include "cli/complete.hpp"
#include "cli/context.hpp"

#include <fmt/format.h>
#include <random>
#include <regex>
#include <sstream>

namespace ais::cli {

namespace {

// -- alias --------------------------------------------------------------------

void show(context& x, const arguments& a) {
  if (a.has("json")) {
    json::object out;
    for (auto& [name, target] : x.config.aliases)
      out[name] = target;
    return say_json(out);
  }
  table out{{"ALIAS", "COMMAND"}};
  if (headers(a))
    out.add({"=====", "======="});
  for (auto& [name, target] : x.config.aliases)
    out.add({name, target});
  out.print(headers(a));
}

void set(context& x, const arguments& a) {
  auto& name = a.operands[0];
  static const std::regex good{"^[a-zA-Z][a-zA-Z0-9_-]*$"};
  if (!std::regex_match(name, good))
    throw failure(fmt::format("invalid alias \"{}\": expecting letters, digits,"
                              " '-' and '_', a letter first",
                              name));
  if (command_tree().find(name))
    throw failure(
      fmt::format("\"{}\" is a command: choose another name", name));
  std::string target;
  std::vector<std::string> words;
  for (size_t i = 1; i < a.operands.size(); ++i) {
    std::istringstream in{a.operands[i]};
    for (std::string w; in >> w;) {
      if (words.empty() && w == "ais")
        continue;
      words.push_back(w);
      target += (target.empty() ? "" : " ") + w;
    }
  }
  auto there = locate(words);
  if (words.empty() || there.used < words.size() || !there.what().shown())
    throw failure(fmt::format("\"{}\" is not AIS command", target));
  auto i = x.config.aliases.find(name);
  auto was = i == x.config.aliases.end() ? "" : i->second;
  x.config.aliases[name] = target;
  x.config.save();
  if (was.empty())
    say(fmt::format("Aliased \"{}\" = \"{}\"", target, name));
  else
    say(fmt::format("Alias \"{}\" new command \"{}\" (was: \"{}\")", name,
                    target, was));
}

void remove(context& x, const arguments& a) {
  if (x.config.aliases.erase(a.operands[0]) == 0)
    throw failure(fmt::format("alias \"{}\" does not exist", a.operands[0]));
  x.config.save();
  say(fmt::format("Alias \"{}\" removed", a.operands[0]));
}

void reset(context& x, const arguments&) {
  x.config.aliases = settings::built_in_aliases();
  x.config.save();
  say("Aliases reset to default");
}

// -- search -------------------------------------------------------------------

void search(context&, const arguments& a) {
  if (a.operands.empty() && !a.has("regex"))
    throw misuse("missing \"KEYWORD\" argument");
  auto found = a.has("regex") ? match_commands(a.get("regex"))
                              : search_commands(a.operands);
  if (found.empty()) {
    say("No matches (use '--regex' to include more results, or 'ais help' to"
        " see all commands)");
    return;
  }
  for (auto& name : found)
    say(name);
}

// -- advanced -----------------------------------------------------------------

size_t random_below(size_t n) {
  std::random_device source;
  return std::uniform_int_distribution<size_t>{0, n - 1}(source);
}

void random_node(context& x, const arguments&) {
  auto all = x.cluster().map().all();
  say(all[random_below(all.size())].id);
}

void random_mountpath(context& x, const arguments& a) {
  auto n = x.cluster().target(a.operands[0]);
  auto said = x.cluster().node_query(n, "mountpaths");
  auto& paths = array_at(said.as_object(), "available");
  if (paths.empty())
    throw failure(fmt::format("{} has no usable mountpath", n.name()));
  say(plain_text(paths[random_below(paths.size())]));
}

void rotate_logs(context& x, const arguments& a) {
  auto n = x.cluster().node(a.operands[0]);
  auto req = x.cluster().node_request(n, "PUT", "", {});
  req.body
    = to_text({{"action", "rotate-logs"}, {"name", ""}, {"value", nullptr}});
  x.cluster().call(std::move(req));
  say(fmt::format("{}: rotated logs", n.name()));
}

// -- completion ---------------------------------------------------------------

void print_script(context&, const arguments& a) {
  auto script = completion_script(a.operands[0]);
  if (script.empty())
    throw misuse(fmt::format("unknown shell \"{}\": expecting bash, zsh or"
                             " fish",
                             a.operands[0]));
  say_raw(script);
}

command simple(const char* name, const char* summary, const char* usage,
               handler run, std::vector<operand> operands) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = usage;
  c.run = run;
  c.operands = std::move(operands);
  return c;
}

} // namespace

command alias_commands() {
  auto show_c = simple("show", "show aliases", "", show, {});
  show_c.flags = {flags::json, flags::no_headers};
  auto set_c
    = simple("set", "give a command another, short name", "NAME COMMAND...",
             set, {operand::none, operand::command_words});
  set_c.examples = {"ais alias set ll bucket ls"};
  auto c = show_c;
  c.name = "alias";
  c.summary = "show and change short names of commands";
  c.children
    = {show_c, set_c,
       simple("rm", "remove an alias", "NAME", remove, {operand::alias}),
       simple("reset", "restore the aliases of a new installation", "", reset,
              {})};
  return c;
}

command search_command() {
  auto c = simple("search", "find commands by keywords or their synonyms",
                  "[KEYWORD...]", search, {operand::command_words});
  c.flags = {flags::regex};
  c.examples = {"ais search remove object", "ais search --regex 'config.*'"};
  return c;
}

command advanced_commands() {
  command c;
  c.name = "advanced";
  c.summary = "rarely used commands, for tests and repairs";
  c.children
    = {simple("random-node", "print the ID of any node", "", random_node, {}),
       simple("random-mountpath", "print any mountpath of a target", "TARGET",
              random_mountpath, {operand::target}),
       simple("rotate-logs", "begin a new log file", "NODE", rotate_logs,
              {operand::node}),
       start_resilver("resilver"),
       later("preload", "ais advanced preload BUCKET"),
       later("remove-from-smap", "ais advanced remove-from-smap NODE"),
       later("enable-backend", "ais advanced enable-backend PROVIDER"),
       later("disable-backend", "ais advanced disable-backend PROVIDER"),
       later("check-lock", "ais advanced check-lock BUCKET/OBJECT")};
  return c;
}

command completion_command() {
  auto c = simple("completion", "print the completion script of a shell",
                  "bash|zsh|fish", print_script, {operand::shell});
  c.more = "For bash: eval \"$(ais completion bash)\", or save it as"
           " /etc/bash_completion.d/ais. For zsh: save it as _ais in a"
           " directory of $fpath. For fish: save it as"
           " ~/.config/fish/completions/ais.fish.";
  return c;
}

} // namespace ais::cli
