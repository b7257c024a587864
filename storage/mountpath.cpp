#include "storage/mountpath.hpp"

#include "storage/base/crash.hpp"
#include "storage/base/home.hpp"
#include "storage/base/hrw.hpp"
#include "storage/base/mutant.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace ais::storage {

namespace {

constexpr std::string_view objects_name = "%ob";
constexpr std::string_view copies_name = "%cp";
constexpr std::string_view work_name = "%wk";
constexpr std::string_view trash_name = ".$deleted";
constexpr std::string_view vmd_name = ".ais.vmd";
constexpr std::string_view check_name = ".ais.check";
constexpr size_t check_bytes = 64 << 10;
constexpr const char* vmd_attr = "user.ais.vmd"; ///< of the root: node id
constexpr std::string_view reserved = ".%";      ///< begins names of our own
constexpr std::string_view self_name = ".%self";
constexpr size_t max_component = 255;
constexpr size_t max_vmd_bytes = 64 << 10;
constexpr uint64_t preallocate_from = 256 << 10; ///< [bytes]
constexpr size_t copy_chunk = 256 << 10;
/// A place changes under a commit only by conversions and removals beside it.
constexpr int max_place_tries = 16;

std::string join(std::string_view dir, std::string_view name) {
  std::string out;
  out.reserve(dir.size() + name.size() + 1);
  out.append(dir).append("/").append(name);
  return out;
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::string hashed_name(std::string_view name) {
  auto sum = cksum_of(cksum_type::sha256,
                      std::as_bytes(std::span{name.data(), name.size()}));
  return std::string{reserved} + sum.value;
}

bool is(const error& e, errc code) {
  return e == code;
}

error no_bucket(const bck& b) {
  return fail(errc::bucket_not_found,
              "bucket \"" + cname_of(b) + "\" does not exist");
}

error no_object(const bck& b, std::string_view name) {
  return fail(errc::object_not_found, cname_of(b, name) + " does not exist");
}

std::span<const std::byte> as_bytes(std::string_view x) {
  return std::as_bytes(std::span{x.data(), x.size()});
}

/// The name as the attributes keep it: empty where the path tells it, or where
/// it needs a file of its own.
std::string_view kept_name(std::string_view name) {
  return mountpath::hashed(name) && name.size() <= max_attr_name
           ? name
           : std::string_view{};
}

std::string name_file(const std::string& path) {
  return path + ".n";
}

/// Reads the attribute of a bucket directory; 0 if there is none: it was never
/// finished. What cannot be read or understood is an error: the directory may
/// be full of objects.
expected<uint64_t> read_bid(disk& d, const std::string& dir) {
  auto raw = d.get_attr(dir, bid_attr);
  if (!raw) {
    if (is(raw.error(), errc::not_found))
      return uint64_t{0};
    return with_context(raw.error(), dir);
  }
  uint64_t bid = 0;
  auto* p = reinterpret_cast<const char*>(raw->data());
  auto [end, ec] = std::from_chars(p, p + raw->size(), bid);
  if (ec != std::errc{} || end != p + raw->size()) {
    return fail(errc::integrity,
                "the bucket id (attribute " + std::string{bid_attr} + ") of "
                  + dir
                  + " is damaged: set it to the bucket's \"bid\", or move"
                    " the directory away");
  }
  return bid;
}

/// Joins what file and attribute say of an object; errors as open_object's.
expected<lom>
check_object(const bucket_ref& b, std::string_view name,
             std::span<const std::byte> raw, const file_stat& st) {
  auto decoded = decode_lom(raw);
  if (!decoded)
    return with_context(decoded.error(), cname_of(b.bck, name));
  auto& attrs = decoded->attrs;
  auto named = decoded->long_name == kept_name(name);
  auto same = attrs.bid == bid_of(b, name) || AIS_MUTANT("incarnations-mixed");
  if (!same || attrs.size_bytes != st.stamp.size_bytes || !named)
    return no_object(b.bck, name);
  attrs.atime_ns = st.atime_ns;
  attrs.mtime_ns = st.stamp.mtime_ns;
  return std::move(attrs);
}

} // namespace

// -- durability
// -------------------------------------------------------------------

std::string_view to_string(durability x) {
  return x == durability::sync ? "sync" : "none";
}

expected<durability> parse_durability(std::string_view x) {
  if (x == "sync")
    return durability::sync;
  if (x == "none")
    return durability::none;
  return fail(errc::invalid_argument, "unknown durability \"" + std::string{x}
                                        + "\": use sync or none");
}

bucket_ref copies_of(const bucket_ref& b) {
  return {b.bck, b.bid, part::copies};
}

uint64_t bid_of(const bucket_ref& b, std::string_view name) {
  auto former = b.bck.ns == versions_ns() ? parse_former_name(name)
                                          : std::optional<former_name>{};
  return former ? former->bid : b.bid;
}

// -- start
// ------------------------------------------------------------------------

mountpath::mountpath(ais::storage::disk& d, options opts)
  : disk_(d), opts_(std::move(opts)), digest_(placement_digest(opts_.root)) {}

expected<std::unique_ptr<mountpath>>
mountpath::open(ais::storage::disk& d, options opts) {
  if (opts.root.empty() || opts.root.front() != '/' || opts.root.back() == '/')
    return fail(errc::invalid_argument,
                "mountpath \"" + opts.root + "\" must be an absolute path");
  if (opts.root.size() > max_root)
    return fail(errc::invalid_argument,
                "mountpath " + opts.root.substr(0, 80) + "... has more than "
                  + std::to_string(max_root)
                  + " bytes: use a directory with a shorter path");
  if (opts.claimed) {
    // A disk that is not mounted leaves an empty directory.
    auto there = exists(d, join(opts.root, vmd_name));
    if (!there)
      return with_context(there.error(), "mountpath " + opts.root);
    if (!*there)
      return fail(errc::not_found,
                  "mountpath " + opts.root
                    + " is empty, but was not: is its disk mounted? (To begin"
                      " with an empty one, remove .ais.mountpaths from the"
                      " node's directory conf)");
  }
  std::unique_ptr<mountpath> out{new mountpath(d, std::move(opts))};
  if (auto ok = make_dirs_durable(d, join(out->root(), trash_name)); !ok)
    return with_context(ok.error(), "mountpath " + out->root());
  if (auto ok = out->claim(); !ok)
    return ok.error();
  // What an earlier process had not synced yet is visible now.
  if (auto ok = d.sync_all(out->root()); !ok)
    return with_context(ok.error(), "mountpath " + out->root());
  return out;
}

expected<void> mountpath::claim() {
  namespace json = boost::json;
  auto path = join(root(), vmd_name);
  auto fs = disk_.identity(root());
  if (!fs)
    return with_context(fs.error(), "mountpath " + root());
  fs_ = *fs;
  auto raw = read_file(disk_, path, max_vmd_bytes);
  if (!raw && !is(raw.error(), errc::not_found))
    return raw.error();
  if (!raw) {
    // An attribute on the root as well: better refused now than at each PUT.
    auto probe = disk_.set_attr(root(), vmd_attr, as_bytes(opts_.node_id));
    if (!probe && is(probe.error(), errc::unsupported))
      return with_context(probe.error(),
                          "mountpath " + root()
                            + " is on a file system without extended"
                              " attributes: use ext4, XFS or Btrfs");
    if (!probe)
      return probe.error();
    json::object vmd{
      {"version", 1},
      {"node_id", opts_.node_id},
      {"fs", {{"device", fs->device}, {"type", fs->type}, {"id", fs->id}}}};
    return write_file(disk_, path, as_bytes(json::serialize(vmd) + "\n"));
  }
  boost::system::error_code ec;
  auto text
    = std::string_view{reinterpret_cast<const char*>(raw->data()), raw->size()};
  auto vmd = json::parse(text, ec);
  auto member = [&](auto... keys) -> std::string {
    const json::value* at = &vmd;
    for (std::string_view key : {std::string_view{keys}...}) {
      auto* object = at->if_object();
      at = object ? object->if_contains(key) : nullptr;
      if (!at)
        return {};
    }
    return at->is_string() ? std::string{at->get_string()} : std::string{};
  };
  if (ec || member("node_id").empty())
    return fail(errc::integrity,
                path
                  + " is damaged: restore it, or, if this directory belongs "
                    "to this node, remove the file and start again");
  if (member("node_id") != opts_.node_id)
    return fail(errc::integrity,
                "mountpath " + root() + " belongs to node " + member("node_id")
                  + ", not to " + opts_.node_id
                  + ": give this node another directory, or start that node");
  if (member("fs", "type") != fs->type || member("fs", "id") != fs->id) {
    return fail(errc::integrity,
                "mountpath " + root()
                  + " is on another file system than before"
                    " ("
                  + member("fs", "type") + ' ' + member("fs", "id") + " then, "
                  + fs->type + ' ' + fs->id
                  + " now): mount the right disk, or remove " + path
                  + " if you moved the data on purpose");
  }
  return caf::unit;
}

expected<void> mountpath::release() {
  close();
  auto all = disk_.list(root());
  if (!all)
    return all.error();
  // The name of the owner goes last, after what could be taken for its
  // metadata.
  auto vmd = join(root(), vmd_name);
  for (auto& x : *all)
    if (x.kind == entry_kind::file && x.name != vmd_name
        && x.name.rfind(".ais.", 0) == 0)
      if (auto ok = disk_.remove_file(join(root(), x.name)); !ok)
        return ok;
  if (auto ok = disk_.sync_dir(root()); !ok)
    return ok;
  if (auto ok = disk_.remove_file(vmd); !ok)
    return ok;
  return disk_.sync_dir(root());
}

expected<void> mountpath::present() {
  auto there = exists(disk_, join(root(), vmd_name));
  if (!there || !*there)
    return fail(errc::io_error,
                "mountpath " + root()
                  + " is not there any more: was its disk unmounted?");
  return caf::unit;
}

expected<void> mountpath::check() {
  if (auto ok = present(); !ok)
    return ok;
  auto fs = disk_.identity(root());
  if (!fs)
    return fs.error();
  if (fs->id != fs_.id || fs->type != fs_.type)
    return fail(errc::io_error, root()
                                  + " is on another file system than at"
                                    " the start: was its disk unmounted?");
  auto path = join(root(), check_name);
  auto pattern = opts_.nonce + fresh_name();
  while (pattern.size() < check_bytes)
    pattern += pattern;
  auto ok = write_file(disk_, path, as_bytes(pattern));
  if (!ok && is(ok.error(), errc::no_space))
    return caf::unit;
  if (!ok)
    return ok;
  auto back = read_file(disk_, path, 2 * check_bytes);
  if (!back)
    return back.error();
  auto same = std::equal(back->begin(), back->end(), as_bytes(pattern).begin(),
                         as_bytes(pattern).end());
  if (!same)
    return fail(errc::io_error, path + " reads back other bytes than written");
  return disk_.remove_file(path);
}

// -- paths
// ------------------------------------------------------------------------

std::string mountpath::bucket_dir(const bck& b) const {
  auto dir = root() + "/@" + std::string{to_string(b.provider)};
  if (!b.ns.global())
    dir += '/' + uname_of(b.ns);
  return join(dir, b.name);
}

std::string mountpath::objects_dir(const bucket_ref& b) const {
  return join(bucket_dir(b.bck),
              b.part == part::copies ? copies_name : objects_name);
}

std::string mountpath::work_dir(const bck& b) const {
  return join(bucket_dir(b), work_name);
}

std::string mountpath::fresh_name() {
  return opts_.nonce + '.' + std::to_string(++next_name_);
}

expected<std::string>
mountpath::name_at(const std::string& path, std::string attrs) const {
  if (!attrs.empty())
    return attrs;
  auto raw = read_file(disk_, name_file(path), max_object_name);
  if (!raw)
    return raw.error();
  return std::string{reinterpret_cast<const char*>(raw->data()), raw->size()};
}

bool mountpath::hashed(std::string_view name) {
  if (name.size() > max_plain_name)
    return true;
  for (;;) {
    auto slash = name.find('/');
    auto component = name.substr(0, slash);
    if (component.empty() || component.size() > max_component
        || component.substr(0, reserved.size()) == reserved)
      return true;
    if (slash == std::string_view::npos)
      return false;
    name.remove_prefix(slash + 1);
  }
}

std::string
mountpath::plain_path(const bucket_ref& b, std::string_view name) const {
  return join(objects_dir(b), hashed(name) ? hashed_name(name) : name);
}

// -- buckets
// ----------------------------------------------------------------------

expected<void> mountpath::probe() {
  // In the trash, so that what a crash leaves is swept.
  auto dir = join(join(root(), trash_name), fresh_name());
  if (auto ok = disk_.make_dir(dir); !ok)
    return with_context(ok.error(), "mountpath " + root());
  return disk_.remove_dir(dir);
}

expected<void> mountpath::create_bucket(const bucket_ref& b) {
  auto dir = bucket_dir(b.bck);
  auto there = exists(disk_, dir);
  if (!there)
    return there.error();
  if (*there) {
    auto known = read_bid(disk_, dir);
    if (!known)
      return known.error();
    if (*known != b.bid && !AIS_MUTANT("incarnations-mixed"))
      if (auto ok = destroy_bucket(b.bck); !ok)
        return ok;
  }
  // What fails from here on is made up for before the first object counts as
  // stored: the next try finds directories that it did not make.
  std::vector<std::string> changed;
  auto made = make_dirs(disk_, dir, &changed);
  changed.push_back(dir);
  if (AIS_MUTANT("bucket-no-sync"))
    changed.clear();
  for (auto& x : changed)
    not_durable(x);
  if (!made)
    return made;
  AIS_CRASH_POINT("bucket.create.dir");
  auto bid = std::to_string(b.bid);
  if (auto ok = disk_.set_attr(dir, bid_attr, as_bytes(bid)); !ok)
    return ok;
  AIS_CRASH_POINT("bucket.create.tagged");
  for (auto name : {objects_name, copies_name, work_name})
    if (auto ok = make_dirs(disk_, join(dir, name)); !ok)
      return ok;
  if (auto failed = sync_dirs({changed.begin(), changed.end()});
      !failed.empty())
    return failed.begin()->second;
  AIS_CRASH_POINT("bucket.create.synced");
  return caf::unit;
}

expected<void> mountpath::destroy_bucket(const bck& b) {
  std::unique_lock guard{layout_};
  return to_trash(bucket_dir(b));
}

expected<void> mountpath::to_trash(const std::string& dir) {
  AIS_CRASH_POINT("bucket.destroy.begin");
  auto trash = join(root(), trash_name);
  auto moved = disk_.rename(dir, join(trash, fresh_name()));
  if (!moved)
    return is(moved.error(), errc::not_found) ? expected<void>{caf::unit}
                                              : moved;
  AIS_CRASH_POINT("bucket.destroy.renamed");
  if (auto ok = disk_.sync_dir(parent_of(dir)); !ok)
    return ok;
  if (auto ok = disk_.sync_dir(trash); !ok)
    return ok;
  AIS_CRASH_POINT("bucket.destroy.synced");
  return caf::unit;
}

expected<void> mountpath::end_writes(const bck& b) {
  std::unique_lock guard{layout_};
  return replace_dir(work_dir(b));
}

expected<void> mountpath::forget_copies(const bucket_ref& b) {
  std::unique_lock guard{layout_};
  auto dir = objects_dir(copies_of(b));
  auto entries = disk_.list(dir);
  if (entries && entries->empty())
    return caf::unit;
  if (!entries && !is(entries.error(), errc::not_found))
    return entries.error();
  return replace_dir(dir);
}

/// By an empty one; its files go to the trash.
expected<void> mountpath::replace_dir(const std::string& dir) {
  if (auto ok = to_trash(dir); !ok)
    return ok;
  if (auto ok = make_dirs(disk_, dir); !ok)
    return ok;
  return disk_.sync_dir(parent_of(dir));
}

expected<std::vector<bucket_ref>> mountpath::buckets() {
  std::vector<bucket_ref> out;
  auto collect = [&](const std::string& dir, bck b) -> expected<void> {
    auto entries = disk_.list(dir);
    if (!entries)
      return entries.error();
    for (auto& x : *entries) {
      if (x.kind != entry_kind::dir || x.name.front() == '@')
        continue;
      b.name = x.name;
      auto bid = read_bid(disk_, join(dir, x.name));
      if (!bid)
        return bid.error();
      out.push_back({b, *bid});
    }
    return caf::unit;
  };
  for (auto p : {provider::ais, provider::aws, provider::azure, provider::gcp,
                 provider::oci}) {
    auto dir = join(root(), '@' + std::string{to_string(p)});
    auto entries = disk_.list(dir);
    if (!entries) {
      if (is(entries.error(), errc::not_found))
        continue;
      return entries.error();
    }
    if (auto ok = collect(dir, {p, {}, {}}); !ok)
      return ok.error();
    for (auto& x : *entries) {
      auto space = x.name.front() == '@' ? parse_ns(x.name) : fail(errc::none);
      if (x.kind != entry_kind::dir || !space)
        continue;
      if (auto ok = collect(join(dir, x.name), {p, *space, {}}); !ok)
        return ok.error();
    }
  }
  return out;
}

expected<bool> mountpath::remove_some(const std::string& dir, size_t& budget) {
  auto entries = disk_.list(dir);
  if (!entries)
    return entries.error();
  for (auto& x : *entries) {
    if (budget == 0)
      return true;
    auto path = join(dir, x.name);
    if (x.kind == entry_kind::dir) {
      auto more = remove_some(path, budget);
      if (!more || *more)
        return more;
      if (auto ok = disk_.remove_dir(path); !ok)
        return ok.error();
    } else if (auto ok = disk_.remove_file(path); !ok) {
      return ok.error();
    }
    budget -= budget > 0;
  }
  return false;
}

expected<bool> mountpath::empty_trash(size_t max_files) {
  return remove_some(join(root(), trash_name), max_files);
}

expected<size_t> mountpath::remove_stale_work() {
  auto all = buckets();
  if (!all)
    return all.error();
  size_t removed = 0;
  auto ours = opts_.nonce + '.';
  for (auto& b : *all) {
    auto dir = work_dir(b.bck);
    auto entries = disk_.list(dir);
    if (!entries) {
      if (is(entries.error(), errc::not_found))
        continue;
      return entries.error();
    }
    for (auto& x : *entries) {
      if (x.name.substr(0, ours.size()) == ours)
        continue;
      if (auto ok = remove_tree(disk_, join(dir, x.name)); !ok)
        return ok.error();
      ++removed;
    }
  }
  return removed;
}

// -- reading
// ----------------------------------------------------------------------

expected<lom> mountpath::load(const bucket_ref& b, std::string_view name) {
  auto path = plain_path(b, name);
  if (auto ok = settle(b, name, path); !ok)
    return ok.error();
  return load_at(b, name, std::move(path));
}

expected<lom> mountpath::load_at(const bucket_ref& b, std::string_view name,
                                 std::string path) {
  auto st = disk_.stat(path);
  if (st && st->kind == entry_kind::dir) {
    path = join(path, self_name);
    st = disk_.stat(path);
  }
  if (!st) {
    auto code = code_of(st.error());
    if (code == errc::not_found || code == errc::not_a_directory)
      return no_object(b.bck, name);
    return st.error();
  }
  auto raw = disk_.get_attr(path, lom_attr);
  if (!raw)
    return is(raw.error(), errc::not_found) ? no_object(b.bck, name)
                                            : raw.error();
  return check_object(b, name, *raw, *st);
}

// The directory may not be at that path any more: what it does not have may be
// there.
expected<lom>
mountpath::load_in(const bucket_ref& b, std::string_view name, directory& dir) {
  std::string leaf{name.substr(name.rfind('/') + 1)};
  auto st = dir.stat(leaf);
  if (!st || st->kind != entry_kind::file)
    return load_at(b, name, plain_path(b, name));
  auto raw = dir.get_attr(leaf, lom_attr);
  if (!raw)
    return load_at(b, name, plain_path(b, name));
  return check_object(b, name, *raw, *st);
}

expected<std::shared_ptr<object_reader>>
mountpath::open_object(const bucket_ref& b, std::string_view name) {
  auto path = plain_path(b, name);
  if (auto ok = settle(b, name, path); !ok)
    return ok.error();
  return open_at(b, name, path);
}

expected<std::shared_ptr<object_reader>>
mountpath::open_at(const bucket_ref& b, std::string_view name,
                   const std::string& path) {
  auto content = disk_.open(path);
  if (!content && is(content.error(), errc::is_a_directory))
    content = disk_.open(join(path, self_name));
  if (!content) {
    auto code = code_of(content.error());
    if (code == errc::not_found || code == errc::not_a_directory)
      return no_object(b.bck, name);
    return content.error();
  }
  auto raw = (*content)->get_attr(lom_attr);
  if (!raw)
    return is(raw.error(), errc::not_found) ? no_object(b.bck, name)
                                            : raw.error();
  auto st = (*content)->stat();
  if (!st)
    return st.error();
  auto attrs = check_object(b, name, *raw, *st);
  if (!attrs)
    return attrs.error();
  auto out = std::make_shared<object_reader>();
  out->attrs = std::move(*attrs);
  out->content = std::move(*content);
  out->stamp = st->stamp;
  return out;
}

// -- writing
// ----------------------------------------------------------------------

expected<void> mountpath::measure(const space_limits& limits) {
  auto now = disk_.space(root());
  if (!now)
    return now.error();
  space_.note(*now, limits);
  return caf::unit;
}

expected<void> mountpath::room() const {
  if (!space_.full())
    return caf::unit;
  return fail(errc::no_space,
              "mountpath " + root() + " is out of space ("
                + std::to_string(space_.used())
                + "% used, see space.out_of_space): remove objects, or attach"
                  " another one; writes go on below space.highwm");
}

expected<writer_ptr> mountpath::begin(const bucket_ref& b, cksum_type type,
                                      uint64_t size_hint, bool replaces) {
  if (auto ok = room(); !ok)
    return ok.error();
  return begin_work(b, type, size_hint, replaces);
}

expected<writer_ptr> mountpath::begin_copy(const bucket_ref& b, cksum_type type,
                                           object_reader& from) {
  if (auto ok = room(); !ok)
    return ok.error();
  return copy_work(b, type, from);
}

expected<writer_ptr> mountpath::begin_work(const bucket_ref& b, cksum_type type,
                                           uint64_t size_hint, bool replaces) {
  auto path = join(work_dir(b.bck), fresh_name());
  auto f = disk_.create(path);
  if (!f)
    return is(f.error(), errc::not_found) ? no_bucket(b.bck) : f.error();
  AIS_CRASH_POINT("put.begun");
  writer_ptr out{
    new object_writer(disk_, std::move(path), std::move(*f), type)};
  if (size_hint >= preallocate_from || (replaces && size_hint > 0))
    if (auto ok = out->file_->preallocate(size_hint); !ok)
      return ok.error();
  return out;
}

expected<writer_ptr> mountpath::copy_work(const bucket_ref& b, cksum_type type,
                                          object_reader& from) {
  auto out = begin_work(b, type, from.attrs.size_bytes, false);
  if (!out)
    return out;
  bytes chunk(copy_chunk);
  for (uint64_t at = 0; at < from.attrs.size_bytes;) {
    auto n = from.content->read_at(chunk, at);
    if (!n)
      return n.error();
    if (*n == 0)
      return fail(errc::corrupted, "the stored content is too short");
    if (auto ok = (*out)->append({chunk.data(), *n}); !ok)
      return ok.error();
    at += *n;
  }
  return out;
}

std::vector<expected<file_stamp>>
mountpath::commit(std::span<commit_item> items) {
  std::vector<expected<file_stamp>> out;
  std::vector<std::string> dirs(items.size()); ///< where each went
  // Content and attributes of all first: the first sync of a group carries the
  // journal for the others.
  for (auto& item : items) {
    auto& w = *item.writer;
    auto raw = encode_lom(w.attrs_, kept_name(item.name));
    expected<void> ok
      = raw ? w.file_->set_attr(lom_attr, *raw) : expected<void>{raw.error()};
    if (ok && item.keep_times)
      ok = w.file_->set_times(w.attrs_.atime_ns, w.attrs_.mtime_ns);
    AIS_CRASH_POINT("put.sealed");
    if (ok)
      out.emplace_back(file_stamp{});
    else
      out.emplace_back(ok.error());
  }
  sync_contents(items, out);
  AIS_CRASH_POINT("put.synced");
  std::set<std::string> leaves;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!out[i])
      continue;
    auto& item = items[i];
    AIS_CRASH_POINT("put.rename");
    auto path = place(item.bucket, item.name, item.writer->path_);
    if (!path) {
      out[i] = path.error();
      if (item.durability == durability::sync)
        suspect(plain_path(item.bucket, item.name), doubt::name);
      continue;
    }
    item.writer->path_.clear();
    AIS_CRASH_POINT("put.renamed");
    dirs[i] = parent_of(*path);
    if (item.durability == durability::sync && !AIS_MUTANT("put-no-dir-sync"))
      leaves.insert(dirs[i]);
    auto st = item.writer->file_->stat();
    if (st)
      out[i] = st->stamp;
    else
      out[i] = st.error();
  }
  auto failed = sync_dirs(leaves);
  AIS_CRASH_POINT("put.dir_synced");
  for (size_t i = 0; i < items.size(); ++i) {
    if (dirs[i].empty() || items[i].durability != durability::sync)
      continue;
    auto path = plain_path(items[i].bucket, items[i].name);
    if (auto f = failed.find(dirs[i]); f != failed.end()) {
      out[i] = f->second;
      suspect(path, doubt::name);
    } else if (any_doubts_.load(std::memory_order_relaxed)) {
      trust(path);
    }
  }
  return out;
}

