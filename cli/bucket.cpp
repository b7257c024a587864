// ais bucket: create, remove, properties, summaries.
#include "cli/context.hpp"
#include "cli/props.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <thread>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

// -- create, remove -----------------------------------------------------------

void create(context& x, const arguments& a) {
  std::vector<bck> wanted;
  for (auto& text : a.operands)
    wanted.push_back(parse_bare_bucket(text));
  json::value props;
  if (a.has("props")) {
    auto config = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
    json::object tree;
    for (auto& [k, v] : parse_properties(split_words(a.get("props"))))
      put_at(tree, k, typed_value(config.as_object(), k, v));
    props = std::move(tree);
  }
  auto failed = false;
  for (auto& b : wanted) {
    auto query = x.cluster().bucket_query(b);
    if (a.has("skip-lookup"))
      query.emplace_back("dont_head_remote_bck", "true");
    try {
      x.cluster().act("POST", x.cluster().bucket_path(b), query, "create-bck",
                      props);
      say(fmt::format("\"{}\" created", cname_of(b)));
    } catch (const refusal& e) {
      auto text
        = e.status() == 409
            ? fmt::format("Bucket \"{}\" already exists", cname_of(b))
            : fmt::format("failed to create \"{}\": {}", cname_of(b), e.what());
      if (a.has("ignore-error")) {
        say(text);
      } else if (wanted.size() == 1) {
        throw failure(text);
      } else {
        report_error(text);
        failed = true;
      }
    }
  }
  if (failed)
    throw silent_failure{};
}

bool bucket_is_empty(api& cluster, const bck& b) {
  list_query q;
  q.props = "name";
  q.limit = 1;
  auto empty = true;
  cluster.list(b, q, [&](auto page) {
    empty = page.empty();
    return false;
  });
  return empty;
}

/// Destroys one; false after a failure that was reported.
bool destroy(context& x, const bck& b, const arguments& a) {
  try {
    x.cluster().act("DELETE", x.cluster().bucket_path(b),
                    x.cluster().bucket_query(b), "destroy-bck");
    say(fmt::format("\"{}\" destroyed", cname_of(b)));
  } catch (const refusal& e) {
    auto gone = e.status() == 404;
    std::string text{gone ? x.cluster().no_such_bucket(b).what() : e.what()};
    if (a.has("ignore-error")) {
      warn(text);
      return true;
    }
    report_error(text);
    return false;
  }
  return true;
}

void remove(context& x, const arguments& a) {
  std::vector<bck> wanted;
  if (a.has("all")) {
    if (!a.operands.empty())
      throw misuse("--all takes no buckets");
    wanted = x.cluster().buckets({{"provider", "ais"}, {"presence", "2"}});
    if (wanted.empty()) {
      say("No \"ais://\" buckets in the cluster.");
      return;
    }
    for (auto& b : wanted)
      say("  " + cname_of(b));
    if (!confirmed_by_word(
          fmt::format("Permanently destroy {} with all their objects?",
                      counted(wanted.size(), "bucket")),
          "DELETE", a.has("yes")))
      return;
  } else {
    if (a.operands.empty())
      throw misuse("missing \"BUCKET\" argument");
    for (auto& text : a.operands)
      wanted.push_back(parse_bare_bucket(text));
  }
  auto failed = false;
  for (auto& b : wanted) {
    try {
      if (!a.has("all") && !a.has("yes") && !bucket_is_empty(x.cluster(), b)
          && !confirmed(fmt::format("\"{}\" is not empty: destroy it and all"
                                    " its objects?",
                                    cname_of(b)),
                        false))
        continue;
    } catch (const refusal& e) {
      if (e.status() != 404 && e.status() != 403)
        throw;
    }
    failed |= !destroy(x, b, a);
  }
  if (failed)
    throw silent_failure{};
}

// -- properties ---------------------------------------------------------------

