// Help of commands and the reference of all of them.
#include "cli/command.hpp"
#include "cli/output.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>

namespace ais::cli {

namespace {

constexpr size_t help_width = 100;

std::string flag_names(const flag& f) {
  auto out = "--" + std::string{f.name};
  if (!f.short_name.empty())
    out += ", -" + std::string{f.short_name};
  if (f.kind != value_kind::nothing)
    out += ' ' + std::string{f.value};
  return out;
}

/// Two columns: names and what they are.
std::string
listing(const std::vector<std::pair<std::string, std::string>>& rows) {
  size_t width = 0;
  for (auto& [name, text] : rows)
    width = std::max(width, name.size());
  width = std::min<size_t>(width, 40);
  std::string out;
  for (auto& [name, text] : rows) {
    auto line = fmt::format("   {:<{}}  ", name, width);
    if (name.size() > width)
      line += '\n' + std::string(width + 5, ' ');
    out += line + wrapped(text, width + 5, help_width) + '\n';
  }
  return out;
}

std::string alias_section(const std::map<std::string, std::string>& aliases) {
  std::string out = "ALIASES:\n", line = "   ";
  for (auto& [name, target] : aliases) {
    if (!alias_works(target))
      continue;
    auto item = fmt::format("{} => '{}'; ", name, target);
    if (line.size() + item.size() > 78 && line.size() > 3) {
      out += line.substr(0, line.size() - 1) + '\n';
      line = "   ";
    }
    line += item;
  }
  return out + line.substr(0, line.size() - 2) + '\n';
}

void visit(place& at, const std::function<void(const place&)>& f) {
  if (at.what().run && at.what().shown())
    f(at);
  for (auto& child : at.what().children) {
    if (!child.shown())
      continue;
    at.path.push_back(&child);
    visit(at, f);
    at.path.pop_back();
  }
}

std::string escaped(std::string x) {
  for (size_t i = 0; (i = x.find('|', i)) != x.npos; i += 2)
    x.replace(i, 1, "\\|");
  return x;
}

/// One command with its options, but those that every command has.
std::string markdown_of(const place& at) {
  auto& c = at.what();
  auto text = c.more.empty() ? "" : wrapped(c.more, 0, 88) + "\n\n";
  auto out = fmt::format("\n### {}\n\n{}```\n{}\n```\n", at.name(), text,
                         synopsis_of(at));
  auto flags = c.flags;
  std::sort(flags.begin(), flags.end(),
            [](auto& a, auto& b) { return a.name < b.name; });
  if (!flags.empty())
    out += "\n| option | |\n| --- | --- |\n";
  for (auto& f : flags)
    out += fmt::format("| `{}` | {} |\n", escaped(flag_names(f)),
                       escaped(std::string{f.help}));
  if (!c.examples.empty()) {
    out += "\n```\n";
    for (auto& x : c.examples)
      out += x + '\n';
    out += "```\n";
  }
  return out;
}

} // namespace

const command* command::find(std::string_view word) const {
  for (auto& c : children)
    if (c.name == word)
      return &c;
  return nullptr;
}

std::string place::name() const {
  std::string out;
  for (auto* c : path)
    out += (out.empty() ? "" : " ") + c->name;
  return out;
}

place locate(const std::vector<std::string>& words) {
  place out;
  out.path.push_back(&command_tree());
  while (out.used < words.size()) {
    auto* next = out.what().find(words[out.used]);
    if (!next)
      break;
    out.path.push_back(next);
    ++out.used;
  }
  return out;
}

bool alias_works(const std::string& target) {
  std::istringstream in{target};
  std::vector<std::string> words;
  for (std::string w; in >> w;)
    words.push_back(w);
  return locate(words).what().shown();
}

void for_each_command(const std::function<void(const place&)>& f) {
  place at;
  at.path.push_back(&command_tree());
  visit(at, f);
}

std::string synopsis_of(const place& at) {
  auto& c = at.what();
  auto out = at.name();
  auto group = std::any_of(c.children.begin(), c.children.end(),
                           [](auto& x) { return x.shown(); });
  if (group && !c.run)
    return out + " COMMAND [arguments] [options]";
  if (!c.usage.empty())
    out += ' ' + c.usage;
  if (group)
    out += " | COMMAND";
  return out + " [options]";
}

std::string
help_of(const place& at, const std::map<std::string, std::string>& aliases) {
  auto& c = at.what();
  auto out = fmt::format(
    "NAME:\n   {}\n",
    wrapped(fmt::format("{} - {}", at.name(), c.summary), 3, help_width));
  if (!c.more.empty())
    out += "   " + wrapped(c.more, 3, help_width) + '\n';
  out += fmt::format("\nUSAGE:\n   {}\n", synopsis_of(at));
  std::vector<std::pair<std::string, std::string>> rows;
  for (auto& child : c.children)
    if (child.shown())
      rows.emplace_back(child.name, child.summary);
  if (!rows.empty())
    out += "\nCOMMANDS:\n" + listing(rows);
  rows.clear();
  for (auto& f : all_flags(c))
    rows.emplace_back(flag_names(f), f.help);
  if (at.path.size() == 1)
    rows.emplace_back("--version, -v", "print the version");
  out += "\nOPTIONS:\n" + listing(rows);
  if (!c.examples.empty()) {
    out += "\ne.g.:\n";
    for (auto& x : c.examples)
      out += "   " + x + '\n';
  }
  if (at.path.size() == 1)
    out += '\n' + alias_section(aliases);
  return out;
}

std::string reference() {
  std::string out = "\n## Commands\n\n| command | |\n| --- | --- |\n", rest;
  std::vector<std::pair<const command*, std::string>> told;
  for_each_command([&](const place& at) {
    auto& c = at.what();
    // The same command may have several names.
    for (auto& [other, name] : told)
      if (other->run == c.run && other->usage == c.usage) {
        out += fmt::format("| `{}` | `{}` |\n", at.name(), name);
        return;
      }
    told.emplace_back(&c, at.name());
    out += fmt::format("| `{}` | {} |\n", at.name(), c.summary);
    rest += markdown_of(at);
  });
  return out + "\nAll of them know `--help` (`-h`) and `--units iec|si|raw`.\n"
         + rest;
}

} // namespace ais::cli
