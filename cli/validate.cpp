// ais bucket validate (scrub): what is wrong with the objects of buckets, by
// their listings. Source: cli.md 4.1.
#include "cli/context.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

constexpr uint64_t default_large_bytes = 5ULL << 30;

/// Why an object is counted; the columns, in their order.
enum : size_t {
  not_cached,
  misplaced_cluster,
  misplaced_mountpath,
  missing_copies,
  small,
  large,
  version_changed,
  deleted,
  finding_count
};

constexpr std::array<std::string_view, finding_count> titles{
  "NOT-CACHED",
  "MISPLACED(cluster)",
  "MISPLACED(mountpath)",
  "MISSING-COPIES",
  "SMALL",
  "LARGE",
  "VERSION-CHANGED",
  "DELETED"};

/// "missing-copies.log".
std::string file_name(size_t finding) {
  auto out = lower(titles[finding]) + ".log";
  for (auto& c : out)
    c = c == '(' ? '-' : c;
  std::erase(out, ')');
  return out;
}

/// Names of objects by finding, in files of a new directory; made when the
/// first name comes.
class detail_logs {
public:
  void add(size_t finding, const std::string& name) {
    auto& to = files_[finding];
    if (!to.is_open())
      to.open(path(finding));
    to << name << '\n';
    ++counts_[finding];
  }

  void tell() {
    if (dir_.empty())
      return;
    say("\nNames are in:");
    for (size_t i = 0; i < finding_count; ++i) {
      files_[i].close();
      if (counts_[i] > 0)
        say(fmt::format("   {} ({})", path(i), counted(counts_[i], "object")));
    }
  }

private:
  std::string path(size_t finding) {
    if (dir_.empty()) {
      auto model = (fs::temp_directory_path() / "ais-scrub-XXXXXX").string();
      if (!::mkdtemp(model.data()))
        throw failure(fmt::format("cannot make a directory such as {}: set"
                                  " TMPDIR to another",
                                  model));
      dir_ = model;
    }
    return dir_ + '/' + file_name(finding);
  }

  std::string dir_;
  std::array<std::ofstream, finding_count> files_;
  std::array<uint64_t, finding_count> counts_{};
};

struct limits {
  uint64_t small_bytes = 0;
  uint64_t large_bytes = default_large_bytes;
  int64_t copies = 1; ///< that each object should have
};

/// Everything that is odd about an object.
std::vector<size_t> findings_of(const listed_object& o, const limits& l) {
  std::vector<size_t> out;
  auto add = [&](bool yes, size_t finding) {
    if (yes)
      out.push_back(finding);
  };
  add(!o.present(), not_cached);
  add(o.status() == 1, misplaced_cluster);
  add(o.status() == 2, misplaced_mountpath);
  add(o.present() && o.copies < l.copies, missing_copies);
  add(o.size <= l.small_bytes, small);
  add(o.size >= l.large_bytes, large);
  add(o.flags & 1024, version_changed);
  add(o.flags & 2048, deleted);
  return out;
}

struct report {
  bck bucket;
  uint64_t objects = 0;
  uint64_t bytes = 0;
  std::array<uint64_t, finding_count> found{};
  bool complete = true;
};

report scrub(context& x, const arguments& a, const bck& b,
             const std::string& prefix, detail_logs* logs) {
  limits l;
  if (a.has("small-size"))
    l.small_bytes = must(x.units.parse_bytes(a.get("small-size")));
  if (a.has("large-size"))
    l.large_bytes = must(x.units.parse_bytes(a.get("large-size")));
  if (l.small_bytes >= l.large_bytes)
    throw misuse("--small-size must be less than --large-size");
  auto props = x.cluster().bucket_props(b);
  auto& mirror = object_at(props, "mirror");
  auto* mirrored = mirror.if_contains("enabled");
  if (mirrored && mirrored->is_bool() && mirrored->get_bool())
    l.copies = static_cast<int64_t>(number_at(mirror, "copies"));
  list_query q;
  q.props = "name,size,copies";
  q.prefix = prefix;
  q.set_sizes(a);
  q.flags = (a.has("cached") ? 1 : 0) | 2 // misplaced ones, too
            | (a.has("non-recursive") ? 2048 | 8192 : 0);
  report out;
  out.bucket = b;
  out.complete = x.cluster().list(b, q, [&](auto page) {
    for (auto& o : page) {
      if (o.directory())
        continue;
      ++out.objects;
      out.bytes += o.size;
      for (auto finding : findings_of(o, l)) {
        ++out.found[finding];
        if (logs)
          logs->add(finding, cname_of(b, o.name));
      }
    }
    return true;
  });
  return out;
}

