#include "storage/walk.hpp"

#include <algorithm>

namespace ais::storage {

namespace {

constexpr std::string_view reserved = ".%";
constexpr std::string_view self_name = ".%self";
constexpr size_t hashed_name_bytes = 2 + 64; ///< ".%" and SHA-256 in hex

bool starts_with(std::string_view x, std::string_view prefix) {
  return x.substr(0, prefix.size()) == prefix;
}

/// What one mountpath has at one name.
struct found {
  std::string name; ///< ends in '/' for a directory entry
  bool dir = false;
  bool hashed = false; ///< its path is made of its hash
};

/// A directory being walked: its names in order and how far we are.
struct frame {
  struct item {
    std::string key; ///< name below the frame's base; directories end in '/'
    bool dir = false;
  };
  std::string base; ///< object name prefix: "" or "a/b/"
  std::vector<item> items;
  size_t next = 0;
};

/// Walks one mountpath in order of whole names.
class source {
public:
  source(mountpath& mp, const bucket_ref& b, const walk_options& opts)
    : mp_(mp), bucket_(b), opts_(opts), top_(mp.objects_dir(b)) {
    auto slash = opts.prefix.rfind('/');
    level_ = opts.prefix.substr(0, slash == std::string::npos ? 0 : slash + 1);
  }

  /// Moves to the next name; `head()` is then set, or empty at the end.
  expected<void> advance() {
    if (!started_) {
      started_ = true;
      auto top = mp_.disk().list(top_);
      if (!top) {
        if (auto ok = gone(top.error()); !ok)
          return ok;
        return caf::unit;
      }
      if (auto ok = collect_hashed(*top); !ok)
        return ok;
      if (auto ok = enter("", std::move(*top)); !ok)
        return ok;
      if (auto ok = next_plain(); !ok)
        return ok;
    } else if (head_is_hashed_) {
      ++next_hashed_;
    } else if (auto ok = next_plain(); !ok) {
      return ok;
    }
    auto more_hashed = next_hashed_ < hashed_.size();
    head_is_hashed_
      = more_hashed && (!plain_ || hashed_[next_hashed_].name < plain_->name);
    if (head_is_hashed_)
      head_ = hashed_[next_hashed_];
    else
      head_ = plain_;
    return caf::unit;
  }

  const std::optional<found>& head() const { return head_; }

  /// The attributes of the object at a name that head() showed.
  expected<lom> load(const found& x) {
    if (x.hashed)
      return mp_.load(bucket_, x.name);
    auto slash = x.name.rfind('/');
    auto base = std::string_view{x.name}.substr(
      0, slash == std::string::npos ? 0 : slash);
    if (!dir_ || dir_base_ != base) {
      dir_base_ = base;
      auto path = base.empty() ? top_ : top_ + '/' + dir_base_;
      auto opened = mp_.disk().open_dir(path);
      dir_ = opened ? std::move(*opened) : nullptr;
    }
    if (!dir_)
      return mp_.load_at(bucket_, x.name, top_ + '/' + x.name);
    return mp_.load_in(bucket_, x.name, *dir_);
  }

private:
  /// True if a name that begins with `dir` (ending in '/') may be wanted.
  bool may_hold(std::string_view dir) const {
    auto overlap = std::min(dir.size(), opts_.prefix.size());
    if (dir.substr(0, overlap)
        != std::string_view{opts_.prefix}.substr(0, overlap))
      return false;
    auto after = std::string_view{opts_.start_after};
    return dir >= after.substr(0, dir.size());
  }

  bool wanted(std::string_view name) const {
    return starts_with(name, opts_.prefix) && name > opts_.start_after;
  }

  /// In a listing of one level: the directory entry that stands for `name`, or
  /// empty if the name shows itself.
  std::string shown_dir(std::string_view name) const {
    if (!opts_.non_recursive)
      return {};
    auto base = level_.size();
    // "a/b" also shows the level below "a/b/".
    auto inner = opts_.prefix + '/';
    if (opts_.prefix.size() > base && starts_with(name, inner)
        && name.size() > inner.size())
      base = inner.size();
    auto slash = name.find('/', base);
    return slash == std::string_view::npos
             ? std::string{}
             : std::string{name.substr(0, slash + 1)};
  }

