#include "http/v1/jobs.hpp"

#include "actors/proxy/renamer.hpp"
#include "actors/xact/kinds.hpp"
#include "actors/xact/lifecycle.hpp"
#include "http/v1/node_info.hpp"
#include "storage/base/name_template.hpp"
#include "storage/base/units.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto target_timeout = 10s;
/// Finished jobs without an end.
constexpr const char* no_time = "0001-01-01T00:00:00Z";

// -- what clients ask
// ------------------------------------------------------------

/// A member under any of its names; clients disagree on the case.
const json::value*
member(const json::object& o, std::initializer_list<const char*> names) {
  for (auto name : names)
    if (auto* v = find_member(o, name); v && !v->is_null())
      return v;
  return nullptr;
}

expected<std::string>
text(const json::object& o, std::initializer_list<const char*> names) {
  auto* v = member(o, names);
  if (!v)
    return std::string{};
  if (!v->is_string())
    return fail(errc::invalid_argument,
                std::string{*names.begin()} + " must be a string");
  return std::string{v->get_string()};
}

struct job_query {
  query_xacts what;
  std::vector<std::string> ids; ///< of a list "id1,id2"
  std::string node;             ///< target id; empty: all
  std::optional<bool> running;  ///< only those that run, or that do not
};

/// The cname of the bucket in a message; empty: none is meant.
expected<std::string> bucket_in(edge& e, const json::object& o) {
  auto* v = member(o, {"bck", "Bck"});
  auto* b = v ? v->if_object() : nullptr;
  if (!b)
    return std::string{};
  auto name = text(*b, {"name"});
  auto given = text(*b, {"provider"});
  if (!name)
    return name.error();
  if (!given)
    return given.error();
  if (name->empty())
    return std::string{};
  auto p = parse_provider(*given);
  if (!p)
    return p.error();
  bck which{*p, {}, *name};
  if (auto known = e.buckets().find(which); !known)
    return known.error();
  return cname_of(which);
}

expected<job_query> parse_query(edge& e, const std::string& body) {
  auto parsed = parse_json(body);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  if (!o)
    return fail(errc::invalid_argument,
                "the query must be an object with \"id\" or \"kind\"");
  job_query out;
  auto id = text(*o, {"id", "ID"});
  auto kind = text(*o, {"kind", "Kind"});
  auto node = text(*o, {"node", "DaemonID"});
  auto bucket = bucket_in(e, *o);
  for (auto* x : {&id, &kind, &node, &bucket})
    if (!*x)
      return x->error();
  for (size_t from = 0; from < id->size();) {
    auto comma = std::min(id->find(',', from), id->size());
    out.ids.push_back(id->substr(from, comma - from));
    from = comma + 1;
  }
  if (out.ids.size() == 1)
    out.what.id = out.ids.front();
  // A kind that nobody knows is no filter.
  if (auto* known = find_xact_kind(*kind))
    out.what.kind = known->name;
  out.what.bucket = *bucket;
  out.node = *node;
  if (auto* x = member(*o, {"show_active"}); x && x->is_bool())
    out.running = x->get_bool();
  return out;
}

// -- what targets know
// -----------------------------------------------------------

using snaps_by_target = std::map<std::string, std::vector<xact_snap>>;

bool runs(const xact_snap& x) {
  return x.end_ns == 0;
}

/// A renaming goes on until the old bucket is gone, and is then a success,
/// whatever its rounds have met with.
void judge_renaming(edge& e, xact_snap& x) {
  if (x.kind != "move-bck")
    return;
  auto b = e.buckets().find(x.bucket);
  auto there = b && x.id.rfind(rename_id((*b)->ref.bid), 0) == 0;
  if (there && !(*b)->props->renamed.empty())
    x.end_ns = 0;
  if (!there) {
    x.aborted = false;
    x.error.clear();
  }
}

/// Asks every target that works; those that do not answer are left out.
task<snaps_by_target> collect(edge& e, const job_query& q) {
  std::vector<question<gate_actor, query_xacts>> all;
  std::vector<std::string> ids;
  for (auto& [id, node] : e.map().targets) {
    if (!q.node.empty() && q.node != id)
      continue;
    ids.push_back(id);
    all.push_back({e.gate_of(id), q.what});
  }
  auto answers = co_await e.actors().ask_many(std::move(all), target_timeout);
  snaps_by_target out;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i])
      continue;
    auto& to = out[ids[i]];
    for (auto& x : answers[i]->snaps)
      if (q.ids.size() < 2
          || std::find(q.ids.begin(), q.ids.end(), x.id) != q.ids.end()) {
        judge_renaming(e, x);
        to.push_back(std::move(x));
      }
  }
  co_return out;
}