std::vector<bck> chosen_buckets(context& x, const uri& u) {
  if (!u.query())
    return {u.bucket};
  query_list query{{"presence", "2"}};
  if (!u.any_provider)
    query.emplace_back("provider", std::string{to_string(u.bucket.provider)});
  return x.cluster().buckets(query);
}

json::object json_of(const report& r) {
  json::object out{
    {"bucket", cname_of(r.bucket)}, {"objects", r.objects}, {"bytes", r.bytes}};
  for (size_t i = 0; i < finding_count; ++i)
    out[lower(titles[i])] = r.found[i];
  return out;
}

void print(const context& x, const arguments& a,
           const std::vector<report>& all) {
  std::vector<std::string> header{"BUCKET", "OBJECTS"};
  header.insert(header.end(), titles.begin(), titles.end());
  table out{header};
  for (auto& r : all) {
    std::vector<cell> row{cname_of(r.bucket),
                          r.objects == 0 ? "-"
                                         : fmt::format("{} ({})", r.objects,
                                                       x.units.bytes(r.bytes))};
    for (auto n : r.found)
      row.emplace_back(n == 0 ? "-" : std::to_string(n));
    out.add(std::move(row));
  }
  if (!a.has("all-columns"))
    for (auto title : titles)
      out.drop_if_all(title, "-");
  out.print(headers(a));
}

void validate(context& x, const arguments& a) {
  auto u = optional_uri(a);
  auto start = clock::now();
  detail_logs logs;
  std::vector<report> all;
  for (auto& b : chosen_buckets(x, u))
    all.push_back(scrub(x, a, b, u.object, a.has("json") ? nullptr : &logs));
  if (a.has("json")) {
    json::array out;
    for (auto& r : all)
      out.push_back(json_of(r));
    return say_json(out);
  }
  if (all.empty()) {
    say("No buckets in the cluster.");
    return;
  }
  print(x, a, all);
  logs.tell();
  if (!a.has("no-footers"))
    say(
      fmt::format("---\nElapsed: {}", x.units.duration(clock::now() - start)));
  if (!std::all_of(all.begin(), all.end(), [](auto& r) { return r.complete; }))
    warn("the numbers may be too small: a rebalance is running or was"
         " interrupted (see 'ais show rebalance')");
}

} // namespace

command bucket_validate() {
  using namespace flags;
  command c;
  c.name = "validate";
  c.summary = "look for objects that are misplaced, lack copies, or are"
              " suspiciously small or large";
  c.usage = "[BUCKET[/PREFIX]|PROVIDER]";
  c.run = validate;
  c.operands = {operand::bucket};
  c.flags = {{"small-size", "", value_kind::size, "SIZE",
              "small are those up to it [0]"},
             {"large-size", "", value_kind::size, "SIZE",
              "large are those from it on [5GiB]"},
             {"all-columns", "", value_kind::nothing, "",
              "also columns that are zero everywhere"},
             {"cached", "", value_kind::nothing, "",
              "of remote buckets, only objects that are in the cluster"},
             prefix,
             limit,
             page_size,
             max_pages,
             non_recursive,
             json,
             no_headers,
             no_footers,
             refresh,
             count};
  c.examples = {"ais scrub", "ais scrub ais://b/train/ --small-size 1KiB",
                "ais bucket validate ais://b --all-columns"};
  return c;
}

} // namespace ais::cli
