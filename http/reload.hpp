// What SIGHUP does: the log is opened again, settings that may change, keys and
// certificates are read again. Whatever is wrong leaves what was before in
// effect; the log says what was done and what was not.
#pragma once

#include "http/node_settings.hpp"
#include "http/tls.hpp"

#include <string>

namespace ais::http {

/// Reads the settings that a start or a reload begins with.
/// @param file  empty: none
/// @returns errc::invalid_argument, with the file's name.
expected<property_set>
load_settings(const std::string& file, const given_options& options);

/// Puts the settings in effect that may change while the node runs.
void apply_live(const node_settings& x);

struct reloader {
  std::string file; ///< absolute; empty: none
  given_options options;
  property_set values; ///< in effect, or waiting for a restart
  std::string s3_file; ///< absolute
  tls_files certificates;
  tls_context tls; ///< null: none

  /// Does it. One thread at a time.
  void run();

private:
  void reload_settings();
  void reload_certificates();
  void check_s3_keys() const;
};

} // namespace ais::http
