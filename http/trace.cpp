#include "http/trace.hpp"

#include "http/request_id.hpp"
#include "http/tokens.hpp"
#include "storage/base/log.hpp"
#include "storage/base/names.hpp"
#include "storage/base/units.hpp"

#include <algorithm>

namespace ais::http {

namespace {

constexpr size_t max_list = 32; ///< verbs or statuses of a filter

bool plain_word(std::string_view x) {
  return !x.empty() && x.size() <= 40
         && std::all_of(x.begin(), x.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || c == '_' || c == '-';
            });
}

/// "/v1/objects/<bucket>/<object>", "/v1/buckets/<bucket>".
void name_subject(std::string_view path, const query& q, traced_request& out) {
  for (std::string_view front : {"/v1/objects/", "/v1/buckets/"}) {
    if (path.substr(0, front.size()) != front)
      continue;
    auto rest = path.substr(front.size());
    auto slash = rest.find('/');
    auto p = parse_provider(q.get("provider"));
    auto space = parse_ns(q.get("namespace"));
    auto bucket = percent_decode(rest.substr(0, slash));
    if (!p || !space || !bucket || bucket->empty())
      return;
    out.bucket = traced_text(cname_of(bck{*p, *space, *bucket}));
    auto object = percent_decode(slash == rest.npos ? std::string_view{}
                                                    : rest.substr(slash + 1));
    if (object)
      out.object = traced_text(*object);
    return;
  }
}

error bad(std::string what) {
  return fail(errc::invalid_argument, std::move(what));
}

expected<trace_filter::statuses> parse_status(std::string_view text) {
  auto n
    = text.size() == 3 ? static_cast<int>(whole_number(text).value_or(0)) : 0;
  if (n >= 100 && n < 600)
    return trace_filter::statuses{n, n};
  if (text.size() == 3 && text[0] >= '1' && text[0] <= '5'
      && (text.substr(1) == "xx" || text.substr(1) == "XX")) {
    n = (text[0] - '0') * 100;
    return trace_filter::statuses{n, n + 99};
  }
  return bad("status \"" + traced_text(text.substr(0, 40))
             + "\" is none: use, for example, 404 or 5xx");
}

expected<trace_cursor> parse_cursor(std::string_view text) {
  auto dot = std::min(text.find('.'), text.size());
  auto mark = whole_number(text.substr(0, dot));
  auto number = whole_number(text.substr(std::min(dot + 1, text.size())));
  if (!mark || !number)
    return bad("the cursor is not one of an earlier page: leave it out to begin"
               " anew");
  trace_cursor out;
  out.mark = *mark;
  out.number = *number;
  return out;
}

json::object to_json(const traced_request& x) {
  json::object out{{"seq", x.number},
                   {"time", format_rfc3339(x.end_ns)},
                   {"unix_ns", x.end_ns},
                   {"took_ns", x.took_ns},
                   {"api", x.s3 ? "s3" : "ais"},
                   {"verb", x.verb},
                   {"path", x.path},
                   {"what", x.what},
                   {"bucket", x.bucket},
                   {"object", x.object},
                   {"status", x.status},
                   {"received", x.received},
                   {"sent", x.sent},
                   {"complete", x.complete},
                   {"peer", x.peer},
                   {"request", x.id}};
  return out;
}

} // namespace

// -- what is kept -------------------------------------------------------------

std::string traced_text(std::string_view x) {
  if (x.size() > max_traced_text) {
    auto end = max_traced_text;
    while (end > max_traced_text - 4
           && (static_cast<unsigned char>(x[end]) & 0xc0) == 0x80)
      --end; // not in the middle of a character
    x = x.substr(0, end);
  }
  return one_line(x);
}

traced_request describe(const request& req) {
  traced_request out;
  out.verb = traced_text(req.method.substr(0, 16));
  out.peer = req.peer;
  out.id = given_request_id(req);
  auto parts = split_target(req.target);
  if (!parts)
    return out; // nor could it be answered
  out.path = traced_text(parts->path);
  auto q = query::parse(parts->query, 256);
  if (!q)
    return out;
  if (auto what = q->get("what"); plain_word(what))
    out.what = what;
  name_subject(parts->path, *q, out);
  return out;
}

