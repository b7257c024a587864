// ais bucket summary: how many objects buckets have, and how large they are.
// Source: cli.md 4.1; api-control 3.4.
#include "cli/context.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

struct bucket_summaries {
  json::array buckets;
  bool complete = true;
};

/// What is counted within this time is shown without waiting.
constexpr auto a_look = 50ms;

/// Starts a summary; waits for its end, or looks once.
bucket_summaries summarise(api& cluster, const uri& u, bool wait) {
  auto path
    = u.query() ? std::string{"/v1/buckets"} : cluster.bucket_path(u.bucket);
  auto query = u.any_provider ? query_list{} : cluster.bucket_query(u.bucket);
  auto ask = [&](const std::string& uuid) {
    http::client_request req;
    req.url = cluster.url(path, query);
    req.body = to_text({{"action", "summary-bck"},
                        {"name", ""},
                        {"value",
                         {{"uuid", uuid},
                          {"prefix", u.object},
                          {"cached", true},
                          {"present", true}}}});
    return cluster.call(std::move(req));
  };
  auto id = ask("").body;
  if (!wait)
    std::this_thread::sleep_for(a_look);
  for (auto pause = 5ms;; pause = std::min(pause * 2, 1000ms)) {
    auto reply = ask(id);
    if (reply.status == 200 || !wait) {
      auto parsed = parse_json(reply.body);
      auto* out = parsed ? parsed->if_array() : nullptr;
      if (!out)
        throw failure("the summary cannot be read");
      return {*out, reply.status == 200};
    }
    std::this_thread::sleep_for(pause);
  }
}

void summary(context& x, const arguments& a) {
  auto u = optional_uri(a);
  bucket_summaries got;
  try {
    got = summarise(x.cluster(), u, !a.has("dont-wait"));
  } catch (const refusal& e) {
    if (e.status() == 404 && !u.query())
      throw x.cluster().no_such_bucket(u.bucket);
    throw;
  }
  auto& all = got.buckets;
  if (!got.complete)
    warn("the objects are still being counted: this is what is known so far"
         " (without --dont-wait: all)");
  if (a.has("json"))
    return say_json(all);
  if (all.empty() && got.complete) {
    say("No buckets in the cluster.");
    return;
  }
  table out{{"NAME", "OBJECTS (cached, remote)", "OBJECT SIZES (min, avg, max)",
             "TOTAL OBJECT SIZE (cached, remote)", "USAGE(%)"}};
  std::vector<std::pair<std::string, std::vector<cell>>> rows;
  for (auto& v : all) {
    auto& o = v.as_object();
    auto& space = object_at(o, "namespace");
    bck b{must(parse_provider(text_at(o, "provider"))),
          {text_at(space, "uuid"), text_at(space, "name")},
          text_at(o, "name")};
    auto& counts = object_at(o, "ObjCount");
    auto& sizes = object_at(o, "ObjSize");
    auto& totals = object_at(o, "TotalSize");
    auto name = cname_of(b);
    auto bytes = [&](const json::object& from, const char* key) {
      return x.units.bytes(number_at(from, key));
    };
    rows.emplace_back(
      name,
      std::vector<cell>{
        name,
        fmt::format("{} {}", text_at(counts, "obj_count_present"),
                    text_at(counts, "obj_count_remote")),
        fmt::format("{} {} {}", bytes(sizes, "obj_min_size"),
                    bytes(sizes, "obj_avg_size"), bytes(sizes, "obj_max_size")),
        fmt::format("{} {}", bytes(totals, "size_all_present_objs"),
                    bytes(totals, "size_all_remote_objs")),
        text_at(o, "used_pct") + '%'});
  }
  std::sort(rows.begin(), rows.end(),
            [](auto& p, auto& q) { return p.first < q.first; });
  for (auto& [name, row] : rows)
    out.add(std::move(row));
  out.print(headers(a));
}

using namespace flags;

} // namespace

command bucket_summary() {
  command c;
  c.name = "summary";
  c.summary = "count the objects of buckets and their sizes";
  c.usage = "[BUCKET[/PREFIX]|PROVIDER]";
  c.run = summary;
  c.operands = {operand::bucket};
  c.flags
    = {prefix,
       json,
       no_headers,
       refresh,
       count,
       {"cached", "", value_kind::nothing, "", "only what is in the cluster"},
       {"dont-wait", "", value_kind::nothing, "",
        "show what has been counted so far, at once"}};
  c.examples = {"ais bucket summary", "ais bucket summary ais://b/train/"};
  return c;
}

} // namespace ais::cli
