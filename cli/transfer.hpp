// Moving many objects at once: workers, progress, files that appear whole.
#pragma once

#include "cli/api.hpp"
#include "cli/output.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

namespace ais::cli {

class context;
class arguments;

// -- workers ------------------------------------------------------------------

/// --num-workers: 10, at most twice the CPUs, at least 1.
size_t worker_count(const arguments& a);

/// Calls `work` for 0..n-1, in several threads with a connection each. What it
/// throws is reported and counted; the others go on. @returns failures.
uint64_t in_parallel(const settings& config, size_t workers, uint64_t n,
                     const std::function<void(api&, uint64_t)>& work);

// -- progress -----------------------------------------------------------------

/// How far something is.
struct amounts {
  uint64_t objects = 0;
  uint64_t of_objects = 0; ///< 0: not known
  uint64_t bytes = 0;
  uint64_t of_bytes = 0; ///< 0: not known
};

/// What people are told about it; texts, without bars.
struct progress_text {
  std::string objects; ///< "1,234/10,000", "1,234"
  std::string bytes;   ///< "3.00MiB of 1.00GiB", "3.00MiB"; empty: none moved
  std::string rate;    ///< of bytes, else of objects: "1.00MiB/s", "12/s"
  std::string left;    ///< "1m3s"; empty: not known
};

/// @param before   what was done when `elapsed` began
progress_text describe(const quantities& units, const amounts& before,
                       const amounts& now, std::chrono::nanoseconds elapsed);

/// Shows how far a transfer is: bars on a terminal, else a line per period.
class meter {
public:
  /// @param verb  "Uploaded", "Downloaded", ...
  meter(const context& x, const arguments& a, std::string verb, uint64_t count,
        uint64_t bytes);
  ~meter();
  meter(const meter&) = delete;
  meter& operator=(const meter&) = delete;

  /// What was not known at first.
  void expect_bytes(uint64_t n) { bytes_ = n; }
  void add_bytes(uint64_t n) { bytes_done_ += n; }
  void add_one() { ++done_; }
  /// For work that others do: how far it is. What was done before the first
  /// call does not count for the rate.
  void set(const amounts& x);
  /// Draws the last state and stops.
  void finish();

private:
  void draw(bool last);

  const quantities units_;
  std::string verb_;
  std::atomic<uint64_t> count_; ///< 0: not known
  std::atomic<uint64_t> bytes_;
  amounts before_;
  bool set_ = false;
  bool shown_;
  bool bars_;
  int drawn_ = 0; ///< lines
  std::chrono::nanoseconds period_;
  std::chrono::steady_clock::time_point start_;
  std::atomic<uint64_t> done_ = 0;
  std::atomic<uint64_t> bytes_done_ = 0;
  std::mutex mutex_; ///< guards stop_
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

// -- files --------------------------------------------------------------------

/// A file that appears under its name once it is whole: whatever ends us
/// before leaves nothing behind. Devices and pipes are written as they are.
class new_file {
public:
  /// @throws failure
  explicit new_file(std::string path);
  ~new_file();
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  expected<void> write(std::span<const char> data);
  /// At a place of its own; several threads may. @pre regular()
  expected<void> write_at(uint64_t offset, std::span<const char> data);
  bool regular() const { return !plain_; }
  /// Gives it its name. @throws failure
  void commit();

private:
  std::string path_;
  std::string aside_; ///< its name until then, if it needs one
  int fd_ = -1;
  uint64_t at_ = 0;    ///< where write() goes on
  bool plain_ = false; ///< not a regular file
};

/// A part of a file as a body.
class file_body : public http::body_source {
public:
  /// @throws failure
  explicit file_body(const std::string& path, meter* shown = nullptr);
  ~file_body() override;
  file_body(const file_body&) = delete;
  file_body& operator=(const file_body&) = delete;

  std::optional<uint64_t> size() const override { return size_; }
  expected<size_t> read(uint64_t offset, std::span<char> room) override;

private:
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  uint64_t reported_ = 0;
  meter* shown_;
};

// -- objects ------------------------------------------------------------------

/// What stays the same as long as an object does.
struct identity {
  std::string checksum;
  std::string version;
  bool operator==(const identity&) const = default;
  bool known() const { return !checksum.empty() || !version.empty(); }
};

struct fetch_options {
  uint64_t offset = 0;
  uint64_t length = 0; ///< 0: to the end
  bool verify = false; ///< compare with the object's checksum
  bool alone = false;  ///< all that is shown
  /// Only of this object; one that has changed is a failure.
  std::optional<identity> same_as;
  meter* shown = nullptr;
};

/// Reads an object into `sink`; goes on where a connection broke, as long as
/// the object is the same. @returns bytes. @throws failure
uint64_t
fetch_object(api& cluster, const bck& b, const std::string& object,
             const fetch_options& options,
             const std::function<expected<void>(std::span<const char>)>& sink);

/// By the headers of a GET or HEAD.
identity identity_of(const http::header_list& h);

/// A refusal in the words for objects: not found, or as it is.
failure
object_failure(const refusal& e, const bck& b, const std::string& object);

/// Names of objects that options select: --list, --template, --prefix, --all;
/// or the object itself when it is a template or a prefix ("dir/").
struct selection {
  bool single = false; ///< just the object that was named
  std::vector<listed_object> objects;
  bool listed = false; ///< they exist, with sizes
};
struct uri;
selection select_objects(context& x, const arguments& a, const uri& u);

} // namespace ais::cli
