#include "cli/settings.hpp"

#include "cli/docker.hpp"
#include "cli/failure.hpp"
#include "cli/output.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;

std::string env(const char* name) {
  auto* x = std::getenv(name);
  return x ? x : "";
}

bool env_true(const char* name) {
  auto x = env(name);
  return x == "true" || x == "1" || x == "yes" || x == "on" || x == "y";
}

std::string directory() {
  if (auto dir = env("XDG_CONFIG_HOME"); !dir.empty() && dir.front() == '/')
    return dir + "/ais/cli";
  return env("HOME") + "/.config/ais/cli";
}

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// "cluster.url" -> the value in {"cluster": {"url": ...}}.
template <class Object>
auto* value_at(Object& tree, std::string_view key) {
  auto dot = key.find('.');
  auto* found = tree.if_contains(key.substr(0, dot));
  if (!found || dot == key.npos)
    return found;
  auto* inner = found->if_object();
  return inner ? inner->if_contains(key.substr(dot + 1)) : nullptr;
}

std::string text_of(const json::value& x) {
  auto* s = x.if_string();
  return s ? std::string{s->data(), s->size()} : to_text(x);
}

/// Takes over what `from` has and `into` knows. @returns an error text.
std::string
merge(json::object& into, const json::object& from, const std::string& prefix) {
  for (auto& m : from) {
    auto* mine = into.if_contains(m.key());
    auto name = prefix + std::string{m.key().data(), m.key().size()};
    if (!mine)
      continue; // of a later version, or an older one
    if (mine->kind() != m.value().kind())
      return fmt::format("\"{}\" must be a {}", name,
                         mine->is_object() ? "object"
                         : mine->is_bool() ? "boolean"
                                           : "string");
    if (auto* inner = mine->if_object()) {
      if (auto why = merge(*inner, m.value().get_object(), name + '.');
          !why.empty())
        return why;
    } else {
      *mine = m.value();
    }
  }
  return {};
}

} // namespace

std::string settings::path() {
  return directory() + "/cli.json";
}

const std::map<std::string, std::string>& settings::built_in_aliases() {
  static const std::map<std::string, std::string> all{
    {"ls", "bucket ls"},
    {"create", "bucket create"},
    {"cp", "bucket cp"},
    {"rmb", "bucket rm"},
    {"evict", "bucket evict"},
    {"get", "object get"},
    {"put", "object put"},
    {"rmo", "object rm"},
    {"prefetch", "object prefetch"},
    {"mpu", "object multipart-upload"},
    {"start", "job start"},
    {"stop", "job stop"},
    {"wait", "job wait"},
    {"dsort", "job start dsort"},
    {"download", "job start download"},
    {"blob-download", "job start blob-download"},
    {"space-cleanup", "storage cleanup"},
    {"scrub", "storage validate"},
  };
  return all;
}

settings settings::defaults() {
  settings out;
  auto scheme = env_true("AIS_USE_HTTPS") ? "https" : "http";
  auto local = fmt::format("{}://127.0.0.1:8080", scheme);
  out.document_ = {
    {"cluster",
     {{"url", local},
      {"default_ais_host", local},
      {"default_docker_host", fmt::format("{}://172.50.0.2:8080", scheme)},
      {"client_crt", ""},
      {"client_crt_key", ""},
      {"client_ca_tls", ""},
      {"skip_verify_crt", false}}},
    {"timeout", {{"tcp_timeout", "60s"}, {"http_timeout", "0s"}}},
    {"auth", {{"url", "http://127.0.0.1:52001"}}},
    {"default_provider", "ais"},
    {"no_color", false},
    {"verbose", false},
    {"no_more", false},
  };
  out.aliases = built_in_aliases();
  return out;
}

settings settings::load() {
  auto out = defaults();
  auto file = path();
  std::error_code ec;
  if (!fs::exists(file, ec)) {
    // Without a home one can still work.
    try {
      out.save();
    } catch (const failure&) {
    }
    return out;
  }
  auto tip = fmt::format("(Tip: edit {}, or restore the defaults by 'ais config"
                         " reset')",
                         file);
  if (::access(file.c_str(), R_OK) != 0)
    throw failure(fmt::format("cannot read {}\n{}", file, tip));
  auto parsed = parse_json(read_file(file));
  if (!parsed)
    throw failure(fmt::format("{} is corrupt: {}\n{}", file,
                              message_of(parsed.error()), tip));
  auto* o = parsed->if_object();
  auto why = o ? merge(out.document_, *o, "") : "it must be a JSON object";
  if (!why.empty())
    throw failure(fmt::format("{} is corrupt: {}\n{}", file, why, tip));
  if (auto* list = o->if_contains("aliases"); list && list->is_object()) {
    out.aliases.clear();
    for (auto& m : list->get_object())
      out.aliases[std::string{m.key().data(), m.key().size()}]
        = text_of(m.value());
  }
  return out;
}

