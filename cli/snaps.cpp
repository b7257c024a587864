#include "cli/snaps.hpp"

#include "cli/regex.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>
#include <regex>

namespace ais::cli {

namespace {

/// Kinds and how they are called here. Source: api-control 5.9.
constexpr std::pair<std::string_view, std::string_view> display_names[] = {
  {"election", "elect-primary"},
  {"lru", "lru-eviction"},
  {"cleanup-store", "cleanup"},
  {"summary-bck", "summary"},
  {"summary-shard", "shard-summary"},
  {"index-shard", "shard-index"},
  {"etl-bck", "etl-bucket"},
  {"etl-listrange", "etl-objects"},
  {"copy-bck", "copy-bucket"},
  {"copy-listrange", "copy-objects"},
  {"move-bck", "rename-bucket"},
  {"ec-encode", "ec-bucket"},
  {"make-n-copies", "mirror"},
  {"promote", "promote-files"},
  {"prefetch-listrange", "prefetch-objects"},
  {"delete-listrange", "delete-objects"},
  {"evict-listrange", "evict-objects"},
  {"evict-remote-bck", "evict-remote-bucket"},
  {"load-lom-cache", "warm-up-metadata"},
};

constexpr std::string_view plain_kinds[]
  = {"rebalance", "resilver", "rechunk",    "etl-inline", "ec-get",
     "ec-put",    "ec-resp",  "put-copies", "archive",    "blob-download",
     "download",  "dsort",    "list",       "get-batch",  "create-inventory"};

json::object bucket_json(const bck& b) {
  return {{"name", b.name},
          {"provider", b.name.empty() ? "" : to_string(b.provider)},
          {"namespace", {{"uuid", b.ns.uuid}, {"name", b.ns.name}}}};
}

std::chrono::nanoseconds since(const std::string& rfc3339) {
  std::tm then{};
  if (!::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &then))
    return {};
  return std::chrono::seconds{
    std::max<std::time_t>(std::time(nullptr) - ::timegm(&then), 0)};
}

} // namespace

// -- kinds --------------------------------------------------------------------

std::string display_name(const std::string& kind) {
  for (auto& [k, shown] : display_names)
    if (k == kind)
      return std::string{shown};
  return kind;
}

std::string kind_of(const std::string& name) {
  for (auto& [k, shown] : display_names)
    if (k == name || shown == name)
      return std::string{k};
  for (auto k : plain_kinds)
    if (k == name)
      return name;
  // "copy", "ec", ...: the beginning of a name.
  for (auto& [k, shown] : display_names)
    if (shown.substr(0, name.size() + 1) == name + '-')
      return std::string{k};
  return {};
}

std::string verb_of(const std::string& kind) {
  if (kind == "rebalance" || kind == "resilver")
    return "Checked"; // and moved, where they have to
  if (kind.starts_with("copy-"))
    return "Copied";
  if (kind.starts_with("delete-"))
    return "Deleted";
  if (kind == "make-n-copies")
    return "Mirrored";
  if (kind == "move-bck")
    return "Moved";
  return "Done";
}

// -- what is asked for --------------------------------------------------------

std::string job_choice::quoted_kind() const {
  return kind.empty() ? "" : fmt::format("'{}' ", display_name(kind));
}

job_choice chosen_job(context& x, const std::vector<std::string>& operands) {
  job_choice out;
  for (auto& text : operands) {
    std::string other;
    if (text.find("://") != text.npos) {
      other = out.bucket.name;
      out.bucket = parse_bare_bucket(text);
    } else if (text.starts_with("t[") || text.starts_with("p[")) {
      other = std::exchange(out.node, x.cluster().target(text).id);
    } else if (auto kind = kind_of(text); !kind.empty()) {
      other = std::exchange(out.kind, kind);
    } else if (auto* n = x.cluster().map().find(text); n && n->target) {
      other = std::exchange(out.node, n->id);
    } else {
      other = std::exchange(out.id, text);
    }
    if (!other.empty())
      throw misuse(fmt::format("\"{}\" and \"{}\": name one job", other, text));
  }
  return out;
}

// -- what is answered ---------------------------------------------------------

uint64_t snap::stat(const char* key) const {
  return number_at(object_at(said, "stats"), key);
}

bool snap::yes(const char* key) const {
  auto* v = said.if_contains(key);
  return v && v->is_bool() && v->get_bool();
}

bool snap::ended() const {
  auto t = text("end-time");
  return !t.empty() && t.substr(0, 4) != "0001";
}

std::string snap::state() const {
  if (yes("aborted")) {
    auto why = text("abort-err");
    return why.empty() ? "Aborted" : fmt::format("Aborted: \"{}\"", why);
  }
  if (ended())
    return text("err").empty() ? "Finished" : "Finished with errors";
  return yes("is_idle") ? "Idle" : "Running";
}

amounts snap::how_far() const {
  auto& ext = object_at(said, "ext"); // see http/v1/jobs.cpp
  auto looked = number_at(ext, "progress.looked.n");
  return {std::max(looked, stat("loc-objs")),
          number_at(ext, "progress.total.n"), stat("loc-bytes"), 0};
}

amounts how_far(const std::vector<snap>& all) {
  amounts out;
  auto known = true;
  for (auto& s : all) {
    auto part = s.how_far();
    known = known && (part.of_objects > 0 || s.ended());
    out.objects += part.objects;
    out.of_objects += std::max(part.of_objects, part.objects);
    out.bytes += part.bytes;
  }
  if (!known)
    out.of_objects = 0;
  return out;
}

std::string progress_text_of(const context& x, const snap& s) {
  auto now = s.how_far();
  if (!s.running() || now.of_objects == 0)
    return {};
  auto text = describe(x.units, {}, now, since(s.text("start-time")));
  return fmt::format("{}, {}{}", text.objects, text.rate,
                     text.left.empty() ? "" : ", " + text.left + " left");
}

void keep_matching(const arguments& a, std::vector<snap>& snaps) {
  if (!a.has("regex"))
    return;
  auto wanted = parse_regex(a.get("regex"));
  std::erase_if(snaps, [&](auto& s) {
    return !std::regex_search(display_name(s.text("kind")), wanted);
  });
}

std::vector<snap>
query_jobs(api& cluster, const job_choice& which, bool running_only) {
  json::object body{{"id", which.id},
                    {"kind", which.kind},
                    {"node", which.node},
                    {"bck", bucket_json(which.bucket)}};
  if (running_only && which.id.empty())
    body["show_active"] = true;
  else
    body["show_active"] = nullptr;
  json::value got;
  try {
    got = cluster.get("/v1/cluster", {{"what", "qryxstats"}}, body);
  } catch (const refusal& e) {
    if (e.status() != 404 || which.id.empty())
      throw;
    throw failure(fmt::format("invalid xaction (job) UUID \"{}\": see 'ais show"
                              " job --all'",
                              which.id));
  }
  std::vector<snap> out;
  if (auto* targets = got.if_object())
    for (auto& m : *targets)
      if (auto* list = m.value().if_array())
        for (auto& s : *list)
          if (auto* o = s.if_object())
            out.push_back({std::string{m.key().data(), m.key().size()}, *o});
  return out;
}

} // namespace ais::cli