/// Of those that are well and have to be durable.
void mountpath::sync_contents(std::span<commit_item> items,
                              std::vector<expected<file_stamp>>& how) {
  if (AIS_MUTANT("put-no-sync"))
    return;
  std::vector<file*> files;
  std::vector<size_t> which;
  for (size_t i = 0; i < items.size(); ++i)
    if (how[i] && items[i].durability == durability::sync) {
      files.push_back(items[i].writer->file_.get());
      which.push_back(i);
    }
  auto done = disk_.sync_files(files);
  for (size_t k = 0; k < which.size(); ++k)
    if (!done[k])
      how[which[k]] = done[k].error();
}

expected<std::string>
mountpath::place(const bucket_ref& b, const std::string& name,
                 const std::string& work) {
  auto path = plain_path(b, name);
  if (hashed(name) && name.size() > max_attr_name)
    if (auto ok = write_file(disk_, name_file(path), as_bytes(name)); !ok)
      return is(ok.error(), errc::not_found) ? no_bucket(b.bck) : ok.error();
  for (int i = 0; i < max_place_tries; ++i) {
    errc code = errc::none;
    {
      std::shared_lock guard{layout_};
      auto to = path;
      auto done = disk_.rename(work, to);
      if (!done
          && (is(done.error(), errc::is_a_directory)
              || is(done.error(), errc::not_empty)
              || is(done.error(), errc::exists))) {
        to = join(path, self_name);
        done = disk_.rename(work, to);
      }
      if (done)
        return to;
      code = code_of(done.error());
      if (code == errc::not_found) {
        auto made = make_parents(b, path);
        if (made)
          continue;
        code = code_of(made.error());
        if (code != errc::not_a_directory && code != errc::not_found)
          return made.error();
        if (code == errc::not_found)
          continue; // a parent was removed beside us
      } else if (code != errc::not_a_directory) {
        return done.error();
      }
    }
    if (auto ok = make_way(b, path); !ok)
      return ok.error();
  }
  return fail(errc::busy, "cannot place " + cname_of(b.bck, name)
                            + ": its directory keeps changing; try again");
}

