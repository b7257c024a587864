// Parses options by CLI11, after bringing them into its spelling.
#include "cli/command.hpp"
#include "cli/failure.hpp"
#include "cli/flags.hpp"
#include "cli/output.hpp"
#include "storage/base/units.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <sstream>

namespace ais::cli {

namespace {

const flag* find_flag(const std::vector<flag>& flags, std::string_view name) {
  for (auto& f : flags)
    if (f.name == name || (!f.short_name.empty() && f.short_name == name))
      return &f;
  return nullptr;
}

/// True if `x` is made of letters of flags without values: "-rf".
bool bundle(const std::vector<flag>& flags, std::string_view x) {
  return x.size() > 1 && std::all_of(x.begin(), x.end(), [&](const char& c) {
           auto* f = find_flag(flags, {&c, 1});
           return f && f->kind == value_kind::nothing;
         });
}

std::string long_form(const flag& f) {
  return "--" + std::string{f.name};
}

/// Of --refresh without a value.
constexpr const char* default_refresh = "5s";

/// Options of AIStore's own ais, and why they are not here.
constexpr std::pair<std::string_view, std::string_view> absent_flags[] = {
  {"archive", "it reads archives"},
  {"archpath", "it reads archives"},
  {"archregx", "it reads archives"},
  {"archmode", "it reads archives"},
  {"archmime", "it reads archives"},
  {"extract", "it reads archives"},
  {"add", "it is for remote buckets"},
  {"blob-download", "it is for remote buckets"},
  {"check-versions", "it is for remote buckets"},
  {"diff", "it is for remote buckets"},
  {"inventory", "it is for remote buckets"},
  {"inv-name", "it is for remote buckets"},
};

std::string
unknown_flag(const std::vector<flag>& flags, std::string_view name) {
  auto text = fmt::format("flag provided but not defined: -{}", name);
  for (auto& [absent, why] : absent_flags)
    if (name == absent)
      return fmt::format("--{} is not available in this version: {}", name,
                         why);
  std::vector<std::string> known;
  for (auto& f : flags)
    known.push_back(std::string{f.name});
  // Two letters are near to anything.
  auto near = name.size() < 3 ? std::string{} : nearest(name, known);
  return near.empty() ? text
                      : fmt::format("{} (did you mean --{}?)", text, near);
}

/// Rewrites "-name", "-n", "-nr", "--name=value" as "--name" and "value".
std::vector<std::string> normalised(const std::vector<flag>& flags,
                                    const std::vector<std::string>& words) {
  std::vector<std::string> out;
  auto value_next = false;
  for (size_t i = 0; i < words.size(); ++i) {
    auto& w = words[i];
    if (std::exchange(value_next, false) || w.size() < 2 || w.front() != '-') {
      out.push_back(w);
      continue;
    }
    if (w == "--") {
      out.insert(out.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                 words.end());
      break;
    }
    auto name = std::string_view{w}.substr(w[1] == '-' ? 2 : 1);
    auto eq = name.find('=');
    auto* f = find_flag(flags, name.substr(0, eq));
    if (!f && w[1] != '-' && bundle(flags, name)) {
      for (auto& c : name)
        out.push_back(long_form(*find_flag(flags, {&c, 1})));
      continue;
    }
    if (!f)
      throw misuse(unknown_flag(flags, name.substr(0, eq)));
    out.push_back(long_form(*f));
    if (eq == name.npos) {
      value_next = f->kind != value_kind::nothing;
      if (value_next && f->name == flags::refresh.name
          && (i + 1 == words.size() || words[i + 1].starts_with('-'))) {
        out.emplace_back(default_refresh);
        value_next = false;
      }
      if (value_next && i + 1 == words.size())
        throw misuse(fmt::format("flag needs an argument: --{}", f->name));
      continue;
    }
    auto value = std::string{name.substr(eq + 1)};
    if (f->kind != value_kind::nothing) {
      out.push_back(std::move(value));
    } else if (value == "false") {
      out.pop_back();
    } else if (value != "true") {
      throw misuse(fmt::format("flag --{} takes no value", f->name));
    }
  }
  return out;
}

/// An error text for a value that its flag does not take; empty if it is fine.
std::string check_value(const flag& f, const std::string& x) {
  auto bad = [&](std::string_view wanted) {
    return fmt::format("invalid value \"{}\" for flag --{}: {}", x, f.name,
                       wanted);
  };
  switch (f.kind) {
    case value_kind::number: {
      uint64_t n = 0;
      auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), n);
      if (ec != std::errc{} || end != x.data() + x.size() || x.empty())
        return bad("expecting a whole number");
      return {};
    }
    case value_kind::size:
      return parse_size(x) ? "" : bad("expecting a size such as 4096 or 64MiB");
    case value_kind::duration:
      return parse_seconds(x) ? ""
                              : bad("expecting a duration such as 10s or 1m30s"
                                    " (a bare number means seconds)");
    default:
      return {};
  }
}

