// Runs a case on every disk there is: the real one in a directory of its own,
// and the one in memory.
#pragma once

#include "storage/memory_disk.hpp"
#include "storage/posix_disk.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ais::test {

/// A fresh directory on the real file system; removed at the end.
class temp_dir {
public:
  temp_dir() {
    auto pattern
      = (std::filesystem::temp_directory_path() / "ais-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~temp_dir() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Calls f(disk, root) for each kind of disk; `root` exists and is empty.
template <class F>
void on_both_disks(F f) {
  {
    temp_dir dir;
    f(storage::posix_disk(), dir.path());
  }
  storage::memory_disk memory;
  static_cast<void>(storage::make_dirs(memory, "/root"));
  static_cast<void>(memory.sync_dir("/"));
  f(memory, std::string{"/root"});
}

} // namespace ais::test
