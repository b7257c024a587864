// Who may use the S3 API: access keys from the file `s3.json` in the node's
// directory, read again when it changes:
//
//   {"anonymous": "none",
//    "keys": [{"access_key": "AK1", "secret_key": "...",
//              "access": "write", "buckets": ["train-*"]}]}
//
// `access` and `anonymous` are none, read, write or admin (default of a key:
// admin); `buckets` are names, or beginnings with a '*' (default: all).
// Without the file: a node that listens on the loopback only is open to all,
// signatures are not checked; any other refuses.
#pragma once

#include "storage/base/errc.hpp"
#include "storage/disk.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr std::string_view access_file = "s3.json";
inline constexpr size_t max_access_file = 1 << 20; ///< [bytes]

enum class level : uint8_t { none, read, write, admin };

struct access_key {
  std::string id;
  std::string secret;
  level access = level::admin;
  std::vector<std::string> buckets; ///< empty: all
  bool covers(std::string_view bucket) const;
};

struct access_rules {
  level anonymous = level::none;
  bool verify = true; ///< signatures; false: everybody is anonymous
  std::vector<access_key> keys;
  const access_key* find(std::string_view id) const;
};
using access_rules_ptr = std::shared_ptr<const access_rules>;

/// Reads the file's text. @returns errc::invalid_argument with the reason.
expected<access_rules_ptr> parse_access(std::string_view text);

/// The same from the file. errc::not_found: there is none.
expected<access_rules_ptr>
read_access(storage::disk& d, const std::string& path);

/// The rules of a node, kept up to date with the file; one per I/O thread.
class access_book {
public:
  /// @param path  of the file
  /// @param open  what holds without the file: open to all
  access_book(storage::disk& d, std::string path, bool open);

  const access_rules& rules() const { return *rules_; }
  /// Looks whether the file changed; cheap. A file that cannot be read or
  /// understood leaves the keys of before in effect; if there was no file
  /// before, it lets nobody in.
  void refresh();

private:
  void load();

  storage::disk& disk_;
  std::string path_;
  bool open_;
  std::optional<storage::file_stamp> seen_; ///< none: there was no file
  bool from_file_ = false;                  ///< where rules_ are from
  access_rules_ptr rules_;
};

} // namespace ais::http::s3
