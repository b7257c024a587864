// What a client asks of a listing and how a page is encoded. Source:
// api-data 3.
#pragma once

#include "storage/base/json.hpp"
#include "storage/walk.hpp"

#include <string>
#include <vector>

namespace ais::http::v1 {

/// What a client wants to see of each object.
struct list_props {
  bool size = true;
  bool version = false;
  bool checksum = false;
  bool atime = false;
  bool copies = false;
  bool custom = false;
  bool location = false;
};

/// A parsed list request (LsoMsg).
struct list_request {
  std::string uuid;
  std::string token;
  std::string time_format; ///< Go layout
  storage::walk_options options;
  list_props props;
  size_t page_size = 0; ///< entries; within the limits
  bool nothing = false; ///< asks for what a bucket of ours never has
};

/// Reads LsoMsg; null asks for the defaults.
/// @returns errc::invalid_argument, unsupported (flags of other versions).
expected<list_request> parse_list_request(const json::value& v);

/// One page as the client receives it.
struct list_reply {
  std::string uuid;
  std::string token;
  std::vector<storage::walk_entry> entries;
};

/// Encodes a page; `where` gives the location text of a mountpath index.
std::string to_msgpack(const list_reply& page, const list_request& req,
                       const std::vector<std::string>& where);
std::string to_json_text(const list_reply& page, const list_request& req,
                         const std::vector<std::string>& where);

} // namespace ais::http::v1
