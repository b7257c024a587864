// /v1/objects: GET, HEAD, PUT (plain, append, copy), DELETE, PATCH (custom
// metadata) and POST (rename, check-lock). Source: api-data 2.
#include "http/error_body.hpp"
#include "http/object_io.hpp"
#include "http/tokens.hpp"
#include "storage/base/metrics.hpp"
#include "storage/base/units.hpp"

namespace ais::http::v1 {

namespace {

/// Of a body that came to the wrong node.
constexpr uint64_t redirect_drain_bytes = 64 << 20;

task<expected<located>> locate(edge& e, const call& c, access wanted) {
  auto key = e.object_of(c, wanted);
  if (!key)
    co_return key.error();
  co_return co_await http::locate(e, std::move(*key));
}

task<> fail_with(edge& e, call& c, error why) {
  auto text = message_of(why);
  auto named = why == errc::object_not_found
                 ? fail(errc::object_not_found, e.target_name() + ": " + text)
                 : why;
  co_await e.reply_error_from(c.x, std::move(named), e.target_name(), 0);
}

// -- attributes as headers
// --------------------------------------------------------

void add_custom(header_list& out, const storage::lom& x) {
  for (auto& [k, v] : x.custom)
    if (!storage::internal(k))
      out.emplace_back("Ais-Custom-Md", k + '=' + v);
}

void add_attrs(header_list& out, const storage::lom& x) {
  if (x.cksum.type != storage::cksum_type::none) {
    out.emplace_back("Ais-Checksum-Type", to_string(x.cksum.type));
    out.emplace_back("Ais-Checksum-Value", x.cksum.value);
  }
  if (!x.version.empty())
    out.emplace_back("Ais-Version", x.version);
  add_custom(out, x);
  if (auto etag = x.custom.find("ETag"); etag != x.custom.end())
    out.emplace_back("ETag", etag->second);
}

std::string location_of(edge& e, const located& at) {
  return e.target_name() + ":mp[" + at.mpath->disk->root() + ']';
}

expected<std::optional<storage::cksum>> clients_cksum(const request& req) {
  auto type = req.find("ais-checksum-type");
  auto value = req.find("ais-checksum-value");
  if (type.empty() || type == "none" || value.empty())
    return std::optional<storage::cksum>{};
  auto parsed = storage::parse_cksum_type(type);
  if (!parsed)
    return parsed.error();
  storage::cksum out{*parsed, std::string{value}};
  if (!storage::well_formed(out))
    return fail(errc::invalid_argument,
                "\"" + out.value + "\" is not a checksum of type "
                  + std::string{type} + ": use lower-case hex digits");
  return std::optional{std::move(out)};
}

expected<void> check_clients(const storage::custom_map& x) {
  for (auto& [k, v] : x)
    if (storage::internal(k))
      return fail(errc::invalid_argument, "custom metadata \"" + k
                                            + "\": names that begin with"
                                              " \"s3:\" are the S3 API's own");
  return storage::check_custom(x);
}

expected<storage::custom_map> clients_custom(const request& req) {
  storage::custom_map out;
  for (auto& h : req.headers) {
    if (!same_name(h.name, "ais-custom-md"))
      continue;
    auto eq = h.value.find('=');
    if (eq == std::string_view::npos)
      return fail(errc::invalid_argument,
                  "header Ais-Custom-Md must be key=value");
    out[std::string{h.value.substr(0, eq)}] = h.value.substr(eq + 1);
  }
  if (auto ok = check_clients(out); !ok)
    return ok.error();
  return out;
}

expected<write_options> write_options_of(const call& c) {
  write_options out;
  auto custom = clients_custom(c.req);
  if (!custom)
    return custom.error();
  auto sum = clients_cksum(c.req);
  if (!sum)
    return sum.error();
  out.custom = std::move(*custom);
  out.expected = std::move(*sum);
  out.skip_vc = c.q.flag("skip_vc");
  return out;
}

// -- GET
// --------------------------------------------------------------------------

task<expected<opened_object>> open_for(edge& e, call& c, object_key key) {
  if (c.visit)
    return open_visited(e, std::move(key), std::move(*c.visit));
  return open_here(e, std::move(key));
}

task<> get(edge& e, call& c) {
  op_stats stats{stat::get_n, stat::get_ns_total, stat::err_get_n};
  for (auto unsupported : {"etl_name", "archpath", "archregx"})
    if (!c.q.get(unsupported).empty()) {
      stats.bad();
      auto why = fail(errc::not_implemented,
                      std::string{unsupported}
                        + ": reading archives and transforming are not"
                          " available in this version");
      co_return co_await fail_with(e, c, std::move(why));
    }
  auto key = e.object_of(c, access::get);
  if (!key) {
    stats.bad();
    co_return co_await fail_with(e, c, key.error());
  }
  auto visiting = c.visit.has_value();
  auto opened = co_await open_for(e, c, std::move(*key));
  if (!opened && visiting)
    co_return co_await e.reply_error_from(c.x, opened.error(), e.target_name(),
                                          misdirected);
  if (!opened) {
    stats.bad();
    co_return co_await fail_with(e, c, opened.error());
  }
  auto& [at, lease, asked] = *opened;
  auto& object = *lease->object;
  auto& attrs = object.attrs;
  header_list headers{{"Content-Type", "application/octet-stream"}};
  add_attrs(headers, attrs);
  headers.emplace_back("Ais-Atime", std::to_string(lease->atime_ns.load()));
  byte_range range{0, attrs.size_bytes};
  auto status = 200;
  if (auto header = c.req.find("range"); !header.empty()) {
    auto parsed = parse_range(header, attrs.size_bytes);
    if (!parsed) {
      stats.bad();
      auto r = error_reply(parsed.error(), c.req, e.target_name());
      r.headers.emplace_back("Content-Range",
                             "bytes */" + std::to_string(attrs.size_bytes));
      co_return co_await c.x.reply(std::move(r));
    }
    range = *parsed;
    status = 206;
    headers.emplace_back("Accept-Ranges", "bytes");
    headers.emplace_back("Content-Range",
                         "bytes " + std::to_string(range.offset) + '-'
                           + std::to_string(range.offset + range.length - 1)
                           + '/' + std::to_string(attrs.size_bytes));
  }
  auto begun = co_await c.x.begin(status, headers, range.length);
  if (!begun)
    co_return stats.bad();
  auto sent = co_await send_object(e, c.x, at, lease, range);
  if (!sent) {
    c.x.abort();
    co_return stats.bad();
  }
  if (asked)
    e.keep(at, lease);
  count(stat::get_size, range.length);
  stats.ok();
}

// -- HEAD
// -------------------------------------------------------------------------

/// How many copies there are, and the mountpaths they are on.
void add_copies(edge& e, header_list& out, const located& at,
                const storage::lom& x, bool brackets) {
  auto paths = at.mpath->disk->root();
  auto copies = std::max<unsigned>(x.copies, 1);
  for (auto& copy : e.target()->copies_at(at.key, copies))
    paths += (brackets ? ", " : ",") + copy.mpath->disk->root();
  out.emplace_back("Ais-Mirror-Copies", std::to_string(copies));
  out.emplace_back("Ais-Mirror-Paths", brackets ? '[' + paths + ']' : paths);
}

/// Adds what HEAD v2 was asked for. @returns false for an unknown property.
bool add_prop(edge& e, header_list& out, std::string_view prop,
              const located& at, const storage::lom& x) {
  if (prop == "name" || prop == "size" || prop == "ec" || prop == "chunked") {
    // Part of every answer, or nothing to tell: no EC, no chunks.
  } else if (prop == "checksum") {
    if (x.cksum.type != storage::cksum_type::none) {
      out.emplace_back("Ais-Checksum-Type", to_string(x.cksum.type));
      out.emplace_back("Ais-Checksum-Value", x.cksum.value);
    }
  } else if (prop == "atime") {
    if (x.atime_ns > 0)
      out.emplace_back("Ais-Atime", std::to_string(x.atime_ns));
  } else if (prop == "version") {
    if (!x.version.empty())
      out.emplace_back("Ais-Version", x.version);
  } else if (prop == "custom") {
    add_custom(out, x);
  } else if (prop == "last-modified") {
    out.emplace_back("Last-Modified", format_http_date(x.mtime_ns));
  } else if (prop == "etag") {
    if (auto etag = storage::etag_of(x); !etag.empty())
      out.emplace_back("ETag", '"' + etag + '"');
  } else if (prop == "location") {
    out.emplace_back("Ais-Location", location_of(e, at));
  } else if (prop == "copies") {
    add_copies(e, out, at, x, false);
  } else {
    return false;
  }
  return true;
}

expected<header_list> head_v2(edge& e, std::string_view props,
                              const located& at, const storage::lom& x) {
  header_list out{{"Ais-Present", "true"}};
  std::string unknown;
  auto all = each_token(props, [&](std::string_view prop) {
    unknown = prop.substr(0, 40);
    return add_prop(e, out, prop, at, x);
  });
  if (!all)
    return fail(errc::invalid_argument,
                "invalid property \"" + unknown
                  + "\": use name, size, checksum, atime, version, custom,"
                    " last-modified, etag, location, copies, ec or chunked");
  return out;
}

header_list head_v1(edge& e, const located& at, const storage::lom& x) {
  header_list out;
  add_attrs(out, x);
  out.emplace_back("Ais-Atime", std::to_string(x.atime_ns));
  out.emplace_back("Ais-Name", at.key.name);
  out.emplace_back("Ais-Bucket-Name", at.key.bucket->ref.bck.name);
  out.emplace_back("Ais-Bucket-Provider",
                   to_string(at.key.bucket->ref.bck.provider));
  out.emplace_back("Ais-Location", location_of(e, at));
  add_copies(e, out, at, x, true);
  out.emplace_back("Ais-Present", "true");
  return out;
}

task<> head(edge& e, call& c) {
  op_stats stats{stat::head_n, stat::head_ns_total, stat::err_head_n};
  auto at = co_await locate(e, c, access::head_object);
  if (!at) {
    stats.bad();
    co_return co_await fail_with(e, c, at.error());
  }
  head_object req{at->key, c.q.flag("validate-checksum")};
  auto attrs
    = co_await e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!attrs) {
    stats.bad();
    co_return co_await fail_with(e, c, attrs.error());
  }
  auto presence = c.q.get("presence");
  if (presence == "5") {
    stats.bad();
    auto why = fail(errc::invalid_argument,
                    cname_of(at->key.bucket->ref.bck, at->key.name)
                      + " is in the cluster");
    co_return co_await fail_with(e, c, std::move(why));
  }
  reply r;
  r.length = (*attrs)->size_bytes;
  if (presence != "1" && presence != "3") {
    auto props = c.q.get("props");
    auto headers = props.empty()
                     ? expected<header_list>{head_v1(e, *at, **attrs)}
                     : head_v2(e, props, *at, **attrs);
    if (!headers) {
      stats.bad();
      co_return co_await fail_with(e, c, headers.error());
    }
    r.headers = std::move(*headers);
  }
  stats.ok();
  co_await c.x.reply(std::move(r));
}

// -- PUT
// --------------------------------------------------------------------------

task<> reply_written(call& c, const storage::lom& x) {
  reply r;
  add_attrs(r.headers, x);
  r.headers.emplace_back("Ais-Atime", std::to_string(x.atime_ns));
  co_await c.x.reply(std::move(r));
}

task<> put(edge& e, call& c) {
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  error why;
  auto at = co_await locate(e, c, access::put);
  auto options = write_options_of(c);
  if (!at) {
    why = at.error();
  } else if (!options) {
    why = options.error();
  } else {
    if (!c.req.chunked && !c.req.content_length) {
      why = fail(errc::invalid_argument,
                 "PUT needs Content-Length or a chunked body (a size of 0 is"
                 " fine)");
    } else {
      auto stored = co_await put_body(e, c.x, *at, *options,
                                      c.req.content_length.value_or(0));
      if (stored) {
        stats.ok();
        count(stat::put_size, (*stored)->size_bytes);
        co_return co_await reply_written(c, **stored);
      }
      why = stored.error();
    }
  }
  stats.bad();
  if (why == errc::io_error)
    count(stat::err_io_put_n);
  co_await fail_with(e, c, std::move(why));
}

// -- append
// -----------------------------------------------------------------------

task<> append(edge& e, call& c) {
  op_stats stats{stat::append_n, stat::append_ns_total, stat::err_append_n};
  auto type = c.q.get("append_type");
  auto handle = std::string{c.q.get("append_handle")};
  auto at = co_await locate(e, c, access::append);
  auto sum = clients_cksum(c.req);
  error why;
  if (!at) {
    why = at.error();
  } else if (!sum) {
    why = sum.error();
  } else if (type == "append") {
    begin_append first{at->key, handle};
    auto begun
      = co_await e.actors().ask(at->shard, shard_timeout, std::move(first));
    if (begun) {
      auto stored = co_await stream_body(c.x, *begun->writer);
      e.actors().tell(at->shard,
                      end_append{at->key, begun->handle, bool(stored)});
      if (stored) {
        stats.ok();
        reply r;
        r.headers.emplace_back("Ais-Append-Handle", begun->handle);
        co_return co_await c.x.reply(std::move(r));
      }
      why = stored.error();
    } else {
      why = begun.error();
    }
  } else if (type != "flush") {
    why = fail(errc::invalid_argument,
               "append_type must be \"append\" or \"flush\"");
  } else if (handle.empty()) {
    why = fail(errc::invalid_argument,
               "append_type=flush needs the append_handle of the last append");
  } else {
    flush_append req{at->key, handle, *sum};
    auto stored
      = co_await e.actors().ask(at->shard, shard_timeout, std::move(req));
    if (stored) {
      stats.ok();
      co_return co_await reply_written(c, **stored);
    }
    why = stored.error();
  }
  stats.bad();
  co_await fail_with(e, c, std::move(why));
}

// -- copy and rename
// --------------------------------------------------------------

task<> copy(edge& e, call& c) {
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  error why;
  auto from = co_await locate(e, c, access::get);
  auto name = parse_uname(c.q.get("object_to"));
  if (!from) {
    why = from.error();
  } else if (!name) {
    why = name.error();
  } else if (!c.q.get("etl_name").empty()) {
    why = fail(errc::not_implemented,
               "transforming objects is not available in this version");
  } else {
    // An empty name keeps the source's.
    auto object = name->second.empty() ? from->key.name : name->second;
    auto valid = check_object_name(object);
    auto bucket = e.existing(name->first, access::put);
    if (!valid) {
      why = valid.error();
    } else if (!bucket) {
      why = bucket.error();
    } else if ((*bucket)->ref.bck == from->key.bucket->ref.bck
               && object == from->key.name) {
      why = fail(errc::invalid_argument, "source and destination are the same");
    } else {
      copy_object req{from->key, object_key{*bucket, object}};
      auto done = co_await ask_mover(e, std::move(req));
      if (done) {
        stats.ok();
        co_return co_await reply_written(c, **done);
      }
      why = done.error();
    }
  }
  stats.bad();
  co_await fail_with(e, c, std::move(why));
}

task<> rename(edge& e, call& c, const std::string& new_name) {
  op_stats stats{stat::ren_n, stat::head_ns_total, stat::err_ren_n};
  error why;
  auto from = co_await locate(e, c, access::move_object);
  auto valid = check_object_name(new_name);
  if (!from) {
    why = from.error();
  } else if (!valid) {
    why = valid.error();
  } else if (new_name == from->key.name) {
    why = fail(errc::invalid_argument, "the new name is the old one");
  } else {
    copy_object req{from->key, object_key{from->key.bucket, new_name}, true};
    auto done = co_await ask_mover(e, std::move(req));
    if (done) {
      count(stat::ren_n);
      reply r;
      co_return co_await c.x.reply(std::move(r));
    }
    why = done.error();
  }
  stats.bad();
  co_await fail_with(e, c, std::move(why));
}

// -- DELETE, PATCH, POST
// ----------------------------------------------------------

task<> remove(edge& e, call& c) {
  op_stats stats{stat::del_n, stat::head_ns_total, stat::err_del_n};
  auto msg = co_await e.read_action(c.x);
  auto at = co_await locate(e, c, access::delete_object);
  error why;
  if (!msg) {
    why = msg.error();
  } else if (!at) {
    why = at.error();
  } else if (msg->action == "evict-listrange") {
    why = fail(errc::not_remote_bucket,
               cname_of(at->key.bucket->ref.bck)
                 + " has no remote backend: nothing to evict from it, use"
                   " delete");
  } else if (!msg->action.empty()) {
    why = fail(msg->action == "mpt-abort" ? errc::not_implemented
                                          : errc::invalid_argument,
               "invalid action \"" + msg->action.substr(0, 40) + '"');
  } else {
    delete_object req{at->key};
    auto done
      = co_await e.actors().ask(at->shard, shard_timeout, std::move(req));
    if (done) {
      count(stat::del_n);
      reply r;
      co_return co_await c.x.reply(std::move(r));
    }
    why = done.error();
  }
  stats.bad();
  co_await fail_with(e, c, std::move(why));
}

task<> patch(edge& e, call& c) {
  auto msg = co_await e.read_action(c.x);
  auto at = co_await locate(e, c, access::update_object);
  error why;
  if (!msg) {
    why = msg.error();
  } else if (!at) {
    why = at.error();
  } else if (!msg->value.is_object() && !msg->value.is_null()) {
    why
      = fail(errc::invalid_argument, "\"value\" must be an object of strings");
  } else {
    set_custom req{at->key, {}, c.q.flag("set-new-custom")};
    auto strings = true;
    if (auto* o = msg->value.if_object())
      for (auto& m : *o) {
        auto* s = m.value().if_string();
        strings &= s != nullptr;
        if (s)
          req.custom[std::string{m.key().data(), m.key().size()}]
            = std::string{s->data(), s->size()};
      }
    auto allowed = check_clients(req.custom);
    if (!strings) {
      why = fail(errc::invalid_argument,
                 "\"value\" must be an object of strings");
    } else if (!allowed) {
      why = allowed.error();
    } else {
      auto done
        = co_await e.actors().ask(at->shard, shard_timeout, std::move(req));
      if (done) {
        reply r;
        co_return co_await c.x.reply(std::move(r));
      }
      why = done.error();
    }
  }
  co_await fail_with(e, c, std::move(why));
}

task<> post(edge& e, call& c) {
  auto msg = co_await e.read_action(c.x);
  error why;
  if (!msg) {
    why = msg.error();
  } else if (msg->action == "rename-obj") {
    co_return co_await rename(e, c, msg->name);
  } else if (msg->action == "check-lock") {
    // Nobody holds an object's lock across requests here.
    if (auto key = e.object_of(c, access::head_object); !key) {
      why = key.error();
    } else {
      reply r;
      co_return co_await c.x.reply(std::move(r));
    }
  } else if (msg->action == "blob-download") {
    why = fail(errc::not_remote_bucket,
               "blob-download needs a bucket with a remote backend");
  } else if (msg->action == "promote" || msg->action == "mpt-upload"
             || msg->action == "mpt-complete") {
    why = fail(errc::not_implemented,
               '"' + msg->action + "\" is not available in this version");
  } else {
    why = fail(errc::invalid_argument,
               "invalid action \"" + msg->action.substr(0, 40) + '"');
  }
  co_await fail_with(e, c, std::move(why));
}

task<> put_by_kind(edge& e, call& c) {
  if (c.q.has("object_to"))
    return copy(e, c);
  if (c.q.has("uploadId") || !c.q.get("archpath").empty()) {
    auto why = fail(errc::not_implemented,
                    "multipart uploads and writing into archives are not"
                    " available in this version");
    return fail_with(e, c, std::move(why));
  }
  if (c.q.has("append_type"))
    return append(e, c);
  return put(e, c);
}

/// Sends the client to the node that owns the object. What it has begun to send
/// is read and dropped: many clients look at the answer only after their body.
task<> redirect(call& c, std::string location) {
  if (c.req.find("expect").empty()) {
    std::array<std::byte, 16 << 10> sink;
    for (uint64_t dropped = 0; dropped < redirect_drain_bytes;) {
      auto n = co_await c.x.read_body(sink);
      if (!n || *n == 0)
        break;
      dropped += *n;
    }
  }
  reply r;
  r.status = c.req.method == "GET" ? 301 : 307;
  r.headers.emplace_back("Location", std::move(location));
  co_await c.x.reply(std::move(r));
}

/// Has the node that owns the object answer.
task<> relay_to(edge& e, call& c, handover to) {
  auto done = co_await e.relay().pass(c.x, to.owner.pub, std::move(to.target),
                                      e.own_id());
  if (!done)
    co_await e.reply_error_from(
      c.x, with_context(done.error(), name_of(to.owner)), e.own_name(), 0);
}

/// Answers a request for an object that belongs to another node.
task<> hand_over(edge& e, call& c, handover to) {
  if (!c.req.find(relayed_header).empty()
      || redirects_of(c.q) >= max_redirects) {
    auto why
      = fail(errc::not_ready, "the object belongs to " + name_of(to.owner)
                                + " by now: try again");
    return e.reply_error_from(c.x, std::move(why), e.own_name(), 0);
  }
  if (e.shared().relay)
    return relay_to(e, c, std::move(to));
  if (is_loopback(to.owner.pub.host) && !is_loopback(c.req.peer_host())) {
    auto why
      = fail(errc::unsupported,
             "the object is on " + name_of(to.owner) + ", which calls itself "
               + to.owner.pub.url()
               + ": that leads nowhere from another machine; start it with an"
                 " address of the network in --host");
    return e.reply_error_from(c.x, std::move(why), e.own_name(), 0);
  }
  return redirect(c, to.owner.pub.url() + to.target);
}

/// Refuses who should have asked a proxy first. Source: api-data 0.7, 7.
task<> turn_away(edge& e, call& c, error why) {
  auto reads = c.req.method == "GET" || c.req.method == "HEAD";
  auto direct = redirects_of(c.q) == 0;
  auto text
    = (direct && !reads ? "expected to be redirected: " : "") + message_of(why);
  co_await e.reply_error_from(c.x, fail(errc::invalid_argument, text),
                              e.target_name(), direct && !reads ? 400 : 403);
}

task<> dispatch(edge& e, call& c) {
  auto m = c.req.method;
  if (m == "GET")
    return get(e, c);
  if (m == "HEAD")
    return head(e, c);
  if (m == "PUT")
    return put_by_kind(e, c);
  if (m == "DELETE")
    return remove(e, c);
  if (m == "PATCH")
    return patch(e, c);
  return post(e, c);
}

/// Reads an object of ours where it still is, or else here.
task<> get_from_source(edge& e, call& c) {
  auto key = e.object_of(c, access::get);
  if (!key)
    co_return co_await dispatch(e, c);
  auto source = co_await source_of(e, std::move(*key));
  if (source) {
    auto to = e.handover_to(c, source->node);
    auto done = co_await pass_to_source(e, c.x, std::move(*source),
                                        std::move(to->target));
    if (done)
      co_return;
    if (done.error() != errc::not_ready)
      co_return co_await fail_with(e, c, done.error());
  }
  co_await dispatch(e, c);
}

/// Answers for the owner of an object that is still here.
task<> answer_visit(edge& e, call& c, std::optional<handover> to,
                    uint64_t generation) {
  if (!to) {
    auto why = fail(errc::not_ready, "the object is ours: try again");
    return e.reply_error_from(c.x, std::move(why), e.own_name(), misdirected);
  }
  c.visit = visit{to->owner.id, generation};
  return get(e, c);
}

/// Nodes whose maps differ for a moment must not send a request to and fro as
/// fast as they can.
task<> hand_over_later(edge& e, call& c) {
  co_await e.next_map();
  auto to = e.elsewhere(c);
  if (to)
    co_return co_await hand_over(e, c, std::move(*to));
  co_await dispatch(e, c);
}

} // namespace

std::string object_head(const storage::lom& x) {
  header_list headers{{"Content-Type", "application/octet-stream"}};
  add_attrs(headers, x);
  return lasting_head(200, headers, x.size_bytes);
}

task<> objects(edge& e, call& c) {
  if (auto ok = e.welcome(c); !ok)
    return turn_away(e, c, ok.error());
  auto to = e.elsewhere(c);
  auto relayed = !c.req.find(relayed_header).empty();
  auto reads = c.req.method == "GET";
  if (auto placement = placement_of(c.req); placement && relayed && reads)
    return answer_visit(e, c, std::move(to), *placement);
  if (to && (redirects_of(c.q) > 1 || relayed))
    return hand_over_later(e, c);
  if (to)
    return hand_over(e, c, std::move(*to));
  return reads && moving(e.map()) ? get_from_source(e, c) : dispatch(e, c);
}

} // namespace ais::http::v1
