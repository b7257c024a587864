// Which command was meant: suggestions after mistakes, and searching.
#include "cli/command.hpp"
#include "cli/regex.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <regex>
#include <set>
#include <sstream>

namespace ais::cli {

namespace {

/// Words that mean the same; the first of each row is the one in commands.
const std::vector<std::vector<std::string>>& synonyms() {
  static const std::vector<std::vector<std::string>> all{
    {"ls", "list", "dir"},
    {"rm", "delete", "del", "remove", "destroy", "erase"},
    {"mv", "move", "rename"},
    {"cp", "copy", "replicate"},
    {"get", "fetch", "read", "download"},
    {"cat", "print", "type"},
    {"put", "upload", "write", "store", "add"},
    {"bucket", "directory", "container", "buckets"},
    {"object", "file", "objects"},
    {"mountpath", "disk", "filesystem", "mount", "umount"},
    {"job", "batch", "xaction", "task"},
    {"archive", "tar", "zip", "tgz", "shard"},
    {"create", "make", "new", "mb", "mkdir"},
    {"show", "status", "info", "display", "get-info"},
    {"cluster", "nodes", "node", "membership"},
    {"config", "configuration", "settings", "conf"},
    {"props", "properties", "attributes"},
    {"performance", "perf", "stats", "statistics", "throughput", "latency"},
    {"log", "logs", "trace-log"},
    {"trace", "requests", "access-log"},
    {"doctor", "health", "check", "diagnose"},
    {"validate", "scrub", "fsck", "verify"},
    {"keys", "users", "credentials", "access-keys"},
    {"top", "monitor", "watch"},
    {"set-primary", "primary", "leader"},
    {"start-maintenance", "maintenance", "drain"},
    {"summary", "usage", "du", "size", "capacity"},
    {"evict", "uncache"},
    {"prefetch", "cache", "warm"},
    {"stop", "abort", "cancel", "kill"},
    {"wait", "await"},
    {"reset", "restore", "default"},
    {"decommission", "retire"},
  };
  return all;
}

/// All words that mean `x`, itself among them.
std::vector<std::string> meanings_of(const std::string& x) {
  std::vector<std::string> out{x};
  for (auto& row : synonyms())
    if (std::find(row.begin(), row.end(), x) != row.end())
      out.insert(out.end(), row.begin(), row.end());
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in{text};
  std::vector<std::string> out;
  for (std::string w; in >> w;)
    out.push_back(w);
  return out;
}

std::vector<std::string> all_commands() {
  std::vector<std::string> out;
  for_each_command([&](const place& at) { out.push_back(at.name()); });
  std::sort(out.begin(), out.end());
  return out;
}

/// "a, b, ..." with 13 in each line.
std::string columns(const std::vector<std::string>& names) {
  std::string out = "   ";
  for (size_t i = 0; i < names.size(); ++i) {
    out += names[i];
    if (i + 1 < names.size())
      out += (i + 1) % 13 == 0 ? ",\n   " : ", ";
  }
  return out + '\n';
}

/// Whether one of them is an object: "ais://b/o".
bool names_object(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(), [](auto& word) {
    auto mark = word.find("://");
    return mark != word.npos && word.find('/', mark + 3) != word.npos;
  });
}

/// The command that `words` most likely mean, below `at`; empty: no idea.
std::string guess(const place& at, const std::vector<std::string>& words,
                  const std::map<std::string, std::string>& aliases) {
  auto& typed = words[at.used];
  // A bucket where a command belongs.
  if (typed.find("://") != typed.npos)
    return fmt::format("ais {} {}",
                       typed.find('/', typed.find("://") + 3) == typed.npos
                         ? "bucket ls"
                         : "object get",
                       typed);
  // "ais object ls show" for "ais show object".
  if (words.back() == "show" && words.size() > 1) {
    auto turned = words;
    turned.pop_back();
    turned.insert(turned.begin(), "show");
    if (auto there = locate(turned); there.used > 1)
      return there.name();
  }
  // Values are set where they belong.
  if (at.name() == "ais config" && typed == "set")
    return "ais config cluster";
  std::vector<std::string> known;
  for (auto& child : at.what().children)
    if (child.shown())
      known.push_back(child.name);
  for (auto& meant : meanings_of(typed))
    if (std::find(known.begin(), known.end(), meant) != known.end())
      return at.name() + ' ' + meant;
  if (at.path.size() == 1) {
    for (auto& meant : meanings_of(typed)) {
      auto alias = aliases.find(meant);
      if (alias != aliases.end() && alias_works(alias->second))
        return "ais " + alias->second;
      auto about_object = names_object(words);
      for (auto* noun : {about_object ? "object" : "bucket",
                         about_object ? "bucket" : "object"})
        if (auto there = locate({noun, meant});
            there.used == 2 && there.what().shown())
          return there.name();
    }
    for (auto& meant : meanings_of(typed))
      for (auto& noun : known)
        if (auto there = locate({noun, meant});
            there.used == 2 && there.what().shown())
          return there.name();
    for (auto& [name, target] : aliases)
      if (alias_works(target))
        known.push_back(name);
  }
  // Most nouns have "show" where others have "ls".
  for (auto& meant : meanings_of(typed))
    if ((meant == "ls" || meant == "get") && at.path.size() > 1
        && at.what().find("show"))
      return at.name() + " show";
  auto near = nearest(typed, known);
  if (near.empty())
    return {};
  auto alias = aliases.find(near);
  if (at.path.size() == 1 && alias != aliases.end())
    return "ais " + alias->second;
  return at.name() + ' ' + near;
}

} // namespace

std::string
unknown_command(const place& at, const std::vector<std::string>& words,
                const std::map<std::string, std::string>& aliases) {
  auto& typed = words[at.used];
  std::vector<std::string> names;
  for (auto& child : at.what().children)
    if (child.shown())
      names.push_back(child.name);
  if (at.path.size() == 1)
    for (auto& [name, target] : aliases)
      if (alias_works(target))
        names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  auto out = fmt::format("Incorrect usage: unknown or misplaced \"{}\".\n\n"
                         "USAGE:\n   {}\n\nCOMMANDS:\n{}\nOPTIONS:\n"
                         "   --help, -h\n\n",
                         typed, synopsis_of(at), columns(names));
  if (auto meant = guess(at, words, aliases); !meant.empty())
    out += fmt::format("Did you mean: '{}'?\n", meant);
  return out + fmt::format("If not, try search: 'ais search {}'", typed);
}

// -- searching ----------------------------------------------------------------

std::vector<std::string>
search_commands(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (auto& name : all_commands()) {
    auto parts = words_of(name);
    auto has = [&](const std::string& word) {
      for (auto& meant : meanings_of(word))
        for (auto& part : parts) {
          // "maintenance" is also part of "start-maintenance".
          auto dashed = '-' + part + '-';
          if (dashed.find('-' + meant + '-') != dashed.npos)
            return true;
        }
      return false;
    };
    if (std::all_of(words.begin(), words.end(), has))
      out.push_back(name);
  }
  return out;
}

std::vector<std::string> match_commands(const std::string& regex) {
  auto wanted = parse_regex(regex);
  std::vector<std::string> out;
  for (auto& name : all_commands())
    if (std::regex_search(name, wanted))
      out.push_back(name);
  return out;
}

std::vector<std::string> search_words() {
  std::set<std::string> out;
  for (auto& name : all_commands())
    for (auto& part : words_of(name))
      out.insert(part);
  out.erase("ais");
  for (auto& row : synonyms())
    out.insert(row.begin(), row.end());
  return {out.begin(), out.end()};
}

} // namespace ais::cli
