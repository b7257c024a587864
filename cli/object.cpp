// ais object: remove, show, copy, rename, custom metadata.
#include "cli/context.hpp"
#include "cli/props.hpp"
#include "cli/transfer.hpp"
#include "cli/uri.hpp"
#include "storage/base/units.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace ais::cli {

namespace {

// -- rm -----------------------------------------------------------------------

void remove_one(api& cluster, const bck& b, const std::string& name) {
  http::client_request req;
  req.method = "DELETE";
  req.url = cluster.object_url(b, name);
  try {
    cluster.call(std::move(req));
  } catch (const refusal& e) {
    throw object_failure(e, b, name);
  }
}

void remove_many(context& x, const arguments& a, const uri& u,
                 const selection& chosen) {
  auto& objects = chosen.objects;
  auto bucket = cname_of(u.bucket);
  if (objects.empty()) {
    say(fmt::format("No matching objects in {}.", bucket));
    return;
  }
  auto what = counted(objects.size(), "object");
  meter shown{x, a, "Deleted", objects.size(), 0};
  auto failed = in_parallel(x.config, worker_count(a), objects.size(),
                            [&](api& cluster, uint64_t i) {
                              remove_one(cluster, u.bucket, objects[i].name);
                              shown.add_one();
                            });
  shown.finish();
  if (failed < objects.size())
    say(fmt::format("deleted {} from {}",
                    counted(objects.size() - failed, "object"), bucket));
  if (failed > 0)
    throw failure(fmt::format("{} of {} failed", failed, what));
}

void remove(context& x, const arguments& a) {
  auto many
    = a.has("list") || a.has("template") || a.has("prefix") || a.has("all");
  auto failed = false;
  for (auto& text : a.operands) {
    auto u = parse_objects(text);
    if (u.object.empty() && !many)
      throw misuse(fmt::format("\"{}\": missing object name (to remove many,"
                               " use --prefix, --list, --template or --all)",
                               text));
    if (a.has("all")
        && !confirmed(
          fmt::format("Delete all objects of {}?", cname_of(u.bucket)),
          a.has("yes")))
      continue;
    auto chosen = select_objects(x, a, u);
    try {
      if (chosen.single) {
        remove_one(x.cluster(), u.bucket, u.object);
        say(
          fmt::format("deleted \"{}\" from {}", u.object, cname_of(u.bucket)));
      } else {
        remove_many(x, a, u, chosen);
      }
    } catch (const failure& e) {
      if (a.operands.size() == 1)
        throw;
      report_error(e.what());
      failed = true;
    }
  }
  if (failed)
    throw silent_failure{};
}

// -- cat ----------------------------------------------------------------------

void cat(context& x, const arguments& a) {
  parse_object(a.operands[0]);
  auto to_stdout = a;
  to_stdout.operands.emplace_back("-");
  object_get().run(x, to_stdout);
}

// -- show ---------------------------------------------------------------------

constexpr std::string_view known_props
  = "name,size,checksum,atime,version,custom,last-modified,etag,location,"
    "copies,ec,chunked";
constexpr std::string_view default_props = "name,size,checksum,atime";

std::string time_of(std::string_view unix_ns) {
  auto ns = std::strtoll(std::string{unix_ns}.c_str(), nullptr, 10);
  return ns > 0 ? format_time(ns, "02 Jan 06 15:04 MST") : "-";
}

/// Properties by name, from the headers of a HEAD.
std::vector<std::pair<std::string, std::string>>
properties_of(const http::client_reply& r, const std::string& name,
              const quantities& units) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](const char* key, std::string_view value) {
    if (!value.empty())
      out.emplace_back(key, std::string{value});
  };
  auto type = r.find("Ais-Checksum-Type");
  if (!type.empty())
    add("checksum", fmt::format("{}[{}]", type, r.find("Ais-Checksum-Value")));
  if (auto t = r.find("Ais-Atime"); !t.empty())
    add("atime", time_of(t));
  add("name", name);
  auto length = std::string{r.find("Content-Length")};
  add("size", units.bytes(std::strtoull(length.c_str(), nullptr, 10)));
  add("version", r.find("Ais-Version"));
  std::string custom;
  for (auto& [k, v] : r.headers)
    if (http::find_header({{k, v}}, "Ais-Custom-Md") == v && !v.empty())
      custom += (custom.empty() ? "" : ", ") + v;
  add("custom", custom);
  add("last-modified", r.find("Last-Modified"));
  add("etag", r.find("ETag"));
  add("location", r.find("Ais-Location"));
  if (auto n = r.find("Ais-Mirror-Copies"); !n.empty())
    add("copies", fmt::format("{} [{}]", n, r.find("Ais-Mirror-Paths")));
  if (auto d = r.find("Ais-Ec-Data"); !d.empty())
    add("ec", fmt::format("{}:{}[{}]", d, r.find("Ais-Ec-Parity"),
                          r.find("Ais-Ec-Replicated") == "true" ? "replicated"
                                                                : "encoded"));
  add("chunked", r.find("Ais-Chunks-Count"));
  std::sort(out.begin(), out.end());
  return out;
}