void check_operands(const command& c, const arguments& args) {
  auto want = arity_of(c.usage);
  auto& got = args.operands;
  if (got.size() > want.most) {
    std::string rest;
    for (size_t i = want.most; i < got.size(); ++i)
      rest += (rest.empty() ? "" : " ") + got[i];
    throw misuse(fmt::format("too many arguments or unrecognized (misplaced?)"
                             " option '[{}]'",
                             rest));
  }
  if (got.size() >= want.least)
    return;
  std::string missing;
  auto n = want.least - got.size();
  for (size_t i = got.size(); i < want.least; ++i)
    missing += (missing.empty() ? "" : ", ") + want.names[i];
  auto nodes = missing.starts_with("NODE") || missing.starts_with("TARGET")
               || missing.starts_with("PROXY");
  auto tip = nodes ? " ('ais show cluster' lists nodes)" : "";
  throw misuse(n == 1
                 ? fmt::format("missing \"{}\" argument{}", missing, tip)
                 : fmt::format("missing arguments \"{}\"{}", missing, tip));
}

} // namespace

// -- arguments ----------------------------------------------------------------

bool arguments::has(std::string_view flag_name) const {
  return flags.find(flag_name) != flags.end();
}

std::string arguments::get(std::string_view flag_name) const {
  auto i = flags.find(flag_name);
  return i == flags.end() ? "" : i->second;
}

uint64_t
arguments::number(std::string_view flag_name, uint64_t otherwise) const {
  auto i = flags.find(flag_name);
  return i == flags.end() ? otherwise : std::stoull(i->second);
}

std::chrono::nanoseconds
arguments::duration(std::string_view flag_name,
                    std::chrono::nanoseconds otherwise) const {
  auto i = flags.find(flag_name);
  return i == flags.end() ? otherwise : must(parse_seconds(i->second));
}

std::vector<std::string> arguments::list(std::string_view flag_name) const {
  std::vector<std::string> out;
  std::istringstream in{get(flag_name)};
  for (std::string part; std::getline(in, part, ',');) {
    auto first = part.find_first_not_of(' ');
    auto last = part.find_last_not_of(' ');
    if (first != part.npos)
      out.push_back(part.substr(first, last - first + 1));
  }
  return out;
}

// -- parsing ------------------------------------------------------------------

arity arity_of(std::string_view usage) {
  arity out;
  std::istringstream in{std::string{usage}};
  for (std::string word; in >> word;) {
    auto optional = word.front() == '[';
    if (!optional) {
      ++out.least;
      auto dots = word.find("...");
      out.names.push_back(word.substr(0, dots));
    }
    if (word.find("...") != word.npos)
      out.most = SIZE_MAX;
    else if (out.most != SIZE_MAX)
      ++out.most;
  }
  return out;
}

std::vector<flag> all_flags(const command& c) {
  auto out = c.flags;
  out.push_back(flags::help);
  if (c.run)
    out.push_back(flags::units);
  std::sort(out.begin(), out.end(),
            [](auto& a, auto& b) { return a.name < b.name; });
  return out;
}

arguments
parse_arguments(const command& c, const std::vector<std::string>& words) {
  auto known = all_flags(c);
  auto normal = normalised(known, words);
  CLI::App app;
  app.set_help_flag();
  std::map<std::string_view, std::vector<std::string>> values;
  std::map<std::string_view, CLI::Option*> options;
  for (auto& f : known) {
    auto name = long_form(f);
    CLI::Option* option = nullptr;
    if (f.kind == value_kind::nothing) {
      option = app.add_flag(name);
    } else {
      option = app.add_option(name, values[f.name])->expected(1);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      option->allow_extra_args(false);
      option->check([&f](const std::string& x) { return check_value(f, x); });
    }
    options[f.name] = option;
  }
  arguments out;
  // Not as CLI11's positionals: it would split "[a,b]".
  app.allow_extras();
  std::reverse(normal.begin(), normal.end()); // as CLI11 likes it
  try {
    app.parse(normal);
  } catch (const CLI::ParseError& e) {
    std::string text = e.what();
    // CLI11 puts the option's name in front of what the check says.
    auto colon = text.find("invalid value");
    throw misuse(colon == text.npos ? text : text.substr(colon));
  }
  for (auto& [name, option] : options) {
    if (option->count() == 0)
      continue;
    auto i = values.find(name);
    out.flags[std::string{name}]
      = i == values.end() ? "true" : i->second.back();
  }
  auto only_operands = false;
  for (auto& x : app.remaining()) {
    if (x == "--" && !std::exchange(only_operands, true))
      continue;
    out.operands.push_back(x);
  }
  if (out.has("help"))
    return out;
  for (auto& group : c.exclusive) {
    std::string_view first;
    for (auto name : group) {
      if (!out.has(name))
        continue;
      if (!first.empty())
        throw misuse(fmt::format(
          "flags '--{}' and '--{}' are mutually exclusive", first, name));
      first = name;
    }
  }
  check_operands(c, out);
  return out;
}

} // namespace ais::cli
