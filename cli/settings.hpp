// The user's settings: cli.json, the environment, aliases, the token.
// Source: cli.md 3.
#pragma once

#include "http/client_tls.hpp"
#include "storage/base/json.hpp"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ais::cli {

class settings {
public:
  /// Reads the file, or writes it with defaults if there is none.
  /// @throws failure when it cannot be understood, with how to mend it.
  static settings load();
  /// Those of a fresh installation.
  static settings defaults();
  /// Where the file is.
  static std::string path();

  /// @throws failure when the file cannot be written.
  void save() const;

  // -- what commands ask for --------------------------------------------------

  /// The cluster's address: AIS_ENDPOINT, `cluster.url`, that of a cluster in
  /// docker if one runs, the default; http:// in front, no '/' at its end.
  std::string endpoint() const;
  /// The token for AuthN, or empty. @throws failure for an unreadable file.
  std::string token() const;
  /// Whom to trust at https addresses, and what to show there: AIS_CLIENT_CA,
  /// AIS_CRT, AIS_CRT_KEY and AIS_SKIP_VERIFY_CRT, else `cluster.*`.
  http::client_tls tls() const;
  std::chrono::nanoseconds connect_timeout() const;
  std::chrono::nanoseconds http_timeout() const; ///< 0: none
  bool no_color() const { return flag("no_color"); }
  bool verbose() const { return flag("verbose"); }
  bool no_more() const { return flag("no_more"); }

  // -- keys, such as "cluster.url" --------------------------------------------

  /// All keys but aliases, sorted, with their values as text.
  std::vector<std::pair<std::string, std::string>> all() const;
  /// @throws failure for unknown keys and values of the wrong type.
  void set(const std::string& key, const std::string& value);
  std::string get(const std::string& key) const;
  const json::object& document() const { return document_; }

  // -- aliases ----------------------------------------------------------------

  std::map<std::string, std::string> aliases; ///< name -> command words
  static const std::map<std::string, std::string>& built_in_aliases();

private:
  bool flag(std::string_view key) const;
  const json::value* find(std::string_view key) const;

  json::object document_; ///< without aliases
};

} // namespace ais::cli