void show(context& x, const arguments& a) {
  auto u = parse_object(a.operands[0]);
  auto wanted = a.get("props");
  if (wanted.empty())
    wanted = default_props;
  if (wanted == "all")
    wanted = known_props;
  http::client_request req;
  req.method = "HEAD";
  query_list query{{"props", wanted}};
  if (!a.has("not-cached"))
    query.emplace_back("presence", "2");
  req.url = x.cluster().object_url(u.bucket, u.object, query);
  std::vector<std::pair<std::string, std::string>> rows;
  try {
    auto reply = x.cluster().call(std::move(req));
    auto units = x.units;
    if (a.has("json"))
      units.system = unit_system::raw;
    rows = properties_of(reply, u.object, units);
  } catch (const refusal& e) {
    throw object_failure(e, u.bucket, u.object);
  }
  auto names = ',' + wanted + ',';
  std::erase_if(rows, [&](auto& row) {
    return names.find(',' + row.first + ',') == names.npos;
  });
  if (a.has("json")) {
    json::object out;
    for (auto& [k, v] : rows)
      out[k] = v;
    return say_json(out);
  }
  table out{{"PROPERTY", "VALUE"}};
  for (auto& [k, v] : rows)
    out.add({k, v});
  out.print(headers(a));
}

// -- cp, mv, set-custom -------------------------------------------------------

void copy(context& x, const arguments& a) {
  auto from = parse_object(a.operands[0]);
  auto to = parse_bucket(a.operands[1]);
  auto name = to.object.empty()         ? from.object
              : to.object.back() == '/' ? to.object + from.object
                                        : to.object;
  http::client_request req;
  req.method = "PUT";
  req.url = x.cluster().object_url(from.bucket, from.object,
                                   {{"object_to", uname_of(to.bucket, name)}});
  try {
    x.cluster().call(std::move(req));
  } catch (const refusal& e) {
    if (e.what_it_said().message.find(from.object) != std::string::npos)
      throw object_failure(e, from.bucket, from.object);
    throw;
  }
  say(fmt::format("COPY {} => {}", cname_of(from.bucket, from.object),
                  cname_of(to.bucket, name)));
}

void move(context& x, const arguments& a) {
  auto from = parse_object(a.operands[0]);
  auto name = a.operands[1];
  if (name.find("://") != name.npos) {
    auto to = parse_object(name);
    if (to.bucket != from.bucket)
      throw failure("objects are renamed within a bucket only (Tip: use 'ais"
                    " object cp' and 'ais object rm')");
    name = to.object;
  }
  if (from.bucket.remote())
    throw failure(fmt::format("{} is remote: renaming is for ais buckets only",
                              cname_of(from.bucket)));
  http::client_request req;
  req.method = "POST";
  req.url = x.cluster().object_url(from.bucket, from.object);
  req.body
    = to_text({{"action", "rename-obj"}, {"name", name}, {"value", nullptr}});
  try {
    x.cluster().call(std::move(req));
  } catch (const refusal& e) {
    throw object_failure(e, from.bucket, from.object);
  }
  say(fmt::format("\"{}\" moved to \"{}\"", from.object, name));
}

void set_custom(context& x, const arguments& a) {
  auto u = parse_object(a.operands[0]);
  json::object value;
  std::vector<std::string> words{a.operands.begin() + 1, a.operands.end()};
  for (auto& [k, v] : parse_properties(words))
    value[k] = v;
  http::client_request req;
  req.method = "PATCH";
  req.url = x.cluster().object_url(u.bucket, u.object,
                                   a.has("set-new-custom")
                                     ? query_list{{"set-new-custom", "true"}}
                                     : query_list{});
  json::object body{{"action", ""}, {"name", ""}};
  body["value"] = std::move(value);
  req.body = to_text(body);
  try {
    x.cluster().call(std::move(req));
  } catch (const refusal& e) {
    throw object_failure(e, u.bucket, u.object);
  }
  say(fmt::format("Custom props of {} updated.", cname_of(u.bucket, u.object)));
}

