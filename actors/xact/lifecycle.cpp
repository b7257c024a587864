#include "actors/xact/lifecycle.hpp"

#include "actors/base/ask.hpp"
#include "actors/xact/object_job.hpp"
#include "storage/base/home.hpp"
#include "storage/base/hrw.hpp"
#include "storage/base/log.hpp"
#include "storage/lifecycle.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <deque>
#include <map>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;
constexpr auto xactions_timeout = 30s;
/// After the registry had no room.
constexpr auto start_retry = 10s;
constexpr std::string_view records = "uploads/";
constexpr size_t upload_id_chars = 48;

using finish = std::function<void(const deed_result&)>;

/// What is skipped: it has gone, or is another one by now.
bool skipped(const error& e) {
  return e == errc::object_not_found || e == errc::conflict;
}

/// The rules of buckets as they are now, not as they were.
class rule_book {
public:
  explicit rule_book(const xact_order& order) : node_(order.node) {}

  int64_t now() const { return node_.env.wall_ns(); }
  int64_t day() const { return node_.lifecycle_day.count(); }
  const xactions_config& node() const { return node_; }

  std::shared_ptr<const storage::lifecycle_rules>
  of(const storage::bucket_ref& b) const {
    static const auto none = std::make_shared<const storage::lifecycle_rules>();
    auto known = node_.buckets->read()->find(b.bck);
    auto there = known && (*known)->ref.bid == b.bid && (*known)->lifecycle;
    return there ? (*known)->lifecycle : none;
  }

private:
  xactions_config node_;
};
using rule_book_ptr = std::shared_ptr<const rule_book>;

// -- objects

bool due(const rule_book& book, const object_key& key, const storage::lom& x) {
  auto rules = book.of(key.bucket->ref);
  auto end = storage::expiry_of(*rules, key.name, x, book.day());
  return end && end->at_ns <= book.now();
}

void skip_or(const finish& done, const error& e) {
  if (skipped(e))
    done(std::optional<uint64_t>{});
  else
    done(e);
}

/// Removes the object if it is still the one of the lease.
void remove_same(object_job_actor::pointer self, const located& x,
                 const lease_ptr& same, uint64_t bytes, const finish& done) {
  ask<ack>(
    self, x.shard, shard_timeout, delete_object{x.key, same},
    [bytes, done](ack) { done(std::optional{bytes}); },
    [done](const error& e) { skip_or(done, e); });
}

void expire(object_job_actor::pointer self, const located& x,
            const rule_book_ptr& book, const finish& done) {
  auto opened = [self, x, book, done](const lease_ptr& lease) {
    auto& attrs = lease->object->attrs;
    if (due(*book, x.key, attrs))
      remove_same(self, x, lease, attrs.size_bytes, done);
    else
      done(std::optional<uint64_t>{});
  };
  ask<lom_ptr>(
    self, x.shard, shard_timeout, head_object{x.key},
    [=](const lom_ptr& attrs) {
      if (!due(*book, x.key, *attrs))
        return done(std::optional<uint64_t>{});
      ask<lease_ptr>(self, x.shard, shard_timeout, open_object{x.key, false},
                     opened, [done](const error& e) { skip_or(done, e); });
    },
    [done](const error& e) { skip_or(done, e); });
}

// -- uploads

/// The record of an upload: "uploads/<id>/<key>".
struct upload_name {
  std::string_view id;
  std::string_view key;
};

std::optional<upload_name> parse_record(std::string_view x) {
  if (x.substr(0, records.size()) != records)
    return {};
  x.remove_prefix(records.size());
  if (x.size() < upload_id_chars + 2 || x[upload_id_chars] != '/')
    return {};
  return upload_name{x.substr(0, upload_id_chars),
                     x.substr(upload_id_chars + 1)};
}

