#include "actors/target/shard.hpp"

#include "actors/base/ask.hpp"
#include "actors/base/gather.hpp"
#include "actors/target/committer.hpp"
#include "actors/target/object_cache.hpp"
#include "actors/target/target.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"
#include "storage/base/metrics.hpp"
#include "storage/base/mutant.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace ais {

namespace {

/// Access times older on disk than this are worth a write.
constexpr int64_t atime_slack_ns = 600'000'000'000;
constexpr size_t verify_chunk_bytes = 256 << 10;
constexpr std::chrono::seconds copies_timeout{30}; ///< to remove them
constexpr std::chrono::minutes restore_timeout{5};
/// A disk that takes longer fails; what became of the group, it knows alone.
constexpr std::chrono::minutes commit_timeout{10};
constexpr size_t group_enough = 256; ///< not waited for more

std::string next_version(const std::string& current) {
  uint64_t n = 0;
  std::from_chars(current.data(), current.data() + current.size(), n);
  return std::to_string(n + 1);
}

std::string cname_of(const object_key& key) {
  return ais::cname_of(key.bucket->ref.bck, key.name);
}

error not_found(const object_key& key) {
  return fail(errc::object_not_found, cname_of(key) + " does not exist");
}

} // namespace

// -- state
// ------------------------------------------------------------------------

/// The public interface plus the message to itself that ends a group.
using shard_impl = shard_actor::extend<caf::reacts_to<atom::flush>>;

/// The state of one SHARD; every member runs inside its handlers.
class shard_state {
public:
  static inline const char* name = "shard";
  using promise = caf::typed_response_promise<lom_ptr>;

  void init(shard_impl::pointer self, const shard_config& config);

  caf::result<lease_ptr> open_or_restore(const open_object& req);
  expected<lease_ptr> open(const open_object& req);
  caf::result<lom_ptr> head_or_restore(const head_object& req);
  expected<lom_ptr> head(const head_object& req);
  caf::result<lom_ptr> put(const put_object& req);
  expected<put_begun> begin(const begin_put& req);
  caf::result<lom_ptr> commit(const commit_put& req);
  caf::result<ack> remove(const delete_object& req);
  expected<found_version> find(const find_version& req);
  expected<object_versions> versions(const list_versions& req);
  caf::result<lom_ptr> change(const set_custom& req);
  expected<append_begun> append(const begin_append& req);
  void append_done(const end_append& req);
  caf::result<lom_ptr> append_flush(const flush_append& req);
  void judge(const verdict& v);
  expected<marked> mark(const mark_copied& req);
  expected<ack> note(const note_copies& req);
  expected<lease_ptr> open_the_copy(const open_copy& req);
  expected<put_begun> begin_the_copy(const begin_copy& req);
  expected<ack> store_the_copy(const store_copy& req);
  expected<ack> drop_the_copy(const drop_copy& req);
  void flush_group();
  caf::result<ack> tick();
  /// Whether a change of the object, or of a version of it, is being committed:
  /// whoever wants anything of it must wait.
  bool busy(const object_key& key) const {
    return !busy_.empty() && busy_.count(lock_of(key)) > 0;
  }
  /// Tells whoever looks after the disk if this is a failure of it.
  void report(const error& e);

private:
  struct write {
    object_key key;
    promise answer;
    bool replaces_copied = false; ///< leave_copies() is due
    bool is_null = false; ///< of its versions no other one may be "null"
  };
  using done_fn = std::function<void(const expected<ack>&)>;
  struct removal {
    object_key key;
    done_fn done;
  };
  /// A write under write_if that has begun.
  struct arrival {
    std::weak_ptr<storage::object_writer> writer;
    uint64_t bid = 0;
    std::string name;
    errc fate = errc::none; ///< what it ends with, if it is decided
  };
  struct open_append {
    object_key key;
    storage::writer_ptr writer;
    bool lent = false;
    int64_t used_ns = 0;
  };

  storage::mountpath& mp() { return *config_.mpath; }
  /// Whether the object's place is here; errc::not_ready.
  expected<void> placed(const object_key& key);
  /// The same, and the generation under which it is this target's.
  expected<uint64_t> owned(const object_key& key);
  uint64_t volume_version() { return view_ ? (*view_)->volume->version : 0; }
  /// errc::not_ready when an older version of it may be on a mountpath that was
  /// disabled with its objects.
  expected<void> all_at_hand(const object_key& key);
  expected<void> may_leave(const delete_object& req);
  /// What to answer when an object cannot be opened.
  error denial(const object_key& key, const error& e);
  /// The attributes of the current version, null if there is none.
  expected<lom_ptr> current(const object_key& key);
  /// The same from the disk: what the disk has decides whether a source goes.
  expected<lom_ptr> on_disk(const object_key& key);
  /// What a write of that kind has to look at.
  expected<lom_ptr> before(const object_key& key, const write_options& x) {
    return x.moved ? on_disk(key) : current(key);
  }
  /// Opens the current version and brings the cache up to date with its file.
  expected<std::pair<cached_object*, std::shared_ptr<storage::object_reader>>>
  open_current(const object_key& key);
  /// A new lease of it.
  lease_ptr lease_of(std::shared_ptr<storage::object_reader> object);
  expected<void> verify(const object_key& key, storage::object_reader& object);
  /// Whether the object is still what `x` has open; errc::conflict.
  expected<void> same_as(const object_key& key, const lease& x);
  error corrupt(const object_key& key);
  caf::result<lom_ptr>
  seal_and_enqueue(const object_key& key, const write_options& options,
                   storage::writer_ptr writer);
  /// Lets a sealed write join the next group commit, after the copies of what
  /// it replaces are gone.
  caf::result<lom_ptr>
  enqueue(const object_key& key, const write_options& options,
          storage::writer_ptr writer);
  void
  join_group(const object_key& key, const write_options& options,
             const storage::writer_ptr& writer, const expected<lom_ptr>& known,
             bool replaces_copied, promise answer);
  void remove_now(const delete_object& req, const done_fn& done);
  /// All but the end of it. @returns whether the object is still to be removed.
  expected<bool> prepare_removal(const delete_object& req);
  /// Whether a deletion may be carried out on what there is (null: nothing).
  expected<void>
  check_removal(const delete_object& req, const expected<lom_ptr>& known);
  expected<void> remove_object(const object_key& key);