/// One job over all targets.
struct job_status {
  std::string id;
  std::string kind;
  int64_t start_ns = 0;
  int64_t end_ns = 0; ///< 0: a part runs
  bool aborted = false;
  std::string error;
};

std::vector<job_status> merge(const snaps_by_target& all) {
  std::map<std::string, job_status> jobs;
  std::set<std::string> running;
  for (auto& [target, snaps] : all)
    for (auto& x : snaps) {
      auto& to = jobs[x.id];
      to.id = x.id;
      to.kind = x.kind;
      to.start_ns
        = to.start_ns ? std::min(to.start_ns, x.start_ns) : x.start_ns;
      to.end_ns = std::max(to.end_ns, x.end_ns);
      to.aborted = to.aborted || x.aborted;
      if (runs(x))
        running.insert(x.id);
      if (!x.error.empty())
        to.error
          += (to.error.empty() ? "t[" : "; t[") + target + "]: " + x.error;
    }
  std::vector<job_status> out;
  for (auto& [id, x] : jobs) {
    if (running.count(id))
      x.end_ns = 0;
    // An end is told to clients that wait only when all parts have ended.
    x.aborted = x.aborted && x.end_ns != 0;
    out.push_back(std::move(x));
  }
  std::sort(out.begin(), out.end(),
            [](auto& a, auto& b) { return a.start_ns < b.start_ns; });
  return out;
}

// -- as JSON
// ---------------------------------------------------------------------

/// What stands where a job is about no such bucket.
json::object no_bucket() {
  return {{"name", ""},
          {"provider", ""},
          {"namespace", {{"uuid", ""}, {"name", ""}}}};
}

json::object to_json(const job_status& x) {
  return {{"kind", x.kind},
          {"uuid", x.id},
          {"err", x.error},
          {"end_time", x.end_ns},
          {"aborted", x.aborted}};
}

/// How far a part is, where that can be told: clients know no such members, but
/// take any here.
json::value progress_json(const xact_snap& x) {
  if (x.looked == 0 && x.total == 0)
    return nullptr;
  json::object out{{"progress.looked.n", std::to_string(x.looked)}};
  if (x.total > 0)
    out["progress.total.n"] = std::to_string(x.total);
  return out;
}

/// Why it ended early, if it has not failed.
const char* abort_text(const xact_snap& x) {
  if (!x.aborted || !x.error.empty())
    return "";
  // Those cannot be stopped.
  auto stays = x.kind == "rebalance" || x.kind == "resilver";
  return stays ? "a later one took over" : "user abort";
}

json::object to_json(const xact_snap& x) {
  // What a rebalance counts are objects it has sent.
  auto sends = x.kind == "rebalance";
  auto objects = std::to_string(x.objects);
  auto bytes = std::to_string(x.bytes);
  return {{"ext", progress_json(x)},
          {"start-time", format_rfc3339(x.start_ns)},
          {"end-time", runs(x) ? no_time : format_rfc3339(x.end_ns)},
          {"bck", bck_json(x.bucket)},
          {"src-bck", x.to.name.empty() ? no_bucket() : bck_json(x.bucket)},
          {"dst-bck", x.to.name.empty() ? no_bucket() : bck_json(x.to)},
          {"id", x.id},
          {"kind", x.kind},
          {"abort-err", abort_text(x)},
          {"err", x.error},
          {"glob.id", "0"},
          {"stats",
           {{"loc-objs", objects},
            {"loc-bytes", bytes},
            {"out-objs", sends ? objects : "0"},
            {"out-bytes", sends ? bytes : "0"},
            {"in-objs", std::to_string(x.objects_in)},
            {"in-bytes", std::to_string(x.bytes_in)}}},
          {"aborted", x.aborted},
          {"is_idle", !runs(x)}};
}

// -- queries
// ---------------------------------------------------------------------

