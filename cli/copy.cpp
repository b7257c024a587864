// ais bucket cp, mv: jobs that copy objects to another bucket, or rename one.
// Source: cli.md 4.1, 2.8; api-data 1.5, 1.6.
#include "cli/job.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <set>
#include <utility>

namespace ais::cli {

namespace {

json::array names_of(const std::string& list) {
  json::array out;
  for (size_t from = 0; from <= list.size();) {
    auto comma = std::min(list.find(',', from), list.size());
    if (comma > from)
      out.emplace_back(list.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

/// What to copy: the whole bucket, or what is behind it or in options.
struct chosen {
  const char* action = "copy-bck";
  json::object value;
};

chosen choose(const arguments& a, const uri& from) {
  chosen out;
  auto ways = int{a.has("list")} + int{a.has("template")} + int{a.has("prefix")}
              + int{a.has("all")} + int{!from.object.empty()};
  if (ways > 1)
    throw misuse("say once which objects are meant: behind the bucket, or by"
                 " --list, --template, --prefix or --all");
  if (a.has("list"))
    out.value["objnames"] = names_of(a.get("list"));
  else if (a.has("template"))
    out.value["template"] = a.get("template");
  else if (a.has("prefix"))
    out.value["prefix"] = a.get("prefix");
  else if (from.object.find_first_of("{@%") != std::string::npos)
    out.value["template"] = from.object;
  else if (!from.object.empty() && from.object.back() == '/')
    out.value["prefix"] = from.object;
  else if (!from.object.empty())
    out.value["objnames"] = json::array{json::value(from.object)};
  if (out.value.contains("objnames") || out.value.contains("template"))
    out.action = "copy-listrange";
  return out;
}

/// How many objects are named one by one.
uint64_t count_of_names(const chosen& what) {
  std::set<std::string> out;
  for (auto& name : array_at(what.value, "objnames"))
    out.insert(plain_text(name));
  return out.size();
}

/// That of a whole bucket is empty.
std::string prefix_of(const chosen& what) {
  auto* x = what.value.if_contains("prefix");
  return x ? plain_text(*x) : "";
}

/// The names of a bucket behind `cut` letters, in order, page by page.
class name_stream {
public:
  name_stream(api& cluster, bck b, const std::string& prefix, size_t cut)
    : cluster_(cluster), bucket_(std::move(b)), cut_(cut) {
    query_.props = "name";
    query_.prefix = prefix;
    query_.limit = 10'000;
  }

  /// The next name; none at the end. @throws failure when a name may be missing
  const std::string* next() {
    if (at_ == page_.size() && !last_)
      read_page();
    return at_ < page_.size() ? &page_[at_++] : nullptr;
  }

private:
  void read_page() {
    page_.clear();
    at_ = 0;
    auto whole = cluster_.list(bucket_, query_, [&](auto some) {
      for (auto& o : some)
        page_.push_back(std::move(o.name));
      return true;
    });
    if (!whole)
      throw failure(fmt::format("nothing is removed: {} cannot be listed while"
                                " a rebalance runs; try again when it has ended"
                                " ('ais wait rebalance')",
                                cname_of(bucket_)));
    last_ = page_.size() < query_.limit;
    if (!page_.empty())
      query_.start_after = page_.back();
    for (auto& name : page_)
      name.erase(0, cut_);
  }

  api& cluster_;
  bck bucket_;
  size_t cut_;
  list_query query_;
  std::vector<std::string> page_;
  size_t at_ = 0;
  bool last_ = false;
};

/// Names of the destination whose originals the source does not have (any
/// more).
std::vector<std::string>
surplus(api& cluster, const bck& from, const std::string& prefix, const bck& to,
        const std::string& prepend) {
  std::vector<std::string> out;
  name_stream copies{cluster, to, prepend + prefix, prepend.size()};
  name_stream originals{cluster, from, prefix, 0};
  auto* original = originals.next();
  while (auto* copy = copies.next()) {
    while (original && *original < *copy)
      original = originals.next();
    if (!original || *original != *copy)
      out.push_back(prepend + *copy);
  }
  return out;
}

/// Names of one directory level.
std::vector<std::string>
names_of_level(api& cluster, const bck& b, const std::string& prefix) {
  list_query q;
  q.props = "name";
  q.prefix = prefix;
  q.flags = 16 | 2048 | 8192; // names, one level, without directories
  std::vector<std::string> out;
  cluster.list(b, q, [&](auto page) {
    for (auto& o : page)
      if (!o.directory())
        out.push_back(std::move(o.name));
    return true;
  });
  return out;
}

/// A bucket as "bck_to" names it.
std::string as_destination(const bck& b) {
  return b.ns.global() ? fmt::format("{}/@#/{}/", to_string(b.provider), b.name)
                       : uname_of(b, "");
}

/// @throws misuse for files: they are not copied by this.
void check_no_files(const arguments& a) {
  auto bucket = [&](size_t i) {
    return a.operands[i].find("://") != std::string::npos;
  };
  if (bucket(0) == bucket(1))
    return;
  auto* verb = bucket(1) ? "put" : "get";
  throw misuse(fmt::format("both must be buckets (from or to files: ais {} {}"
                           " {})",
                           verb, a.operands[0], a.operands[1]));
}

void move(context& x, const arguments& a) {
  auto from = parse_bare_bucket(a.operands[0]);
  auto to = parse_bare_bucket(a.operands[1]);
  auto query = x.cluster().bucket_query(from);
  query.emplace_back("bck_to", as_destination(to));
  auto id
    = x.cluster().act("POST", x.cluster().bucket_path(from), query, "move-bck");
  auto names = fmt::format("{} => {}", cname_of(from), cname_of(to));
  if (!waits(a))
    return say(fmt::format("Renaming bucket {}. To monitor the progress, run"
                           " 'ais show job {}'",
                           names, id));
  say(fmt::format("Renaming bucket {} ...", names));
  flush_output();
  wait_for_job(x, a, id);
  say("Done.");
}

/// What to copy, as one job, or with --nr as many as the names need.
std::vector<chosen>
jobs_for(context& x, const arguments& a, const uri& from, const chosen& what) {
  if (!a.has("non-recursive"))
    return {what};
  if (what.action != std::string_view{"copy-bck"})
    throw misuse("--nr is for buckets and prefixes");
  std::vector<chosen> out;
  auto names = names_of_level(x.cluster(), from.bucket, prefix_of(what));
  in_batches(names, [&](json::array batch) {
    chosen some{"copy-listrange", what.value};
    some.value.erase("prefix");
    some.value["objnames"] = std::move(batch);
    out.push_back(std::move(some));
  });
  return out;
}

/// What --sync does when all has been copied.
void synchronise(context& x, const arguments& a, const uri& from, const bck& to,
                 const std::string& prefix, const std::string& prepend,
                 bool copied) {
  auto dry = a.has("dry-run");
  if (dry && !x.cluster().bucket_exists(to))
    return;
  auto names = surplus(x.cluster(), from.bucket, prefix, to, prepend);
  // A mistyped source should not cost the destination.
  if (!dry && !copied && !names.empty()
      && !confirmed(fmt::format("{} has no objects: remove all {} of {}?",
                                cname_of(from.bucket, prefix), names.size(),
                                cname_of(to, prepend + prefix)),
                    a.has("yes")))
    return;
  if (!dry)
    remove_named(x, a, to, names);
  say(fmt::format("{} {}removed from {}: not in {}",
                  counted(names.size(), "object"), dry ? "would be " : "",
                  cname_of(to, prepend + prefix),
                  cname_of(from.bucket, prefix)));
}

void copy(context& x, const arguments& a) {
  check_no_files(a);
  auto from = parse_bucket(a.operands[0]);
  auto to = parse_bucket(a.operands[1]);
  auto dry = a.has("dry-run");
  auto sync = a.has("sync");
  auto what = choose(a, from);
  if (sync && what.action != std::string_view{"copy-bck"})
    throw misuse("--sync is for buckets and prefixes");
  auto prepend = a.has("prepend") ? a.get("prepend") : to.object;
  if (!to.object.empty() && to.object.back() != '/' && !a.has("prepend"))
    throw misuse(fmt::format("\"{}\": the destination is a bucket, or a prefix"
                             " with '/' at its end (one object under another"
                             " name: ais object cp)",
                             a.operands[1]));
  what.value["prepend"] = prepend;
  what.value["dry_run"] = dry;
  what.value["coer"] = a.has("cont-on-err");
  auto query = x.cluster().bucket_query(from.bucket);
  query.emplace_back("bck_to", as_destination(to.bucket));
  if (dry)
    say(
      painted("[DRY RUN] with no modifications to the cluster", colour::cyan));
  std::vector<std::string> ids;
  for (auto& some : jobs_for(x, a, from, what))
    ids.push_back(x.cluster().act("POST", x.cluster().bucket_path(from.bucket),
                                  query, some.action, some.value));
  auto names = fmt::format("{} => {}", cname_of(from.bucket, from.object),
                           cname_of(to.bucket, prepend));
  if (ids.empty())
    return say(fmt::format("No matching objects in {}.",
                           cname_of(from.bucket, prefix_of(what))));
  if (!dry && !sync && !waits(a)) {
    for (auto& id : ids)
      say(fmt::format("Copying {}. To monitor the progress, run 'ais show job"
                      " {}'",
                      names, id));
    return;
  }
  if (!dry)
    say(fmt::format("Copying {} ...", names));
  flush_output();
  job_totals done;
  for (auto& id : ids) {
    auto part = wait_for_job(x, a, id);
    done.objects += part.objects;
    done.bytes += part.bytes;
  }
  auto counted_ones = fmt::format("{} ({})", counted(done.objects, "object"),
                                  x.units.bytes(done.bytes));
  say(dry ? fmt::format("{} would be copied: {}", counted_ones, names)
          : fmt::format("{} copied: {}", counted_ones, names));
  if (sync)
    synchronise(x, a, from, to.bucket, prefix_of(what), prepend,
                done.objects > 0);
  // Jobs pass over what is not there; who names objects wants to know.
  if (auto named = count_of_names(what); done.objects < named)
    throw failure(fmt::format("{} of {} not found in {}", named - done.objects,
                              counted(named, "object"), cname_of(from.bucket)));
}

} // namespace

command bucket_copy() {
  using namespace flags;
  command c;
  c.name = "cp";
  c.summary = "copy objects to another bucket, which is created if need be";
  c.usage = "SRC_BUCKET[/OBJECT|/PREFIX/|/TEMPLATE] DST_BUCKET[/PREFIX/]";
  c.run = copy;
  c.operands = {operand::bucket, operand::bucket};
  c.flags = {all,
             prefix,
             list,
             name_template,
             {"prepend", "", value_kind::text, "PREFIX",
              "put this before the names of the copies"},
             dry_run,
             {"cont-on-err", "", value_kind::nothing, "",
              "go on after an object that cannot be copied"},
             {"sync", "", value_kind::nothing, "",
              "wait, then remove from the destination what the source does not"
              " have"},
             non_recursive,
             ignored_latest,
             {"force", "f", value_kind::nothing, "",
              "accepted for compatibility: nothing keeps a copy from starting"},
             ignored_workers,
             wait_flag,
             timeout_flag,
             job_progress_flag,
             redraw_flag,
             yes};
  c.refreshes_itself = true;
  c.exclusive = {{"sync", "non-recursive"}};
  c.examples = {"ais cp ais://data ais://backup --progress",
                "ais cp ais://data ais://backup --sync",
                "ais bucket cp ais://data/train/ ais://subset",
                "ais cp ais://data ais://b --template 'shard-{000..099}.tar'"
                " --prepend copies/"};
  return c;
}

command bucket_move() {
  using namespace flags;
  command c;
  c.name = "mv";
  c.summary = "rename a bucket";
  c.usage = "BUCKET NEW_BUCKET";
  c.run = move;
  c.operands = {operand::bucket, operand::bucket};
  c.flags
    = {wait_flag, timeout_flag, job_progress_flag, redraw_flag, skip_lookup};
  c.refreshes_itself = true;
  c.examples = {"ais bucket mv ais://data ais://data-2025 --wait"};
  return c;
}

} // namespace ais::cli