  /// Makes what a write replaces a former version, if it is to be kept.
  expected<void> keep_replaced(const object_key& key, const lom_ptr& known);
  /// All former versions of the object, newest first; errc::not_ready while
  /// some may be elsewhere.
  expected<std::vector<storage::kept_version>>
  former_versions(const object_key& key, const lom_ptr& present);
  /// Removes the former versions that are "null", but for one.
  void drop_null_versions(const object_key& key, std::string_view but);
  expected<void>
  drop_version(const object_key& key, const storage::kept_version& x);
  expected<void> promote(const object_key& key, const storage::kept_version& x,
                         uint64_t generation);
  /// Deletions where versions are kept.
  expected<ack> retire(const delete_object& req, const expected<lom_ptr>& known,
                       uint64_t generation);
  expected<ack> remove_version(const delete_object& req, const lom_ptr& known,
                               uint64_t generation);
  expected<lom_ptr> change_now(const set_custom& req);
  /// Stores other attributes of the object's same content.
  expected<void> replace_attrs(const object_key& key, const storage::lom& next,
                               storage::durability d);
  /// Whether `key`, of which `known` is known, may have copies.
  bool may_have_copies(const object_key& key, const expected<lom_ptr>& known);
  /// Removes all copies of an object that is about to change; until as many
  /// leave_copies() no new ones begin.
  void
  drop_copies(const object_key& key, std::function<void(const error&)> then);
  void leave_copies(const object_key& key);
  /// Drops the copies, if there may be some, then answers with change().
  template <class T>
  caf::result<T> change_uncopied(
    const object_key& key,
    std::function<void(std::function<void(const expected<T>&)>)> change);
  /// Has copies made.
  void mirror(const object_key& key);
  /// Whether a copy could help.
  bool restorable(const object_key& key, const error& e);
  template <class T, class F>
  caf::result<T> restore(const object_key& key, const error& why, F again);
  /// Whether an object (null: none) is what the conditions of a write, or of a
  /// deletion, want.
  expected<void> check_conditions(const write_options& x, const object_key& key,
                                  const expected<lom_ptr>& now);
  /// Decides what becomes of writes under write_if that are under way.
  void decide(const object_key& key, errc fate);
  /// The end of a write: whether it may be committed.
  expected<void>
  admit(const object_key& key, const write_options& options,
        const storage::writer_ptr& writer, const expected<lom_ptr>& now);
  /// What must not be changed twice at once: an object, all its versions.
  static std::string lock_of(const object_key& key);
  /// Calls `f` once nothing of the object is being committed: now or later.
  void when_free(const object_key& key, std::function<void()> f);
  void flush_later(bool hurry);
  void committed(commit_group& done, std::vector<write>& writes,
                 std::vector<removal>& removals);
  /// The end of a write.
  void written(write& x, storage::commit_item& item,
               const expected<storage::file_stamp>& how);
  void store_atime(cached_object& x);

  shard_impl::pointer self_ = nullptr;
  shard_config config_;
  std::unique_ptr<object_cache> cache_;
  committer_actor committer_;
  /// What waits for the next group: writes, what to commit for them, removals.
  std::vector<write> group_;
  std::vector<storage::commit_item> items_;
  std::vector<removal> removals_;
  bool flush_scheduled_ = false; ///< at once
  bool pause_scheduled_ = false; ///< in a moment
  bool hurry_ = false;           ///< somebody waits for what is in group_
  bool committing_ = false;      ///< a group is at the committer
  std::unordered_set<std::string> busy_; ///< lock_of() what waits or is there
  /// Continuations of ours that wait for one of those.
  std::vector<std::pair<std::string, std::function<void()>>> waiting_;
  std::vector<caf::typed_response_promise<ack>> flushed_; ///< want all that
  std::unordered_map<std::string, open_append> appends_;
  std::vector<arrival> arrivals_;
  /// Changes under way of objects that had copies, by uname.
  std::unordered_map<std::string, size_t> uncopied_;
  std::optional<board<smap>::view> map_;
  std::optional<board<target_view>::view> view_;
  storage::bytes scratch_;
};

void shard_state::init(shard_impl::pointer self, const shard_config& config) {
  self_ = self;
  config_ = config;
  if (config_.map)
    map_.emplace(*config_.map);
  if (config_.view)
    view_.emplace(*config_.view);
  committer_ = spawn_committer(self->system(), config_.env, config_.mpath);
  self->link_to(committer_);
  cache_ = std::make_unique<object_cache>(
    config.cached_objects, config.cached_leases,
    [this](cached_object& x) { store_atime(x); });
}

expected<void> shard_state::placed(const object_key& key) {
  if (!view_ || (*view_)->places(mp(), key))
    return caf::unit;
  return fail(errc::not_ready, cname_of(key)
                                 + " is placed on another mountpath by now:"
                                   " try again");
}

expected<uint64_t> shard_state::owned(const object_key& key) {
  if (auto ok = placed(key); !ok)
    return ok.error();
  if (!map_ || AIS_MUTANT("written-anywhere"))
    return map_ ? generation_of(**map_) : 0;
  auto ok = check_owner(**map_, config_.node_id, key.bucket->ref.bck, key.name);
  if (!ok)
    return ok.error();
  return generation_of(**map_);
}

error shard_state::denial(const object_key& key, const error& e) {
  if (e != errc::object_not_found)
    return e;
  if (auto ok = mp().present(); !ok)
    return ok.error();
  auto mine = owned(key);
  if (!mine)
    return mine.error();
  auto all = all_at_hand(key);
  return all ? e : all.error();
}

expected<void> shard_state::all_at_hand(const object_key& key) {
  auto* left = view_ ? (*view_)->left_behind(key) : nullptr;
  if (!left)
    return caf::unit;
  return fail(errc::not_ready,
              cname_of(key) + " may be on mountpath " + left->path
                + ", which is disabled"
                + (left->fault.empty() ? "" : " (" + left->fault + ')')
                + ": enable it, or detach it to do without its objects");
}

// -- reading
// ------------------------------------------------------------------------

expected<lease_ptr> shard_state::open(const open_object& req) {
  auto opened = open_current(req.key);
  if (!opened && !req.anywhere)
    return denial(req.key, opened.error());
  if (!opened) {
    auto ok = opened.error() == errc::object_not_found ? mp().present()
                                                       : expected<void>{};
    return ok ? opened.error() : ok.error();
  }
  auto& [entry, object] = *opened;
  auto& it = object ? *object : *entry->out->object;
  if (!entry->verified && req.verify
      && it.attrs.size_bytes <= verify_on_open_bytes) {
    if (auto ok = verify(req.key, it); !ok && !AIS_MUTANT("corrupt-served"))
      return ok.error();
    entry->verified = true;
    if (entry->out)
      entry->out->verified.store(true, std::memory_order_release);
  }
  if (!object) // the lease that is out is still good
    return entry->out;
  auto result = lease_of(std::move(object));
  result->verified.store(entry->verified, std::memory_order_relaxed);
  result->atime_ns.store(entry->last_access_ns(), std::memory_order_relaxed);
  cache_->lend(*entry, result);
  return result;
}

lease_ptr
shard_state::lease_of(std::shared_ptr<storage::object_reader> object) {
  auto result = std::make_shared<lease>();
  result->closed = mp().closed();
  if (!config_.closer || object->attrs.size_bytes < close_apart_bytes) {
    result->object = std::move(object);
    return result;
  }
  auto* it = object.get();
  auto close = [what = std::move(object), by = config_.closer](auto*) mutable {
    caf::anon_send(by, close_object{std::move(what)});
  };
  result->object = {it, std::move(close)};
  return result;
}

expected<lom_ptr> shard_state::head(const head_object& req) {
  if (req.verify) {
    auto opened = open_current(req.key);
    if (!opened)
      return denial(req.key, opened.error());
    auto& [entry, object] = *opened;
    if (auto ok = verify(req.key, object ? *object : *entry->out->object); !ok)
      return ok.error();
    entry->verified = true;
  }
  auto attrs = current(req.key);
  if (!attrs)
    return attrs.error();
  if (!*attrs)
    return denial(req.key, not_found(req.key));
  auto answer = std::make_shared<storage::lom>(**attrs);
  if (auto* entry = cache_->find(req.key))
    answer->atime_ns = entry->last_access_ns();
  return answer;
}