task<> reply_status(edge& e, call& c, const job_query& q) {
  auto all = merge(co_await collect(e, q));
  // The one that runs, else the one that ended last.
  const job_status* best = nullptr;
  for (auto& x : all)
    if (!best || x.end_ns == 0
        || (best->end_ns != 0 && x.end_ns > best->end_ns))
      best = &x;
  if (best) {
    auto out = to_json(*best);
    co_return co_await e.reply_json(c.x, std::move(out));
  }
  auto why = fail(errc::not_found,
                  "job \"" + (q.what.id.empty() ? q.what.kind : q.what.id)
                    + "\" does not exist");
  co_await e.reply_error(c.x, why);
}

task<> reply_all(edge& e, call& c, const job_query& q) {
  auto all = merge(co_await collect(e, q));
  json::array out;
  for (auto& x : all)
    if (q.running != true || x.end_ns == 0)
      out.push_back(to_json(x));
  if (out.empty())
    co_return co_await e.reply_json(c.x, nullptr);
  co_await e.reply_json(c.x, std::move(out));
}

task<> reply_running(edge& e, call& c, const job_query& q) {
  auto all = merge(co_await collect(e, q));
  json::array out;
  for (auto& x : all)
    if (x.end_ns == 0)
      out.emplace_back(x.kind + '[' + x.id + ']');
  co_await e.reply_json(c.x, std::move(out));
}

task<> reply_snaps(edge& e, call& c, const job_query& q) {
  auto all = co_await collect(e, q);
  json::object out;
  auto found = false;
  for (auto& [target, snaps] : all) {
    json::array list;
    for (auto& x : snaps)
      if (!q.running || *q.running == runs(x))
        list.push_back(to_json(x));
    found = found || !list.empty();
    // Asked for one job, only those that know it have a place.
    if (q.ids.empty() || !list.empty())
      out[target] = std::move(list);
  }
  if (q.ids.empty() || found)
    co_return co_await e.reply_json(c.x, std::move(out));
  auto why
    = fail(errc::xact_not_found, "\"x-[" + q.ids.front() + "]\" not found");
  co_await e.reply_error(c.x, why);
}

// -- start and stop
// --------------------------------------------------------------

expected<object_selection> parse_selection(const json::value& value) {
  object_selection out;
  if (value.is_null())
    return out;
  auto* o = value.if_object();
  if (!o)
    return fail(errc::invalid_argument,
                "the value must be an object with \"template\" or"
                " \"objnames\"");
  auto pattern = text(*o, {"template"});
  if (!pattern)
    return pattern.error();
  if (auto* list = member(*o, {"objnames"})) {
    if (!list->is_array())
      return fail(errc::invalid_argument, "\"objnames\" must be a list");
    for (auto& x : list->get_array()) {
      if (!x.is_string())
        return fail(errc::invalid_argument,
                    "\"objnames\" must be a list of strings");
      std::string name{x.get_string()};
      if (auto ok = check_object_name(name); !ok)
        return ok.error();
      out.names.push_back(std::move(name));
    }
  }
  if (!pattern->empty() && !out.names.empty())
    return fail(errc::invalid_argument,
                "give \"template\" or \"objnames\", not both");
  if (pattern->empty())
    return out;
  auto parsed = name_template::parse(*pattern);
  if (!parsed)
    return parsed.error();
  if (parsed->ranged()) {
    out.name_template = std::move(*pattern);
    return out;
  }
  // Without a range it is a prefix; "*" is what shells would say.
  if (pattern->back() == '*')
    pattern->pop_back();
  if (auto ok = check_prefix(*pattern); !ok)
    return ok.error();
  out.prefix = std::move(*pattern);
  return out;
}

/// Starts a job's parts on all targets that work.
task<expected<void>> start_parts(edge& e, const start_xact& order) {
  std::vector<question<gate_actor, start_xact>> all;
  std::vector<std::string> names;
  for (auto& [id, node] : e.map().targets) {
    if (!active(node))
      continue;
    names.push_back(name_of(node));
    all.push_back({e.gate_of(id), order});
  }
  auto answers = co_await e.actors().ask_many(std::move(all), target_timeout);
  for (size_t i = 0; i < answers.size(); ++i)
    if (!answers[i])
      co_return with_context(answers[i].error(), names[i]);
  if (answers.empty())
    co_return fail(errc::not_ready, "the cluster has no target");
  co_return caf::unit;
}

