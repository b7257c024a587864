#include "http/edge.hpp"

#include "http/error_body.hpp"
#include "http/request_id.hpp"
#include "http/s3/service.hpp"
#include "http/s3/virtual_host.hpp"
#include "storage/base/home.hpp"
#include "storage/base/metrics.hpp"

#include <ctime>

namespace ais::http {

namespace {

constexpr std::chrono::milliseconds map_wait{200};
constexpr std::chrono::milliseconds map_poll{5};

/// Splits at '/', dropping empty leading segments and one at the end.
std::vector<std::string_view> segments(std::string_view path, size_t max) {
  std::vector<std::string_view> out;
  while (!path.empty() && path.front() == '/')
    path.remove_prefix(1);
  while (!path.empty() && out.size() < max) {
    auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{}
                                           : path.substr(slash + 1);
  }
  return out;
}

} // namespace

edge::edge(caf::actor_system& sys, worker& w,
           std::shared_ptr<edge_shared> shared)
  : shared_(std::move(shared)), bridge_(sys, w.get_executor()),
    handles_(shared_->handles), map_(*shared_->boards->map),
    buckets_(*shared_->boards->buckets), config_(*shared_->boards->config),
    target_(*shared_->boards->target), sync_(*shared_->boards->sync),
    leases_(shared_->leases_per_edge),
    s3_access_(*shared_->env.disk,
               shared_->dir + '/' + std::string{s3::access_file},
               shared_->loopback_only),
    relay_(w) {
  w.trace(shared_->trace.get());
}

void edge::tick() {
  bridge_.expire(std::chrono::steady_clock::now());
  s3_access_.refresh();
  relay_.tick();
  shared_->trace->expire(env().steady_ns());
}

s3::access_rules_ptr edge::s3_rules() {
  if (auto& sync = *sync_.get(); sync.state && sync.state != keys_of_) {
    keys_of_ = sync.state;
    s3_access_.follow(sync.state->access_keys);
  }
  return s3_access_.rules();
}

void edge::stop() {
  leases_.clear();
  relay_.stop();
}

// -- routing
// ------------------------------------------------------------------------

task<> edge::handle(exchange& x) {
  auto& req = x.request();
  error wrong;
  {
    auto parts = split_target(req.target);
    if (!parts) {
      wrong = parts.error();
    } else if (!parts->host.empty()
               && !same_name(parts->host, req.find("host"))) {
      wrong = fail(errc::invalid_argument,
                   "the request target's host differs from the Host header");
    } else {
      auto q = query::parse(parts->query, x.thread().lims().query_params);
      if (q) {
        call c{x, req, segments(parts->path, 4), {}, std::move(*q)};
        c.rest = parts->path;
        if (s3::wants(*this, c, parts->path))
          co_await s3::serve(*this, c, parts->path);
        else
          co_await route(c);
        co_return;
      }
      wrong = q.error();
    }
  }
  co_await reply_error(x, wrong);
}

task<> edge::route(call& c) {
  auto seg = [&](size_t i) {
    return i < c.path.size() ? c.path[i] : std::string_view{};
  };
  auto method = c.req.method;
  auto any = [&](std::initializer_list<std::string_view> list) {
    for (auto m : list)
      if (m == method)
        return true;
    return false;
  };
  std::string_view allow;
  task<> (*serve)(edge&, call&) = nullptr;
  auto on = [&](auto f, std::initializer_list<std::string_view> methods,
                std::string_view list) {
    allow = list;
    if (any(methods))
      serve = f;
  };
  if (seg(0) == "v1" && seg(1) == "objects")
    on(v1::objects, {"GET", "HEAD", "PUT", "DELETE", "PATCH", "POST"},
       "DELETE, GET, HEAD, PATCH, POST, PUT");
  else if (seg(0) == "v1" && seg(1) == "buckets")
    on(v1::buckets, {"GET", "HEAD", "PUT", "DELETE", "PATCH", "POST"},
       "DELETE, GET, HEAD, PATCH, POST, PUT");
  else if (seg(0) == "v1" && seg(1) == "cluster")
    on(v1::cluster, {"GET", "PUT", "POST", "DELETE"}, "DELETE, GET, POST, PUT");
  else if (seg(0) == "v1" && seg(1) == "daemon")
    on(v1::daemon, {"GET", "PUT", "DELETE", "POST"}, "DELETE, GET, POST, PUT");
  else if (seg(0) == "v1" && seg(1) == "reverse" && seg(2) == "daemon")
    on(v1::daemon, {"GET", "PUT", "DELETE", "POST"}, "DELETE, GET, POST, PUT");
  else if (seg(0) == "v1" && seg(1) == "s3-keys")
    on(s3::access_keys, {"GET", "POST", "PATCH", "DELETE"},
       "DELETE, GET, PATCH, POST");
  else if (seg(0) == "v1" && seg(1) == "health")
    on(v1::health, {"GET"}, "GET");
  else if (seg(0) == "metrics" && c.path.size() == 1)
    on(v1::metrics, {"GET"}, "GET");
  if (allow.empty()) {
    auto what = "invalid request URI: '" + std::string{method.substr(0, 16)}
                + ' ' + std::string{c.rest.substr(0, 200)} + "' from "
                + c.req.peer;
    for (auto& ch : what)
      if (static_cast<unsigned char>(ch) >= 0x7f
          || static_cast<unsigned char>(ch) < 0x20)
        ch = '?';
    auto e = fail(errc::invalid_argument, std::move(what));
    co_await reply_error(c.x, e);
    co_return;
  }
  if (!serve) {
    co_await method_not_allowed(c.x, allow);
    co_return;
  }
  if (serve == v1::daemon && method == "GET" && !ready()
      && c.q.get("what") == "snode") {
    // Whoever asks it into a cluster wants to know who it is.
    if (auto own = shared_->boards->own->read(); !own->empty()) {
      auto me = own->front();
      co_await reply_json(c.x, to_json(me));
      co_return;
    }
  }
  if (serve != v1::health && serve != v1::metrics && !ready()) {
    auto why = fail(errc::not_ready, "this node is starting, or waits to join"
                                     " its cluster: try again in a moment");
    auto starting = error_reply(why, c.req, {}, 503);
    starting.headers.emplace_back("Retry-After", "1");
    co_await c.x.reply(std::move(starting));
    co_return;
  }
  // What follows "/v1/<kind>/", still encoded.
  auto kind = c.path[c.path.size() > 1 ? 1 : 0];
  auto at = static_cast<size_t>(kind.data() - c.rest.data()) + kind.size();
  c.rest = at < c.rest.size() ? c.rest.substr(at + 1) : std::string_view{};
  co_await serve(*this, c);
}

task<> edge::method_not_allowed(exchange& x, std::string_view allow) {
  reply r;
  r.headers.emplace_back("Allow", std::string{allow});
  if (x.request().method != "OPTIONS") {
    r.status = 405;
    r.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    r.body = "Method Not Allowed\n";
  }
  co_await x.reply(std::move(r));
}

// -- replies
// ------------------------------------------------------------------------

reply edge::refusal(int status, const request& req) {
  auto why = [&]() -> std::string {
    switch (status) {
      case 408:
        return "the request's header took too long";
      case 431:
        return "the request's header is too large";
      case 414:
        return "the request's URL is too long";
      case 500:
        return "internal error: the request was not answered";
      default:
        return "malformed HTTP request";
    }
  }();
  auto e = fail(status == 500 ? errc::io_error : errc::invalid_argument, why);
  request shown;
  shown.peer = req.peer;
  return error_reply(e, shown, proxy_name(), status);
}

task<> edge::reply_json(exchange& x, json::value v) {
  return reply_json_text(x, to_text(v));
}

task<> edge::reply_json_text(exchange& x, std::string json) {
  reply r;
  r.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  r.body = std::move(json) + '\n';
  co_await x.reply(std::move(r));
}

task<> edge::reply_text(exchange& x, std::string text, int status) {
  reply r;
  r.status = status;
  if (!text.empty())
    r.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  r.body = std::move(text);
  co_await x.reply(std::move(r));
}

task<> edge::reply_error(exchange& x, const error& e, int status) {
  auto r = error_reply(e, x.request(), proxy_name(), status);
  co_await x.reply(std::move(r));
}

task<>
edge::reply_error_from(exchange& x, error e, std::string node, int status) {
  auto r = error_reply(e, x.request(), node, status);
  co_await x.reply(std::move(r));
}

task<expected<action_msg>> edge::read_action(exchange& x) {
  auto body = co_await x.read_all(x.thread().lims().json_bytes);
  if (!body)
    co_return body.error();
  action_msg out;
  if (body->empty())
    co_return out;
  auto parsed = parse_json(*body);
  if (!parsed)
    co_return parsed.error();
  auto* o = parsed->if_object();
  if (!o)
    co_return fail(errc::invalid_argument,
                   "the body must be a JSON object {\"action\": ...}");
  auto action = text_member(*o, "action");
  auto name = text_member(*o, "name");
  if (!action)
    co_return action.error();
  if (!name)
    co_return name.error();
  out.action = std::move(*action);
  out.name = std::move(*name);
  if (auto* v = find_member(*o, "value"))
    out.value = *v;
  co_return out;
}

// -- names
// --------------------------------------------------------------------------

expected<bck> edge::bucket_of(const call& c, std::string_view raw_name) {
  auto p = parse_provider(c.q.get("provider"));
  if (!p)
    return p.error();
  auto space = parse_ns(c.q.get("namespace"));
  if (!space)
    return space.error();
  auto name = percent_decode(raw_name);
  if (!name)
    return name.error();
  if (auto ok = check_bucket_name(*name); !ok)
    return ok.error();
  return bck{*p, std::move(*space), std::move(*name)};
}

expected<bucket_ptr> edge::existing(const bck& b, access wanted) {
  auto found = buckets().find(b);
  if (!found)
    return found.error();
  if (auto ok = check_access(*(*found)->props, b, wanted); !ok)
    return ok.error();
  return found;
}

expected<object_key> edge::object_of(const call& c, access wanted) {
  auto slash = c.rest.find('/');
  auto b = bucket_of(c, c.rest.substr(0, slash));
  if (!b)
    return b.error();
  if (slash == std::string_view::npos)
    return fail(errc::invalid_argument,
                "the URL names no object: use /v1/objects/<bucket>/<object>");
  auto name = percent_decode(c.rest.substr(slash + 1));
  if (!name)
    return name.error();
  if (auto ok = check_object_name(*name); !ok)
    return ok.error();
  auto found = existing(*b, wanted);
  if (!found)
    return found.error();
  return object_key{std::move(*found), std::move(*name)};
}

gate_actor edge::gate_of(const std::string& id) {
  auto peers = shared_->boards->peers->read();
  auto i = peers->gates.find(id);
  return i == peers->gates.end() ? gate_actor{} : i->second;
}

bool edge::signing() {
  if (auto& now = config_.get(); now != signing_by_) {
    signing_by_ = now;
    signing_ = now->values.flag("auth.intra_cluster.request_auth");
  }
  return signing_;
}

bool edge::owns_all() {
  auto& targets = map().targets;
  return targets.size() == 1 && targets.begin()->first == node().target_id;
}

std::optional<snode> edge::other_owner(const bck& b, std::string_view object) {
  if (owns_all())
    return {};
  auto* owner = owner_of(map(), home_digest(b, object));
  if (!owner || owner->id == node().target_id)
    return {};
  return *owner;
}

std::optional<handover> edge::elsewhere(const call& c) {
  if (owns_all())
    return {};
  auto slash = c.rest.find('/');
  auto b = bucket_of(c, c.rest.substr(0, slash));
  if (!b || slash == std::string_view::npos)
    return {};
  auto name = percent_decode(c.rest.substr(slash + 1));
  if (!name)
    return {};
  auto owner = other_owner(*b, *name);
  if (!owner)
    return {};
  return handover_to(c, std::move(*owner));
}

std::optional<handover> edge::handover_to(const call& c, snode to) {
  // The client's own spelling of the path stays: it was decoded for placement
  // only.
  auto target = c.req.target;
  if (auto start = target.find("/v1/"); start != 0)
    target = start == std::string_view::npos ? target : target.substr(start);
  auto path = percent_decode(target.substr(0, target.find('?')));
  if (!path)
    return {};
  auto secret
    = signing() ? shared_->boards->sync->read()->state->secret : std::string{};
  return handover{std::move(to), sent_on(c.req.method, target, *path, c.q,
                                         own_id(), env().wall_ns(), secret)};
}

task<> edge::next_map() {
  auto seen = map_.get();
  auto end = std::chrono::steady_clock::now() + map_wait;
  timer pause{co_await asio::this_coro::executor};
  while (map_.get() == seen && std::chrono::steady_clock::now() < end) {
    pause.expires_after(map_poll);
    co_await pause.async_wait(use_task);
  }
}

expected<void> edge::welcome(const call& c) {
  if (!signing() || !node().proxy_id.empty())
    return caf::unit; // a proxy decides by itself
  auto target = split_target(c.req.target);
  auto path = percent_decode(target ? target->path : c.req.target);
  if (!path)
    return path.error();
  auto window = config().values.duration("auth.intra_cluster.nonce_window");
  return check_sent_on(c.req.method, *path, c.q, env().wall_ns(),
                       window.count(),
                       shared_->boards->sync->read()->state->secret);
}

expected<void> edge::leased() const {
  return shared_->boards->gate_fence->check(env().steady_ns());
}

task<expected<void>> edge::settle(object_key key) {
  auto digest = home_digest(key.bucket->ref.bck, key.name);
  if (auto* owner = owner_of(map(), digest);
      !owner || owner->id != node().target_id
      || !may_be_elsewhere(map(), *target(), key))
    co_return caf::unit; // place() says what is wrong, if it is
  settle_object req{std::move(key)};
  auto done
    = co_await bridge_.ask(node().settler, settle_timeout, std::move(req));
  if (!done)
    co_return done.error();
  co_return caf::unit;
}

expected<located> edge::place(object_key key, const places& settled) {
  if (node().target_id.empty())
    return fail(errc::not_ready,
                "the cluster has no target: start one, or wait until it has"
                " joined");
  // elsewhere() sends such requests away; the map has changed since.
  auto ok = check_owner(map(), node().target_id, key.bucket->ref.bck, key.name);
  if (!ok)
    return ok.error();
  if (settled != places_now() && may_be_elsewhere(map(), *target(), key))
    return fail(errc::not_ready, "objects are being placed anew: try again");
  if (auto open = leased(); !open)
    return open.error();
  return target()->locate(std::move(key));
}

} // namespace ais::http