json::object shown_props(context& x, const bck& b) {
  auto props = x.cluster().bucket_props(b);
  props.erase("Renamed");
  props.erase("bid");
  for (auto it = props.begin(); it != props.end();) {
    auto* o = it->value().if_object();
    auto blank
      = it->key() == "extra" && o
        && std::all_of(o->begin(), o->end(), [](auto& m) {
             return m.value().is_object() && m.value().get_object().empty();
           });
    if (blank)
      it = props.erase(it);
    else
      ++it;
  }
  return props;
}

bool flag_at(const json::object& x, const char* section, const char* key) {
  auto* v = object_at(x, section).if_contains(key);
  return v && v->is_bool() && v->get_bool();
}

/// One row for each group of properties.
table compact(const json::object& p) {
  auto& cksum = object_at(p, "checksum");
  std::string validate;
  for (auto& [key, name] : {std::pair{"validate_cold_get", "ColdGET"},
                            {"validate_warm_get", "WarmGET"},
                            {"validate_obj_move", "ObjectMove"},
                            {"enable_read_range", "ReadRange"}})
    if (flag_at(p, "checksum", key))
      validate += (validate.empty() ? "" : ", ") + std::string{name};
  auto& ec = object_at(p, "ec");
  auto& lru = object_at(p, "lru");
  table out{{"PROPERTY", "VALUE"}};
  out.add({"access", shown_value("access", text_at(p, "access"))});
  out.add(
    {"checksum", fmt::format("Type: {} | Validate: {}", text_at(cksum, "type"),
                             validate.empty() ? "Nothing" : validate)});
  out.add({"created", shown_value("created", text_at(p, "created"))});
  if (auto d = text_at(p, "durability"); !d.empty())
    out.add({"durability", d});
  out.add({"ec", flag_at(p, "ec", "enabled") ? fmt::format(
                   "{}:{} ({})", text_at(ec, "data_slices"),
                   text_at(ec, "parity_slices"),
                   quantities{}.bytes(number_at(ec, "objsize_limit"), 0))
                                             : "Disabled"});
  out.add({"lru", flag_at(p, "lru", "enabled")
                    ? fmt::format("Not evicting for {} | check every {}",
                                  text_at(lru, "dont_evict_time"),
                                  text_at(lru, "capacity_upd_time"))
                    : "Disabled"});
  out.add({"mirror", flag_at(p, "mirror", "enabled")
                       ? text_at(object_at(p, "mirror"), "copies") + " copies"
                       : "Disabled"});
  out.add({"present", "yes"});
  out.add({"provider", text_at(p, "provider")});
  out.add({"versioning",
           fmt::format(
             "{} | Validate on WarmGET: {}",
             flag_at(p, "versioning", "enabled") ? "Enabled" : "Disabled",
             flag_at(p, "versioning", "validate_warm_get") ? "yes" : "no")});
  return out;
}

void show_props(context& x, const arguments& a) {
  auto b = parse_bare_bucket(a.operands[0]);
  auto prefix = a.operands.size() > 1 ? a.operands[1] : "";
  auto props = shown_props(x, b);
  if (a.has("json")) {
    json::object some;
    for (auto& m : props)
      if (prefix.empty() || m.key() == prefix.substr(0, prefix.find('.')))
        some[m.key()] = m.value();
    return say_json(some);
  }
  if (a.has("compact"))
    return compact(props).print(headers(a));
  props["present"] = "yes";
  auto config = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
  auto rows = property_table(props, prefix, config.as_object());
  if (rows.empty())
    throw failure(fmt::format("bucket {} has no property that begins with"
                              " \"{}\"",
                              cname_of(b), prefix));
  rows.print(headers(a));
}

/// What flattened properties say about one key; empty if there is none.
std::string
find_value(const std::vector<std::pair<std::string, std::string>>& props,
           const std::string& key) {
  for (auto& [k, v] : props)
    if (k == key)
      return v;
  return {};
}

