// ais s3 keys: who may use the S3 API.
#include "cli/s3_keys.hpp"

#include "cli/context.hpp"
#include "http/s3/sign.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <optional>

namespace ais::cli {

namespace {

using http::s3::credentials;

std::string env(const char* name) {
  auto* x = std::getenv(name);
  return x ? x : "";
}

std::string trimmed(std::string_view x) {
  auto first = x.find_first_not_of(" \t\r");
  auto last = x.find_last_not_of(" \t\r");
  return first == x.npos ? "" : std::string{x.substr(first, last - first + 1)};
}

/// A profile of the file that AWS's own tools use. @throws failure
credentials of_profile(const std::string& profile) {
  auto path = env("AWS_SHARED_CREDENTIALS_FILE");
  if (path.empty())
    path = env("HOME") + "/.aws/credentials";
  std::ifstream in{path};
  credentials out;
  auto inside = false;
  for (std::string line; std::getline(in, line);) {
    line = trimmed(line);
    if (line.starts_with('['))
      inside = line == '[' + profile + ']';
    auto eq = line.find('=');
    if (!inside || eq == line.npos)
      continue;
    auto name = trimmed(line.substr(0, eq));
    if (name == "aws_access_key_id")
      out.access_key = trimmed(line.substr(eq + 1));
    else if (name == "aws_secret_access_key")
      out.secret_key = trimmed(line.substr(eq + 1));
  }
  if (out.access_key.empty() || out.secret_key.empty())
    throw failure(fmt::format("{} has no profile \"{}\" with"
                              " aws_access_key_id and aws_secret_access_key"
                              " (Tip: unset AWS_PROFILE, or name another)",
                              path, profile));
  return out;
}

std::optional<credentials> named_key() {
  credentials out;
  out.access_key = env("AWS_ACCESS_KEY_ID");
  out.secret_key = env("AWS_SECRET_ACCESS_KEY");
  if (out.access_key.empty() != out.secret_key.empty())
    throw failure("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together:"
                  " set both or none");
  if (!out.access_key.empty())
    return out;
  if (auto profile = env("AWS_PROFILE"); !profile.empty())
    return of_profile(profile);
  return {};
}

/// The key that signs, for the region that AWS's own tools would name.
std::optional<credentials> own_key() {
  auto out = named_key();
  for (auto* name : {"AWS_DEFAULT_REGION", "AWS_REGION"})
    if (auto region = env(name); out && !region.empty())
      out->region = region;
  return out;
}

} // namespace

json::value ask_keys(api& cluster, std::string_view method, std::string_view id,
                     std::string body) {
  http::client_request req;
  req.method = method;
  req.url = cluster.url(
    id.empty() ? "/v1/s3-keys" : "/v1/s3-keys/" + http::percent_encode(id, ""));
  req.body = std::move(body);
  auto who = own_key();
  if (who)
    must(sign(req, *who, now_ns() / 1'000'000'000));
  try {
    auto reply = cluster.call(std::move(req));
    return reply.body.empty() ? json::value{} : must(parse_json(reply.body));
  } catch (const refusal& e) {
    if (e.status() != 403)
      throw;
    throw failure(
      fmt::format("{}\n(Tip: {})", e.what(),
                  who ? fmt::format("the request was signed with {}, from the"
                                    " environment",
                                    who->access_key)
                      : "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to"
                        " those of an administrator"));
  }
}

namespace {

// -- texts --------------------------------------------------------------------

std::string buckets_of(const json::object& key) {
  std::string out;
  for (auto& x : array_at(key, "buckets"))
    out += (out.empty() ? "" : ",") + plain_text(x);
  return out.empty() ? "all" : out;
}

bool is_set(const json::object& key, const char* name) {
  auto* v = key.if_contains(name);
  return v && v->is_bool() && v->get_bool();
}

/// Whose buckets it makes, if not its own; else empty.
std::string user_of(const json::object& key) {
  auto user = text_at(key, "user");
  return user == text_at(key, "access_key") ? "" : user;
}

/// "read, buckets train-*, user ann".
std::string description(const json::object& key) {
  auto out = fmt::format("access {}, buckets {}", text_at(key, "access"),
                         buckets_of(key));
  if (auto user = user_of(key); !user.empty())
    out += ", user " + user;
  return out;
}

json::array all_keys(context& x) {
  auto got = ask_keys(x.cluster(), "GET");
  return got.is_array() ? std::move(got.get_array()) : json::array{};
}

/// What is known of a key. @throws failure, with the nearest there is
json::object known_key(const json::array& all, const std::string& id) {
  std::vector<std::string> names;
  for (auto& key : all) {
    names.push_back(text_at(key.as_object(), "access_key"));
    if (names.back() == id)
      return key.as_object();
  }
  auto near = nearest(id, names);
  throw failure(fmt::format(
    "access key \"{}\" does not exist{} (see 'ais s3 keys ls')", id,
    near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near)));
}

// -- commands -----------------------------------------------------------------

void list(context& x, const arguments& a) {
  auto all = all_keys(x);
  if (a.has("json"))
    return say_json(all);
  if (all.empty()) {
    say("No access keys. Make the first, an administrator's: 'ais s3 keys"
        " add'");
    return;
  }
  table out{{"ACCESS KEY", "ACCESS", "BUCKETS", "USER", "STATE", "KEPT IN"}};
  for (auto& v : all) {
    auto& key = v.as_object();
    auto user = user_of(key);
    auto off = is_set(key, "disabled");
    out.add({text_at(key, "access_key"), text_at(key, "access"),
             buckets_of(key), user.empty() ? "-" : user,
             off ? cell{"disabled", colour::cyan} : cell{"active"},
             is_set(key, "managed") ? "cluster" : "s3.json"});
  }
  out.print(headers(a));
}

void add(context& x, const arguments& a) {
  auto first = all_keys(x).empty();
  if (!first && !a.has("access"))
    throw misuse("--access is missing: read, write, own or admin");
  if (first
      && !confirmed("This is the first access key: from now on S3 answers"
                    " nobody without one. Make it?",
                    a.has("yes")))
    return;
  json::object wanted;
  if (a.has("access"))
    wanted["access"] = a.get("access");
  if (a.has("user"))
    wanted["user"] = a.get("user");
  if (a.has("buckets")) {
    json::array names;
    for (auto& name : a.list("buckets"))
      names.emplace_back(name);
    wanted["buckets"] = std::move(names);
  }
  auto made = ask_keys(x.cluster(), "POST", {}, to_text(wanted));
  auto& key = made.as_object();
  if (a.has("json")) {
    say_json(key);
  } else {
    table out{{"PROPERTY", "VALUE"}};
    out.add({"access_key", text_at(key, "access_key")});
    out.add({"secret_key", text_at(key, "secret_key")});
    out.add({"access", text_at(key, "access")});
    out.add({"buckets", buckets_of(key)});
    if (auto user = user_of(key); !user.empty())
      out.add({"user", user});
    out.print(headers(a));
  }
  note("this is the only time that the secret is shown: keep it");
}

void remove(context& x, const arguments& a) {
  auto all = all_keys(x);
  for (auto& id : a.operands) {
    auto key = known_key(all, id);
    if (!confirmed(
          fmt::format("Remove access key {} ({})? It is refused at once.", id,
                      description(key)),
          a.has("yes")))
      continue;
    ask_keys(x.cluster(), "DELETE", id);
    say(fmt::format("access key {} removed", id));
  }
}

void change(context& x, const arguments& a, bool disabled) {
  auto all = all_keys(x);
  for (auto& id : a.operands) {
    auto word = disabled ? "disabled" : "enabled";
    if (is_set(known_key(all, id), "disabled") == disabled) {
      say(fmt::format("access key {} is {} already", id, word));
      continue;
    }
    ask_keys(x.cluster(), "PATCH", id,
             to_text(json::object{{"disabled", disabled}}));
    say(fmt::format("access key {} {}", id, word));
  }
}

void enable(context& x, const arguments& a) {
  change(x, a, false);
}

void disable(context& x, const arguments& a) {
  change(x, a, true);
}

// -- descriptions -------------------------------------------------------------

using namespace flags;

command on_keys(const char* name, const char* summary, handler run) {
  command c;
  c.name = name;
  c.summary = summary;
  c.usage = "ACCESS_KEY [ACCESS_KEY...]";
  c.run = run;
  c.operands = {operand::access_key};
  return c;
}

command list_command() {
  command c;
  c.name = "ls";
  c.summary = "list access keys, without their secrets";
  c.run = list;
  c.flags = {json, no_headers, refresh, count};
  return c;
}

command add_command() {
  command c;
  c.name = "add";
  c.summary = "make an access key and show its secret, this once";
  c.run = add;
  c.flags
    = {{"access", "", value_kind::text, "read|write|own|admin",
        "what it may do: read or write objects, have buckets of its own, or"
        " everything; the first key is an administrator's"},
       {"buckets", "", value_kind::text, "A,B*,...",
        "only in buckets that match [all]"},
       {"user", "", value_kind::text, "NAME",
        "whose buckets it makes, with access own [the key itself]"},
       json,
       no_headers,
       yes};
  c.examples = {"ais s3 keys add --access read --buckets 'train-*'",
                "ais s3 keys add --access own --user ann"};
  return c;
}

} // namespace

command s3_commands() {
  auto rm_c = on_keys("rm", "remove access keys", remove);
  rm_c.flags = {yes};
  command keys;
  keys.name = "keys";
  keys.summary = "show, make, remove and switch off access keys";
  keys.more = "Requests are signed with AWS_ACCESS_KEY_ID and"
              " AWS_SECRET_ACCESS_KEY, or with the profile AWS_PROFILE of"
              " ~/.aws/credentials: an administrator's key. The first key is"
              " made on a node's own machine, without one.";
  keys.children
    = {list_command(), add_command(), rm_c,
       on_keys("enable", "use access keys again", enable),
       on_keys("disable", "switch access keys off for a while", disable)};
  command c;
  c.name = "s3";
  c.summary = "manage who may use the S3 API";
  c.children = {keys};
  return c;
}

} // namespace ais::cli
