// /v1/buckets: create, destroy, properties, list buckets, summaries; listing of
// objects is in list_objects.cpp. Source: api-data 1.
#include "http/v1/jobs.hpp"
#include "http/v1/list_objects.hpp"
#include "http/v1/node_info.hpp"
#include "storage/base/home.hpp"

#include <algorithm>

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto proxy_timeout = 60s;
constexpr auto summary_timeout = 10s;

task<> reply_ok(call& c) {
  reply r;
  co_await c.x.reply(std::move(r));
}

/// The bucket named in the path, or an error.
expected<bck> bucket_in_path(edge& e, call& c) {
  return e.bucket_of(c, c.rest.substr(0, c.rest.find('/')));
}

bool names_bucket(const call& c) {
  return !c.rest.empty() && c.rest.front() != '/';
}

// -- create, destroy, properties
// -----------------------------------------------------

task<> create(edge& e, call& c, const action_msg& msg, bck b) {
  if (b.remote()) {
    auto why = fail(errc::remote_bucket_not_found,
                    "remote bucket \"" + cname_of(b)
                      + "\" does not exist: this cluster has no remote"
                        " backends");
    co_return co_await e.reply_error(c.x, why);
  }
  create_bucket req{b, msg.value.is_null() ? "" : to_text(msg.value)};
  auto done
    = co_await e.actors().ask(e.node().proxy, proxy_timeout, std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await reply_ok(c);
}

task<> destroy(edge& e, call& c, bck b) {
  if (b.remote()) {
    auto why
      = fail(errc::unsupported, "cannot destroy remote bucket \"" + cname_of(b)
                                  + "\": evict it instead");
    co_return co_await e.reply_error(c.x, why, 405);
  }
  auto known = e.existing(b, access::destroy_bucket);
  if (!known)
    co_return co_await e.reply_error(c.x, known.error());
  destroy_bucket req{b};
  auto done
    = co_await e.actors().ask(e.node().proxy, proxy_timeout, std::move(req));
  // Two that destroy the same bucket at once both see it gone.
  if (!done && done.error() != errc::bucket_not_found)
    co_return co_await e.reply_error(c.x, done.error());
  co_await reply_ok(c);
}

task<> set_props(edge& e, call& c, const action_msg& msg, bck b) {
  set_bucket_props req{b, msg.value.is_null() ? "" : to_text(msg.value),
                       msg.action == "reset-bprops"};
  auto known = e.existing(b, access::patch);
  if (!known)
    co_return co_await e.reply_error(c.x, known.error());
  if (!req.reset && req.props.empty()) {
    auto why = fail(errc::invalid_argument, "no properties to update");
    co_return co_await e.reply_error(c.x, why);
  }
  auto done
    = co_await e.actors().ask(e.node().proxy, proxy_timeout, std::move(req));
  if (!done)
    co_return co_await e.reply_error(c.x, done.error());
  co_await apply_props(e, c, std::move(*known));
}

// -- list buckets
// ---------------------------------------------------------------------

task<> list_buckets(edge& e, call& c, const std::string& name) {
  auto provider = c.q.get("provider");
  auto wanted = parse_provider(provider);
  auto space = c.q.get("namespace");
  if (!wanted)
    co_return co_await e.reply_error(c.x, wanted.error());
  auto one_space = !space.empty() && space != "@";
  auto wanted_space = parse_ns(one_space ? space : "");
  if (!wanted_space)
    co_return co_await e.reply_error(c.x, wanted_space.error());
  json::array out;
  auto presence = c.q.get("presence");
  auto system = c.q.flag("sys");
  for (auto& [b, value] : e.buckets().buckets) {
    if (presence == "5" || (!provider.empty() && b.provider != *wanted)
        || (!name.empty() && b.name != name)
        || (b.name.front() == '.' && !system)
        || (of_others(b.ns) && !one_space && !system)
        || (space == "@" && b.ns.uuid.empty())
        || (one_space && b.ns != *wanted_space))
      continue;
    out.push_back(bck_json(b));
  }
  co_await e.reply_json(c.x, std::move(out));
}

// -- summaries
// ------------------------------------------------------------------------

json::object summary_json(edge& e, const bucket& b, const bucket_totals& t) {
  uint64_t disk_total = 0;
  for (auto& mp : e.target()->mountpaths)
    if (auto space = mp->disk->disk().space(mp->disk->root()))
      disk_total += space->used_bytes + space->avail_bytes;
  auto out = bck_json(b.ref.bck);
  out["ObjCount"] = {{"obj_count_present", std::to_string(t.objects)},
                     {"obj_count_remote", "0"}};
  out["ObjSize"] = {{"obj_min_size", t.min_bytes},
                    {"obj_avg_size", t.objects ? t.bytes / t.objects : 0},
                    {"obj_max_size", t.max_bytes}};
  out["TotalSize"] = {{"size_on_disk", std::to_string(t.bytes)},
                      {"size_all_present_objs", std::to_string(t.bytes)},
                      {"size_all_remote_objs", "0"},
                      {"total_disks_size", std::to_string(disk_total)}};
  out["used_pct"] = disk_total ? t.bytes * 100 / disk_total : 0;
  out["is_present"] = true;
  return out;
}

/// The buckets a summary is about: the one in the path, or all of the query.
expected<std::vector<bucket_ptr>> summarised(edge& e, call& c) {
  std::vector<bucket_ptr> out;
  if (names_bucket(c)) {
    auto b = bucket_in_path(e, c);
    if (!b)
      return b.error();
    auto known = e.existing(*b, access::head_bucket);
    if (!known)
      return known.error();
    out.push_back(*known);
    return out;
  }
  auto provider = c.q.get("provider");
  auto wanted = parse_provider(provider);
  if (!wanted)
    return wanted.error();
  for (auto& [b, value] : e.buckets().buckets)
    if (provider.empty() || b.provider == *wanted)
      out.push_back(value);
  return out;
}

task<> summary_of(edge& e, call& c, const action_msg& msg) {
  error why;
  auto* value = msg.value.if_object();
  auto uuid = value ? text_member(*value, "uuid") : std::string{};
  auto prefix = value ? text_member(*value, "prefix") : std::string{};
  auto buckets = summarised(e, c);
  if (!uuid || !prefix) {
    why = uuid ? prefix.error() : uuid.error();
  } else if (auto ok = check_prefix(*prefix); !ok) {
    why = ok.error();
  } else if (!buckets) {
    why = buckets.error();
  } else if (uuid->empty()) {
    start_summary req{std::move(*buckets), *prefix};
    auto id = co_await e.actors().ask(e.node().summaries, summary_timeout,
                                      std::move(req));
    if (id)
      co_return co_await e.reply_text(c.x, *id, 202);
    why = id.error();
  } else {
    get_summary req{*uuid};
    auto job = co_await e.actors().ask(e.node().summaries, summary_timeout,
                                       std::move(req));
    if (job && !(*job)->failure) {
      json::array out;
      for (auto& [b, totals] : (*job)->totals)
        out.push_back(summary_json(e, *b, totals));
      reply r;
      r.status = (*job)->done ? 200 : out.empty() ? 202 : 206;
      r.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
      r.body = to_text(out) + '\n';
      co_return co_await c.x.reply(std::move(r));
    }
    why = job ? (*job)->failure : job.error();
  }
  co_await e.reply_error(c.x, why);
}

// -- HEAD
// -----------------------------------------------------------------------------

/// Bucket info: HEAD with a summary that runs beside it.
task<> info(edge& e, call& c, const bucket_ptr& b, std::string prefix) {
  reply r;
  r.headers.emplace_back("Ais-Bucket-Props",
                         to_text(to_json(*b->props, b->ref.bck)));
  auto uuid = std::string{c.q.get("uuid")};
  error why;
  if (uuid.empty()) {
    start_summary req{{b}, std::move(prefix)};
    auto id = co_await e.actors().ask(e.node().summaries, summary_timeout,
                                      std::move(req));
    if (id) {
      r.status = 202;
      r.headers.emplace_back("Ais-Xaction-Id", *id);
      co_return co_await c.x.reply(std::move(r));
    }
    why = id.error();
  } else {
    get_summary req{uuid};
    auto job = co_await e.actors().ask(e.node().summaries, summary_timeout,
                                       std::move(req));
    if (job && !(*job)->failure) {
      r.headers.emplace_back("Ais-Xaction-Id", uuid);
      r.status = (*job)->done ? 200 : 202;
      if (!(*job)->totals.empty()) {
        auto& [which, totals] = (*job)->totals.front();
        r.headers.emplace_back("Ais-Bucket-Summ",
                               to_text(summary_json(e, *which, totals)));
      }
      co_return co_await c.x.reply(std::move(r));
    }
    why = job ? (*job)->failure : job.error();
  }
  co_await e.reply_error(c.x, why);
}

task<> head(edge& e, call& c) {
  auto slash = c.rest.find('/');
  auto b = bucket_in_path(e, c);
  if (!b)
    co_return co_await e.reply_error(c.x, b.error());
  auto known = e.existing(*b, access::head_bucket);
  if (!known)
    co_return co_await e.reply_error(c.x, known.error());
  auto prefix = percent_decode(slash == std::string_view::npos
                                 ? std::string_view{}
                                 : c.rest.substr(slash + 1));
  auto valid = prefix ? check_prefix(*prefix) : expected<void>{prefix.error()};
  if (!valid)
    co_return co_await e.reply_error(c.x, valid.error());
  if (!c.q.get("bsumm_remote").empty())
    co_return co_await info(e, c, *known, std::move(*prefix));
  if (!prefix->empty()) {
    auto why = fail(errc::invalid_argument,
                    "a prefix needs the query parameter bsumm_remote");
    co_return co_await e.reply_error(c.x, why);
  }
  reply r;
  r.headers.emplace_back("Ais-Bucket-Props",
                         to_text(to_json(*(*known)->props, *b)));
  co_await c.x.reply(std::move(r));
}

// -- routing
// --------------------------------------------------------------------------

task<> get(edge& e, call& c) {
  auto msg = co_await e.read_action(c.x);
  if (!msg)
    co_return co_await e.reply_error(c.x, msg.error());
  if (msg->action == "summary-bck")
    co_return co_await summary_of(e, c, *msg);
  if (!msg->action.empty() && msg->action != "list") {
    auto later
      = msg->action == "summary-shard" || msg->action == "show-inventory";
    auto why = fail(later ? errc::not_implemented : errc::invalid_argument,
                    "invalid action \"" + msg->action.substr(0, 40) + '"');
    co_return co_await e.reply_error(c.x, why);
  }
  // A null value lists buckets, any other the objects of one. Without a body
  // the path decides.
  auto objects = msg->action.empty() ? names_bucket(c) : !msg->value.is_null();
  if (!objects)
    co_return co_await list_buckets(e, c, msg->name);
  if (!names_bucket(c)) {
    auto why = fail(errc::invalid_argument,
                    "listing objects needs a bucket: /v1/buckets/<bucket>");
    co_return co_await e.reply_error(c.x, why);
  }
  auto b = bucket_in_path(e, c);
  if (!b)
    co_return co_await e.reply_error(c.x, b.error());
  auto known = e.existing(*b, access::list_objects);
  if (!known)
    co_return co_await e.reply_error(c.x, known.error());
  co_await list_objects(e, c, std::move(*known), msg->value);
}

/// Actions of bucket jobs that AIStore has and this version has not.
bool known_job(std::string_view action) {
  for (auto x :
       {"etl-bck", "ec-encode", "rechunk", "index-shard", "etl-listrange",
        "archive", "create-inventory", "destroy-inventory"})
    if (x == action)
      return true;
  return false;
}

bool needs_remote(std::string_view action) {
  return action == "evict-remote-bck" || action == "evict-listrange"
         || action == "prefetch-listrange";
}

task<> change(edge& e, call& c) {
  auto msg = co_await e.read_action(c.x);
  if (!msg)
    co_return co_await e.reply_error(c.x, msg.error());
  auto b = bucket_in_path(e, c);
  if (!b)
    co_return co_await e.reply_error(c.x, b.error());
  auto m = c.req.method;
  auto& action = msg->action;
  if (m == "POST" && action == "create-bck")
    co_return co_await create(e, c, *msg, std::move(*b));
  if (m == "DELETE" && action == "destroy-bck")
    co_return co_await destroy(e, c, std::move(*b));
  if (m == "DELETE" && action == "delete-listrange") {
    auto known = e.existing(*b, access::delete_object);
    if (!known)
      co_return co_await e.reply_error(c.x, known.error());
    co_return co_await delete_objects(e, c, std::move(*known),
                                      std::move(msg->value));
  }
  if (m == "POST" && (action == "copy-bck" || action == "copy-listrange")) {
    auto known = e.existing(*b, access::get);
    if (!known)
      co_return co_await e.reply_error(c.x, known.error());
    co_return co_await copy_objects(e, c, std::move(*known), std::move(*msg));
  }
  if (m == "POST" && action == "move-bck") {
    auto known = e.existing(*b, access::move_bucket);
    if (!known)
      co_return co_await e.reply_error(c.x, known.error());
    co_return co_await rename_bucket(e, c, std::move(*known),
                                     std::move(msg->value));
  }
  if (m == "POST" && action == "make-n-copies") {
    auto known = e.existing(*b, access::patch);
    if (!known)
      co_return co_await e.reply_error(c.x, known.error());
    co_return co_await make_copies(e, c, std::move(*known),
                                   std::move(msg->value));
  }
  if (m == "PATCH" && (action == "set-bprops" || action == "reset-bprops"))
    co_return co_await set_props(e, c, *msg, std::move(*b));
  error why;
  if (needs_remote(action)) {
    auto known = e.existing(*b, access::head_bucket);
    why = known ? fail(errc::not_remote_bucket,
                       cname_of(*b) + " has no remote backend")
                : known.error();
  } else if (known_job(action)) {
    why = fail(errc::not_implemented,
               '"' + action + "\" is not available in this version");
  } else {
    why = fail(errc::invalid_argument,
               "invalid action \"" + action.substr(0, 40) + '"');
  }
  co_await e.reply_error(c.x, why);
}

} // namespace

task<> buckets(edge& e, call& c) {
  auto m = c.req.method;
  if (m == "HEAD")
    return head(e, c);
  if (m == "GET")
    return get(e, c);
  return change(e, c);
}

} // namespace ais::http::v1