failure unknown_property(const std::string& key, const bck& b,
                         const json::object& props) {
  std::vector<std::string> names;
  for (auto& [k, v] : flattened(props))
    names.push_back(k);
  auto near = nearest(key, names);
  auto hint = near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near);
  return failure(fmt::format(
    "unknown property \"{0}\"{1}\nUsage examples:\n"
    "  ais bucket props set {2} mirror.enabled=true mirror.copies=2\n"
    "  ais bucket props set {2} checksum.type sha256\n"
    "  ais bucket props set {2} access=ro\n"
    "  ais bucket props set {2} '{{\"versioning\": {{\"enabled\": false}}}}'\n"
    "  ais bucket props show {2}",
    key, hint, cname_of(b)));
}

void change_props(context& x, const bck& b, const property_list& wanted,
                  bool force) {
  auto before = x.cluster().bucket_props(b);
  auto flat = flattened(before);
  json::object tree;
  property_list changed;
  for (auto& [k, v] : wanted) {
    auto known = std::any_of(flat.begin(), flat.end(),
                             [&, &key = k](auto& p) { return p.first == key; })
                 || k.substr(0, 6) == "extra.";
    if (!known)
      throw unknown_property(k, b, before);
    auto value = typed_value(before, k, v);
    if (plain_text(value) != find_value(flat, k))
      changed.emplace_back(k, plain_text(value));
    put_at(tree, k, std::move(value));
  }
  if (changed.empty()) {
    say(fmt::format("Bucket \"{}\" already has the same values of props,"
                    " nothing to do",
                    cname_of(b)));
    return;
  }
  if (force)
    tree["force"] = true;
  auto job = x.cluster().act("PATCH", x.cluster().bucket_path(b),
                             x.cluster().bucket_query(b), "set-bprops", tree);
  auto after = flattened(x.cluster().bucket_props(b));
  for (auto& [k, v] : changed) {
    auto now = shown_value(k, find_value(after, k));
    auto was = shown_value(k, find_value(flat, k));
    if (now != was)
      say(fmt::format("\"{}\" set to: \"{}\" (was: \"{}\")", k, now, was));
  }
  say("\nBucket props successfully updated.");
  if (!job.empty())
    say(fmt::format("To monitor the progress, run 'ais show job {}'", job));
}

void set_props(context& x, const arguments& a) {
  auto b = parse_bare_bucket(a.operands[0]);
  if (a.operands.size() < 2)
    throw misuse("missing property \"KEY=VALUE\"");
  change_props(x, b,
               parse_properties({a.operands.begin() + 1, a.operands.end()}),
               a.has("force"));
}

void reset_props(context& x, const arguments& a) {
  auto b = parse_bare_bucket(a.operands[0]);
  x.cluster().bucket_props(b);
  x.cluster().act("PATCH", x.cluster().bucket_path(b),
                  x.cluster().bucket_query(b), "reset-bprops");
  say("Bucket props successfully reset to cluster defaults");
}

/// `ais bucket props BUCKET [PREFIX]` shows, `... KEY=VALUE` and `... KEY
/// VALUE` set, as older documents have it.
void props(context& x, const arguments& a) {
  auto n = a.operands.size();
  auto assigns
    = n > 1 && a.operands[1].find_first_of("={") != std::string::npos;
  if (n > 2 || assigns)
    set_props(x, a);
  else
    show_props(x, a);
}

void lru(context& x, const arguments& a) {
  auto show = [&](const json::object& all) {
    json::object section{{"lru", object_at(all, "lru")}};
    if (a.has("json"))
      say_json(section);
    else
      property_table(section, "lru", {}).print(headers(a));
  };
  if (a.operands.empty()) {
    if (a.has("enable") || a.has("disable"))
      throw misuse("missing \"BUCKET\" argument");
    auto config = x.cluster().get("/v1/cluster", {{"what", "cluster_config"}});
    return show(config.as_object());
  }
  auto b = parse_bare_bucket(a.operands[0]);
  if (a.has("enable") || a.has("disable"))
    return change_props(
      x, b, {{"lru.enabled", a.has("enable") ? "true" : "false"}}, false);
  show(x.cluster().bucket_props(b));
}

// -- descriptions -------------------------------------------------------------

using namespace flags;