task<> reply_empty(call& c) {
  reply r;
  co_await c.x.reply(std::move(r));
}

} // namespace

task<> delete_objects(edge& e, call& c, bucket_ptr b, json::value value) {
  auto what = parse_selection(value);
  if (!what)
    co_return co_await e.reply_error(c.x, what.error());
  start_xact order;
  order.id = make_id(e.env());
  order.kind = "delete-listrange";
  order.bucket = b->ref.bck;
  order.bid = b->ref.bid;
  order.what = std::move(*what);
  auto started = co_await start_parts(e, order);
  if (!started)
    co_return co_await e.reply_error(c.x, started.error());
  co_await e.reply_text(c.x, std::move(order.id));
}

// -- copies

namespace {

constexpr int64_t max_copies = 32;

/// What clients ask: TCBMsg, or TCOMsg with a selection.
struct copy_request {
  bck to;
  object_selection what;
  copy_plan how;
};

expected<bool> flag(const json::object& o, const char* key) {
  auto* v = member(o, {key});
  if (v && !v->is_bool())
    return fail(errc::invalid_argument,
                std::string{key} + " must be true or false");
  return v && v->get_bool();
}

/// "tobck" of the message, or bck_to of the query.
expected<bck> destination(call& c, const json::object& o) {
  auto given = c.q.get("bck_to");
  if (!given.empty()) {
    auto parsed = parse_uname(given);
    if (!parsed)
      return with_context(parsed.error(), "bck_to");
    return parsed->first;
  }
  auto* v = member(o, {"tobck"});
  auto* b = v ? v->if_object() : nullptr;
  if (!b)
    return fail(errc::invalid_argument,
                "no destination bucket: say which one by bck_to");
  auto name = text(*b, {"name"});
  auto of = text(*b, {"provider"});
  if (!name || !of)
    return name ? of.error() : name.error();
  auto p = parse_provider(*of);
  if (!p)
    return p.error();
  return bck{*p, {}, *name};
}

expected<std::map<std::string, std::string>>
extensions_of(const json::object& o) {
  std::map<std::string, std::string> out;
  auto* v = member(o, {"ext"});
  if (!v)
    return out;
  auto* all = v->if_object();
  for (auto& [from, to] : all ? *all : json::object{}) {
    if (!to.is_string())
      all = nullptr;
    else
      out.emplace(from, std::string{to.get_string()});
  }
  if (!all)
    return fail(errc::invalid_argument,
                "\"ext\" must be an object such as {\"jpg\": \"png\"}");
  return out;
}

expected<copy_request> parse_copy(call& c, const action_msg& msg) {
  static const json::object none;
  auto* o = msg.value.is_null() ? &none : msg.value.if_object();
  if (!o)
    return fail(errc::invalid_argument, "the value must be an object");
  copy_request out;
  auto to = destination(c, *o);
  if (!to)
    return to.error();
  out.to = std::move(*to);
  if (msg.action == "copy-listrange") {
    auto what = parse_selection(*o);
    if (!what)
      return what.error();
    out.what = std::move(*what);
  } else {
    auto prefix = text(*o, {"prefix"});
    if (!prefix)
      return prefix.error();
    if (!prefix->empty() && prefix->back() == '*')
      prefix->pop_back();
    if (auto ok = check_prefix(*prefix); !ok)
      return ok.error();
    out.what.prefix = std::move(*prefix);
  }
  auto prepend = text(*o, {"prepend"});
  auto extensions = extensions_of(*o);
  auto dry_run = flag(*o, "dry_run");
  auto go_on = flag(*o, "coer");
  auto sync = flag(*o, "synchronize");
  auto flat = flag(*o, "non-recurs");
  for (auto* x : {&dry_run, &go_on, &sync, &flat})
    if (!*x)
      return x->error();
  if (!prepend || !extensions)
    return prepend ? extensions.error() : prepend.error();
  if (*sync || *flat)
    return fail(errc::not_implemented,
                std::string{*sync ? "synchronize" : "non-recurs"}
                  + " is not available in this version");
  if (auto ok = check_prefix(*prepend); !ok)
    return with_context(ok.error(), "prepend");
  out.how.to = out.to;
  out.how.prepend = std::move(*prepend);
  out.how.extensions = std::move(*extensions);
  out.how.dry_run = *dry_run;
  out.how.go_on = *go_on;
  return out;
}

/// The destination; one that is not there is created, with the properties of
/// the source. Its policy names the source: the copy begins without one.
task<expected<bucket_ptr>>
existing_or_new(edge& e, const bucket& from, const bck& to) {
  auto known = e.existing(to, access::put);
  if (known || known.error() != errc::bucket_not_found)
    co_return known;
  auto values = from.props->values;
  static_cast<void>(values.set("s3.policy", ""));
  create_bucket req{to, to_text(values.to_tree())};
  auto made
    = co_await e.actors().ask(e.node().proxy, change_timeout, std::move(req));
  if (!made && made.error() != errc::bucket_exists)
    co_return made.error();
  co_return e.existing(to, access::put);
}

} // namespace