/// The bucket an upload is to: its id begins with the bid.
bucket_ptr
parent_of(const bmd& all, const bck& uploads, const upload_name& up) {
  for (auto& [b, value] : all.buckets)
    if (b.name == uploads.name && !of_others(b.ns)
        && hex16(value->ref.bid) == up.id.substr(0, 16))
      return value;
  return nullptr;
}

bool upload_due(const rule_book& book, const upload_name& up,
                const bck& uploads, int64_t begun_ns) {
  auto all = book.node().buckets->read();
  auto parent = parent_of(*all, uploads, up);
  if (!parent)
    return false;
  auto rules = book.of(parent->ref);
  auto end = storage::upload_expiry_of(*rules, up.key, begun_ns, book.day());
  return end && end->at_ns <= book.now();
}

/// Removes the parts of an upload, a page after the other, then its record:
/// what a crash leaves can be found again.
class upload_removal : public std::enable_shared_from_this<upload_removal> {
public:
  upload_removal(object_job_actor::pointer self, located record,
                 lease_ptr lease, rule_book_ptr book, finish done)
    : self_(self), record_(std::move(record)), lease_(std::move(lease)),
      book_(std::move(book)), done_(std::move(done)) {}

  void next_page() {
    auto up = parse_record(record_.key.name);
    list_part req;
    req.bucket = record_.key.bucket->ref.bck;
    req.bid = record_.key.bucket->ref.bid;
    req.options.prefix = "parts/" + std::string{up->id} + '/';
    req.options.no_dirs = true;
    req.uuid = make_id(book_->node().env);
    auto me = shared_from_this();
    ask<listed_part>(
      self_, book_->node().target, shard_timeout, std::move(req),
      [me](listed_part& x) {
        me->page_ = std::move(x.entries);
        me->next_part();
      },
      [me](const error& e) { me->done_(e); });
  }

private:
  void next_part() {
    if (page_.empty())
      return remove_same(self_, record_, lease_, bytes_, done_);
    auto part = std::move(page_.back());
    page_.pop_back();
    auto at
      = book_->node().view->read()->locate({record_.key.bucket, part.name});
    if (!at)
      return done_(at.error());
    auto me = shared_from_this();
    auto gone = [me, size = part.attrs.size_bytes] {
      me->bytes_ += size;
      if (me->page_.empty())
        me->next_page();
      else
        me->next_part();
    };
    ask<ack>(
      self_, at->shard, shard_timeout, delete_object{at->key},
      [gone](ack) { gone(); },
      [me, gone](const error& e) {
        if (e == errc::object_not_found)
          gone();
        else
          me->done_(e);
      });
  }

  object_job_actor::pointer self_;
  located record_;
  lease_ptr lease_;
  rule_book_ptr book_;
  finish done_;
  std::vector<storage::walk_entry> page_;
  uint64_t bytes_ = 0;
};

void abort_old(object_job_actor::pointer self, const located& x,
               const rule_book_ptr& book, const finish& done) {
  auto up = parse_record(x.key.name);
  if (!up)
    return done(std::optional<uint64_t>{});
  ask<lease_ptr>(
    self, x.shard, shard_timeout, open_object{x.key, false},
    [=](const lease_ptr& lease) {
      auto named = parse_record(x.key.name);
      if (!upload_due(*book, *named, x.key.bucket->ref.bck,
                      lease->object->attrs.mtime_ns))
        return done(std::optional<uint64_t>{});
      std::make_shared<upload_removal>(self, x, lease, book, done)->next_page();
    },
    [done](const error& e) { skip_or(done, e); });
}

// -- former versions

struct due_version {
  std::string id; ///< as clients name it
  uint64_t bytes = 0;
};

