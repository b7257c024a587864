#include "http/s3/fast_get.hpp"

#include "http/request_id.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/versions.hpp"
#include "storage/base/hrw.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace ais::http::s3 {

namespace {

constexpr std::string_view native_path = "/v1/";
constexpr std::string_view prefix = "/s3/";
/// What SDKs add to each GET; the server has no use for it.
constexpr std::string_view operation_name = "x-id=GetObject";

bool begins(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

bool one_of(std::string_view name,
            std::initializer_list<std::string_view> list) {
  return std::any_of(list.begin(), list.end(),
                     [&](auto x) { return same_name(name, x); });
}

/// Whether a header says nothing that changes the reply.
bool harmless(const header& h, bool& checksums) {
  switch (h.name.front() | 0x20) {
    case 'r':
      return !same_name(h.name, "range");
    case 'o':
      return !same_name(h.name, "origin");
    case 'i':
      return !same_name(h.name.substr(0, 3), "if-");
    case 'a':
      return !same_name(h.name.substr(0, 4), "ais-");
    case 'x':
      if (!same_name(h.name.substr(0, 6), "x-amz-")
          || one_of(h.name,
                    {"x-amz-date", "x-amz-content-sha256", "x-amz-user-agent"}))
        return true;
      checksums = same_name(h.name, "x-amz-checksum-mode")
                  && same_name(h.value, "enabled");
      return checksums;
    default:
      return true;
  }
}

/// Who asks, if that is proven; none: let the slow way say what is wrong.
std::optional<caller>
proven(edge& e, const access_rules& rules, const request& req,
       std::string_view path, std::string_view raw_query) {
  caller anonymous{nullptr, rules.anonymous};
  if (!rules.verify)
    return anonymous;
  auto q = query::parse(raw_query, 1);
  if (!q)
    return {};
  signed_request as_signed{req, path, *q};
  auto claimed = parse_claim(as_signed);
  if (!claimed)
    return {};
  if (!*claimed)
    return anonymous;
  auto& who = **claimed;
  if (!check_region(who, e.shared().s3_region))
    return {};
  auto* key = rules.find(who.access_key);
  if (!key)
    return {};
  auto& signing = e.s3_signing_keys().find(who, key->secret);
  if (!check_claim(who, as_signed, signing, e.env().wall_ns() / 1'000'000'000))
    return {};
  return caller{key, key->access};
}

/// Whether what the bucket's properties say is enough to let him read.
bool may_read(edge& e, const caller& who, const readable_bucket& b) {
  if (b.it->lifecycle || keeps(*b.it))
    return false; // the reply tells when an object expires, and which it is
  if (!b.rights)
    b.rights = rights_of(e, *b.it);
  if (b.rights->has_policy)
    return false; // it may ask for anything
  policy_question nothing;
  auto said
    = decide(who, to_get, b.it->ref.bck.name, &*b.rights, nothing, nullptr);
  return said == ruling::allow;
}

/// The request's id: the client's, or one of ours. That need not be a secret,
/// so only the first of a thread asks the system for random bits.
std::string id_of(edge& e, const request& req) {
  thread_local uint64_t last = e.random();
  if (auto given = given_request_id(req); !given.empty())
    return std::string{given};
  return make_request_id(hrw_mix(last++));
}

} // namespace

bool fast_get(edge& e, const request& req, bool keep_alive, reply_plan& plan) {
  auto path = req.target;
  auto mark = path.find('?');
  std::string_view raw_query;
  if (mark != std::string_view::npos) {
    raw_query = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  if (begins(path, native_path) || !is_plain(path) || e.shared().trace->on()
      || !(raw_query.empty() || raw_query == operation_name))
    return false;
  auto checksums = false;
  for (auto& h : req.headers)
    if (!harmless(h, checksums))
      return false;
  auto name = path.substr(begins(path, prefix) ? prefix.size() : 1);
  auto slash = name.find('/');
  if (slash == std::string_view::npos)
    return false;
  auto* b = e.readable(name.substr(0, slash));
  if (!b)
    return false;
  auto start = e.env().steady_ns();
  auto* x = e.held(*b->it, name.substr(slash + 1), start);
  if (!x)
    return false;
  auto rules = e.s3_rules(); // holds the key of who asks
  auto who = proven(e, *rules, req, path, raw_query);
  if (!who || !may_read(e, *who, *b))
    return false;
  auto& head = x->s3_heads[checksums];
  if (head.empty()) {
    auto& attrs = x->lease->object->attrs;
    header_list headers;
    add_metadata(headers, attrs, checksums);
    head = lasting_head(200, headers, attrs.size_bytes);
  }
  auto more = "x-amz-request-id: " + id_of(e, req) + "\r\n";
  return e.plan_object(*x, head, more, req, keep_alive, start, plan);
}

} // namespace ais::http::s3
