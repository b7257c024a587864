#include "storage/memory_tree.hpp"

#include <set>
#include <utility>

namespace ais::storage {

namespace {

constexpr size_t name_bytes_max = 255;
constexpr size_t path_bytes_max = 4095;
/// Names and values of one file's attributes; what ext4 has room for, roughly.
constexpr size_t attrs_bytes_max = 4096;
/// Beyond it the oldest change becomes durable on its own, as after the commit
/// interval of a real journal. Bounds memory where nobody syncs.
constexpr size_t journal_length_max = 4096;

errc check_name(std::string_view name) {
  auto bad = name.size() > name_bytes_max || name == "." || name == ".."
             || name.find('\0') != std::string_view::npos;
  return bad ? errc::invalid_name : errc::none;
}

void clear_entries(inode& dir) {
  // Moved out first: what they lead to may be the last owner of `dir`.
  auto entries = std::exchange(dir.entries, {});
  auto durable = std::exchange(dir.durable_entries, {});
}

/// Makes programs see what is durable, or with `rng` somewhat more.
void revert(inode& x, std::mt19937_64* rng) {
  if (rng && x.content.size() > x.durable_bytes) {
    auto unsynced_bytes = x.content.size() - x.durable_bytes;
    switch ((*rng)() % 3) {
      case 0: // nothing more
        break;
      case 1:
        x.durable_bytes = x.content.size();
        break;
      default:
        x.durable_bytes += (*rng)() % unsynced_bytes;
    }
  }
  if (rng && x.attrs != x.durable_attrs && (*rng)() % 2 == 0)
    x.durable_attrs = x.attrs;
  x.content.resize(x.durable_bytes);
  x.reserved_bytes = 0;
  x.sync_failed = false;
  x.handles = 0;
  x.attrs = x.durable_attrs;
  x.entries = x.durable_entries;
}

} // namespace

bool place::is_below(const inode_ptr& x) const {
  return std::find(above.begin(), above.end(), x) != above.end();
}

memory_tree::memory_tree(uint64_t capacity_bytes)
  : capacity_bytes_{capacity_bytes}, root_{make(entry_kind::dir)} {}

// What programs see and what is durable may lead to each other in a circle.
memory_tree::~memory_tree() {
  for (auto& ref : dirs_)
    if (auto dir = ref.lock())
      clear_entries(*dir);
}

// -- looking up ---------------------------------------------------------------

errc memory_tree::locate(std::string_view path, place& out) const {
  if (path.size() > path_bytes_max)
    return errc::invalid_name;
  out = {{}, {}, root_};
  while (!path.empty()) {
    auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (name.empty())
      continue;
    if (!out.target)
      return errc::not_found;
    if (out.target->kind != entry_kind::dir)
      return errc::not_a_directory;
    if (auto code = check_name(name); code != errc::none)
      return code;
    out.above.push_back(out.target);
    out.name = name;
    auto it = out.dir()->entries.find(name);
    out.target = it == out.dir()->entries.end() ? nullptr : it->second;
  }
  return errc::none;
}

errc memory_tree::find(std::string_view path, place& out) const {
  auto code = locate(path, out);
  return code == errc::none && !out.target ? errc::not_found : code;
}

errc memory_tree::find_free(std::string_view path, place& out) const {
  auto code = locate(path, out);
  return code == errc::none && out.target ? errc::exists : code;
}

errc memory_tree::find_file(std::string_view path, place& out) const {
  if (auto code = find(path, out); code != errc::none)
    return code;
  return out.target->kind == entry_kind::dir ? errc::is_a_directory
                                             : errc::none;
}

errc memory_tree::find_dir(std::string_view path, place& out) const {
  if (auto code = find(path, out); code != errc::none)
    return code;
  return out.target->kind != entry_kind::dir ? errc::not_a_directory
                                             : errc::none;
}

// -- files --------------------------------------------------------------------

void memory_tree::closed(inode& x) {
  --x.handles;
  release(x);
}

/// Gives space back when neither a name nor a handle is left.
void memory_tree::release(const inode& x) {
  if (x.links == 0 && x.handles == 0)
    used_bytes_ -= x.footprint_bytes();
}

uint64_t memory_tree::room_bytes(const inode& x) const {
  return x.footprint_bytes() - x.content.size() + avail_bytes();
}

void memory_tree::append(inode& x, std::span<const std::byte> in) {
  used_bytes_ -= x.footprint_bytes();
  x.content.insert(x.content.end(), in.begin(), in.end());
  used_bytes_ += x.footprint_bytes();
  x.mtime_ns = x.ctime_ns = tick();
}

errc memory_tree::reserve(inode& x, uint64_t size_bytes) {
  if (size_bytes > x.content.size() + room_bytes(x))
    return errc::no_space;
  used_bytes_ -= x.footprint_bytes();
  x.reserved_bytes = std::max(x.reserved_bytes, size_bytes);
  used_bytes_ += x.footprint_bytes();
  return errc::none;
}

errc memory_tree::set_attr(inode& x, std::string_view name,
                           std::span<const std::byte> value) {
  if (!name.starts_with("user.")) // as Linux, for everyone but root
    return errc::io_error;
  auto total_bytes = name.size() + value.size();
  for (auto& [other, other_value] : x.attrs)
    if (other != name)
      total_bytes += other.size() + other_value.size();
  if (total_bytes > attrs_bytes_max)
    return errc::no_space;
  x.attrs.insert_or_assign(std::string{name},
                           bytes(value.begin(), value.end()));
  x.ctime_ns = tick();
  return errc::none;
}

// -- names --------------------------------------------------------------------

inode_ptr memory_tree::make(entry_kind kind) {
  auto res = std::make_shared<inode>();
  res->ino = ++last_ino_;
  res->kind = kind;
  res->atime_ns = res->mtime_ns = res->ctime_ns = tick();
  if (kind == entry_kind::dir)
    dirs_.push_back(res);
  return res;
}

inode_ptr memory_tree::create(const place& at, entry_kind kind) {
  auto res = make(kind);
  link(at, res);
  return res;
}

void memory_tree::link(const place& at, const inode_ptr& target) {
  apply({{at.dir(), at.name, target}});
}

void memory_tree::remove(const place& at) {
  apply({{at.dir(), at.name, nullptr}});
}

errc memory_tree::rename(const place& from, const place& to) {
  if (from.is_root() || to.is_root() || from.mount() != to.mount()
      || to.is_below(from.target))
    return errc::io_error;
  if (to.target == from.target) // POSIX: both names stay
    return errc::none;
  if (to.target) {
    auto is_dir = from.target->kind == entry_kind::dir;
    if (to.target->kind != entry_kind::dir && is_dir)
      return errc::not_a_directory;
    if (to.target->kind == entry_kind::dir && !is_dir)
      return errc::is_a_directory;
    if (!to.target->entries.empty())
      return errc::not_empty;
  }
  // The new name first: an inode without names would lose its space.
  apply({{to.dir(), to.name, from.target}, {from.dir(), from.name, nullptr}});
  return errc::none;
}

errc memory_tree::exchange(const place& a, const place& b) {
  if (a.is_root() || b.is_root() || a.mount() != b.mount()
      || a.is_below(b.target) || b.is_below(a.target))
    return errc::io_error;
  if (a.target == b.target)
    return errc::none;
  // Held, as for a moment the first has no name.
  opened(*a.target);
  apply({{a.dir(), a.name, b.target}, {b.dir(), b.name, a.target}});
  closed(*a.target);
  return errc::none;
}

/// Applies a change to what programs see and keeps it for sync_dir.
void memory_tree::apply(change x) {
  for (auto& e : x)
    set_entry(e);
  journal_.push_back(std::move(x));
  if (journal_.size() > journal_length_max) {
    make_durable(journal_.front());
    journal_.pop_front();
  }
}

void memory_tree::set_entry(const edit& e) {
  auto now_ns = e.dir->mtime_ns = e.dir->ctime_ns = tick();
  auto old = std::exchange(e.dir->entries[e.name], e.target);
  if (e.target) {
    ++e.target->links;
    e.target->ctime_ns = now_ns;
  } else {
    e.dir->entries.erase(e.name);
  }
  if (old) {
    --old->links;
    old->ctime_ns = now_ns;
    release(*old);
  }
}

// -- durability ---------------------------------------------------------------

void memory_tree::sync_file(inode& x) {
  if (x.sync_failed)
    return;
  x.durable_bytes = x.content.size();
  x.durable_attrs = x.attrs;
}

void memory_tree::sync_all() {
  for (auto& x : journal_)
    make_durable(x);
  journal_.clear();
  auto visit = [this](auto& self, inode& x) -> void {
    sync_file(x);
    for (auto& [name, y] : x.entries)
      self(self, *y);
  };
  visit(visit, *root_);
}

void memory_tree::sync_dir(inode& dir) {
  std::set<uint64_t> touched{dir.ino};
  std::vector<bool> chosen(journal_.size());
  for (auto i = journal_.size(); i-- > 0;) {
    auto inos = dirs_of(journal_[i]);
    chosen[i] = std::any_of(inos.begin(), inos.end(),
                            [&](auto ino) { return touched.contains(ino); });
    if (chosen[i])
      touched.insert(inos.begin(), inos.end());
  }
  std::deque<change> rest;
  for (size_t i = 0; i < journal_.size(); ++i) {
    if (chosen[i])
      make_durable(journal_[i]);
    else
      rest.push_back(std::move(journal_[i]));
  }
  journal_ = std::move(rest);
  dir.durable_attrs = dir.attrs;
}

void memory_tree::crash(std::mt19937_64* rng) {
  if (rng)
    commit_some(*rng);
  journal_.clear();
  revert_all(rng);
}

/// Returns the inode numbers of the directories that `x` changes, each once.
std::vector<uint64_t> memory_tree::dirs_of(const change& x) {
  std::vector<uint64_t> res;
  for (auto& e : x)
    if (std::find(res.begin(), res.end(), e.dir->ino) == res.end())
      res.push_back(e.dir->ino);
  return res;
}

void memory_tree::make_durable(const change& x) {
  for (auto& e : x) {
    if (e.target)
      e.dir->durable_entries.insert_or_assign(e.name, e.target);
    else
      e.dir->durable_entries.erase(e.name);
  }
}

/// Makes a random prefix of each directory's changes durable.
void memory_tree::commit_some(std::mt19937_64& rng) {
  std::map<uint64_t, size_t> left; // changes that may still survive
  for (auto& x : journal_)
    for (auto ino : dirs_of(x))
      ++left[ino];
  for (auto& [ino, count] : left)
    count = rng() % (count + 1);
  for (auto& x : journal_) {
    auto inos = dirs_of(x);
    auto survives = std::all_of(inos.begin(), inos.end(),
                                [&](auto ino) { return left[ino] > 0; });
    for (auto ino : inos)
      left[ino] = survives ? left[ino] - 1 : 0;
    if (survives)
      make_durable(x);
  }
}

/// Reverts all that a durable name leads to; the rest is gone.
void memory_tree::revert_all(std::mt19937_64* rng) {
  std::set<const inode*> reached{root_.get()};
  std::vector<inode_ptr> todo{root_};
  used_bytes_ = 0;
  while (!todo.empty()) {
    auto x = std::move(todo.back());
    todo.pop_back();
    revert(*x, rng);
    used_bytes_ += x->footprint_bytes();
    for (auto& [name, child] : x->entries) {
      if (reached.insert(child.get()).second) {
        child->links = 0;
        todo.push_back(child);
      }
      ++child->links;
    }
  }
  std::erase_if(dirs_, [&](const std::weak_ptr<inode>& ref) {
    auto dir = ref.lock();
    if (dir && reached.contains(dir.get()))
      return false;
    if (dir)
      clear_entries(*dir);
    return true;
  });
}

} // namespace ais::storage
