// Helpers over any disk: whole directories, whole files. They use nothing but
// the interface, so faults of the memory disk hit them as well.
#include "storage/disk.hpp"

#include "storage/base/mutant.hpp"

#include <string_view>

namespace ais::storage {

namespace {

/// Returns the directory of `path`: "/a" for "/a/b", "/" for "/a".
std::string parent_of(std::string_view path) {
  auto slash = path.rfind('/');
  return std::string{path.substr(0, slash == 0 ? 1 : slash)};
}

/// `path` is taken: success if by a directory.
expected<void> expect_dir(disk& d, const std::string& path) {
  auto st = d.stat(path);
  if (!st)
    return st.error();
  if (st->kind != entry_kind::dir)
    return fail(errc::not_a_directory, path);
  return caf::unit;
}

/// Turns errc::not_found into success: someone else removed it.
expected<void> absent_is_fine(expected<void> res) {
  if (!res && code_of(res.error()) != errc::not_found)
    return res;
  return caf::unit;
}

/// Creates `path`, replacing what a crash may have left there.
expected<file_ptr> create_afresh(disk& d, const std::string& path) {
  auto res = d.create(path);
  if (res || code_of(res.error()) != errc::exists)
    return res;
  if (auto removed = absent_is_fine(d.remove_file(path)); !removed)
    return removed.error();
  return d.create(path);
}

/// Writes a new file and makes its content durable, not yet its name.
expected<void> write_new(disk& d, const std::string& path,
                         std::span<const std::byte> content) {
  auto f = create_afresh(d, path);
  if (!f)
    return f.error();
  if (auto res = (*f)->append(content); !res || AIS_MUTANT("meta-no-sync"))
    return res;
  return (*f)->sync();
}

} // namespace

std::vector<expected<void>> disk::sync_files(std::span<file* const> files) {
  if (files.size() > 1) // the first sync then carries the journal for all
    for (auto* f : files)
      f->start_sync();
  std::vector<expected<void>> out;
  for (auto* f : files)
    out.push_back(f->sync());
  return out;
}

std::vector<expected<void>>
disk::sync_dirs(std::span<const std::string> paths) {
  std::vector<expected<void>> out;
  for (auto& path : paths)
    out.push_back(sync_dir(path));
  return out;
}

expected<directory_ptr> disk::open_dir(const std::string& path) {
  class by_path : public directory {
  public:
    by_path(disk& d, std::string path) : disk_(d), path_(std::move(path)) {}
    expected<file_stat> stat(const std::string& name) override {
      return disk_.stat(path_ + '/' + name);
    }
    expected<bytes>
    get_attr(const std::string& name, const char* attr) override {
      return disk_.get_attr(path_ + '/' + name, attr);
    }

  private:
    disk& disk_;
    std::string path_;
  };
  return directory_ptr{std::make_unique<by_path>(*this, path)};
}

expected<void>
make_dirs(disk& d, const std::string& path, std::vector<std::string>* created) {
  auto res = d.make_dir(path);
  if (!res && code_of(res.error()) == errc::not_found && path != "/") {
    if (auto up = make_dirs(d, parent_of(path), created); !up)
      return up;
    res = d.make_dir(path);
  }
  if (!res)
    return code_of(res.error()) == errc::exists ? expect_dir(d, path) : res;
  if (created)
    created->push_back(parent_of(path));
  return caf::unit;
}

expected<void> make_dirs_durable(disk& d, const std::string& path) {
  std::vector<std::string> changed;
  if (auto res = make_dirs(d, path, &changed); !res)
    return res;
  for (auto& dir : changed)
    if (auto res = d.sync_dir(dir); !res)
      return res;
  return caf::unit;
}

expected<void> remove_tree(disk& d, const std::string& path) {
  auto entries = d.list(path);
  if (!entries) {
    auto code = code_of(entries.error());
    if (code == errc::not_found)
      return caf::unit;
    if (code == errc::not_a_directory) // a file, or a link to wherever
      return absent_is_fine(d.remove_file(path));
    return entries.error();
  }
  for (auto& entry : *entries) {
    auto child = path + '/' + entry.name;
    auto res = entry.kind == entry_kind::dir
                 ? remove_tree(d, child)
                 : absent_is_fine(d.remove_file(child));
    if (!res)
      return res;
  }
  return absent_is_fine(d.remove_dir(path));
}

expected<bool> exists(disk& d, const std::string& path) {
  auto st = d.stat(path);
  if (st)
    return true;
  auto code = code_of(st.error());
  if (code == errc::not_found || code == errc::not_a_directory)
    return false;
  return st.error();
}

expected<bytes> read_file(disk& d, const std::string& path, size_t limit) {
  auto f = d.open(path);
  if (!f)
    return f.error();
  auto st = (*f)->stat();
  if (!st)
    return st.error();
  auto size_bytes = st->stamp.size_bytes;
  if (size_bytes > limit)
    return fail(errc::too_large, path + ": " + std::to_string(size_bytes)
                                   + " bytes, the limit is "
                                   + std::to_string(limit));
  bytes content(size_bytes);
  auto n = (*f)->read_at(content, 0);
  if (!n)
    return n.error();
  content.resize(*n);
  return content;
}

expected<void> write_file(disk& d, const std::string& path,
                          std::span<const std::byte> content) {
  auto tmp = path + ".tmp";
  auto res = write_new(d, tmp, content);
  if (res)
    res = d.rename(tmp, path);
  if (!res) {
    // The first error is the one to report; what is left now, the next write
    // replaces.
    static_cast<void>(d.remove_file(tmp));
    return res;
  }
  if (AIS_MUTANT("meta-no-dir-sync"))
    return res;
  return d.sync_dir(parent_of(path));
}

} // namespace ais::storage
