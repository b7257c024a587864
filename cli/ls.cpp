// ais ls: buckets, and objects of one. Source: cli.md 4.2.
#include "cli/context.hpp"
#include "cli/regex.hpp"
#include "cli/uri.hpp"
#include "storage/base/name_template.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <regex>
#include <set>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;

/// Bits of LsoMsg.flags. Source: api-data 3.2.
enum : uint64_t {
  list_cached = 1,
  list_missing = 2,
  list_name_only = 16,
  list_name_size = 32,
  list_not_cached = 512,
  list_no_recursion = 2048,
  list_no_dirs = 8192
};

// -- buckets ------------------------------------------------------------------

std::string_view title_of(provider p) {
  switch (p) {
    case provider::ais:
      return "AIS";
    case provider::aws:
      return "AWS";
    case provider::gcp:
      return "GCP";
    case provider::azure:
      return "Azure";
    case provider::oci:
      return "OCI";
  }
  return "";
}

void list_buckets(context& x, const arguments& a, const uri& u) {
  query_list query;
  if (!u.any_provider)
    query.emplace_back("provider", std::string{to_string(u.bucket.provider)});
  if (u.any_remote)
    query.emplace_back("namespace", "@");
  else if (!u.bucket.ns.global())
    query.emplace_back("namespace", uname_of(u.bucket.ns));
  query.emplace_back("presence", a.has("all") ? "0" : "2");
  auto found = x.cluster().buckets(query);
  if (a.has("regex")) {
    auto wanted = parse_regex(a.get("regex"));
    std::erase_if(found,
                  [&](auto& b) { return !std::regex_search(b.name, wanted); });
  }
  if (a.has("json")) {
    json::array out;
    for (auto& b : found)
      out.push_back(json::object{
        {"name", b.name},
        {"provider", to_string(b.provider)},
        {"namespace", {{"uuid", b.ns.uuid}, {"name", b.ns.name}}}});
    return say_json(out);
  }
  if (found.empty()) {
    if (u.any_provider)
      say("No buckets in the cluster. Create one: 'ais create ais://NAME'");
    else
      say(fmt::format("No \"{}://\" buckets in the cluster. Use '--all' option"
                      " to list matching remote buckets, if any.",
                      scheme_of(u.bucket.provider)));
    return;
  }
  table out{{"NAME", "PRESENT"}};
  std::map<provider, uint64_t> counts;
  for (auto& b : found) {
    out.add({cname_of(b), "yes"});
    ++counts[b.provider];
  }
  out.print(headers(a));
  if (!a.has("no-footers"))
    for (auto& [p, n] : counts)
      say_caption(
        fmt::format("Total: [{} buckets: {}] ========", title_of(p), n));
}

// -- objects ------------------------------------------------------------------

constexpr std::string_view all_props
  = "name,size,checksum,atime,version,copies,custom,location,chunked,status";

bool known_prop(std::string_view p) {
  for (auto x : {"name", "size", "version", "checksum", "atime", "cached",
                 "location", "copies", "ec", "custom", "status", "chunked"})
    if (p == x)
      return true;
  return false;
}

std::string status_of(const listed_object& o) {
  switch (o.status()) {
    case 1:
      return "misplaced(cluster)";
    case 2:
      return "misplaced(mountpath)";
    case 3:
      return "replica";
    case 4:
      return "replica(object-is-missing)";
    default:
      break;
  }
  if (o.flags & 1024)
    return "version-changed";
  if (o.flags & 2048)
    return "deleted";
  if (o.flags & 4096)
    return "remote-error";
  return o.present() ? "ok" : "n/a";
}

colour colour_of_status(const std::string& x) {
  return x == "remote-error"      ? colour::red
         : x == "version-changed" ? colour::cyan
         : x == "deleted"         ? colour::blue
                                  : colour::none;
}

cell cell_of(const listed_object& o, std::string_view prop,
             const quantities& units) {
  if (prop == "name")
    return {o.name};
  if (o.directory())
    return {};
  if (prop == "size")
    return {units.bytes(o.size)};
  if (prop == "cached")
    return {o.present() ? "yes" : "no"};
  if (prop == "status") {
    auto text = status_of(o);
    return {text, colour_of_status(text)};
  }
  if (prop == "chunked")
    return {o.flags & 8192 ? "yes" : "no"};
  if (prop == "copies")
    return {o.copies > 0 ? std::to_string(o.copies) : "-"};
  auto& text = prop == "checksum"   ? o.checksum
               : prop == "atime"    ? o.atime
               : prop == "version"  ? o.version
               : prop == "custom"   ? o.custom
               : prop == "location" ? o.location
                                    : o.checksum;
  return {prop == "ec" || text.empty() ? "-" : text};
}

std::string upper(std::string x) {
  for (auto& c : x)
    c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
  return x;
}

json::object json_of(const listed_object& o) {
  json::object out{{"name", o.name}};
  if (o.directory()) {
    out["directory"] = true;
    return out;
  }
  out["size"] = o.size;
  for (auto& [key, text] : {std::pair{"checksum", &o.checksum},
                            {"atime", &o.atime},
                            {"version", &o.version},
                            {"location", &o.location},
                            {"custom", &o.custom}})
    if (!text->empty())
      out[key] = *text;
  if (o.copies > 0)
    out["copies"] = o.copies;
  out["cached"] = o.present();
  out["status"] = status_of(o);
  return out;
}

