// Options that mean the same wherever they appear. Source: cli.md 2.2.
#pragma once

#include "cli/command.hpp"

namespace ais::cli::flags {

using enum value_kind;

inline constexpr flag help{"help", "h", nothing, "", "show this help"};
inline constexpr flag units{
  "units", "", text, "iec|si|raw",
  "units of sizes and durations: KiB, MiB (iec, the default), KB, MB (si),"
  " or plain numbers (raw)"};
inline constexpr flag json{"json", "j", nothing, "", "print JSON"};
inline constexpr flag no_headers{"no-headers", "H", nothing, "",
                                 "print tables without their header"};
inline constexpr flag no_footers{"no-footers", "F", nothing, "",
                                 "print tables without totals below"};
inline constexpr flag refresh{
  "refresh", "", duration, "DURATION",
  "run again and again with this pause, until Ctrl-C [5s; at least 1s]"};
inline constexpr flag count{"count", "", number, "N",
                            "with --refresh: run that many times"};
inline constexpr flag verbose{"verbose", "v", nothing, "", "print more"};
inline constexpr flag yes{"yes", "y", nothing, "",
                          "assume Yes to all questions"};
inline constexpr flag force{"force", "f", nothing, "",
                            "override what protects against mistakes"};
inline constexpr flag recursive{"recursive", "r", nothing, "",
                                "with all subdirectories"};
inline constexpr flag non_recursive{
  "non-recursive", "nr", nothing, "",
  "one directory level only: '/' separates directories"};
inline constexpr flag dry_run{"dry-run", "", nothing, "",
                              "show what would be done, change nothing"};
inline constexpr flag progress{"progress", "", nothing, "",
                               "show how far it is: count, bytes, rate, time"};
inline constexpr flag prefix{"prefix", "", text, "PREFIX",
                             "objects whose names begin with this"};
inline constexpr flag list{"list", "", text, "A,B,...",
                           "object names, separated by commas"};
inline constexpr flag name_template{
  "template", "", text, "TEMPLATE",
  "object names by ranges, for example \"shard-{000..999}.tar\""};
inline constexpr flag all{"all", "", nothing, "", "all of them"};
inline constexpr flag workers{"num-workers", "", number, "N",
                              "objects at once [10, at most twice the CPUs]"};
inline constexpr flag limit{"limit", "", number, "N",
                            "at most that many objects"};
inline constexpr flag page_size{"page-size", "", number, "N",
                                "names in each request"};
inline constexpr flag max_pages{"max-pages", "", number, "N",
                                "at most that many pages"};
inline constexpr flag ignore_error{"ignore-error", "", nothing, "",
                                   "go on with the others after a failure"};
inline constexpr flag cont_on_err{
  "cont-on-err", "", nothing, "",
  "accepted for compatibility: a failing object never stops the others"};
inline constexpr flag transient{"transient", "", nothing, "",
                                "in memory only: gone after a restart"};
inline constexpr flag regex{"regex", "", text, "REGEX",
                            "only what matches this regular expression"};

// What clients of AIStore may say, but makes no difference here.
inline constexpr flag skip_lookup{
  "skip-lookup", "", nothing, "",
  "accepted for compatibility: nothing is looked up elsewhere"};
inline constexpr flag ignored_latest{
  "latest", "", nothing, "",
  "accepted for compatibility: what is read is always the latest"};
inline constexpr flag ignored_workers{
  "num-workers", "", number, "N",
  "accepted for compatibility: targets know how many they need"};

} // namespace ais::cli::flags