expected<std::pair<cached_object*, std::shared_ptr<storage::object_reader>>>
shard_state::open_current(const object_key& key) {
  using result
    = std::pair<cached_object*, std::shared_ptr<storage::object_reader>>;
  auto* entry = cache_->find(key);
  if (entry && entry->out) {
    auto now = entry->out->object->content->stat();
    if (now && now->stamp == entry->out->object->stamp)
      return result{entry, nullptr};
    cache_->revoke(*entry);
  }
  auto object = mp().open_object(key.bucket->ref, key.name);
  if (!object) {
    cache_->erase(key);
    if (object.error() == errc::object_not_found)
      return not_found(key);
    return object.error();
  }
  if (!entry || entry->stamp != (*object)->stamp) {
    entry = &cache_->insert(key);
    entry->attrs = std::make_shared<storage::lom>((*object)->attrs);
    entry->disk_atime_ns = entry->attrs->atime_ns;
    entry->stamp = (*object)->stamp;
    entry->verified = entry->attrs->cksum.type == storage::cksum_type::none;
  }
  return result{entry, std::move(*object)};
}

expected<lom_ptr> shard_state::current(const object_key& key) {
  if (auto* entry = cache_->find(key))
    return entry->attrs;
  return on_disk(key);
}

expected<lom_ptr> shard_state::on_disk(const object_key& key) {
  auto loaded = mp().load(key.bucket->ref, key.name);
  if (loaded) {
    // Not cached: without an open file nothing ties it to a stamp.
    return lom_ptr{std::make_shared<storage::lom>(std::move(*loaded))};
  }
  if (loaded.error() == errc::object_not_found)
    return lom_ptr{};
  return loaded.error();
}

expected<void>
shard_state::verify(const object_key& key, storage::object_reader& object) {
  storage::hasher hash{object.attrs.cksum.type};
  scratch_.resize(verify_chunk_bytes);
  uint64_t offset = 0;
  while (offset < object.attrs.size_bytes) {
    auto n = object.content->read_at(scratch_, offset);
    if (!n)
      return with_context(n.error(), "while verifying " + cname_of(key));
    if (*n == 0)
      return corrupt(key);
    hash.update({scratch_.data(), *n});
    offset += *n;
  }
  count(stat::verify_n);
  count(stat::verify_size, offset);
  if (hash.finish() != object.attrs.cksum)
    return corrupt(key);
  return caf::unit;
}

error shard_state::corrupt(const object_key& key) {
  auto text = "BAD DATA CHECKSUM: the stored content of " + cname_of(key)
              + " on " + mp().root() + " is corrupted; restore it from a copy";
  log_error(text);
  count(stat::err_io_get_n);
  if (auto* entry = cache_->find(key)) {
    cache_->revoke(*entry);
    entry->verified = false;
  }
  return fail(errc::corrupted, std::move(text));
}

void shard_state::judge(const verdict& v) {
  if (!v.good) {
    auto e = corrupt(v.key);
    if (restorable(v.key, e))
      caf::anon_send((*view_)->mirror, restore_object{v.key, true});
    return;
  }
  v.lease->verified.store(true, std::memory_order_release);
  auto* entry = cache_->find(v.key);
  if (entry && entry->stamp == v.lease->object->stamp)
    entry->verified = true;
}

// -- writing
// ------------------------------------------------------------------------

caf::result<lom_ptr> shard_state::put(const put_object& req) {
  auto begun = begin({req.key, req.options, req.content->size()});
  if (!begun)
    return begun.error();
  if (begun->unchanged)
    return begun->unchanged;
  if (auto ok = begun->writer->append(*req.content); !ok)
    return ok.error();
  return seal_and_enqueue(req.key, req.options, std::move(begun->writer));
}

expected<put_begun> shard_state::begin(const begin_put& req) {
  auto known = before(req.key, req.options);
  if (!known && known.error() != errc::corrupted)
    return known.error();
  if (auto ok = check_conditions(req.options, req.key, known); !ok)
    return ok.error();
  auto attrs = known ? *known : nullptr;
  auto& expect = req.options.expected;
  auto keeps = req.key.bucket->keeping != storage::keeping::off;
  if (attrs && expect && !req.options.skip_vc && !keeps
      && expect->type == req.key.bucket->cksum
      && expect->type != storage::cksum_type::none && *expect == attrs->cksum)
    return put_begun{nullptr, attrs};
  auto writer
    = mp().begin(req.key.bucket->ref, req.key.bucket->cksum, req.size_hint,
                 attrs != nullptr
                   && req.key.bucket->durability == storage::durability::none);
  if (!writer)
    return writer.error();
  if (expect && !req.options.skip_vc
      && req.key.bucket->cksum != storage::cksum_type::none)
    (*writer)->expect(*expect);
  if (req.options.when != write_if::always) {
    std::erase_if(arrivals_, [](auto& x) { return x.writer.expired(); });
    arrivals_.push_back(
      {*writer, req.key.bucket->ref.bid, req.key.name, errc::none});
  }
  return put_begun{std::move(*writer), nullptr};
}

