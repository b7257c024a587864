// /v1/s3-keys: access keys managed over HTTP. GET lists them, POST makes one,
// PATCH /<id> {"disabled": true} switches it off or on, DELETE /<id> ends it.
// Requests are signed as S3's, by an administrator's key; where there is no key
// yet, the first one is made from the node's own machine.
//
// The keys are part of the cluster's state: committed by a majority before a
// change is answered, the same on every node.
#include "http/relay.hpp"
#include "http/s3/key_ring.hpp"
#include "http/s3/service.hpp"
#include "http/url.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr std::string_view root = "/v1/s3-keys";

/// Whether the request may look at keys and change them.
expected<void> check_administrator(context& c, std::string_view path) {
  auto known = authenticate(c, path);
  if (!known)
    return fail(errc::access_denied, known.why().message);
  auto& rules = *c.rules;
  if (c.who.key ? c.who.key->administrates() : !rules.verify)
    return caf::unit;
  auto here
    = is_loopback(c.req.peer_host()) && c.req.find(relayed_header).empty();
  if (rules.keys.empty() && rules.anonymous == level::none && here)
    return caf::unit;
  return fail(errc::access_denied,
              rules.keys.empty()
                ? "make the first access key on the node's own machine, by"
                  " 127.0.0.1"
                : "access keys are managed by who has one with access admin for"
                  " all buckets: sign the request with it, as one of S3's");
}

std::string keys_text(const context& c) {
  return c.e.shared().boards->sync->read()->state->access_keys;
}

/// Has the cluster take the new text.
task<expected<void>> store(context& c, std::string before, std::string after) {
  if (auto ok = check_ring(after, c.e.s3_access().file()); !ok)
    co_return ok.error();
  set_access_keys req{std::move(before), std::move(after)};
  auto done = co_await c.e.actors().ask(c.e.node().proxy, proxy_timeout,
                                        std::move(req));
  if (!done)
    co_return done.error();
  co_return caf::unit;
}

task<> reply_keys(context& c) {
  json::array out;
  auto* file = c.e.s3_access().file();
  for (auto& x : c.rules->keys) {
    auto one = shown(x);
    one["managed"] = !file || !file->has_key(x.id);
    out.push_back(std::move(one));
  }
  return c.e.reply_json(c.x, std::move(out));
}

task<> make_key(context& c, std::string body) {
  auto secret = make_secret(c.e.env()).substr(0, 40);
  auto id = make_secret(c.e.env()).substr(0, 18);
  for (auto& x : id) // as those of AWS look
    if (x >= 'a' && x <= 'f')
      x = static_cast<char>(x - 'a' + 'A');
  auto key = parse_new_key(body, "AK" + id, secret);
  if (!key)
    co_return co_await c.e.reply_error(c.x, key.error());
  auto before = keys_text(c);
  auto after = with_key(before, *key);
  if (!after)
    co_return co_await c.e.reply_error(c.x, after.error());
  auto done = co_await store(c, std::move(before), std::move(*after));
  if (!done)
    co_return co_await c.e.reply_error(c.x, done.error());
  auto out = shown(*key);
  out["secret_key"] = secret;
  co_await c.e.reply_json(c.x, std::move(out));
}

/// What PATCH and DELETE make of the keys.
expected<std::string> changed_keys(const context& c, std::string_view before,
                                   std::string_view id, std::string_view body) {
  if (c.req.method == "DELETE")
    return without_key(before, id);
  auto v = parse_json(body);
  auto* o = v ? v->if_object() : nullptr;
  auto* disabled = o && o->size() == 1 ? o->if_contains("disabled") : nullptr;
  if (!disabled || !disabled->is_bool())
    return fail(errc::invalid_argument,
                "what can be changed of a key is {\"disabled\": true}, or"
                " false");
  return with_disabled(before, id, disabled->get_bool());
}

task<> change_key(context& c, std::string_view id, std::string body) {
  auto before = keys_text(c);
  auto after = changed_keys(c, before, id, body);
  if (!after)
    co_return co_await c.e.reply_error(c.x, after.error());
  auto done = co_await store(c, std::move(before), std::move(*after));
  if (!done)
    co_return co_await c.e.reply_error(c.x, done.error());
  reply r;
  co_await c.x.reply(std::move(r));
}

} // namespace

task<> access_keys(edge& e, call& call) {
  context c{e, call.x, call.req, call.q, call.x.id()};
  c.rules = e.s3_rules();
  auto path = c.req.target.substr(0, c.req.target.find('?'));
  auto allowed = check_administrator(c, path);
  if (!allowed)
    co_return co_await e.reply_error(c.x, allowed.error());
  auto body = co_await read_body(c);
  if (!body) {
    auto why = fail(errc::invalid_argument, body.why().message);
    co_return co_await e.reply_error(c.x, why);
  }
  auto id = percent_decode(path.substr(std::min(path.size(), root.size() + 1)));
  if (!id)
    co_return co_await e.reply_error(c.x, id.error());
  auto single = c.req.method == "PATCH" || c.req.method == "DELETE";
  if (single == id->empty()) {
    auto why = fail(errc::invalid_argument,
                    "PATCH and DELETE name a key, /v1/s3-keys/<access key>;"
                    " GET and POST do not");
    co_return co_await e.reply_error(c.x, why);
  }
  if (c.req.method == "GET")
    co_return co_await reply_keys(c);
  if (c.req.method == "POST")
    co_return co_await make_key(c, std::move(*body));
  co_await change_key(c, *id, std::move(*body));
}

} // namespace ais::http::s3