/// Chooses by regular expression or template, on this side.
class filter {
public:
  explicit filter(const arguments& a) {
    if (a.has("regex"))
      regex_ = parse_regex(a.get("regex"));
    if (!a.has("template"))
      return;
    auto parsed = must(name_template::parse(a.get("template")));
    prefix_ = parsed.prefix();
    if (!parsed.ranged())
      return;
    names_.emplace();
    for (uint64_t i = 0; i < parsed.size(); ++i)
      names_->insert(parsed.at(i));
  }

  bool takes(const listed_object& o) const {
    if (regex_ && !std::regex_search(o.name, *regex_))
      return false;
    return !names_ || names_->count(o.name) > 0;
  }
  /// Whether there is a name it does not take.
  bool chooses() const { return regex_ || names_; }
  /// What all names it takes begin with.
  const std::string& prefix() const { return prefix_; }

private:
  std::optional<std::regex> regex_;
  std::optional<std::set<std::string>> names_;
  std::string prefix_;
};

/// What is asked of the server and shown of its answers.
struct view {
  list_query query;
  std::vector<std::string> props;
};

view view_of(const arguments& a, const uri& u, const filter& wanted) {
  view out;
  auto& q = out.query;
  q.prefix = u.object;
  if (q.prefix.empty() && !a.has("show-unmatched"))
    q.prefix = wanted.prefix();
  if (!q.prefix.empty() && q.prefix.back() == '*')
    q.prefix.pop_back();
  q.start_after = a.get("start-after");
  q.set_sizes(a);
  auto text = a.get("props");
  if (text == "all") {
    text = all_props;
  } else if (a.has("name-only") || a.has("count-only")) {
    text = "name";
  } else if (text.empty()) {
    text = u.bucket.remote() ? "name,size,cached" : "name,size";
  }
  arguments list;
  list.flags["props"] = text;
  out.props = list.list("props");
  for (auto& p : out.props)
    if (!known_prop(p))
      throw failure(fmt::format("unknown property \"{}\": expecting some of"
                                " name, size, version, checksum, atime,"
                                " cached, location, copies, ec, custom,"
                                " status, chunked, or all",
                                p));
  if (out.props.empty() || out.props[0] != "name")
    if (std::find(out.props.begin(), out.props.end(), "name")
        == out.props.end())
      out.props.insert(out.props.begin(), "name");
  // "status" and "chunked" come with every entry.
  for (auto& p : out.props)
    if (p != "status" && p != "chunked")
      q.props += (q.props.empty() ? "" : ",") + p;
  if (q.props == "name")
    q.flags |= list_name_only;
  else if (q.props == "name,size")
    q.flags |= list_name_size;
  if (a.has("cached"))
    q.flags |= list_cached;
  if (a.has("not-cached"))
    q.flags |= list_not_cached;
  if (a.has("all"))
    q.flags |= list_missing;
  if (a.has("non-recursive"))
    q.flags |= list_no_recursion;
  if (a.has("no-dirs"))
    q.flags |= list_no_recursion | list_no_dirs;
  if (a.has("chunked")
      && std::find(out.props.begin(), out.props.end(), "chunked")
           == out.props.end())
    out.props.emplace_back("chunked");
  return out;
}

class printer {
public:
  printer(const context& x, const arguments& a, std::vector<std::string> props)
    : x_(x), a_(a), props_(std::move(props)) {}

  void print(std::vector<listed_object> page, bool directories_first) {
    if (directories_first)
      std::stable_partition(page.begin(), page.end(),
                            [](auto& o) { return o.directory(); });
    auto props = props_;
    // Shown when it says something.
    auto odd = std::any_of(page.begin(), page.end(), [](auto& o) {
      return o.status() != 0 || (o.flags & (1024 | 2048 | 4096)) != 0;
    });
    auto listed
      = std::find(props.begin(), props.end(), "status") != props.end();
    if (odd && !listed && props.size() > 1)
      props.emplace_back("status");
    std::vector<std::string> header;
    header.reserve(props.size());
    for (auto& p : props)
      header.push_back(upper(p));
    table out{header};
    for (auto& o : page) {
      std::vector<cell> row;
      row.reserve(props.size());
      for (auto& p : props)
        row.push_back(cell_of(o, p, x_.units));
      out.add(std::move(row));
    }
    if (!out.empty())
      out.print(headers(a_));
  }

private:
  const context& x_;
  const arguments& a_;
  std::vector<std::string> props_;
};