/// Which versions of an object have had their time, newest first.
std::vector<due_version>
due_versions(const rule_book& book, const object_key& key,
             const object_versions& all) {
  std::vector<due_version> out;
  auto rules = book.of(key.bucket->ref);
  auto& former = all.former;
  auto add = [&out](auto& x) {
    out.push_back(
      {std::string{storage::shown_version(x.id)}, x.attrs.size_bytes});
  };
  if (!all.present && former.size() == 1 && storage::is_mark(former.front().id)
      && storage::mark_due(*rules, key.name, former.front().attrs, book.now(),
                           book.day()))
    add(former.front());
  // Without a present one, the mark is what clients get of the object.
  size_t first = all.present ? 0 : 1;
  for (auto i = first; i < former.size(); ++i) {
    auto& newer = i > 0 ? former[i - 1].attrs : *all.present;
    storage::former_version x{former[i].attrs, newer.mtime_ns, i - first};
    if (storage::version_due(*rules, key.name, x, book.now(), book.day()))
      add(former[i]);
  }
  return out;
}

/// Removes those, one after the other, the oldest first.
class version_removal : public std::enable_shared_from_this<version_removal> {
public:
  version_removal(object_job_actor::pointer self, located object,
                  rule_book_ptr book, finish done)
    : self_(self), object_(std::move(object)), book_(std::move(book)),
      done_(std::move(done)) {}

  void start() {
    ask<object_versions>(
      self_, object_.shard, shard_timeout, list_versions{object_.key},
      [me = shared_from_this()](const object_versions& x) {
        me->due_ = due_versions(*me->book_, me->object_.key, x);
        me->next();
      },
      [me = shared_from_this()](const error& e) { skip_or(me->done_, e); });
  }

private:
  void next() {
    if (due_.empty())
      return done_(removed_);
    auto oldest = std::move(due_.back());
    due_.pop_back();
    delete_object req{object_.key};
    req.version = std::move(oldest.id);
    req.former = true;
    auto me = shared_from_this();
    ask<ack>(
      self_, object_.shard, shard_timeout, req,
      [me, bytes = oldest.bytes](ack) {
        me->removed_ = me->removed_.value_or(0) + bytes;
        me->next();
      },
      [me](const error& e) {
        if (skipped(e))
          me->next();
        else
          me->done_(e);
      });
  }

  object_job_actor::pointer self_;
  located object_;
  rule_book_ptr book_;
  finish done_;
  std::vector<due_version> due_;    ///< oldest last
  std::optional<uint64_t> removed_; ///< [bytes]
};

/// The names come in order: the first of an object's versions stands for all.
using last_object = std::shared_ptr<std::string>;

void expire_versions(object_job_actor::pointer self, const located& x,
                     const rule_book_ptr& book, const last_object& last,
                     const finish& done) {
  auto& b = x.key.bucket->ref.bck;
  auto name = parse_former_name(x.key.name);
  auto parent = book->node().buckets->read()->find({provider::ais, {}, b.name});
  if (!name || !parent || (*parent)->ref.bid != name->bid)
    return done(std::optional<uint64_t>{});
  object_key key{*parent, std::string{name->object}};
  if (std::exchange(*last, key.name) == key.name)
    return done(std::optional<uint64_t>{});
  auto at = book->node().view->read()->locate(key);
  if (!at)
    return done(at.error());
  std::make_shared<version_removal>(self, *at, book, done)->start();
}

// -- the clock

struct clock_state {
  static inline const char* name = "lifecycle-clock";

  lifecycle_clock_actor::pointer self = nullptr;
  environment env;
  std::shared_ptr<board<bmd>> buckets;
  xactions_actor xactions;
  std::chrono::nanoseconds day{0};
  std::deque<start_xact> waiting;

  std::chrono::nanoseconds period() const {
    return std::clamp<std::chrono::nanoseconds>(day / 4, 1s, 1h);
  }

  /// The same on all targets, whose clocks are alike.
  std::string id_of(const bck& b) const {
    auto turn = env.wall_ns() / period().count();
    auto text = uname_of(b, std::to_string(turn));
    return "lc" + hex16(placement_digest(text)).substr(8);
  }

