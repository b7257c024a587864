#include "cli/api.hpp"

#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "http/url.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

constexpr int start_tries = 8; ///< while the cluster starts, a second apart

node_info node_of(const json::object& x, std::string_view role,
                  std::string_view primary) {
  node_info out;
  out.id = text_at(x, "daemon_id");
  out.target = role == "target";
  out.primary = out.id == primary;
  out.flags = number_at(x, "flags");
  out.url = text_at(object_at(x, "public_net"), "direct_url");
  out.control_url = text_at(object_at(x, "intra_control_net"), "direct_url");
  out.data_url = text_at(object_at(x, "intra_data_net"), "direct_url");
  return out;
}

std::vector<node_info>
nodes_of(const json::object& map, std::string_view key, std::string_view role,
         std::string_view primary) {
  std::vector<node_info> out;
  for (auto& m : object_at(map, key))
    if (auto* o = m.value().if_object())
      out.push_back(node_of(*o, role, primary));
  std::sort(out.begin(), out.end(),
            [](auto& a, auto& b) { return a.id < b.id; });
  return out;
}

listed_object object_of(const json::object& x) {
  listed_object out;
  out.name = text_at(x, "name");
  out.size = number_at(x, "size");
  out.checksum = text_at(x, "checksum");
  out.atime = text_at(x, "atime");
  out.version = text_at(x, "version");
  out.location = text_at(x, "location");
  out.custom = text_at(x, "custom-md");
  out.copies = static_cast<int64_t>(number_at(x, "copies"));
  out.flags = number_at(x, "flags");
  return out;
}

std::string query_text(const query_list& query) {
  std::string out;
  for (auto& [k, v] : query) {
    out += out.empty() ? '?' : '&';
    out += http::percent_encode(k, "") + '=' + http::percent_encode(v, "");
  }
  return out;
}

} // namespace

// -- failures -----------------------------------------------------------------

namespace {

std::string text_of(const http::api_error& e) {
  auto text = e.message;
  if (!e.tcode.empty() && e.tcode != "ErrFailedTo"
      && text.find(e.tcode + ':') == text.npos)
    text = e.tcode + ": " + text;
  if (e.status == 401)
    text += "\n(Tip: run 'ais auth login', or set AIS_AUTHN_TOKEN or"
            " AIS_AUTHN_TOKEN_FILE)";
  return text;
}

} // namespace

refusal::refusal(http::api_error e)
  : failure(text_of(e)), error_(std::move(e)) {}

no_answer unreachable(const std::string& endpoint, const error& why) {
  auto text = message_of(why);
  if (why == errc::not_ready) {
    auto tls = endpoint.starts_with("https:");
    return {fmt::format(
              "AIStore cannot be reached at {}: {}\nMake sure that environment"
              " 'AIS_ENDPOINT' has the address of any AIS gateway (proxy).\nFor"
              " defaults, see CLI config at {} or run `ais config cli show`.{}",
              endpoint, text, settings::path(),
              tls ? ""
                  : "\n(Tip: no node there yet? 'ais quickstart' starts one on"
                    " this machine)"),
            tls ? "nodes speak plain HTTP to clients: is there a server in"
                  " front of them that speaks TLS, and does it run?"
                : ""};
  }
  auto line = text.find('\n');
  if (line == text.npos)
    return {text, ""};
  return {text.substr(0, line), text.substr(line + 1)};
}

void list_query::set_sizes(const arguments& a) {
  limit = a.number("limit", 0);
  page_size = a.number("page-size", 0);
  if (a.has("max-pages") && limit == 0)
    limit = a.number("max-pages", 0) * (page_size ? page_size : 10'000);
}

// -- the cluster --------------------------------------------------------------

http::client_options client_options_of(const settings& s) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  http::client_options out;
  out.connect_timeout = duration_cast<milliseconds>(s.connect_timeout());
  out.idle_timeout = duration_cast<milliseconds>(s.http_timeout());
  out.headers = {{"User-Agent", "ais/cli"}};
  out.tls = s.tls();
  if (auto token = s.token(); !token.empty())
    out.headers.emplace_back("Authorization", "Bearer " + token);
  return out;
}