void list_objects(context& x, const arguments& a, const uri& u) {
  filter wanted{a};
  auto v = view_of(a, u, wanted);
  printer out{x, a, v.props};
  std::vector<listed_object> all, rest;
  uint64_t count = 0;
  auto start = clock::now();
  auto last_line = start;
  auto unmatched = a.has("show-unmatched");
  auto complete = true;
  try {
    complete = x.cluster().list(u.bucket, v.query, [&](auto page) {
      auto split = std::stable_partition(
        page.begin(), page.end(), [&](auto& o) { return wanted.takes(o); });
      if (unmatched)
        rest.insert(rest.end(), std::make_move_iterator(split),
                    std::make_move_iterator(page.end()));
      page.erase(split, page.end());
      count += page.size();
      if (stdout_is_terminal() && !a.has("paged")
          && clock::now() - last_line > std::chrono::seconds{8}) {
        say_raw(fmt::format("\rListed {} names", with_commas(count)));
        flush_output();
      }
      if (a.has("count-only"))
        return true;
      if (a.has("paged"))
        out.print(std::move(page), a.has("non-recursive"));
      else
        all.insert(all.end(), std::make_move_iterator(page.begin()),
                   std::make_move_iterator(page.end()));
      return true;
    });
  } catch (const refusal& e) {
    if (e.status() == 404)
      throw x.cluster().no_such_bucket(u.bucket);
    throw;
  }
  auto elapsed = x.units.duration(clock::now() - start);
  if (a.has("json")) {
    if (a.has("count-only"))
      return say_json(json::object{{"count", count}});
    json::array entries;
    for (auto& o : all)
      entries.push_back(json_of(o));
    return say_json(entries);
  }
  if (count == 0 && !a.has("count-only") && headers(a)) {
    auto& prefix = v.query.prefix;
    note(fmt::format("no objects in {}{}", cname_of(u.bucket),
                     wanted.chooses() ? " that match"
                     : prefix.empty()
                       ? ""
                       : fmt::format(" that begin with \"{}\"", prefix)));
  } else if (a.has("count-only")) {
    say(fmt::format("Listed {} names in {}", with_commas(count), elapsed));
  } else {
    if (!a.has("paged"))
      out.print(std::move(all), a.has("non-recursive"));
    if (count > 10'000 && !a.has("no-footers"))
      say(fmt::format("Listed {} names in {}", with_commas(count), elapsed));
  }
  if (unmatched && !rest.empty()) {
    say_caption("\nUnmatched objects:");
    out.print(std::move(rest), false);
  }
  if (!complete)
    warn("the list may be incomplete: a rebalance is running or was"
         " interrupted (see 'ais show rebalance')");
}

void ls(context& x, const arguments& a) {
  auto u = optional_uri(a);
  if (u.query()) {
    if (a.has("summary"))
      return bucket_summary().run(x, a);
    return list_buckets(x, a, u);
  }
  if (a.has("summary"))
    return bucket_summary().run(x, a);
  list_objects(x, a, u);
}

} // namespace

command bucket_ls() {
  using namespace flags;
  command c;
  c.name = "ls";
  c.summary = "list buckets, or the objects of one";
  c.usage = "[BUCKET[/PREFIX]|PROVIDER]";
  c.run = ls;
  c.operands = {operand::bucket};
  c.flags = {
    {"props", "", value_kind::text, "A,B,...",
     "columns: name, size, version, checksum, atime, cached, location, copies,"
     " ec, custom, status, chunked; or all"},
    {"all", "", value_kind::nothing, "",
     "also buckets that are not in the cluster, objects that are misplaced"},
    {"cached", "", value_kind::nothing, "",
     "of a remote bucket, only objects that are in the cluster"},
    {"not-cached", "", value_kind::nothing, "",
     "of a remote bucket, only objects that are not"},
    {"name-only", "", value_kind::nothing, "", "names alone: the fastest"},
    prefix,
    {"template", "", value_kind::text, "TEMPLATE",
     "only names that a template stands for"},
    regex,
    {"show-unmatched", "", value_kind::nothing, "",
     "with --regex or --template: list the others, too"},
    limit,
    page_size,
    max_pages,
    {"paged", "", value_kind::nothing, "", "print page by page"},
    {"start-after", "", value_kind::text, "NAME",
     "only names behind this one, in their order"},
    non_recursive,
    {"no-dirs", "", value_kind::nothing, "",
     "one directory level, without its subdirectories"},
    {"count-only", "", value_kind::nothing, "", "count, do not print"},
    {"summary", "", value_kind::nothing, "",
     "number and sizes of objects instead of names"},
    {"dont-wait", "", value_kind::nothing, "",
     "with --summary: what has been counted so far, at once"},
    {"chunked", "", value_kind::nothing, "", "show which are in chunks"},
    json,
    no_headers,
    no_footers,
    refresh,
    count,
    skip_lookup,
    {"dont-add", "", value_kind::nothing, "",
     "accepted for compatibility: no bucket is ever added by listing"},
    {"silent", "", value_kind::nothing, "",
     "accepted for compatibility: what is not found is not logged"},
    {"encode-objname", "", value_kind::nothing, "",
     "accepted for compatibility: names may always have special symbols"}};
  c.exclusive = {{"cached", "not-cached"}, {"paged", "json"}};
  c.examples = {"ais ls", "ais ls ais://b/train/ --props all",
                "ais ls ais://b --nr", "ais ls ais://b --props name -H"};
  return c;
}

} // namespace ais::cli