task<> copy_objects(edge& e, call& c, bucket_ptr b, action_msg msg) {
  auto wanted = parse_copy(c, msg);
  if (!wanted)
    co_return co_await e.reply_error(c.x, wanted.error());
  error why;
  if (wanted->to == b->ref.bck)
    why = fail(errc::invalid_argument,
               "source and destination are the same bucket, "
                 + cname_of(wanted->to));
  else if (wanted->to.remote())
    why = fail(errc::remote_bucket_not_found,
               "remote bucket \"" + cname_of(wanted->to)
                 + "\" does not exist: this cluster has no remote backends");
  if (why)
    co_return co_await e.reply_error(c.x, why);
  start_xact order;
  order.id = make_id(e.env());
  order.kind = msg.action;
  order.bucket = b->ref.bck;
  order.bid = b->ref.bid;
  order.what = std::move(wanted->what);
  order.copy = std::move(wanted->how);
  if (!order.copy.dry_run) {
    auto to = co_await existing_or_new(e, *b, wanted->to);
    if (!to)
      co_return co_await e.reply_error(c.x, to.error());
    order.copy.to_bid = (*to)->ref.bid;
  }
  auto started = co_await start_parts(e, order);
  if (!started)
    co_return co_await e.reply_error(c.x, started.error());
  co_await e.reply_text(c.x, std::move(order.id));
}

// -- renaming