expected<void>
mountpath::make_parents(const bucket_ref& b, const std::string& path) {
  auto top = objects_dir(b);
  if (auto st = disk_.stat(top); !st)
    return is(st.error(), errc::not_found) ? no_bucket(b.bck) : st.error();
  for (auto slash = path.find('/', top.size() + 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    auto dir = path.substr(0, slash);
    auto made = disk_.make_dir(dir);
    if (made) {
      not_durable(parent_of(dir));
      continue;
    }
    if (!is(made.error(), errc::exists))
      return made;
    auto st = disk_.stat(dir);
    if (!st)
      return st.error();
    if (st->kind != entry_kind::dir)
      return fail(errc::not_a_directory, dir);
  }
  return caf::unit;
}

expected<void>
mountpath::make_way(const bucket_ref& b, const std::string& path) {
  std::unique_lock guard{layout_};
  auto top = objects_dir(b);
  for (auto slash = path.find('/', top.size() + 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    auto dir = path.substr(0, slash);
    auto st = disk_.stat(dir);
    if (!st)
      return caf::unit; // what was in the way is gone
    if (st->kind == entry_kind::file)
      return convert(b, dir);
  }
  return caf::unit;
}

/// Turns the file of object `x` into the directory `x` with the object inside,
/// in one atomic step.
expected<void>
mountpath::convert(const bucket_ref& b, const std::string& path) {
  auto dir = join(work_dir(b.bck), fresh_name());
  auto self = join(dir, self_name);
  auto undo = [&](const error& e) {
    static_cast<void>(disk_.remove_file(self));
    static_cast<void>(disk_.remove_dir(dir));
    return e;
  };
  if (auto ok = disk_.make_dir(dir); !ok)
    return ok;
  AIS_CRASH_POINT("convert.begin");
  if (auto ok = disk_.link(path, self); !ok)
    return undo(ok.error());
  AIS_CRASH_POINT("convert.linked");
  if (auto ok = disk_.sync_dir(dir); !ok)
    return undo(ok.error());
  if (auto ok = disk_.sync_dir(work_dir(b.bck)); !ok)
    return undo(ok.error());
  if (auto ok = disk_.exchange(dir, path); !ok)
    return undo(ok.error());
  AIS_CRASH_POINT("convert.exchanged");
  if (auto ok = disk_.sync_dir(parent_of(path)); !ok)
    return ok;
  AIS_CRASH_POINT("convert.synced");
  // `dir` now names the file: the object's second link.
  auto removed = disk_.remove_file(dir);
  AIS_CRASH_POINT("convert.unlinked");
  return removed;
}

void mountpath::not_durable(const std::string& dir) {
  std::lock_guard guard{unsynced_mutex_};
  unsynced_[dir] = ++changes_;
}

std::map<std::string, error>
mountpath::sync_dirs(const std::set<std::string>& leaves) {
  std::map<std::string, error> failed;
  auto below = [](const std::string& leaf, const std::string& dir) {
    return leaf.size() > dir.size() && leaf[dir.size()] == '/'
           && leaf.compare(0, dir.size(), dir) == 0;
  };
  std::map<std::string, uint64_t> parents; ///< outermost first, by order
  {
    std::lock_guard guard{unsynced_mutex_};
    for (auto& [dir, change] : unsynced_)
      if (leaves.count(dir)
          || std::any_of(leaves.begin(), leaves.end(),
                         [&, &d = dir](auto& l) { return below(l, d); }))
        parents.emplace(dir, change);
  }
  std::vector<std::string> dirs;
  for (auto& [dir, change] : parents)
    dirs.push_back(dir);
  for (auto& leaf : leaves)
    if (parents.count(leaf) == 0)
      dirs.push_back(leaf);
  auto done = disk_.sync_dirs(dirs);
  size_t n = 0;
  for (auto& [dir, change] : parents) {
    auto& ok = done[n++];
    if (!ok && !is(ok.error(), errc::not_found)) {
      for (auto& leaf : leaves)
        if (leaf == dir || below(leaf, dir))
          failed.emplace(leaf, ok.error());
      continue;
    }
    std::lock_guard guard{unsynced_mutex_};
    if (auto i = unsynced_.find(dir);
        i != unsynced_.end() && i->second == change)
      unsynced_.erase(i);
  }
  for (; n < dirs.size(); ++n)
    if (!done[n])
      failed.emplace(dirs[n], done[n].error());
  return failed;
}

expected<void>
mountpath::remove(const bucket_ref& b, std::string_view name, durability d) {
  const removal one{b, std::string{name}, d};
  return remove({&one, 1}).front();
}

std::vector<expected<void>> mountpath::remove(std::span<const removal> items) {
  std::vector<expected<void>> out;
  std::vector<std::string> dirs(items.size()); ///< where each was
  std::shared_lock guard{layout_};
  for (size_t i = 0; i < items.size(); ++i)
    out.push_back(unlink(items[i], dirs[i]));
  auto synced = sync_removals(items, dirs);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!out[i])
      continue;
    auto& [b, name, d] = items[i];
    if (auto s = synced.find(dirs[i]); s != synced.end() && !s->second) {
      suspect(plain_path(b, name), doubt::name);
      out[i] = s->second;
      continue;
    }
    AIS_CRASH_POINT("delete.synced");
    if (d == durability::sync && any_doubts_.load(std::memory_order_relaxed))
      trust(plain_path(b, name));
    remove_empty_parents(b, dirs[i]);
  }
  return out;
}