namespace {

http::client_options
limited(http::client_options x, std::chrono::milliseconds limit) {
  x.connect_timeout = x.idle_timeout = limit;
  return x;
}

} // namespace

api::api(const settings& s)
  : endpoint_(s.endpoint()), client_(client_options_of(s)) {}

api::api(const settings& s, std::chrono::milliseconds limit)
  : endpoint_(s.endpoint()), client_(limited(client_options_of(s), limit)) {}

http::client_reply api::call(http::client_request req) {
  for (int tries = 0;; ++tries) {
    auto reply = client_.send(req);
    if (!reply)
      throw unreachable(endpoint_, reply.error());
    auto starting = reply->status == 503 && reply->body.empty()
                    && reply->find("Hdr-Error").empty();
    if (starting && tries < start_tries) {
      if (tries == 0)
        note("(waiting for cluster to start ...)");
      std::this_thread::sleep_for(1s);
      continue;
    }
    if (reply->status >= 400)
      throw refusal(http::api_error_of(*reply));
    return std::move(*reply);
  }
}

std::string api::url(std::string_view path, const query_list& query) const {
  return endpoint_ + std::string{path} + query_text(query);
}

json::value api::get(std::string_view path, const query_list& query,
                     const json::value& body) {
  http::client_request req;
  req.url = url(path, query);
  if (!body.is_null()) {
    req.body = to_text(body);
    req.headers.emplace_back("Content-Type", "application/json");
  }
  auto reply = call(std::move(req));
  if (reply.body.empty())
    return nullptr;
  auto parsed = parse_json(reply.body);
  if (!parsed)
    throw failure(fmt::format("{} does not answer as AIStore does: {}",
                              endpoint_, message_of(parsed.error())));
  return std::move(*parsed);
}

std::string api::act(std::string_view method, std::string_view path,
                     const query_list& query, std::string_view action,
                     json::value value, std::string_view name) {
  http::client_request req;
  req.method = method;
  req.url = url(path, query);
  req.body = to_text(
    {{"action", action}, {"name", name}, {"value", std::move(value)}});
  req.headers.emplace_back("Content-Type", "application/json");
  return call(std::move(req)).body;
}

// -- nodes --------------------------------------------------------------------

std::string node_info::name() const {
  return (target ? "t[" : "p[") + id + ']';
}

std::string node_info::marked_name() const {
  auto out = name();
  if (primary)
    out += "[P]";
  if (!target && non_electable())
    out += "[n/e]";
  if (inactive())
    out += "[x]";
  return out;
}

const node_info* cluster_map::find(const std::string& id) const {
  for (auto* list : {&proxies, &targets})
    for (auto& n : *list)
      if (n.id == id)
        return &n;
  return nullptr;
}

const node_info& cluster_map::primary() const {
  for (auto& n : proxies)
    if (n.primary)
      return n;
  throw failure("the cluster has no primary proxy: try again in a few seconds");
}

std::vector<node_info> cluster_map::all() const {
  auto out = proxies;
  out.insert(out.end(), targets.begin(), targets.end());
  return out;
}

cluster_map cluster_map_of(const json::object& raw) {
  cluster_map out;
  out.raw = raw;
  out.uuid = text_at(raw, "uuid");
  out.version = number_at(raw, "version");
  out.created = text_at(raw, "creation_time");
  auto primary = text_at(object_at(raw, "proxy_si"), "daemon_id");
  out.proxies = nodes_of(raw, "pmap", "proxy", primary);
  out.targets = nodes_of(raw, "tmap", "target", primary);
  return out;
}

const cluster_map& api::map(bool fresh) {
  if (map_ && !fresh)
    return *map_;
  auto got = get("/v1/daemon", {{"what", "smap"}});
  auto* o = got.if_object();
  if (!o)
    throw failure(fmt::format("{} does not answer as AIStore does", endpoint_));
  map_ = cluster_map_of(*o);
  return *map_;
}