task<> rename_bucket(edge& e, call& c, bucket_ptr b, json::value value) {
  static const json::object none;
  auto* o = value.is_null() ? &none : value.if_object();
  auto to = destination(c, o ? *o : none);
  error why;
  if (!to)
    why = to.error();
  else if (to->remote() || b->ref.bck.remote())
    why = fail(errc::unsupported, "only ais:// buckets can be renamed");
  else if (*to == b->ref.bck)
    why = fail(errc::invalid_argument,
               "source and destination are the same bucket, " + cname_of(*to));
  else if (auto ok = check_bucket_name(to->name); !ok)
    why = ok.error();
  else if (moving(e.map()))
    why = fail(errc::busy, "objects are being moved between targets"
                           " (rebalance): begin when that has ended");
  if (why)
    co_return co_await e.reply_error(c.x, why);
  create_bucket req;
  req.name = *to;
  req.from = b->ref.bck;
  auto done
    = co_await e.actors().ask(e.node().proxy, change_timeout, std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  // RENAMER does this, too; but whoever hears of the job may ask at once.
  if (auto now = e.buckets().find(*to)) {
    auto order = rename_order(*b, **now, 1);
    static_cast<void>(co_await start_parts(e, order));
  }
  co_await e.reply_text(c.x, rename_id(b->ref.bid));
}

// -- mirroring

namespace {

task<> start_making_copies(edge& e, call& c, storage::bucket_ref b) {
  start_xact order;
  order.id = make_id(e.env());
  order.kind = "make-n-copies";
  order.bucket = b.bck;
  order.bid = b.bid;
  auto started = co_await start_parts(e, order);
  if (!started) {
    auto why = with_context(started.error(),
                            "the properties are changed, but not all targets"
                            " have begun to apply them to the objects there"
                            " are: ask for make-n-copies");
    co_return co_await e.reply_error(c.x, why);
  }
  co_await e.reply_text(c.x, std::move(order.id));
}

} // namespace

task<> apply_props(edge& e, call& c, bucket_ptr before) {
  auto now = e.buckets().find(before->ref.bck);
  if (!now || (*now)->ref.bid != before->ref.bid
      || (*now)->copies == before->copies)
    co_return co_await reply_empty(c);
  co_await start_making_copies(e, c, before->ref);
}

task<> make_copies(edge& e, call& c, bucket_ptr b, json::value value) {
  auto n = value.is_int64() ? value.get_int64() : 0;
  if (n < 1 || n > max_copies) {
    auto why = fail(errc::invalid_argument,
                    "the value must be the number of copies, 1 to "
                      + std::to_string(max_copies) + " (1: no mirroring)");
    co_return co_await e.reply_error(c.x, why);
  }
  json::object mirror{{"enabled", n > 1}};
  if (n > 1)
    mirror["copies"] = n;
  set_bucket_props req{b->ref.bck, to_text(json::object{{"mirror", mirror}})};
  auto done
    = co_await e.actors().ask(e.node().proxy, change_timeout, std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  // Asked for, it runs, whether there is something to change or not.
  co_await start_making_copies(e, c, b->ref);
}

task<> query_jobs(edge& e, call& c, std::string_view what) {
  auto body = co_await c.x.read_all(c.x.thread().lims().json_bytes);
  if (!body)
    co_return co_await e.reply_error(c.x, body.error());
  auto q = parse_query(e, *body);
  if (!q)
    co_return co_await e.reply_error(c.x, q.error());
  if (what == "status" && q->what.id.empty() && q->what.kind.empty()) {
    auto why = fail(errc::invalid_argument, "job status needs an id or a kind");
    co_return co_await e.reply_error(c.x, why);
  }
  if (what == "status")
    co_return co_await reply_status(e, c, *q);
  if (what == "status_all")
    co_return co_await reply_all(e, c, *q);
  if (what == "running_all")
    co_return co_await reply_running(e, c, *q);
  co_await reply_snaps(e, c, *q);
}

namespace {

/// Of `flags`: only removes misplaced objects.
constexpr int64_t cleanup_mode = 16;

/// @param prefix  of the objects to be moved
task<>
start_moves(edge& e, call& c, const json::object& o, std::string prefix) {
  auto bucket = bucket_in(e, o);
  auto* flags = find_member(o, "flags");
  error why;
  if (!bucket)
    why = bucket.error();
  else if (!bucket->empty())
    why = fail(errc::unsupported,
               "rebalancing one bucket only is not available in"
               " this version: leave the bucket out");
  else if (!prefix.empty())
    why = fail(errc::invalid_argument,
               "a prefix needs a bucket, and rebalancing one bucket only is not"
               " available in this version: leave it out");
  else if (flags && flags->is_int64()
           && (flags->get_int64() & cleanup_mode) != 0)
    why = fail(errc::unsupported,
               "a rebalance that only removes misplaced objects is not"
               " available: one that moves them leaves none behind");
  if (why)
    co_return co_await e.reply_error(c.x, why);
  start_rebalance req;
  auto started
    = co_await e.actors().ask(e.node().proxy, change_timeout, std::move(req));
  if (!started)
    co_return co_await e.reply_error(c.x, started.error());
  co_await e.reply_text(c.x, rebalance_id(started->generation));
}

/// Of one target, which the request names.
task<> start_resilver(edge& e, call& c, const json::object& o) {
  auto id = text(o, {"DaemonID", "node"});
  error why;
  if (!id)
    why = id.error();
  else if (id->empty())
    why = fail(errc::unsupported, "resilvering all targets at once is not"
                                  " supported: name one of them");
  auto* node = why ? nullptr : e.map().find(*id);
  if (!why && (!node || node->role != node_role::target))
    why = fail(errc::node_not_found,
               "there is no target \"" + id->substr(0, 40) + '"');
  auto gate = why ? gate_actor{} : e.gate_of(*id);
  if (!why && !gate)
    why = fail(errc::not_ready, name_of(*node) + " does not answer");
  if (why) // a bad argument, as AIStore sees it
    co_return co_await e.reply_error(c.x, why,
                                     why == errc::node_not_found ? 400 : 0);
  change_mountpath req;
  req.what = change_mountpath::op::rescan;
  auto started = co_await e.actors().ask(gate, change_timeout, std::move(req));
  if (!started)
    co_return co_await e.reply_error(c.x, started.error());
  co_await e.reply_text(c.x, started->resilver_id);
}

task<> start_cleanup(edge& e, call& c) {
  start_xact order;
  order.id = make_id(e.env());
  order.kind = "cleanup-store";
  auto started = co_await start_parts(e, order);
  if (!started)
    co_return co_await e.reply_error(c.x, started.error());
  co_await e.reply_text(c.x, std::move(order.id));
}

/// Of one bucket, and of uploads to it.
task<> start_lifecycle(edge& e, call& c, const json::object& o) {
  auto wanted = bucket_in(e, o);
  std::vector<start_xact> parts;
  error why;
  if (!wanted)
    why = wanted.error();
  else if (wanted->empty())
    why = fail(errc::invalid_argument,
               "name the bucket whose lifecycle rules are to be carried out");
  else
    for (auto& [b, value] : e.buckets().buckets)
      if (cname_of(b) == *wanted)
        parts = lifecycle_orders(e.buckets(), *value);
  if (!why && parts.empty())
    why = fail(errc::not_found, "bucket " + *wanted
                                  + " has no lifecycle rules: set some through"
                                    " S3");
  if (why)
    co_return co_await e.reply_error(c.x, why);
  auto id = make_id(e.env());
  for (auto& order : parts) {
    order.id = &order == &parts.front() ? id : make_id(e.env());
    auto started = co_await start_parts(e, order);
    if (!started)
      co_return co_await e.reply_error(c.x, started.error());
  }
  co_await e.reply_text(c.x, std::move(id));
}

} // namespace

task<> start_job(edge& e, call& c, json::value value, std::string prefix) {
  auto* o = value.if_object();
  auto name = o ? text(*o, {"Kind", "kind"}) : std::string{};
  error why;
  auto* kind = name ? find_xact_kind(*name) : nullptr;
  if (!o || !name || !kind)
    why = fail(errc::invalid_argument, "invalid xaction (job) kind \""
                                         + (name ? name->substr(0, 40) : "")
                                         + '"');
  else if (!kind->startable)
    why = fail(errc::invalid_argument,
               "initiating " + std::string{kind->name}
                 + " must be done via a separate documented API");
  else if (kind->name == "rebalance")
    co_return co_await start_moves(e, c, *o, std::move(prefix));
  else if (kind->name == "resilver")
    co_return co_await start_resilver(e, c, *o);
  else if (kind->name == "cleanup-store")
    co_return co_await start_cleanup(e, c);
  else if (kind->name == lifecycle_kind)
    co_return co_await start_lifecycle(e, c, *o);
  else
    why = fail(errc::unsupported, '"' + std::string{kind->name}
                                    + "\" is not available in this version");
  co_await e.reply_error(c.x, why);
}

task<> stop_jobs(edge& e, call& c, json::value value) {
  auto* o = value.if_object();
  auto id = o ? text(*o, {"ID", "id"}) : std::string{};
  auto kind = o ? text(*o, {"Kind", "kind"}) : std::string{};
  auto bucket = o ? bucket_in(e, *o) : std::string{};
  error why;
  for (auto* x : {&id, &kind, &bucket})
    if (!*x)
      why = x->error();
  if (!why && id->empty() && kind->empty())
    why = fail(errc::invalid_argument, "stop needs the ID or the Kind of a"
                                       " job");
  auto* known = !why && !kind->empty() ? find_xact_kind(*kind) : nullptr;
  if (!why && !kind->empty() && !known)
    why = fail(errc::invalid_argument,
               "invalid xaction (job) kind \"" + kind->substr(0, 40) + '"');
  if (why)
    co_return co_await e.reply_error(c.x, why);
  stop_xact order{*id, known ? std::string{known->name} : std::string{},
                  *bucket};
  std::vector<question<gate_actor, stop_xact>> all;
  for (auto& [target, node] : e.map().targets)
    all.push_back({e.gate_of(target), order});
  auto answers = co_await e.actors().ask_many(std::move(all), target_timeout);
  for (auto& x : answers)
    if (!x && x.error() != errc::not_ready)
      co_return co_await e.reply_error(c.x, x.error());
  co_await reply_empty(c);
}

} // namespace ais::http::v1