expected<void> mountpath::unlink(const removal& x, std::string& dir) {
  AIS_CRASH_POINT("delete.begin");
  auto path = plain_path(x.bucket, x.name);
  auto done = disk_.remove_file(path);
  if (!done && is(done.error(), errc::is_a_directory)) {
    path = join(path, self_name);
    done = disk_.remove_file(path);
  }
  if (!done) {
    auto code = code_of(done.error());
    if (code == errc::not_found || code == errc::not_a_directory)
      return no_object(x.bucket.bck, x.name);
    suspect(plain_path(x.bucket, x.name), doubt::name);
    return done;
  }
  if (hashed(x.name) && x.name.size() > max_attr_name)
    static_cast<void>(disk_.remove_file(name_file(path)));
  AIS_CRASH_POINT("delete.unlinked");
  dir = parent_of(path);
  return caf::unit;
}

/// The directories of those that were removed (others: empty), once each.
std::map<std::string, expected<void>>
mountpath::sync_removals(std::span<const removal> items,
                         const std::vector<std::string>& dirs) {
  std::map<std::string, expected<void>> out;
  std::vector<std::string> each;
  std::vector<const bucket_ref*> buckets;
  for (size_t i = 0; i < items.size(); ++i)
    if (!dirs[i].empty() && items[i].durability == durability::sync
        && !AIS_MUTANT("delete-no-sync")
        && out.emplace(dirs[i], caf::unit).second) {
      each.push_back(dirs[i]);
      buckets.push_back(&items[i].bucket);
    }
  auto done = disk_.sync_dirs(each);
  for (size_t i = 0; i < each.size(); ++i) {
    auto gone = !done[i] && is(done[i].error(), errc::not_found);
    out.insert_or_assign(each[i],
                         gone ? sync_nearest(*buckets[i], each[i]) : done[i]);
  }
  return out;
}

