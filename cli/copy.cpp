// ais bucket cp, mv: jobs that copy objects to another bucket, or rename one.
// Source: cli.md 4.1, 2.8; api-data 1.5, 1.6.
#include "cli/job.hpp"
#include "cli/uri.hpp"

#include <fmt/format.h>

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

/// A bucket as "bck_to" names it.
std::string as_destination(const bck& b) {
  return b.ns.global() ? fmt::format("{}/@#/{}/", to_string(b.provider), b.name)
                       : uname_of(b, "");
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

void copy(context& x, const arguments& a) {
  auto from = parse_bucket(a.operands[0]);
  auto to = parse_bucket(a.operands[1]);
  auto dry = a.has("dry-run");
  auto what = choose(a, from);
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
  auto id = x.cluster().act("POST", x.cluster().bucket_path(from.bucket), query,
                            what.action, what.value);
  auto names = fmt::format("{} => {}", cname_of(from.bucket, from.object),
                           cname_of(to.bucket, prepend));
  if (!dry && !waits(a))
    return say(fmt::format("Copying {}. To monitor the progress, run 'ais show"
                           " job {}'",
                           names, id));
  if (!dry)
    say(fmt::format("Copying {} ...", names));
  flush_output();
  auto done = wait_for_job(x, a, id);
  auto counted_ones = fmt::format("{} ({})", counted(done.objects, "object"),
                                  x.units.bytes(done.bytes));
  say(dry ? fmt::format("{} would be copied: {}", counted_ones, names)
          : fmt::format("{} copied: {}", counted_ones, names));
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
             ignored_workers,
             wait_flag,
             timeout_flag,
             job_progress_flag,
             redraw_flag};
  c.refreshes_itself = true;
  c.examples = {"ais cp ais://data ais://backup --progress",
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
