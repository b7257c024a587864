// The disk as one process of the simulation sees it: the same memory disk until
// the process is killed, nothing afterwards. What is left of its actors cannot
// touch what the next process finds.
#pragma once

#include "storage/disk.hpp"

#include <memory>

namespace ais::sim {

class process_disk : public storage::disk {
public:
  explicit process_disk(storage::disk& d) : disk_(d) {}

  bool dead = false;

  using path = const std::string&;
  expected<storage::file_ptr> open(path p) override {
    return guard([&] { return disk_.open(p); });
  }
  expected<storage::file_ptr> create(path p) override {
    return guard([&] { return disk_.create(p); });
  }
  expected<storage::file_ptr> open_append(path p) override {
    return guard([&] { return disk_.open_append(p); });
  }
  expected<void> make_dir(path p) override {
    return guard([&] { return disk_.make_dir(p); });
  }
  expected<void> remove_file(path p) override {
    return guard([&] { return disk_.remove_file(p); });
  }
  expected<void> remove_dir(path p) override {
    return guard([&] { return disk_.remove_dir(p); });
  }
  expected<void> rename(path from, path to) override {
    return guard([&] { return disk_.rename(from, to); });
  }
  expected<void> exchange(path a, path b) override {
    return guard([&] { return disk_.exchange(a, b); });
  }
  expected<void> link(path from, path to) override {
    return guard([&] { return disk_.link(from, to); });
  }
  expected<std::vector<storage::dir_entry>> list(path p) override {
    return guard([&] { return disk_.list(p); });
  }
  expected<storage::file_stat> stat(path p) override {
    return guard([&] { return disk_.stat(p); });
  }
  expected<storage::bytes> get_attr(path p, const char* name) override {
    return guard([&] { return disk_.get_attr(p, name); });
  }
  expected<void> set_attr(path p, const char* name,
                          std::span<const std::byte> value) override {
    return guard([&] { return disk_.set_attr(p, name, value); });
  }
  expected<void> set_atime(path p, int64_t atime_ns) override {
    return guard([&] { return disk_.set_atime(p, atime_ns); });
  }
  expected<void> sync_dir(path p) override {
    return guard([&] { return disk_.sync_dir(p); });
  }
  expected<void> sync_all(path p) override {
    return guard([&] { return disk_.sync_all(p); });
  }
  expected<storage::fs_space> space(path p) override {
    return guard([&] { return disk_.space(p); });
  }
  expected<storage::fs_identity> identity(path p) override {
    return guard([&] { return disk_.identity(p); });
  }

private:
  template <class F>
  auto guard(F f) -> decltype(f()) {
    if (dead)
      return fail(errc::io_error, "the process was killed");
    return f();
  }

  storage::disk& disk_;
};

} // namespace ais::sim