  void tick() {
    auto all = buckets->read();
    if (waiting.empty())
      for (auto& [b, value] : all->buckets)
        for (auto& order : lifecycle_orders(*all, *value)) {
          waiting.push_back(order);
          waiting.back().id = id_of(order.bucket);
        }
    start_next();
  }

  void start_next() {
    if (waiting.empty()) {
      self->delayed_send(self, period(), atom::tick_v);
      return;
    }
    auto order = waiting.front();
    query_xacts running{{}, order.kind, cname_of(order.bucket)};
    ask<xact_snaps>(
      self, xactions, xactions_timeout, std::move(running),
      [this, order](const xact_snaps& x) {
        auto busy = std::any_of(x.snaps.begin(), x.snaps.end(),
                                [](auto& y) { return y.end_ns == 0; });
        if (busy)
          started();
        else
          start(order);
      },
      [this](const error&) { later(); });
  }

  void start(const start_xact& order) {
    ask<ack>(
      self, xactions, xactions_timeout, order, [this](ack) { started(); },
      [this, order](const error& e) {
        if (e == errc::too_many_requests)
          return later();
        if (e != errc::busy && e != errc::bucket_not_found)
          log_warning("lifecycle of " + cname_of(order.bucket)
                      + " does not start: " + message_of(e));
        started();
      });
  }

  void started() {
    waiting.pop_front();
    start_next();
  }

  void later() { self->delayed_send(self, start_retry, atom::tick_v); }
};

lifecycle_clock_actor::behavior_type
lifecycle_clock(lifecycle_clock_actor::stateful_pointer<clock_state> self,
                const environment& env,
                const std::shared_ptr<board<bmd>>& buckets,
                const xactions_actor& xactions, std::chrono::nanoseconds day) {
  auto& st = self->state;
  st.self = self;
  st.env = env;
  st.buckets = buckets;
  st.xactions = xactions;
  st.day = day;
  self->delayed_send(self, st.period(), atom::tick_v);
  return {
    [&st](atom::tick) { st.tick(); },
  };
}

} // namespace

std::vector<start_xact> lifecycle_orders(const bmd& all, const bucket& b) {
  std::vector<start_xact> out;
  if (!b.lifecycle || of_others(b.ref.bck.ns))
    return out;
  auto add = [&](const storage::bucket_ref& ref, std::string prefix) {
    auto& next = out.emplace_back();
    next.kind = lifecycle_kind;
    next.bucket = ref.bck;
    next.bid = ref.bid;
    next.what.prefix = std::move(prefix);
  };
  add(b.ref, {});
  if (auto former = all.find(storage::versions_of(b.ref).bck))
    add((*former)->ref, hex16(b.ref.bid) + '/');
  if (auto uploads = all.find({provider::ais, uploads_ns(), b.ref.bck.name}))
    add((*uploads)->ref, std::string{records});
  return out;
}

expected<xact_actor>
spawn_lifecycle(caf::actor_system& sys, const xact_order& order) {
  auto book = std::make_shared<const rule_book>(order);
  auto& ns = order.what.bucket.ns;
  auto last = std::make_shared<std::string>();
  deed what = [book](auto* self, auto& x, const auto& done) {
    expire(self, x, book, done);
  };
  if (ns == uploads_ns())
    what = [book](auto* self, auto& x, const auto& done) {
      abort_old(self, x, book, done);
    };
  else if (ns == versions_ns())
    what = [book, last](auto* self, auto& x, const auto& done) {
      expire_versions(self, x, book, last, done);
    };
  return spawn_object_job(sys, order, what, true);
}

lifecycle_clock_actor
spawn_lifecycle_clock(caf::actor_system& sys, const environment& env,
                      std::shared_ptr<board<bmd>> buckets,
                      xactions_actor xactions, std::chrono::nanoseconds day) {
  return spawn_plain(sys, env, lifecycle_clock, env, std::move(buckets),
                     std::move(xactions), day);
}

} // namespace ais