  expected<void> collect_hashed(const std::vector<dir_entry>& entries) {
    for (auto& x : entries) {
      if (x.kind != entry_kind::file || !starts_with(x.name, reserved)
          || x.name.size() != hashed_name_bytes)
        continue;
      auto raw = mp_.disk().get_attr(top_ + '/' + x.name, lom_attr);
      if (!raw) {
        if (auto ok = gone(raw.error()); !ok)
          return ok;
        continue;
      }
      auto decoded = decode_lom(*raw);
      if (!decoded)
        continue;
      auto bid = decoded->attrs.bid;
      auto name
        = mp_.name_at(top_ + '/' + x.name, std::move(decoded->long_name));
      if (!name) {
        if (auto ok = gone(name.error()); !ok)
          return ok;
        continue;
      }
      if (bid != bid_of(bucket_, *name))
        continue;
      auto dir = shown_dir(*name);
      if (dir.empty()) {
        if (wanted(*name))
          hashed_.push_back({std::move(*name), false, true});
      } else if (wanted(dir) && !opts_.no_dirs) {
        hashed_.push_back({std::move(dir), true, true});
      }
    }
    std::sort(hashed_.begin(), hashed_.end(),
              [](auto& a, auto& b) { return a.name < b.name; });
    return caf::unit;
  }

  /// Success for what was removed while we walk.
  static expected<void> gone(const error& e) {
    if (e == errc::not_found || e == errc::not_a_directory)
      return caf::unit;
    return e;
  }

  std::string path_of(const std::string& base) const {
    auto path = top_;
    if (!base.empty())
      path.append("/").append(base, 0, base.size() - 1);
    return path;
  }

  expected<void> enter(std::string base) {
    auto entries = mp_.disk().list(path_of(base));
    if (!entries)
      return gone(entries.error());
    return enter(std::move(base), std::move(*entries));
  }

  /// Stands before the first wanted name of a directory that has these.
  expected<void> enter(std::string base, std::vector<dir_entry> entries) {
    auto path = path_of(base);
    frame f;
    f.items.reserve(entries.size());
    std::string full = base;
    for (auto& x : entries) {
      full.resize(base.size());
      full += x.name;
      if (x.kind == entry_kind::dir) {
        if (wanted(full)) {
          auto self = has_self(path + '/' + x.name);
          if (!self)
            return self.error();
          if (*self)
            f.items.push_back({x.name, false});
        }
        full += '/';
        if (may_hold(full))
          f.items.push_back({std::move(x.name) + '/', true});
      } else if (x.kind == entry_kind::file && !starts_with(x.name, reserved)
                 && wanted(full)) {
        f.items.push_back({std::move(x.name), false});
      }
    }
    std::sort(f.items.begin(), f.items.end(),
              [](auto& a, auto& b) { return a.key < b.key; });
    f.base = std::move(base);
    stack_.push_back(std::move(f));
    return caf::unit;
  }

  /// Whether there is an object of a directory's own name.
  expected<bool> has_self(const std::string& dir) {
    return exists(mp_.disk(), dir + '/' + std::string{self_name});
  }

  /// True if there is an object anywhere below.
  expected<bool> holds_objects(const std::string& path) {
    auto entries = mp_.disk().list(path);
    if (!entries) {
      if (auto ok = gone(entries.error()); !ok)
        return ok.error();
      return false;
    }
    for (auto& x : *entries)
      if (x.kind == entry_kind::file && x.name != self_name)
        return true;
    for (auto& x : *entries) {
      if (x.kind != entry_kind::dir)
        continue;
      auto dir = path + '/' + x.name;
      if (auto self = has_self(dir); !self || *self)
        return self;
      auto below = holds_objects(dir);
      if (!below || *below)
        return below;
    }
    return false;
  }

