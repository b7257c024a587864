// From words to a command, and from its failures to an exit code.
#include "cli/complete.hpp"
#include "cli/context.hpp"
#include "cli/pager.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <sstream>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

/// Replaces an alias in front by the words it stands for.
std::vector<std::string>
expanded(std::vector<std::string> words, const settings& config) {
  if (words.empty() || command_tree().find(words[0]))
    return words;
  auto i = config.aliases.find(words[0]);
  if (i == config.aliases.end())
    return words;
  std::istringstream in{i->second};
  std::vector<std::string> out;
  for (std::string w; in >> w;)
    out.push_back(w);
  out.insert(out.end(), words.begin() + 1, words.end());
  return out;
}

bool asks_for_help(const std::string& x) {
  return x == "-h" || x == "--help" || x == "-help" || x == "usage";
}

std::string wrong_usage(const place& at, const std::string& what) {
  return fmt::format("Incorrect '{}' usage: {}.\n\n{} - {}\n\nUSAGE:\n   {}\n\n"
                     "See '{} --help' and cli/README.md for details.",
                     at.name(), what, at.name(), at.what().summary,
                     synopsis_of(at), at.name());
}

void stop_watching(int) {
  ::_exit(0);
}

/// Runs it once, or with --refresh again and again.
void run_command(context& x, const command& c, const arguments& args) {
  if (!args.has("refresh") || c.refreshes_itself) {
    if (args.has("count") && !c.refreshes_itself)
      warn("--count without --refresh has no effect");
    c.run(x, args);
    return;
  }
  auto pause
    = std::max<std::chrono::nanoseconds>(args.duration("refresh", 5s), 1s);
  auto times = args.number("count", UINT64_MAX);
  if (times == 0) {
    warn("--count=0 makes no sense: running once");
    times = 1;
  }
  std::signal(SIGINT, stop_watching);
  for (uint64_t i = 0; i < times; ++i) {
    if (i > 0) {
      flush_output();
      std::this_thread::sleep_for(pause);
      say(args.has("count") ? "----------------"
                            : painted("- - - - - - - -", colour::cyan));
    }
    c.run(x, args);
    flush_output();
  }
}

void dispatch(context& x, std::vector<std::string> words) {
  auto& aliases = x.config.aliases;
  if (words.empty() || asks_for_help(words[0])) {
    page(help_of(locate({}), aliases), x.config);
    return;
  }
  if (words[0] == "--version" || words[0] == "-v" || words[0] == "-version")
    words = {"version"};
  words = expanded(std::move(words), x.config);
  x.at = locate(words);
  auto& c = x.at.what();
  std::vector<std::string> rest{
    words.begin() + static_cast<std::ptrdiff_t>(x.at.used), words.end()};
  if (!c.later.empty())
    throw failure(fmt::format("'{}' is not available in this version. It will"
                              " come as: {}",
                              x.at.name(), c.later));
  if (!c.run) {
    if (rest.empty() || asks_for_help(rest[0])) {
      page(help_of(x.at, aliases), x.config);
      return;
    }
    throw misuse(unknown_command(x.at, words, aliases));
  }
  try {
    auto args = parse_arguments(c, rest);
    if (args.has("help")) {
      page(help_of(x.at, aliases), x.config);
      return;
    }
    x.units.system = must(parse_units(args.get("units")));
    run_command(x, c, args);
  } catch (const misuse& e) {
    throw misuse(wrong_usage(x.at, e.what()));
  }
}

} // namespace

int run(const std::vector<std::string>& args) {
  choose_colours(false);
  auto code = 0;
  context x;
  try {
    if (!args.empty() && args[0] == "__complete")
      return complete({args.begin() + 1, args.end()});
    if (!args.empty() && args.back() == "--generate-bash-completion")
      return complete_for_aistore(args);
    if (!args.empty() && args[0] == "__reference") {
      say_raw(reference());
      return 0;
    }
    try {
      x.config = settings::load();
    } catch (const failure&) {
      // 'ais config reset' mends what cannot be read.
      if (std::find(args.begin(), args.end(), "reset") == args.end())
        throw;
      settings::defaults().save();
      say(fmt::format("CLI config reset to defaults ({})", settings::path()));
      return 0;
    }
    choose_colours(x.config.no_color());
    dispatch(x, args);
  } catch (const silent_failure&) {
    code = 1;
  } catch (const misuse& e) {
    report_misuse(e.what());
    code = 1;
  } catch (const refusal& e) {
    report_error(e.what());
    auto& said = e.what_it_said();
    if (x.config.verbose())
      note(fmt::format("{} {} was answered {} by {}", said.method,
                       said.url_path, said.status, said.node));
    code = 1;
  } catch (const failure& e) {
    report_error(e.what());
    code = 1;
  } catch (const std::exception& e) {
    report_error(fmt::format("unexpected: {}", e.what()));
    code = 1;
  }
  if (!output_written() && code == 0) {
    report_error(fmt::format("cannot write the output: {}",
                             std::generic_category().message(errno)));
    code = 1;
  }
  return code;
}

} // namespace ais::cli