node_info api::node(std::string_view text) {
  std::string id{text};
  if (auto open = id.find('['); open == 1 && id.size() > 3)
    id = id.substr(2, id.find(']') - 2);
  if (auto* n = map().find(id))
    return *n;
  throw failure(fmt::format("node \"{}\" does not exist (see 'ais show cluster"
                            " smap')",
                            text));
}

node_info api::target(std::string_view text) {
  auto n = node(text);
  if (!n.target)
    throw failure(fmt::format("{} is a proxy: expecting a target", n.name()));
  return n;
}

http::client_request
api::node_request(const node_info& n, std::string_view method,
                  std::string_view path, query_list query) {
  http::client_request req;
  req.method = method;
  req.url = url("/v1/reverse/daemon" + std::string{path}, query);
  req.headers.emplace_back("Ais-Node-Id", n.id);
  return req;
}

json::value
api::node_query(const node_info& n, std::string_view what, query_list more) {
  more.emplace(more.begin(), "what", what);
  auto reply = call(node_request(n, "GET", "", std::move(more)));
  auto parsed = parse_json(reply.body);
  return parsed ? std::move(*parsed) : json::value{};
}

// -- buckets ------------------------------------------------------------------

query_list api::bucket_query(const bck& b) const {
  query_list out{{"provider", std::string{to_string(b.provider)}}};
  if (!b.ns.global())
    out.emplace_back("namespace", uname_of(b.ns));
  return out;
}

std::string api::bucket_path(const bck& b) const {
  return "/v1/buckets/" + http::percent_encode(b.name);
}

std::string
api::object_url(const bck& b, std::string_view object, query_list more) const {
  auto query = bucket_query(b);
  query.insert(query.end(), more.begin(), more.end());
  return url("/v1/objects/" + http::percent_encode(b.name) + '/'
               + http::percent_encode(object),
             query);
}