expected<void> mountpath::sync_nearest(const bucket_ref& b, std::string dir) {
  auto top = objects_dir(b);
  for (;;) {
    auto ok = disk_.sync_dir(dir);
    if (ok || !is(ok.error(), errc::not_found) || dir.size() <= top.size())
      return ok;
    dir = parent_of(dir);
  }
}

void mountpath::remove_empty_parents(const bucket_ref& b, std::string dir) {
  auto top = objects_dir(b);
  while (dir.size() > top.size() && disk_.remove_dir(dir))
    dir = parent_of(dir);
}

expected<void>
mountpath::store_attrs(const bucket_ref& b, std::string_view name, const lom& x,
                       durability d) {
  auto raw = encode_lom(x, kept_name(name));
  if (!raw)
    return raw.error();
  std::shared_lock guard{layout_};
  auto path = plain_path(b, name);
  auto content = disk_.open(path);
  if (!content && is(content.error(), errc::is_a_directory))
    content = disk_.open(path = join(path, self_name));
  if (!content)
    return is(content.error(), errc::not_found) ? no_object(b.bck, name)
                                                : content.error();
  auto stored = disk_.set_attr(path, lom_attr, *raw);
  AIS_CRASH_POINT("attrs.stored");
  if (d == durability::none)
    return stored;
  if (stored)
    stored = (*content)->sync();
  AIS_CRASH_POINT("attrs.synced");
  if (!stored)
    suspect(plain_path(b, name), doubt::file);
  return stored;
}

