// AIStore's REST API, as the commands use it. Source: api-control, api-data.
#pragma once

#include "cli/failure.hpp"
#include "http/client.hpp"
#include "storage/base/json.hpp"
#include "storage/base/names.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ais::cli {

class arguments;
class settings;

using query_list = std::vector<std::pair<std::string, std::string>>;

// -- nodes --------------------------------------------------------------------

struct node_info {
  std::string id;
  bool target = false;
  bool primary = false;
  uint64_t flags = 0; ///< of the Snode; api-control 7.1
  std::string url;    ///< public
  std::string control_url;
  std::string data_url;

  bool non_electable() const { return flags & 1; }
  bool maintenance() const { return flags & 4; }
  bool decommission() const { return flags & 8; }
  bool inactive() const { return flags & (4 | 8); }
  /// "t[ID]" or "p[ID]".
  std::string name() const;
  /// The same with marks: primary "[P]", not electable "[n/e]", not active
  /// "[x]".
  std::string marked_name() const;
};

struct cluster_map {
  json::object raw;
  std::string uuid;
  uint64_t version = 0;
  std::string created;
  std::vector<node_info> proxies; ///< sorted by ID
  std::vector<node_info> targets;
  const node_info* find(const std::string& id) const;
  /// The proxy that is primary. @throws failure without one.
  const node_info& primary() const;
  std::vector<node_info> all() const;
};

/// Reads a Smap. Source: api-control 7.1.
cluster_map cluster_map_of(const json::object& raw);

// -- objects ------------------------------------------------------------------

struct listed_object {
  std::string name;
  uint64_t size = 0;
  std::string checksum;
  std::string atime;
  std::string version;
  std::string location;
  std::string custom;
  int64_t copies = 0;
  uint64_t flags = 0; ///< api-data 3.4

  bool present() const { return flags & 64; }
  bool directory() const { return flags & 256; }
  uint64_t status() const { return flags & 31; }
};

struct list_query {
  std::string props; ///< comma-separated
  std::string prefix;
  std::string start_after;
  uint64_t flags = 0;     ///< api-data 3.2
  uint64_t page_size = 0; ///< 0: as the server likes
  uint64_t limit = 0;     ///< 0: none

  /// By --limit, --page-size and --max-pages.
  void set_sizes(const arguments& a);
};

// -- the cluster --------------------------------------------------------------

/// One thread's way to the cluster.
class api {
public:
  explicit api(const settings& s);
  /// With a time limit of its own for connecting and for answers.
  api(const settings& s, std::chrono::milliseconds limit);

  const std::string& endpoint() const { return endpoint_; }
  http::client& client() { return client_; }

  /// Sends a request and returns its answer. While the cluster starts (503
  /// without a body), tries again for some seconds.
  /// @throws refusal for status 400 and above, failure when nobody answers.
  http::client_reply call(http::client_request req);

  /// "<endpoint><path>?<query>", encoded.
  std::string url(std::string_view path, const query_list& query = {}) const;

  json::value get(std::string_view path, const query_list& query = {},
                  const json::value& body = nullptr);
  /// Sends an action message; returns the body as text.
  std::string act(std::string_view method, std::string_view path,
                  const query_list& query, std::string_view action,
                  json::value value = nullptr, std::string_view name = {});

  // -- nodes --
  const cluster_map& map(bool fresh = false);
  /// The node that `text` names. @throws failure
  node_info node(std::string_view text);
  node_info target(std::string_view text);
  json::value
  node_query(const node_info& n, std::string_view what, query_list more = {});
  http::client_request node_request(const node_info& n, std::string_view method,
                                    std::string_view path, query_list query);

  // -- buckets --
  std::vector<bck> buckets(const query_list& query);
  /// The properties. @throws failure "does not exist"
  json::object bucket_props(const bck& b);
  bool bucket_exists(const bck& b);
  /// That it does not exist, with which one may have been meant.
  failure no_such_bucket(const bck& b);
  query_list bucket_query(const bck& b) const;
  std::string bucket_path(const bck& b) const;
  std::string
  object_url(const bck& b, std::string_view object, query_list more = {}) const;

  /// Lists page by page; `take` returns false to end. @returns false if the
  /// server says that the list may be incomplete.
  bool list(const bck& b, const list_query& q,
            const std::function<bool(std::vector<listed_object>)>& take);

private:
  std::string endpoint_;
  http::client client_;
  std::optional<cluster_map> map_;
};

/// How options of the client follow from settings.
http::client_options client_options_of(const settings& s);

/// Why a request to `endpoint` got no answer, and what to do.
no_answer unreachable(const std::string& endpoint, const error& why);

// -- reading JSON -------------------------------------------------------------

/// A member as text, whatever it is; empty if absent.
std::string text_at(const json::object& x, std::string_view key);
/// A number, bare or quoted; 0 if absent.
uint64_t number_at(const json::object& x, std::string_view key);
double real_at(const json::object& x, std::string_view key);
/// An object; empty if absent.
const json::object& object_at(const json::object& x, std::string_view key);
const json::array& array_at(const json::object& x, std::string_view key);
/// Strings as they are, all else as JSON.
std::string plain_text(const json::value& x);

/// "a.b.c" -> text, for every leaf, sorted.
std::vector<std::pair<std::string, std::string>>
flattened(const json::object& x);

/// The reverse: sets `path` in `tree`.
void put_at(json::object& tree, std::string_view path, json::value value);

} // namespace ais::cli