// -- descriptions -------------------------------------------------------------

using namespace flags;

command rm_command() {
  command c;
  c.name = "rm";
  c.summary = "remove objects";
  c.usage = "BUCKET[/OBJECT_or_TEMPLATE] [BUCKET[/OBJECT_or_TEMPLATE]...]";
  c.run = remove;
  c.refreshes_itself = true;
  c.operands = {operand::object};
  c.flags = {list,
             name_template,
             prefix,
             all,
             non_recursive,
             workers,
             progress,
             {"refresh", "", value_kind::duration, "DURATION",
              "with --progress: how often to show it"},
             {"wait", "", value_kind::nothing, "",
              "accepted for compatibility: removing is always waited for"},
             yes};
  c.exclusive = {{"list", "template", "prefix", "all"}};
  c.examples = {"ais rmo ais://b/x.jpg", "ais rmo 'ais://b/s-{1..9}.tar'",
                "ais rmo ais://b --list a,b,c", "ais rmo ais://b --prefix tmp/",
                "ais rmo ais://b --all --yes"};
  return c;
}

command cat_command() {
  command c;
  c.name = "cat";
  c.summary = "print an object";
  c.usage = "BUCKET/OBJECT";
  c.run = cat;
  c.operands = {operand::object};
  c.flags = {{"offset", "", value_kind::size, "SIZE", "from there on"},
             {"length", "", value_kind::size, "SIZE", "that many bytes"},
             {"checksum", "", value_kind::nothing, "",
              "compare what comes with the object's checksum"}};
  return c;
}

command cp_command() {
  command c;
  c.name = "cp";
  c.summary = "copy an object";
  c.usage = "BUCKET/OBJECT BUCKET[/OBJECT]";
  c.run = copy;
  c.operands = {operand::object, operand::bucket};
  c.examples
    = {"ais object cp ais://a/x ais://b", "ais object cp ais://a/x ais://a/y"};
  return c;
}

command mv_command() {
  command c;
  c.name = "mv";
  c.summary = "rename an object within its bucket";
  c.usage = "BUCKET/OBJECT NEW_NAME";
  c.run = move;
  c.operands = {operand::object, operand::none};
  return c;
}

command set_custom_command() {
  command c;
  c.name = "set-custom";
  c.summary = "set an object's custom metadata";
  c.usage = "BUCKET/OBJECT KEY=VALUE [KEY=VALUE...]";
  c.run = set_custom;
  c.operands = {operand::object, operand::none};
  c.flags = {{"set-new-custom", "", value_kind::nothing, "",
              "drop what was there before"}};
  c.examples = {"ais object set-custom ais://b/x label=cat source=web"};
  return c;
}

} // namespace

command object_show(const char* name) {
  command c;
  c.name = name;
  c.summary = "show properties of an object";
  c.usage = "BUCKET/OBJECT";
  c.run = show;
  c.operands = {operand::object};
  c.flags = {
    {"props", "", value_kind::text, "A,B,...",
     "all, or some of name, size, checksum, atime, version, custom,"
     " last-modified, etag, location, copies, ec, chunked"},
    {"not-cached", "", value_kind::nothing, "", "ask the remote backend, too"},
    json,
    no_headers,
    refresh,
    count};
  return c;
}

command object_commands() {
  command c;
  c.name = "object";
  c.summary = "put, get, remove, copy and show objects";
  auto ls = bucket_ls();
  ls.summary = "list objects";
  c.children
    = {object_get(),
       ls,
       object_put(),
       cat_command(),
       rm_command(),
       object_show("show"),
       cp_command(),
       mv_command(),
       object_concat(),
       set_custom_command(),
       later("promote", "ais object promote FILE|DIR BUCKET[/PREFIX]"),
       later("prefetch", "ais object prefetch BUCKET[/OBJECT_or_TEMPLATE]"),
       later("evict", "ais object evict BUCKET[/OBJECT_or_TEMPLATE]"),
       later("archive", "ais object archive (= ais archive)"),
       later("etl", "ais object etl NAME BUCKET/OBJECT OUT"),
       later("multipart-upload",
             "ais object multipart-upload create|put-part|complete|abort")};
  return c;
}

} // namespace ais::cli