// -- changes that failed half-way
// --------------------------------------------------------------

void mountpath::suspect(const std::string& path, doubt what) {
  std::lock_guard guard{doubts_mutex_};
  auto [i, is_new] = doubts_.emplace(path, what);
  i->second = std::max(i->second, what);
  any_doubts_ = true;
}

void mountpath::trust(const std::string& path) {
  std::lock_guard guard{doubts_mutex_};
  doubts_.erase(path);
  any_doubts_ = !doubts_.empty();
}

expected<void> mountpath::settle(const bucket_ref& b, std::string_view name,
                                 const std::string& path) {
  if (!any_doubts_.load(std::memory_order_relaxed))
    return caf::unit;
  auto what = doubt::name;
  {
    std::lock_guard guard{doubts_mutex_};
    auto i = doubts_.find(path);
    if (i == doubts_.end())
      return caf::unit;
    what = i->second;
  }
  auto why = "whether the last change of " + cname_of(b.bck, name)
             + " is on disk is unclear; try again";
  if (what == doubt::file) {
    auto ok = rewrite(b, name);
    if (!ok && !is(ok.error(), errc::object_not_found))
      return with_context(ok.error(), why);
  }
  auto at = path;
  auto st = disk_.stat(at);
  if (st && st->kind == entry_kind::dir)
    at = join(at, self_name);
  auto dir = parent_of(at);
  auto failed = sync_dirs({dir});
  if (auto f = failed.find(dir); f != failed.end()) {
    // With its last object it may be gone.
    auto ok = is(f->second, errc::not_found) ? sync_nearest(b, dir)
                                             : expected<void>{f->second};
    if (!ok)
      return with_context(ok.error(), why);
  }
  trust(path);
  return caf::unit;
}