namespace {

// What is there may only be replaced by what is surely newer: a source that was
// forgotten somewhere must not undo a later write.
expected<void> check_write_if(const lom_ptr& now, const write_options& options,
                              const object_key& key) {
  if (!now || options.when == write_if::always)
    return caf::unit;
  auto where = options.when == write_if::older && options.moved
                 ? storage::order_of(*now, *options.moved)
                 : storage::order::newer;
  if (where == storage::order::older
      || (where == storage::order::same && options.restores))
    return caf::unit;
  if (where == storage::order::unclear)
    return fail(errc::conflict,
                "it is unclear whether " + cname_of(key) + " here (version "
                  + now->version + ") or the one that arrives (version "
                  + options.moved->version + ") is newer: both stay");
  return fail(errc::exists, cname_of(key) + " here is not older");
}

expected<void> check_tags(const lom_ptr& now, const write_options& options,
                          const object_key& key) {
  auto tag = now ? storage::etag_of(*now) : std::string{};
  auto among = [&](const std::vector<std::string>& list) {
    return now && std::any_of(list.begin(), list.end(), [&](auto& x) {
             return x == "*" || x == tag;
           });
  };
  auto& wanted = options.if_match;
  if (!wanted.empty() && !now)
    return fail(errc::object_not_found, cname_of(key) + " does not exist");
  if ((!wanted.empty() && !among(wanted)) || among(options.if_none_match))
    return fail(errc::precondition_failed,
                cname_of(key)
                  + " is not what the request's condition wants: look at it"
                    " again");
  return caf::unit;
}

expected<void>
check_deletion(const delete_object& req, const expected<lom_ptr>& now) {
  if (!req.if_size && !req.if_mtime_s)
    return caf::unit;
  if (!now)
    return now.error();
  auto& x = **now;
  if ((req.if_size && *req.if_size != x.size_bytes)
      || (req.if_mtime_s && *req.if_mtime_s != x.mtime_ns / 1'000'000'000))
    return fail(errc::precondition_failed,
                cname_of(req.key)
                  + " has another size or time than the request's condition"
                    " wants: look at it again");
  return caf::unit;
}

} // namespace

expected<void>
shard_state::check_conditions(const write_options& x, const object_key& key,
                              const expected<lom_ptr>& now) {
  if (x.when == write_if::always && x.if_match.empty()
      && x.if_none_match.empty())
    return caf::unit;
  if (!now && x.restores && now.error() == errc::corrupted)
    return caf::unit;
  if (!now)
    return now.error();
  // What a disabled mountpath has is there, too. (What is moved knows by itself
  // whether it is newer.)
  if (!*now && x.when != write_if::older)
    if (auto ok = all_at_hand(key); !ok)
      return ok;
  if (auto ok = check_tags(*now, x, key); !ok)
    return ok;
  return check_write_if(*now, x, key);
}

void shard_state::decide(const object_key& key, errc fate) {
  for (auto& x : arrivals_)
    if (x.name == key.name && x.bid == key.bucket->ref.bid)
      x.fate = fate;
}

// A write or a deletion that was acknowledged after this one began is newer,
// whatever the numbers say.
expected<void>
shard_state::admit(const object_key& key, const write_options& options,
                   const storage::writer_ptr& writer,
                   const expected<lom_ptr>& now) {
  auto it = std::find_if(arrivals_.begin(), arrivals_.end(),
                         [&](auto& x) { return x.writer.lock() == writer; });
  auto fate = it == arrivals_.end() ? errc::none : it->fate;
  if (it != arrivals_.end())
    arrivals_.erase(it);
  if (fate == errc::exists)
    return fail(fate, cname_of(key) + " was written meanwhile");
  if (fate == errc::conflict)
    return fail(fate, cname_of(key) + " was deleted meanwhile");
  return check_conditions(options, key, now);
}

caf::result<lom_ptr> shard_state::commit(const commit_put& req) {
  return seal_and_enqueue(req.key, req.options, req.writer);
}

caf::result<lom_ptr> shard_state::seal_and_enqueue(const object_key& key,
                                                   const write_options& options,
                                                   storage::writer_ptr writer) {
  if (auto ok = writer->seal(); !ok) {
    if (ok.error() == errc::bad_checksum)
      count(stat::err_put_cksum_n);
    return ok.error();
  }
  return enqueue(key, options, std::move(writer));
}

caf::result<lom_ptr>
shard_state::enqueue(const object_key& key, const write_options& options,
                     storage::writer_ptr writer) {
  auto answer = self_->make_response_promise<lom_ptr>();
  auto known = before(key, options);
  if (options.restores || !may_have_copies(key, known)) {
    join_group(key, options, writer, known, false, answer);
    return answer;
  }
  drop_copies(key, [=, this](const error& e) mutable {
    if (!e)
      return when_free(key, [=, this] {
        join_group(key, options, writer, before(key, options), true, answer);
      });
    leave_copies(key);
    answer.deliver(e);
  });
  return answer;
}

void shard_state::join_group(const object_key& key,
                             const write_options& options,
                             const storage::writer_ptr& writer,
                             const expected<lom_ptr>& known,
                             bool replaces_copied, promise answer) {
  auto refuse = [&](const error& e) {
    if (replaces_copied)
      leave_copies(key);
    answer.deliver(e);
  };
  auto generation = options.anywhere ? expected<uint64_t>{0} : owned(key);
  if (!generation)
    return refuse(generation.error());
  if (auto ok = placed(key); !ok)
    return refuse(ok.error());
  // Again: it may have changed since the write began.
  if (auto ok = admit(key, options, writer, known); !ok)
    return refuse(ok.error());
  auto is_new = !options.moved && !options.restores;
  // What cannot be read now cannot be told from what must be kept.
  if (!known && known.error() != errc::corrupted && !options.restores
      && key.bucket->keeping != storage::keeping::off)
    return refuse(known.error());
  // What is moved here may be newer than what this mountpath had when it went
  // out of use, or the same.
  auto same
    = options.moved && known && *known
      && storage::version_id(**known) == storage::version_id(*options.moved);
  if (known && !same && !options.restores)
    if (auto ok = keep_replaced(key, *known); !ok)
      return refuse(ok.error());
  auto& attrs = writer->attrs();
  attrs.generation = options.moved ? options.moved->generation : *generation;
  attrs.volume = options.moved ? options.moved->volume : volume_version();
  attrs.bid = storage::bid_of(key.bucket->ref, key.name);
  attrs.custom = options.custom;
  attrs.copies = options.restores ? 1 : 0;
  auto keeping = key.bucket->keeping;
  if (is_new)
    attrs.custom.erase(storage::version_key);
  if (is_new && keeping == storage::keeping::enabled)
    attrs.custom[storage::version_key] = storage::make_version_id(
      config_.env.wall_ns(), config_.env.random(), false);
  if (options.moved)
    attrs.version = options.moved->version;
  else if (key.bucket->versioned && !options.skip_vc)
    attrs.version = next_version(known && *known ? (*known)->version : "");
  else if (options.skip_vc && known && *known)
    attrs.version = (*known)->version;
  attrs.atime_ns = attrs.mtime_ns = config_.env.wall_ns();
  if (options.moved) {
    attrs.atime_ns = options.moved->atime_ns;
    attrs.mtime_ns = options.moved->mtime_ns;
  }
  write x{key, answer, replaces_copied,
          is_new && keeping == storage::keeping::suspended};
  auto durability
    = options.durable ? storage::durability::sync : key.bucket->durability;
  storage::commit_item item{key.bucket->ref, key.name, writer, durability,
                            options.moved.has_value()};
  if (durability == storage::durability::none) { // the disk is not waited for
    auto how = mp().commit({&item, 1});
    return written(x, item, how.front());
  }
  busy_.insert(lock_of(key));
  group_.push_back(std::move(x));
  items_.push_back(std::move(item));
  flush_later(!options.moved);
}

std::string shard_state::lock_of(const object_key& key) {
  auto& b = *key.bucket;
  if (b.ref.bck.ns == versions_ns())
    if (auto x = parse_former_name(key.name))
      return hex16(x->bid).append(x->object);
  return hex16(b.ref.bid) + key.name;
}

void shard_state::when_free(const object_key& key, std::function<void()> f) {
  if (!busy(key))
    return f();
  waiting_.emplace_back(lock_of(key), std::move(f));
}

// A group ends the one before: all that comes meanwhile shares its syncs. The
// first one runs behind everything that waits in the mailbox. What only jobs
// move waits for more of its kind: a sync costs the disk the same for many.
void shard_state::flush_later(bool hurry) {
  hurry_ = hurry_ || hurry;
  if (committing_)
    return;
  auto n = group_.size() + removals_.size();
  auto now = config_.group_pause.count() == 0 && n > 0;
  if (hurry_ || now || n >= group_enough) {
    if (!std::exchange(flush_scheduled_, true))
      self_->send(self_, atom::flush_v);
  } else if (n > 0 && !std::exchange(pause_scheduled_, true)) {
    self_->delayed_send(self_, config_.group_pause, atom::flush_v);
  }
}

void shard_state::flush_group() {
  flush_scheduled_ = pause_scheduled_ = false;
  if (committing_ || (group_.empty() && removals_.empty()))
    return;
  hurry_ = false;
  auto all = std::make_shared<commit_group>();
  all->writes = std::exchange(items_, {});
  auto writes = std::make_shared<std::vector<write>>(std::exchange(group_, {}));
  auto removals
    = std::make_shared<std::vector<removal>>(std::exchange(removals_, {}));
  for (auto& [key, done] : *removals)
    all->removals.push_back(
      {key.bucket->ref, key.name, key.bucket->durability});
  committing_ = true;
  ask<all_committed>(
    self_, committer_, commit_timeout, commit_all{all},
    [this, writes, removals](const all_committed& x) {
      committed(*x.group, *writes, *removals);
    },
    [this, writes, removals](const error& e) {
      // The group is the committer's still.
      commit_group lost;
      lost.writes.resize(writes->size());
      lost.written.assign(writes->size(), e);
      lost.removed.assign(removals->size(), e);
      committed(lost, *writes, *removals);
    });
}

void shard_state::committed(commit_group& done, std::vector<write>& writes,
                            std::vector<removal>& removals) {
  committing_ = false;
  for (auto& x : writes)
    busy_.erase(lock_of(x.key));
  for (auto& x : removals)
    busy_.erase(lock_of(x.key));
  for (size_t i = 0; i < writes.size(); ++i)
    written(writes[i], done.writes[i], done.written[i]);
  for (size_t i = 0; i < removals.size(); ++i) {
    auto& [key, then] = removals[i];
    cache_->erase(key);
    if (done.removed[i])
      decide(key, errc::conflict);
    then(done.removed[i] ? expected<ack>{ack{}} : done.removed[i].error());
  }
  // Each may make its object busy again: then the others wait on.
  for (auto& [lock, f] : std::exchange(waiting_, {})) {
    if (busy_.count(lock) > 0)
      waiting_.emplace_back(lock, std::move(f));
    else
      f();
  }
  if (!flushed_.empty())
    flush_group();
  else
    flush_later(false);
  if (!committing_)
    for (auto& x : std::exchange(flushed_, {}))
      x.deliver(ack{});
}

void shard_state::written(write& x, storage::commit_item& item,
                          const expected<storage::file_stamp>& how) {
  auto& [key, answer, replaces_copied, is_null] = x;
  if (replaces_copied)
    leave_copies(key);
  if (!how) {
    cache_->erase(key); // what the disk has now, only the disk knows
    report(how.error());
    if (AIS_MUTANT("put-error-hidden"))
      answer.deliver(lom_ptr{std::make_shared<storage::lom>()});
    answer.deliver(how.error());
    return;
  }
  decide(key, errc::exists);
  auto& entry = cache_->insert(key);
  if (!AIS_MUTANT("lease-kept"))
    cache_->revoke(entry);
  auto attrs = std::make_shared<storage::lom>(item.writer->attrs());
  attrs->mtime_ns = how->mtime_ns; // what the file will say later
  entry.attrs = std::move(attrs);
  entry.atime_ns = entry.disk_atime_ns = entry.attrs->atime_ns;
  entry.stamp = *how;
  entry.verified = true;
  answer.deliver(entry.attrs);
  if (is_null)
    drop_null_versions(key, {});
  if (!replaces_copied)
    mirror(key);
}

/// What is deleted must not come back with a disk: not here, and not after
/// another target has taken it and deleted it there.
expected<void> shard_state::may_leave(const delete_object& req) {
  if (req.given == given_to::mountpath || req.given == given_to::newer)
    return caf::unit;
  return all_at_hand(req.key);
}

caf::result<ack> shard_state::remove(const delete_object& req) {
  if (auto ok = may_leave(req); !ok)
    return ok.error();
  return change_uncopied<ack>(
    req.key, [this, req](auto done) { remove_now(req, done); });
}

void shard_state::remove_now(const delete_object& req, const done_fn& done) {
  auto left = prepare_removal(req);
  if (!left)
    return done(left.error());
  if (!*left)
    return done(ack{});
  if (req.key.bucket->durability == storage::durability::none) {
    auto removed = remove_object(req.key);
    return done(removed ? expected<ack>{ack{}} : removed.error());
  }
  busy_.insert(lock_of(req.key));
  removals_.push_back({req.key, done});
  flush_later(req.given == given_to::nobody);
}

expected<bool> shard_state::prepare_removal(const delete_object& req) {
  auto gone = [](const expected<ack>& x) {
    return x ? expected<bool>{false} : x.error();
  };
  auto mine = owned(req.key);
  auto given = req.given != given_to::nobody;
  if (!mine && !given)
    return mine.error();
  if (mine && given)
    return fail(errc::conflict, cname_of(req.key) + " is ours again");
  if (auto ok = may_leave(req); !ok)
    return ok.error();
  auto known = current(req.key);
  if (!known && known.error() != errc::corrupted)
    return known.error();
  auto keeps = req.key.bucket->keeping != storage::keeping::off && !given;
  if (keeps && !req.version.empty())
    return gone(remove_version(req, known ? *known : nullptr, *mine));
  if (known && !*known) {
    decide(req.key, errc::conflict);
    auto why = denial(req.key, not_found(req.key));
    if (!keeps || req.mark.empty() || why != errc::object_not_found)
      return why;
  }
  if (auto ok = check_removal(req, known); !ok)
    return ok.error();
  if (keeps)
    return gone(retire(req, known, *mine));
  if (known && req.given == given_to::newer)
    if (auto ok = keep_replaced(req.key, *known); !ok)
      return ok.error();
  return true;
}

expected<void> shard_state::check_removal(const delete_object& req,
                                          const expected<lom_ptr>& known) {
  write_options wanted;
  wanted.if_match = req.if_match;
  if (auto ok = check_conditions(wanted, req.key, known); !ok)
    return ok;
  if (known && !*known)
    return caf::unit;
  if (auto ok = check_deletion(req, known); !ok)
    return ok;
  if (req.if_same && !AIS_MUTANT("deleted-blindly"))
    return same_as(req.key, *req.if_same);
  return caf::unit;
}

expected<void> shard_state::remove_object(const object_key& key) {
  auto removed = mp().remove(key.bucket->ref, key.name, key.bucket->durability);
  cache_->erase(key);
  if (removed)
    decide(key, errc::conflict);
  return removed;
}

// The lease keeps its file open: no other file can have that inode meanwhile.
expected<void> shard_state::same_as(const object_key& key, const lease& x) {
  auto opened = open_current(key);
  if (!opened)
    return opened.error();
  auto& [entry, object] = *opened;
  auto& now = object ? *object : *entry->out->object;
  auto& was = *x.object;
  if (now.stamp.ino == was.stamp.ino && now.attrs.version == was.attrs.version
      && now.attrs.custom == was.attrs.custom)
    return caf::unit;
  return fail(errc::conflict, cname_of(key) + " has changed meanwhile");
}

caf::result<lom_ptr> shard_state::change(const set_custom& req) {
  return change_uncopied<lom_ptr>(
    req.key, [this, req](auto done) { done(change_now(req)); });
}

expected<lom_ptr> shard_state::change_now(const set_custom& req) {
  auto generation = owned(req.key);
  if (!generation)
    return generation.error();
  auto known = current(req.key);
  if (!known)
    return known.error();
  if (!*known)
    return denial(req.key, not_found(req.key));
  auto next = std::make_shared<storage::lom>(**known);
  next->generation = *generation;
  next->volume = volume_version();
  next->copies = 0;
  if (req.replace) // what the content is stays true
    std::erase_if(next->custom, [](auto& x) {
      return !storage::of_content(x.first) && !storage::internal(x.first);
    });
  for (auto& k : req.erase)
    next->custom.erase(k);
  for (auto& [k, v] : req.custom)
    next->custom[k] = v;
  if (auto ok = storage::check_custom(next->custom); !ok)
    return ok.error();
  if (auto ok = replace_attrs(req.key, *next, req.key.bucket->durability); !ok)
    return ok.error();
  return next;
}

expected<void>
shard_state::replace_attrs(const object_key& key, const storage::lom& next,
                           storage::durability d) {
  auto* entry = cache_->find(key);
  auto verified = entry && entry->verified;
  auto stored = mp().store_attrs(key.bucket->ref, key.name, next, d);
  cache_->erase(key);
  if (!stored)
    return stored.error();
  // The attribute moved the file's stamp but not its bytes.
  if (auto opened = open_current(key); opened && verified)
    opened->first->verified = true;
  return caf::unit;
}

// -- versions
// --------------------------------------------------------------------------

expected<void>
shard_state::keep_replaced(const object_key& key, const lom_ptr& known) {
  auto& b = *key.bucket;
  if (!known || b.keeping == storage::keeping::off
      || AIS_MUTANT("replaced-not-kept"))
    return caf::unit;
  auto replaced = b.keeping == storage::keeping::suspended
                  && storage::is_null_version(storage::version_id(*known));
  if (replaced)
    return caf::unit;
  return storage::keep_version(mp(), b.ref, key.name, *known, b.durability);
}

expected<std::vector<storage::kept_version>>
shard_state::former_versions(const object_key& key, const lom_ptr& present) {
  if (map_ && view_ && may_be_elsewhere(**map_, **view_, key))
    return fail(errc::not_ready,
                "former versions of " + cname_of(key)
                  + " may be on their way here: try again when no objects"
                    " move");
  auto all = storage::kept_versions(mp(), key.bucket->ref, key.name);
  if (all && present)
    std::erase_if(*all, [id = storage::version_id(*present)](auto& x) {
      return x.id == id;
    });
  return all;
}

expected<void> shard_state::drop_version(const object_key& key,
                                         const storage::kept_version& x) {
  auto& b = *key.bucket;
  auto gone = storage::drop_version(mp(), b.ref, x, b.durability);
  cache_->erase(b.versions_bid, x.name);
  return gone;
}

// What is left after a failure is removed with the next one.
void shard_state::drop_null_versions(const object_key& key,
                                     std::string_view but) {
  auto all = former_versions(key, nullptr);
  if (!all)
    return report(all.error());
  for (auto& x : *all)
    if (storage::is_null_version(x.id) && x.id != but)
      if (auto ok = drop_version(key, x); !ok)
        return report(ok.error());
}

expected<void>
shard_state::promote(const object_key& key, const storage::kept_version& x,
                     uint64_t generation) {
  auto& b = *key.bucket;
  auto attrs = x.attrs;
  attrs.generation = generation;
  attrs.volume = volume_version();
  attrs.copies = 0;
  auto done = storage::promote_version(mp(), b.ref, key.name, x,
                                       std::move(attrs), b.durability);
  cache_->erase(key);
  cache_->erase(b.versions_bid, x.name);
  if (done)
    decide(key, errc::conflict);
  return done;
}

expected<ack>
shard_state::retire(const delete_object& req, const expected<lom_ptr>& known,
                    uint64_t generation) {
  auto& key = req.key;
  auto& b = *key.bucket;
  if (known)
    if (auto ok = keep_replaced(key, *known); !ok)
      return ok.error();
  storage::lom like;
  like.generation = generation;
  like.volume = volume_version();
  like.mtime_ns = config_.env.wall_ns();
  auto null = b.keeping == storage::keeping::suspended;
  auto id
    = null ? storage::null_version_id(like.mtime_ns, true)
      : !req.mark.empty()
        ? req.mark
        : storage::make_version_id(like.mtime_ns, config_.env.random(), true);
  auto marked
    = storage::add_mark(mp(), b.ref, key.name, id, like, b.durability);
  if (!marked)
    return marked.error();
  if (!known || *known) // what is damaged goes, too
    if (auto ok = remove_object(key); !ok)
      return ok.error();
  if (null)
    drop_null_versions(key, id);
  return ack{};
}

expected<ack>
shard_state::remove_version(const delete_object& req, const lom_ptr& known,
                            uint64_t generation) {
  auto& key = req.key;
  auto all = former_versions(key, known);
  if (!all)
    return all.error();
  auto is_it = [&](std::string_view id) {
    return storage::shown_version(id) == req.version;
  };
  auto object_at = [&](size_t i) {
    return i < all->size() && !storage::is_mark((*all)[i].id);
  };
  if (known && is_it(storage::version_id(*known))) {
    if (req.former)
      return fail(errc::conflict,
                  cname_of(key) + " has that version now: it is no former one");
    if (auto ok = check_removal(req, known); !ok)
      return ok.error();
    auto done = object_at(0) ? promote(key, all->front(), generation)
                             : remove_object(key);
    return done ? expected<ack>{ack{}} : done.error();
  }
  auto it = std::find_if(all->begin(), all->end(),
                         [&](auto& x) { return is_it(x.id); });
  if (it == all->end())
    return not_found(key);
  // A mark that hid the object: the object is there again, before the mark
  // goes.
  if (!known && it == all->begin() && storage::is_mark(it->id) && object_at(1))
    if (auto ok = promote(key, (*all)[1], generation); !ok)
      return ok.error();
  auto done = drop_version(key, *it);
  return done ? expected<ack>{ack{}} : done.error();
}

expected<found_version> shard_state::find(const find_version& req) {
  auto& key = req.key;
  if (auto mine = owned(key); !mine)
    return mine.error();
  auto known = current(key);
  if (!known)
    return known.error();
  auto is_it = [&](std::string_view id) {
    return storage::shown_version(id) == req.version;
  };
  if (*known && is_it(storage::version_id(**known)))
    return found_version{true, {}};
  if (req.version != "null")
    return found_version{
      false, storage::version_name(key.bucket->ref, key.name, req.version)};
  auto all = former_versions(key, *known);
  if (!all)
    return all.error();
  for (auto& x : *all)
    if (is_it(x.id))
      return found_version{false, x.name};
  return not_found(key);
}

expected<object_versions> shard_state::versions(const list_versions& req) {
  if (auto mine = owned(req.key); !mine)
    return mine.error();
  auto known = current(req.key);
  if (!known)
    return known.error();
  auto former = former_versions(req.key, *known);
  if (!former)
    return former.error();
  return object_versions{std::move(*known), std::move(*former)};
}

// -- copies
// ------------------------------------------------------------------------

bool shard_state::may_have_copies(const object_key& key,
                                  const expected<lom_ptr>& known) {
  if (!view_)
    return false;
  if (known && *known)
    return (*known)->copies > 0;
  if (key.bucket->copies < 2)
    return false;
  return !known || (*view_)->left_behind(key); // damaged, or lost
}

void shard_state::drop_copies(const object_key& key,
                              std::function<void(const error&)> then) {
  ++uncopied_[uname_of(key.bucket->ref.bck, key.name)];
  // What is on its way to become a copy is refused from here on.
  if (auto* entry = cache_->find(key))
    cache_->revoke(*entry);
  std::vector<shard_actor> others;
  for (auto& x : (*view_)->everywhere(key)) {
    if (x.mpath->disk.get() != &mp())
      others.push_back(x.shard);
    else if (auto ok = drop_the_copy({key}); !ok)
      return then(ok.error());
  }
  if (AIS_MUTANT("copies-kept"))
    others.clear();
  gather(self_, others, copies_timeout, drop_copy{key},
         [then = std::move(then)](const error& e) {
           if (!e)
             return then({});
           then(fail(errc::not_ready, "copies of the object cannot be removed"
                                      " now, try again: "
                                        + message_of(e)));
         });
}

void shard_state::leave_copies(const object_key& key) {
  auto i = uncopied_.find(uname_of(key.bucket->ref.bck, key.name));
  if (i != uncopied_.end() && --i->second == 0)
    uncopied_.erase(i);
  mirror(key);
}

template <class T>
caf::result<T> shard_state::change_uncopied(
  const object_key& key,
  std::function<void(std::function<void(const expected<T>&)>)> change) {
  auto known = current(key);
  auto answer = self_->make_response_promise<T>();
  auto tell = [this, answer](const expected<T>& done) mutable {
    if (done) {
      answer.deliver(T{*done});
      return;
    }
    report(done.error());
    answer.deliver(done.error());
  };
  // What is not there may be lost: a copy must not bring it back.
  auto lost = known && !*known && view_ && key.bucket->copies > 1;
  if (!lost && !may_have_copies(key, known)) {
    change(tell);
    return answer;
  }
  auto end = [this, key, tell](const expected<T>& done) mutable {
    leave_copies(key);
    tell(done);
  };
  drop_copies(key, [this, key, change, end](const error& e) mutable {
    if (e)
      return end(expected<T>{e});
    when_free(key, [change, end] { change(end); });
  });
  return answer;
}

void shard_state::mirror(const object_key& key) {
  if (view_ && key.bucket->copies > 1 && (*view_)->mirror)
    self_->send((*view_)->mirror, mirror_object{key});
}

expected<marked> shard_state::mark(const mark_copied& req) {
  auto& key = req.key;
  if (auto mine = owned(key); !mine)
    return mine.error();
  if (uncopied_.count(uname_of(key.bucket->ref.bck, key.name)))
    return fail(errc::busy, cname_of(key) + " is being changed");
  auto known = current(key);
  if (!known)
    return known.error();
  if (!*known)
    return not_found(key);
  auto before = (*known)->copies > 0;
  if (!before) {
    auto next = **known;
    next.copies = 1;
    if (auto ok = replace_attrs(key, next, key.bucket->durability); !ok)
      return ok.error();
  }
  auto object = open({key, false, true});
  if (!object)
    return object.error();
  return marked{std::move(*object), before};
}

expected<ack> shard_state::note(const note_copies& req) {
  auto& key = req.key;
  if (auto ok = placed(key); !ok)
    return ok.error();
  if (req.object->over())
    return fail(errc::conflict, cname_of(key) + " has changed meanwhile");
  auto known = current(key);
  if (!known)
    return known.error();
  if (!*known)
    return not_found(key);
  auto next = **known;
  next.copies = req.copies;
  // If this is lost, there may be copies, as before.
  auto ok = replace_attrs(key, next,
                          req.copies == 0 ? key.bucket->durability
                                          : storage::durability::none);
  if (!ok)
    return ok.error();
  return ack{};
}

expected<lease_ptr> shard_state::open_the_copy(const open_copy& req) {
  auto object
    = mp().open_object(storage::copies_of(req.key.bucket->ref), req.key.name);
  if (!object)
    return object.error();
  return lease_of(std::move(*object));
}

expected<put_begun> shard_state::begin_the_copy(const begin_copy& req) {
  auto& attrs = req.of->object->attrs;
  auto writer = mp().begin(storage::copies_of(req.key.bucket->ref),
                           attrs.cksum.type, attrs.size_bytes, false);
  if (!writer)
    return writer.error();
  return put_begun{std::move(*writer), nullptr};
}

expected<ack> shard_state::store_the_copy(const store_copy& req) {
  auto& attrs = req.writer->attrs();
  if (auto ok = req.writer->seal(); !ok)
    return ok.error();
  auto& of = req.of->object->attrs;
  if (attrs.cksum != of.cksum || attrs.size_bytes != of.size_bytes)
    return fail(errc::corrupted, "the copy of " + cname_of(req.key)
                                   + " differs from its object");
  attrs = of;
  attrs.copies = 0;
  if (req.of->over())
    return fail(errc::conflict, cname_of(req.key) + " has changed meanwhile");
  storage::commit_item item{storage::copies_of(req.key.bucket->ref),
                            req.key.name, req.writer,
                            req.key.bucket->durability, true};
  auto done = mp().commit({&item, 1});
  if (!done[0])
    return done[0].error();
  return ack{};
}

expected<ack> shard_state::drop_the_copy(const drop_copy& req) {
  auto gone = mp().remove(storage::copies_of(req.key.bucket->ref), req.key.name,
                          req.key.bucket->durability);
  if (!gone && gone.error() != errc::object_not_found)
    return gone.error();
  return ack{};
}

bool shard_state::restorable(const object_key& key, const error& e) {
  return (e == errc::corrupted || e == errc::object_not_found) && view_
         && key.bucket->copies > 1 && (*view_)->mirror;
}

template <class T, class F>
caf::result<T>
shard_state::restore(const object_key& key, const error& why, F again) {
  auto answer = self_->make_response_promise<T>();
  auto look = [this, again, answer]() mutable {
    auto result = again();
    if (result) {
      answer.deliver(std::move(*result));
      return;
    }
    report(result.error());
    answer.deliver(result.error());
  };
  auto end = [this, key, look](const error&) {
    when_free(key, look);
  };
  ask<ack>(
    self_, (*view_)->mirror, restore_timeout,
    restore_object{key, why == errc::corrupted},
    [end](ack) mutable { end({}); }, end);
  return answer;
}

caf::result<lease_ptr> shard_state::open_or_restore(const open_object& req) {
  auto opened = open(req);
  if (opened)
    return std::move(*opened);
  if (!req.anywhere && restorable(req.key, opened.error()))
    return restore<lease_ptr>(req.key, opened.error(),
                              [this, req] { return open(req); });
  report(opened.error());
  return opened.error();
}

caf::result<lom_ptr> shard_state::head_or_restore(const head_object& req) {
  auto attrs = head(req);
  if (attrs)
    return std::move(*attrs);
  if (restorable(req.key, attrs.error()))
    return restore<lom_ptr>(req.key, attrs.error(),
                            [this, req] { return head(req); });
  report(attrs.error());
  return attrs.error();
}

// -- appending
// ------------------------------------------------------------------------

expected<append_begun> shard_state::append(const begin_append& req) {
  if (!req.handle.empty()) {
    auto i = appends_.find(req.handle);
    if (i == appends_.end() || i->second.key.name != req.key.name
        || i->second.key.bucket->ref.bid != req.key.bucket->ref.bid)
      return fail(errc::not_found,
                  "append handle of " + cname_of(req.key)
                    + " does not exist; it may have expired: start again");
    if (i->second.lent)
      return fail(errc::busy, "another request appends to this handle now");
    i->second.lent = true;
    return append_begun{req.handle, i->second.writer};
  }
  if (appends_.size() >= max_open_appends)
    return fail(errc::too_many_requests,
                "too many open appends; flush some of them first");
  auto opened = open_current(req.key);
  if (!opened && opened.error() != errc::object_not_found)
    return opened.error();
  expected<storage::writer_ptr> writer{error{}};
  if (opened) {
    auto& [entry, object] = *opened;
    auto& source = object ? *object : *entry->out->object;
    writer
      = mp().begin_copy(req.key.bucket->ref, req.key.bucket->cksum, source);
    if (writer)
      (*writer)->attrs().custom = source.attrs.custom;
  } else {
    writer = mp().begin(req.key.bucket->ref, req.key.bucket->cksum, 0, false);
  }
  if (!writer)
    return writer.error();
  auto handle = config_.name + '|' + make_id(config_.env);
  appends_[handle] = {req.key, *writer, true, config_.env.wall_ns()};
  return append_begun{handle, std::move(*writer)};
}

void shard_state::append_done(const end_append& req) {
  auto i = appends_.find(req.handle);
  if (i == appends_.end())
    return;
  if (!req.ok) {
    appends_.erase(i);
    return;
  }
  i->second.lent = false;
  i->second.used_ns = config_.env.wall_ns();
}

caf::result<lom_ptr> shard_state::append_flush(const flush_append& req) {
  auto borrowed = append({req.key, req.handle});
  if (!borrowed)
    return borrowed.error();
  appends_.erase(req.handle);
  auto& writer = borrowed->writer;
  if (auto ok = writer->seal(); !ok)
    return ok.error();
  if (req.expected && req.expected->type == writer->attrs().cksum.type
      && *req.expected != writer->attrs().cksum) {
    count(stat::err_put_cksum_n);
    return fail(errc::bad_checksum, "BAD DATA CHECKSUM: " + req.expected->value
                                      + " given, " + writer->attrs().cksum.value
                                      + " received (appending to "
                                      + cname_of(req.key) + ")");
  }
  write_options options;
  options.custom = writer->attrs().custom;
  std::erase_if(options.custom,
                [](auto& x) { return storage::of_content(x.first); });
  return enqueue(req.key, options, std::move(writer));
}

// -- upkeep
// ---------------------------------------------------------------------------

void shard_state::store_atime(cached_object& x) {
  auto last = x.last_access_ns();
  if (last < x.disk_atime_ns + atime_slack_ns)
    return;
  mp().store_atime(x.bucket->ref, x.name, last);
  x.disk_atime_ns = last;
}

void shard_state::report(const error& e) {
  auto disks = e == errc::io_error || e == errc::not_a_directory;
  if (disks && config_.keeper)
    self_->send(config_.keeper, io_failed{});
}

caf::result<ack> shard_state::tick() {
  flush_group();
  auto now = config_.env.wall_ns();
  cache_->for_each([this](cached_object& x) {
    auto before = x.disk_atime_ns;
    store_atime(x);
    if (x.disk_atime_ns == before)
      return;
    // Setting the time moved the file's stamp: follow it.
    cache_->revoke(x);
    auto object = mp().open_object(x.bucket->ref, x.name);
    if (object && (*object)->stamp.mtime_ns == x.stamp.mtime_ns
        && (*object)->stamp.ino == x.stamp.ino)
      x.stamp = (*object)->stamp;
  });
  auto limit = std::chrono::nanoseconds{append_idle}.count();
  std::erase_if(appends_, [&](auto& x) {
    return !x.second.lent && now - x.second.used_ns > limit;
  });
  if (!committing_)
    return ack{};
  auto answer = self_->make_response_promise<ack>();
  flushed_.push_back(answer);
  return answer;
}

// -- behaviour
// ------------------------------------------------------------------------

namespace {

template <class T>
caf::result<T> to_result(shard_state& st, expected<T>&& x) {
  if (x)
    return std::move(*x);
  st.report(x.error());
  return x.error();
}

template <class T>
caf::result<T> to_result(shard_state&, caf::result<T>&& x) {
  return std::move(x);
}

/// A handler of requests for objects; what wants a busy one stays in the
/// mailbox.
template <class Reply, class Request>
auto unless_busy(shard_state& st,
                 Reply (shard_state::*handle)(const Request&)) {
  using result = decltype(to_result(st, (st.*handle)(std::declval<Request>())));
  return [&st, handle](const Request& x) -> result {
    if (st.busy(x.key)) {
      if constexpr (std::is_same_v<Request, open_object>)
        if (x.at_once)
          return fail(errc::busy, x.key.name + " is being changed");
      return caf::skip;
    }
    return to_result(st, (st.*handle)(x));
  };
}

shard_impl::behavior_type
shard(shard_impl::stateful_pointer<shard_state> self, shard_config config) {
  auto& st = self->state;
  st.init(self, config);
  using state = shard_state;
  return {
    unless_busy(st, &state::open_or_restore),
    unless_busy(st, &state::head_or_restore),
    unless_busy(st, &state::put),
    unless_busy(st, &state::begin),
    unless_busy(st, &state::commit),
    unless_busy(st, &state::remove),
    unless_busy(st, &state::find),
    unless_busy(st, &state::versions),
    unless_busy(st, &state::change),
    unless_busy(st, &state::append),
    [&st](const end_append& x) { st.append_done(x); },
    unless_busy(st, &state::append_flush),
    [&st](const verdict& x) { st.judge(x); },
    unless_busy(st, &state::mark),
    unless_busy(st, &state::note),
    [&st](const open_copy& x) { return to_result(st, st.open_the_copy(x)); },
    [&st](const begin_copy& x) { return to_result(st, st.begin_the_copy(x)); },
    [&st](const store_copy& x) { return to_result(st, st.store_the_copy(x)); },
    [&st](const drop_copy& x) { return to_result(st, st.drop_the_copy(x)); },
    [&st](atom::tick) { return st.tick(); },
    [&st](atom::flush) { st.flush_group(); },
  };
}

} // namespace

shard_actor spawn_shard(caf::actor_system& sys, const shard_config& config) {
  return spawn_blocking(sys, config.env, shard, config);
}

} // namespace ais