  /// Sets plain_ to the next name of the tree.
  expected<void> next_plain() {
    plain_.reset();
    while (!stack_.empty()) {
      auto& f = stack_.back();
      if (f.next == f.items.size()) {
        stack_.pop_back();
        continue;
      }
      auto item = std::move(f.items[f.next++]);
      auto full = f.base + item.key;
      if (!item.dir) {
        plain_ = found{std::move(full), false, false};
        return caf::unit;
      }
      auto reaches_level = full.size() <= level_.size();
      if (opts_.non_recursive && !reaches_level) {
        if (full == opts_.prefix + '/')
          if (auto ok = enter(full); !ok)
            return ok;
        if (opts_.no_dirs || !wanted(full))
          continue;
        auto some = holds_objects(top_ + '/' + full.substr(0, full.size() - 1));
        if (!some)
          return some.error();
        if (!*some)
          continue;
        plain_ = found{std::move(full), true, false};
        return caf::unit;
      }
      if (auto ok = enter(std::move(full)); !ok)
        return ok;
    }
    return caf::unit;
  }

  mountpath& mp_;
  const bucket_ref& bucket_;
  const walk_options& opts_;
  std::string top_;      ///< path of %ob
  directory_ptr dir_;    ///< where load() was last
  std::string dir_base_; ///< of the names in it: "" or "a/b"
  std::string level_;    ///< the prefix up to its last '/'
  bool started_ = false;
  std::vector<frame> stack_;
  std::vector<found> hashed_; ///< names stored by hash, in order
  size_t next_hashed_ = 0;
  std::optional<found> plain_;
  std::optional<found> head_;
  bool head_is_hashed_ = false;
};

} // namespace

struct walker::impl {
  bucket_ref bucket;
  bucket_ref copies;
  walk_options opts;
  size_t mountpaths = 0;
  std::vector<std::unique_ptr<source>> sources; ///< of objects, then of copies
  bool started = false;
  std::string last;   ///< name returned before
  std::string passed; ///< name looked at before
  std::optional<error> broken;

  expected<std::optional<walk_entry>> next();
};

walker::walker(std::vector<mountpath*> mps, bucket_ref b, walk_options opts)
  : impl_(std::make_unique<impl>()) {
  impl_->copies = copies_of(b);
  impl_->bucket = std::move(b);
  impl_->opts = std::move(opts);
  impl_->mountpaths = mps.size();
  for (auto* ref : {&impl_->bucket, &impl_->copies})
    for (auto* mp : mps)
      if (ref == &impl_->bucket || impl_->opts.with_copies)
        impl_->sources.push_back(
          std::make_unique<source>(*mp, *ref, impl_->opts));
}

walker::~walker() = default;

expected<std::optional<walk_entry>> walker::next() {
  if (impl_->broken)
    return *impl_->broken;
  auto out = impl_->next();
  if (!out)
    impl_->broken = out.error();
  return out;
}

expected<std::optional<walk_entry>> walker::impl::next() {
  if (!std::exchange(started, true))
    for (auto& s : sources)
      if (auto ok = s->advance(); !ok)
        return ok.error();
  for (;;) {
    size_t first = sources.size();
    for (size_t i = 0; i < sources.size(); ++i)
      if (sources[i]->head()
          && (first == sources.size()
              || sources[i]->head()->name < sources[first]->head()->name))
        first = i;
    if (first == sources.size())
      return std::optional<walk_entry>{};
    auto& s = *sources[first];
    auto here = *s.head();
    auto alone = first < mountpaths && here.name != passed;
    for (size_t i = first + 1; alone && i < mountpaths; ++i)
      alone = !sources[i]->head() || sources[i]->head()->name != here.name;
    passed = here.name;
    if (auto ok = s.advance(); !ok)
      return ok.error();
    if (here.name == last && !last.empty())
      continue; // another mountpath has it, too
    walk_entry out;
    out.dir = here.dir;
    out.mountpath = static_cast<int>(first % mountpaths);
    out.single = alone;
    if (!here.dir && opts.with_attrs
        && !(opts.without && opts.without(here.name))) {
      auto attrs = s.load(here);
      if (!attrs) {
        if (attrs.error() == errc::object_not_found
            || attrs.error() == errc::corrupted)
          continue;
        return attrs.error();
      }
      out.attrs = std::move(*attrs);
    }
    last = here.name;
    out.name = std::move(here.name);
    return std::optional<walk_entry>{std::move(out)};
  }
}

} // namespace ais::storage
