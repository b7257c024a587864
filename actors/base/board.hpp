// A board shows the current version of an immutable value: one writer, many
// readers, no lock on the reading side while nothing changes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace ais {

template <class T>
class board {
public:
  using value_ptr = std::shared_ptr<const T>;

  explicit board(value_ptr first = std::make_shared<const T>())
    : value_(std::move(first)) {}

  /// Replaces the value; readers see it at their next look.
  void show(value_ptr next) {
    std::lock_guard guard{mutex_};
    value_ = std::move(next);
    edition_.fetch_add(1, std::memory_order_release);
  }

  /// The current value; any thread.
  value_ptr read() const {
    std::lock_guard guard{mutex_};
    return value_;
  }

  /// One reader's view: keeps a reference and looks up the board only when it
  /// changed. For one thread.
  class view {
  public:
    explicit view(const board& b) : board_(&b) {}

    const value_ptr& get() {
      auto now = board_->edition_.load(std::memory_order_acquire);
      if (now != edition_) {
        value_ = board_->read();
        edition_ = now;
      }
      return value_;
    }
    const T* operator->() { return get().get(); }
    const T& operator*() { return *get(); }

  private:
    const board* board_;
    uint64_t edition_ = ~uint64_t{0};
    value_ptr value_;
  };

private:
  mutable std::mutex mutex_;
  std::atomic<uint64_t> edition_{0};
  value_ptr value_;
};

} // namespace ais
