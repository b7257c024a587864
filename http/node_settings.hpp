// The SETTINGS of a node: what aisnode is started with, by a configuration file
// (JSON; AIStore's names where it has one) and by options, which win. One table
// says all there is: the file's keys, the options, --help and the reference in
// docker/settings.md are made of it. Source: AIStore cmn/config.go
// (LocalConfig); api-control 7.6.
#pragma once

#include "actors/meta/cluster_config.hpp"
#include "http/networks.hpp"
#include "http/tls.hpp"
#include "storage/base/log.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::http {

inline constexpr size_t max_settings_file = 1 << 20; ///< [bytes]

// -- the table ----------------------------------------------------------------

struct setting {
  property is;            ///< key in the file, kind, default, limits
  std::string_view flag;  ///< the option; empty: only in the file
  std::string_view value; ///< what the option takes; empty: nothing
  std::string_view group;
  std::string_view meaning;
  bool live = false; ///< SIGHUP takes the file's value over
};

std::span<const setting> all_settings();

/// The table as what reads values.
schema settings_schema();

// -- values -------------------------------------------------------------------

/// An option as it was given, in order: key, value.
using given_options = std::vector<std::pair<std::string, std::string>>;

/// The values of a file (empty: none), below those of the options.
/// @param name  of the file, for errors
/// @returns errc::invalid_argument with what is wrong where: line and column of
/// what is no JSON, else the key, the option or the rule. What it returns,
/// settings_of() takes.
expected<property_set>
read_settings(std::string_view name, std::string_view file,
              const given_options& options);

/// The same values for who uses them.
struct node_settings {
  std::string dir;
  std::vector<std::pair<std::string, std::string>> mountpaths; ///< and labels
  std::string role; ///< both, proxy, target
  std::string join;
  bool standby = false;
  bool non_electable = false;
  bool no_redirect = false;
  bool s3_redirect = false;
  std::vector<std::string> s3_domains; ///< in lower case
  std::string s3_region;               ///< empty: any
  std::chrono::nanoseconds lifecycle_day = std::chrono::hours{24};
  size_t threads = 0; ///< 0: one per core
  std::string port_file;
  network_options net;
  tls_files tls;
  std::string log_file; ///< empty: stderr
  log_format format = log_format::text;
  std::optional<log_level> level; ///< none: as the cluster's log.level
  uint32_t slow_seconds = 0;      ///< 0: no request is called slow
  /// Of a cluster that begins with this node; null: defaults.
  cluster_config_ptr first_config;

  /// Whether it is part of a cluster of several processes.
  bool clustered() const;
};

/// @returns errc::invalid_argument: values that do not fit together.
expected<node_settings> settings_of(const property_set& x);

/// Keys whose values differ.
std::vector<const setting*>
differences(const property_set& a, const property_set& b);

// -- for people ---------------------------------------------------------------

/// --help: options by group.
std::string settings_help();
/// docker/settings.md.
std::string settings_reference();
/// A file that says what `x` does.
std::string settings_file(const property_set& x);

} // namespace ais::http