expected<void> mountpath::rewrite(const bucket_ref& b, std::string_view name) {
  auto now = open_at(b, name, plain_path(b, name));
  if (!now)
    return now.error();
  return copy(**now, b, std::string{name}, durability::sync);
}

expected<void> mountpath::copy(object_reader& from, const bucket_ref& to,
                               const std::string& to_name, durability d) {
  auto& attrs = from.attrs;
  auto writer = copy_work(to, attrs.cksum.type, from);
  if (!writer)
    return writer.error();
  if (auto ok = (*writer)->seal(); !ok)
    return ok;
  if ((*writer)->attrs().cksum != attrs.cksum)
    return fail(errc::corrupted, "BAD DATA CHECKSUM: the stored content of "
                                   + cname_of(to.bck, to_name)
                                   + " is corrupted");
  (*writer)->attrs() = attrs;
  commit_item item{to, to_name, std::move(*writer), d, true};
  auto done = commit({&item, 1});
  return done[0] ? expected<void>{caf::unit} : done[0].error();
}

expected<void> mountpath::link(const bucket_ref& b, std::string_view name,
                               const bucket_ref& to, const std::string& to_name,
                               durability d) {
  if (hashed(name) || hashed(to_name)) {
    auto from = open_object(b, name);
    return from ? copy(**from, to, to_name, d) : expected<void>{from.error()};
  }
  auto work = join(work_dir(to.bck), fresh_name());
  {
    std::shared_lock guard{layout_};
    auto path = plain_path(b, name);
    auto st = disk_.stat(path);
    if (st && st->kind == entry_kind::dir)
      path = join(path, self_name);
    if (!st)
      return is(st.error(), errc::not_found) ? no_object(b.bck, name)
                                             : st.error();
    if (auto ok = disk_.link(path, work); !ok)
      return is(ok.error(), errc::not_found) ? no_bucket(to.bck) : ok;
  }
  AIS_CRASH_POINT("link.linked");
  auto path = place(to, to_name, work);
  // Where the file had the name already, renaming does nothing.
  static_cast<void>(disk_.remove_file(work));
  if (!path)
    return path.error();
  AIS_CRASH_POINT("link.placed");
  if (d == durability::none)
    return caf::unit;
  auto dir = parent_of(*path);
  auto failed = sync_dirs({dir});
  AIS_CRASH_POINT("link.synced");
  if (auto f = failed.find(dir); f != failed.end()) {
    suspect(plain_path(to, to_name), doubt::name);
    return f->second;
  }
  return caf::unit;
}

void mountpath::store_atime(const bucket_ref& b, std::string_view name,
                            int64_t atime_ns) {
  std::shared_lock guard{layout_};
  auto path = plain_path(b, name);
  auto st = disk_.stat(path);
  if (st && st->kind == entry_kind::dir)
    path = join(path, self_name);
  if (st)
    static_cast<void>(disk_.set_atime(path, atime_ns));
}

} // namespace ais::storage
