// The TRACE of a node: its last finished requests, kept only while somebody
// asks for them ("ais trace").
//
// Who traces asks page by page, each time with the cursor of the page before;
// for `watched` after a page requests are kept. They are numbered, so a page
// says how many are missing because nobody asked for them in time. Of headers
// only the id of the request is kept, of queries only "what", the provider and
// the namespace: no signature and no token gets in.
//
// **Concurrency**: any thread. While nobody traces, a request costs one relaxed
// load. **Limits**: `room` requests, `max_traced_text` bytes of each text.
#pragma once

#include "http/request.hpp"
#include "http/url.hpp"
#include "storage/base/errc.hpp"
#include "storage/base/json.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http {

inline constexpr size_t max_traced_text = 1024;     ///< [bytes]
inline constexpr size_t max_traced_per_page = 1000; ///< requests
inline constexpr std::chrono::seconds watched{10};

// -- what is kept -------------------------------------------------------------

/// A request that has been answered. Texts are one line each, cut if long.
struct traced_request {
  uint64_t number = 0; ///< set by the trace: counts up by one
  int64_t end_ns = 0;  ///< Unix time when the reply was sent
  int64_t took_ns = 0; ///< since the whole header was there
  std::string verb;
  std::string path;   ///< as sent, without query
  std::string what;   ///< of "?what=", if it is a plain word
  std::string bucket; ///< cname, if it is about one
  std::string object; ///< if it is about one
  bool s3 = false;
  int status = 0;
  uint64_t received = 0; ///< of the request's body [bytes]
  uint64_t sent = 0;     ///< of the reply's body [bytes]
  bool complete = true;  ///< the whole reply was sent
  std::string peer;
  std::string id; ///< the client's, if it sent one
};

/// What can be told from the request itself. Of the S3 API only its handler
/// knows which bucket is meant.
traced_request describe(const request& req);

/// `x` on one line, cut to max_traced_text.
std::string traced_text(std::string_view x);

// -- what is asked ------------------------------------------------------------

/// Which requests to show; what is empty fits all.
struct trace_filter {
  struct statuses {
    int first = 0;
    int last = 0;
  };
  std::vector<std::string> verbs; ///< in capitals
  std::vector<statuses> answered;
  std::string bucket; ///< cname
  std::string prefix; ///< of the object's name
  int64_t slower_ns = 0;

  bool fits(const traced_request& x) const;
};

/// Where a page goes on. An unbroken watch has a mark of its own.
struct trace_cursor {
  int64_t mark = 0;
  uint64_t number = 0; ///< of the last request that was looked at
};

struct trace_query {
  std::optional<trace_cursor> after; ///< none: from now on
  trace_filter filter;
};

/// Reads "cursor", "verb" (GET,PUT), "status" (404,5xx), "bucket" (ais://b),
/// "prefix" and "slower" (100ms) of a query.
/// @returns errc::invalid_argument.
expected<trace_query> parse_trace_query(const query& q);

// -- what is answered ---------------------------------------------------------

struct trace_page {
  std::vector<traced_request> requests; ///< oldest first
  trace_cursor next;
  uint64_t lost = 0; ///< were forgotten before they could be looked at
  /// Nobody watched for a while, or the node has restarted: what was answered
  /// meanwhile is not known.
  bool interrupted = false;
  bool more = false; ///< ask again at once
};

json::value to_json(const trace_page& x);

// -- the trace ----------------------------------------------------------------

class request_trace {
public:
  explicit request_trace(size_t room = 8192) : room_(room) {}

  /// Somebody traces.
  bool on() const { return on_.load(std::memory_order_relaxed); }

  /// Nothing happens unless it is on.
  void add(traced_request x);

  /// The next page; from now on requests are kept, until `watched` have passed
  /// without another one. @param now_ns  on a clock that only goes forward
  trace_page read(const trace_query& q, int64_t now_ns);

  /// To be called from time to time: ends what nobody asks for any more.
  void expire(int64_t now_ns);

private:
  const size_t room_;
  std::atomic<bool> on_ = false;
  std::mutex mutex_; ///< guards what follows
  std::deque<traced_request> kept_;
  uint64_t last_ = 0; ///< number given last
  int64_t mark_ = 0;  ///< when the watch began
  int64_t until_ = 0; ///< it ends [ns]
};

} // namespace ais::http