std::vector<bck> api::buckets(const query_list& query) {
  auto got
    = get("/v1/buckets", query,
          json::object{{"action", "list"}, {"name", ""}, {"value", nullptr}});
  std::vector<bck> out;
  if (auto* list = got.if_array()) {
    for (auto& x : *list) {
      auto* o = x.if_object();
      if (!o)
        continue;
      auto& space = object_at(*o, "namespace");
      out.push_back({must(parse_provider(text_at(*o, "provider"))),
                     {text_at(space, "uuid"), text_at(space, "name")},
                     text_at(*o, "name")});
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

json::object api::bucket_props(const bck& b) {
  http::client_request req;
  req.method = "HEAD";
  req.url = url(bucket_path(b), bucket_query(b));
  try {
    auto reply = call(std::move(req));
    auto parsed = parse_json(reply.find("Ais-Bucket-Props"));
    if (auto* o = parsed ? parsed->if_object() : nullptr)
      return *o;
    throw failure(fmt::format("{} does not answer as AIStore does", endpoint_));
  } catch (const refusal& e) {
    if (e.status() == 404)
      throw no_such_bucket(b);
    throw;
  }
}

failure api::no_such_bucket(const bck& b) {
  auto text = fmt::format("bucket \"{}\" does not exist", cname_of(b));
  if (b.remote())
    return failure(fmt::format("{}: this cluster has no remote backends (its"
                               " own buckets are ais://NAME)",
                               text));
  std::vector<std::string> names;
  try {
    for (auto& known : buckets({{"presence", "2"}, {"provider", "ais"}}))
      names.push_back(known.name);
  } catch (const failure&) {
    // The hint is left out: what failed is known.
  }
  auto near = nearest(b.name, names);
  return failure(
    near.empty() ? text
                 : fmt::format("{} (did you mean \"ais://{}\"?)", text, near));
}

bool api::bucket_exists(const bck& b) {
  http::client_request req;
  req.method = "HEAD";
  req.url = url(bucket_path(b), bucket_query(b));
  try {
    call(std::move(req));
  } catch (const refusal& e) {
    if (e.status() == 404)
      return false;
    throw;
  }
  return true;
}

bool api::list(const bck& b, const list_query& q,
               const std::function<bool(std::vector<listed_object>)>& take) {
  std::string uuid, token;
  auto left = q.limit;
  auto complete = true;
  do {
    auto page = q.page_size;
    if (q.limit > 0 && (page == 0 || left < page))
      page = left;
    json::object msg{{"uuid", uuid},
                     {"props", q.props},
                     {"prefix", q.prefix},
                     {"start_after", q.start_after},
                     {"continuation_token", token},
                     {"flags", std::to_string(q.flags)},
                     {"pagesize", page}};
    json::object body{{"action", "list"}, {"name", ""}};
    body["value"] = std::move(msg);
    auto got = get(bucket_path(b), bucket_query(b), body);
    auto* o = got.if_object();
    if (!o)
      break;
    uuid = text_at(*o, "uuid");
    token = text_at(*o, "continuation_token");
    complete = complete && (number_at(*o, "flags") & 1) == 0;
    std::vector<listed_object> entries;
    for (auto& x : array_at(*o, "entries"))
      if (auto* entry = x.if_object())
        entries.push_back(object_of(*entry));
    if (q.limit > 0) {
      if (entries.size() > left)
        entries.resize(left);
      left -= entries.size();
    }
    if (!take(std::move(entries)))
      break;
  } while (!token.empty() && (q.limit == 0 || left > 0));
  return complete;
}

// -- reading JSON -------------------------------------------------------------

std::string plain_text(const json::value& x) {
  if (auto* s = x.if_string())
    return {s->data(), s->size()};
  if (auto* d = x.if_double())
    return fmt::format("{}", *d);
  return x.is_null() ? "" : to_text(x);
}

std::string text_at(const json::object& x, std::string_view key) {
  auto* v = x.if_contains(key);
  return v ? plain_text(*v) : "";
}

uint64_t number_at(const json::object& x, std::string_view key) {
  if (auto out = unsigned_member(x, key, 0))
    return *out;
  return static_cast<uint64_t>(std::max(real_at(x, key), 0.0));
}

double real_at(const json::object& x, std::string_view key) {
  auto* v = x.if_contains(key);
  if (!v)
    return 0;
  json::error_code ec;
  auto out = v->to_number<double>(ec);
  return ec ? 0 : out;
}

const json::object& object_at(const json::object& x, std::string_view key) {
  static const json::object none;
  auto* v = x.if_contains(key);
  auto* o = v ? v->if_object() : nullptr;
  return o ? *o : none;
}

const json::array& array_at(const json::object& x, std::string_view key) {
  static const json::array none;
  auto* v = x.if_contains(key);
  auto* a = v ? v->if_array() : nullptr;
  return a ? *a : none;
}

namespace {

void flatten(const json::object& x, const std::string& prefix,
             std::vector<std::pair<std::string, std::string>>& out) {
  for (auto& m : x) {
    auto name = prefix + std::string{m.key().data(), m.key().size()};
    auto* o = m.value().if_object();
    if (o && !o->empty())
      flatten(*o, name + '.', out);
    else if (o)
      out.emplace_back(name, "");
    else
      out.emplace_back(name, plain_text(m.value()));
  }
}

} // namespace

std::vector<std::pair<std::string, std::string>>
flattened(const json::object& x) {
  std::vector<std::pair<std::string, std::string>> out;
  flatten(x, "", out);
  std::sort(out.begin(), out.end());
  return out;
}

void put_at(json::object& tree, std::string_view path, json::value value) {
  auto dot = path.find('.');
  auto key = path.substr(0, dot);
  if (dot == path.npos) {
    tree[key] = std::move(value);
    return;
  }
  auto& inner = tree[key];
  if (!inner.is_object())
    inner = json::object{};
  put_at(inner.get_object(), path.substr(dot + 1), std::move(value));
}

} // namespace ais::cli