// -- what is asked ------------------------------------------------------------

bool trace_filter::fits(const traced_request& x) const {
  auto is_status = [&](const statuses& s) {
    return s.first <= x.status && x.status <= s.last;
  };
  return x.took_ns >= slower_ns && (bucket.empty() || x.bucket == bucket)
         && x.object.compare(0, prefix.size(), prefix) == 0
         && (verbs.empty()
             || std::find(verbs.begin(), verbs.end(), x.verb) != verbs.end())
         && (answered.empty()
             || std::any_of(answered.begin(), answered.end(), is_status));
}

expected<trace_query> parse_trace_query(const query& q) {
  trace_query out;
  if (auto text = q.get("cursor"); !text.empty()) {
    auto cursor = parse_cursor(text);
    if (!cursor)
      return cursor.error();
    out.after = *cursor;
  }
  auto parts_of = [](std::string_view list) {
    std::vector<std::string_view> parts;
    each_token(list, [&](std::string_view x) {
      parts.push_back(x);
      return parts.size() <= max_list;
    });
    return parts;
  };
  auto verbs = parts_of(q.get("verb"));
  auto statuses = parts_of(q.get("status"));
  if (verbs.size() > max_list || statuses.size() > max_list)
    return bad("more than " + std::to_string(max_list)
               + " verbs or statuses: leave them out to see all");
  for (auto verb : verbs) {
    auto& to = out.filter.verbs.emplace_back(verb);
    for (auto& c : to)
      if (c >= 'a' && c <= 'z')
        c = static_cast<char>(c - 'a' + 'A');
  }
  for (auto text : statuses) {
    auto status = parse_status(text);
    if (!status)
      return status.error();
    out.filter.answered.push_back(*status);
  }
  out.filter.bucket = q.get("bucket");
  out.filter.prefix = q.get("prefix");
  if (!out.filter.bucket.empty()
      && out.filter.bucket.find("://") == std::string::npos)
    return bad("bucket \"" + traced_text(out.filter.bucket)
               + "\" has no provider: use, for example, ais://NAME");
  if (auto text = q.get("slower"); !text.empty()) {
    auto time = parse_duration(text);
    if (!time)
      return with_context(time.error(), "slower");
    out.filter.slower_ns = time->count();
  }
  return out;
}

// -- what is answered ---------------------------------------------------------

json::value to_json(const trace_page& x) {
  json::array requests;
  for (auto& r : x.requests)
    requests.push_back(to_json(r));
  json::object out{{"cursor", std::to_string(x.next.mark) + '.'
                                + std::to_string(x.next.number)},
                   {"lost", x.lost},
                   {"interrupted", x.interrupted},
                   {"more", x.more}};
  out["requests"] = std::move(requests);
  return out;
}

// -- the trace ----------------------------------------------------------------

void request_trace::add(traced_request x) {
  std::lock_guard guard{mutex_};
  if (!on())
    return;
  x.number = ++last_;
  if (kept_.size() == room_)
    kept_.pop_front();
  kept_.push_back(std::move(x));
}

trace_page request_trace::read(const trace_query& q, int64_t now_ns) {
  std::lock_guard guard{mutex_};
  if (!on()) {
    mark_ = now_ns;
    on_.store(true, std::memory_order_relaxed);
  }
  until_ = now_ns + std::chrono::nanoseconds{watched}.count();
  trace_page out;
  auto forgotten = last_ - kept_.size();
  auto from = q.after ? q.after->number : last_;
  if (q.after && q.after->mark != mark_) {
    out.interrupted = true;
    from = forgotten;
  }
  from = std::min(from, last_);
  if (from < forgotten) {
    out.lost = forgotten - from;
    from = forgotten;
  }
  for (; from < last_ && out.requests.size() < max_traced_per_page; ++from)
    if (auto& x = kept_[from - forgotten]; q.filter.fits(x))
      out.requests.push_back(x);
  out.next = {mark_, from};
  out.more = from < last_;
  return out;
}

void request_trace::expire(int64_t now_ns) {
  if (!on())
    return;
  std::lock_guard guard{mutex_};
  if (!on() || now_ns <= until_)
    return;
  on_.store(false, std::memory_order_relaxed);
  kept_ = {};
}

} // namespace ais::http
