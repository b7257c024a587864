#include "http/command_line.hpp"

#include "storage/base/words.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace ais::http {

namespace {

void add(CLI::App& app, const setting& s, given_options& to) {
  std::string flag{s.flag}, key{s.is.path};
  auto give = [&to, key](std::string text) {
    to.emplace_back(key, std::move(text));
  };
  if (s.is.kind == property_kind::boolean)
    app.add_flag_function(
      flag, [give](int64_t n) { give(n > 0 ? "true" : "false"); });
  else if (s.is.kind == property_kind::tree)
    app.add_option_function<std::vector<std::string>>(
      flag, [give](const std::vector<std::string>& all) {
        json::object out;
        for (auto& x : all)
          out[x] = "";
        give(to_text(out));
      });
  else
    app.add_option_function<std::string>(
      flag, [give](const std::string& text) { give(text); });
}

/// What is wrong, and what may have been meant.
error unknown(const std::string& word) {
  std::vector<std::string> known{"--config", "--help", "--help-config",
                                 "--print-config", "--version"};
  for (auto& s : all_settings())
    if (!s.flag.empty())
      known.emplace_back(s.flag);
  // AIStore's own spelling has one dash.
  auto name = word.substr(0, word.find('='));
  auto near = name.size() < 64 ? nearest(name, known) : std::string{};
  return fail(errc::invalid_argument,
              "unknown argument \"" + word + '"'
                + (near.empty() ? ": see aisnode --help"
                                : ": did you mean " + near + '?'));
}

} // namespace

expected<command_line> parse_command_line(int argc, const char* const* argv) {
  command_line out;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  auto when = [&](const char* flag, wanted what) {
    app.add_flag_function(flag, [&out, what](int64_t) { out.what = what; });
  };
  when("-h,--help", wanted::help);
  when("--help-config", wanted::reference);
  when("--version", wanted::version);
  when("--print-config", wanted::settings);
  app.add_option("--config", out.config_file);
  for (auto& s : all_settings())
    if (!s.flag.empty())
      add(app, s, out.options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ArgumentMismatch& e) {
    std::string what = e.what();
    return fail(errc::invalid_argument,
                what.substr(0, what.find(':'))
                  + " takes one value, and is given once: see aisnode --help");
  } catch (const CLI::ParseError& e) {
    return fail(errc::invalid_argument,
                std::string{e.what()} + ": see aisnode --help");
  }
  if (auto extra = app.remaining(); !extra.empty())
    return unknown(extra.front());
  return out;
}

} // namespace ais::http
