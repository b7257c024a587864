// ais storage cleanup: frees space of what nobody can read, and, when told so,
// of objects without content. Source: cli.md 4.7.
#include "cli/job.hpp"
#include "cli/uri.hpp"

#include <fmt/format.h>

namespace ais::cli {

namespace {

std::vector<std::string>
names_without_content(api& cluster, const bck& b, const std::string& prefix) {
  list_query q;
  q.props = "name,size";
  q.prefix = prefix;
  std::vector<std::string> out;
  cluster.list(b, q, [&](auto page) {
    for (auto& o : page)
      if (o.size == 0 && !o.directory())
        out.push_back(std::move(o.name));
    return true;
  });
  return out;
}

void remove_empty_objects(context& x, const arguments& a) {
  if (a.operands.empty())
    throw misuse("--rm-zero-size needs a BUCKET: it removes objects");
  auto u = parse_uri(a.operands[0]);
  if (u.query())
    throw misuse("--rm-zero-size needs the name of a bucket");
  auto where = cname_of(u.bucket);
  auto names = names_without_content(x.cluster(), u.bucket, u.object);
  if (names.empty())
    return say(fmt::format("No objects without content in {}.", where));
  auto what = counted(names.size(), "object");
  if (!confirmed(fmt::format("Remove {} without content from {}?", what, where),
                 a.has("yes") || a.has("force")))
    return;
  remove_named(x, a, u.bucket, names);
  say(fmt::format("removed {} without content from {}", what, where));
}

void begin_cleanup(context& x, const arguments& a) {
  if (a.has("rm-zero-size"))
    remove_empty_objects(x, a);
  started(x, a, "cleanup", {start_job(x, "cleanup-store")});
}

using namespace flags;

} // namespace

command start_cleanup(const char* name) {
  command c;
  c.name = name;
  c.summary = "remove trash, unfinished writes and buckets that do not exist"
              " from the disks";
  c.usage = "[BUCKET[/PREFIX]]";
  c.run = begin_cleanup;
  c.operands = {operand::bucket};
  c.flags = {wait_flag,
             timeout_flag,
             job_progress_flag,
             redraw_flag,
             non_verbose,
             yes,
             {"rm-zero-size", "", value_kind::nothing, "",
              "also remove the bucket's objects that have no content"},
             {"force", "f", value_kind::nothing, "",
              "do not ask; it runs during a rebalance, too"},
             {"keep-misplaced", "", value_kind::nothing, "",
              "accepted for compatibility: objects are never removed because"
              " of where they are"}};
  c.more = "What nobody can read is removed everywhere, whichever bucket is"
           " named.";
  c.refreshes_itself = true;
  return c;
}

} // namespace ais::cli