command create_command() {
  command c;
  c.name = "create";
  c.summary = "create buckets";
  c.usage = "BUCKET [BUCKET...]";
  c.run = create;
  c.operands = {operand::none};
  c.flags = {{"props", "", value_kind::text, "'K=V K=V'",
              "properties of the new buckets; or a JSON object"},
             {"skip-lookup", "", value_kind::nothing, "",
              "register a remote bucket without looking for it"},
             ignore_error};
  c.examples = {"ais create ais://images ais://labels",
                "ais create ais://fast --props 'durability=none"
                " checksum.type=none'"};
  return c;
}

command rm_command() {
  command c;
  c.name = "rm";
  c.summary = "destroy buckets with all their objects";
  c.usage = "[BUCKET...]";
  c.run = remove;
  c.operands = {operand::bucket};
  c.flags = {all, ignore_error, yes};
  c.examples = {"ais rmb ais://old", "ais bucket rm ais://a ais://b --yes"};
  return c;
}

command props_set() {
  command c;
  c.name = "set";
  c.summary = "change properties of a bucket";
  c.usage = "BUCKET [KEY=VALUE...]";
  c.run = set_props;
  c.operands = {operand::bucket, operand::bucket_prop};
  c.flags = {force, skip_lookup};
  c.examples = {"ais bucket props set ais://b mirror.enabled=true"
                " mirror.copies=2",
                "ais bucket props set ais://b access=ro",
                "ais bucket props set ais://b '{\"lru\": {\"enabled\":"
                " true}}'"};
  return c;
}

command props_reset() {
  command c;
  c.name = "reset";
  c.summary = "give a bucket the cluster's default properties again";
  c.usage = "BUCKET";
  c.run = reset_props;
  c.operands = {operand::bucket};
  return c;
}

command props_group() {
  auto c = bucket_props_show("props");
  c.summary = "show, change or reset properties of a bucket";
  c.usage = "BUCKET [PREFIX|KEY=VALUE...]";
  c.run = props;
  c.flags.push_back(force);
  c.children = {bucket_props_show("show"), props_set(), props_reset()};
  return c;
}

command lru_command() {
  command c;
  c.name = "lru";
  c.summary = "show or switch eviction of least recently used objects";
  c.usage = "[BUCKET]";
  c.run = lru;
  c.operands = {operand::bucket};
  c.flags = {{"enable", "", value_kind::nothing, "", "switch it on"},
             {"disable", "", value_kind::nothing, "", "switch it off"},
             json,
             no_headers};
  c.exclusive = {{"enable", "disable"}};
  return c;
}

} // namespace

command bucket_props_show(const char* name) {
  command c;
  c.name = name;
  c.summary = "show properties of a bucket";
  c.usage = "BUCKET [PREFIX]";
  c.run = show_props;
  c.operands = {operand::bucket, operand::bucket_prop};
  c.flags = {{"compact", "c", value_kind::nothing, "",
              "one row for each group of properties"},
             json,
             no_headers};
  c.examples
    = {"ais bucket props show ais://b", "ais show bucket ais://b checksum",
       "ais show bucket ais://b --compact"};
  return c;
}

command bucket_commands() {
  command c;
  c.name = "bucket";
  c.summary = "create and destroy buckets, list them and their objects,"
              " show and change their properties";
  c.children = {bucket_ls(),
                create_command(),
                rm_command(),
                bucket_summary(),
                bucket_props_show("show"),
                props_group(),
                lru_command(),
                bucket_copy(),
                bucket_move(),
                later("evict", "ais bucket evict BUCKET[/PREFIX]"
                               " [--keep-md]"),
                later("prefetch", "ais bucket prefetch BUCKET[/PREFIX]"),
                bucket_validate(),
                later("archive", "ais bucket archive SRC_BUCKET"
                                 " DST_BUCKET/SHARD"),
                later("etl", "ais bucket etl NAME SRC_BUCKET DST_BUCKET"),
                later("rechunk", "ais bucket rechunk BUCKET --chunk-size"
                                 " SIZE"),
                later("shard-index", "ais bucket shard-index build|summary"
                                     " BUCKET")};
  return c;
}

} // namespace ais::cli