void settings::save() const {
  auto whole = document_;
  json::object list;
  for (auto& [name, target] : aliases)
    list[name] = target;
  whole["aliases"] = std::move(list);
  auto file = path();
  std::error_code ec;
  fs::create_directories(directory(), ec);
  // Written aside first: others may read it now.
  auto aside = fmt::format("{}.{}", file, ::getpid());
  {
    std::ofstream to{aside, std::ios::binary};
    to << to_pretty_text(whole, 4);
    to.close();
    if (!to)
      ec = std::make_error_code(std::errc::io_error);
  }
  if (!ec)
    fs::rename(aside, file, ec);
  if (ec) {
    std::error_code ignored;
    fs::remove(aside, ignored);
    throw failure(fmt::format("cannot write {}: check its directory and"
                              " permissions",
                              file));
  }
}

// -- what commands ask for ----------------------------------------------------

std::string settings::endpoint() const {
  auto out = env("AIS_ENDPOINT");
  if (out.empty())
    out = get("cluster.url");
  if (out.empty()) {
    static const auto docker = docker_cluster_runs();
    out = get(docker ? "cluster.default_docker_host"
                     : "cluster.default_ais_host");
  }
  if (out.find("://") == out.npos)
    out.insert(0, env_true("AIS_USE_HTTPS") ? "https://" : "http://");
  while (!out.empty() && out.back() == '/')
    out.pop_back();
  return out;
}

std::string settings::token() const {
  auto direct = env("AIS_AUTHN_TOKEN");
  auto file = env("AIS_AUTHN_TOKEN_FILE");
  if (!direct.empty()) {
    if (!file.empty())
      warn("both AIS_AUTHN_TOKEN and AIS_AUTHN_TOKEN_FILE are set: using the"
           " former");
    return direct;
  }
  auto named = !file.empty();
  if (!named)
    file = directory() + "/auth.token";
  std::error_code ec;
  if (!named && !fs::exists(file, ec))
    return {};
  auto parsed = parse_json(read_file(file));
  auto* o = parsed ? parsed->if_object() : nullptr;
  auto token = o ? text_member(*o, "token") : expected<std::string>{""};
  if (!token || token->empty())
    throw failure(fmt::format("{} holds no token: expecting {{\"token\":"
                              " \"...\"}}",
                              file));
  return *token;
}

http::client_tls settings::tls() const {
  struct setting {
    const char* variable;
    const char* key;
    std::string name() const { return fmt::format("{} ({})", key, variable); }
  };
  constexpr setting ca{"AIS_CLIENT_CA", "cluster.client_ca_tls"};
  constexpr setting cert{"AIS_CRT", "cluster.client_crt"};
  constexpr setting key{"AIS_CRT_KEY", "cluster.client_crt_key"};
  constexpr setting skip{"AIS_SKIP_VERIFY_CRT", "cluster.skip_verify_crt"};
  auto value = [this](const setting& x) {
    auto out = env(x.variable);
    return out.empty() ? get(x.key) : out;
  };
  http::client_tls out;
  out.files = {value(cert), value(key), value(ca)};
  out.names = {cert.name(), key.name(), ca.name()};
  out.skip_verify
    = env(skip.variable).empty() ? flag(skip.key) : env_true(skip.variable);
  out.skip_name = skip.name();
  return out;
}

std::chrono::nanoseconds settings::connect_timeout() const {
  return must(parse_seconds(get("timeout.tcp_timeout")));
}

std::chrono::nanoseconds settings::http_timeout() const {
  return must(parse_seconds(get("timeout.http_timeout")));
}

// -- keys ---------------------------------------------------------------------

const json::value* settings::find(std::string_view key) const {
  return value_at(document_, key);
}

bool settings::flag(std::string_view key) const {
  auto* x = find(key);
  return x && x->is_bool() && x->get_bool();
}

std::string settings::get(const std::string& key) const {
  auto* x = find(key);
  return x ? text_of(*x) : "";
}

std::vector<std::pair<std::string, std::string>> settings::all() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& m : document_) {
    std::string name{m.key().data(), m.key().size()};
    if (auto* inner = m.value().if_object())
      for (auto& x : *inner)
        out.emplace_back(name + '.'
                           + std::string{x.key().data(), x.key().size()},
                         text_of(x.value()));
    else
      out.emplace_back(name, text_of(m.value()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void settings::set(const std::string& key, const std::string& value) {
  auto* x = value_at(document_, key);
  if (!x || x->is_object())
    throw failure(fmt::format("invalid property name \"{}\" (see 'ais config"
                              " cli show')",
                              key));
  if (x->is_bool()) {
    auto yes = value == "true" || value == "1" || value == "yes"
               || value == "on" || value == "y";
    auto no = value == "false" || value == "0" || value == "no"
              || value == "off" || value == "n";
    if (!yes && !no)
      throw failure(fmt::format("invalid value \"{}\" of \"{}\": expecting true"
                                " or false",
                                value, key));
    *x = yes;
    return;
  }
  if (key.substr(0, 8) == "timeout.")
    must(parse_seconds(value));
  auto url = key == "cluster.url" || key == "cluster.default_ais_host"
             || key == "cluster.default_docker_host" || key == "auth.url";
  // Without one, the address depends on what runs on this machine.
  auto none = key == "cluster.url" && value.empty();
  if (url && !none && value.find("://") == value.npos)
    throw failure(fmt::format("invalid value \"{}\" of \"{}\": expecting a URL"
                              " such as http://127.0.0.1:8080",
                              value, key));
  *x = value;
}

} // namespace ais::cli
