// One I/O thread: its event loop, its deadlines, its pool of blocks and its
// sessions. Everything here belongs to that thread; nothing is locked.
#pragma once

#include "http/limits.hpp"
#include "storage/base/log.hpp"
#include "storage/disk.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace ais::http {

namespace asio = boost::asio;

using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using timer
  = asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>,
                               executor>;
template <class T = void>
using task = asio::awaitable<T, executor>;
inline constexpr asio::use_awaitable_t<executor> use_task{};

// -- deadlines ----------------------------------------------------------------

/// Deadlines in steps of one second: 128 buckets, constant time to move one.
class deadline_wheel {
public:
  /// A socket with a deadline. When it passes, `expired` is set (the owner must
  /// look at it before each wait) and waiting operations are cancelled.
  struct entry {
    tcp_socket* socket = nullptr;
    bool expired = false;
    entry* before = nullptr;
    entry* behind = nullptr;
    ~entry() { unlink(); }
    void unlink();
  };

  deadline_wheel();
  ~deadline_wheel();

  uint32_t now() const { return now_; } ///< [s] since start
  /// Sets the deadline to second `at`; at most 127 s ahead.
  void arm(entry& e, uint32_t at);
  /// One second has passed.
  void tick();

private:
  static constexpr uint32_t buckets = 128;
  uint32_t now_ = 0;
  entry heads_[buckets];
};

// -- blocks -------------------------------------------------------------------

class worker;

/// A leased piece of memory of limits::block_bytes; returned on destruction, on
/// the thread that leased it.
class block {
public:
  block() = default;
  block(worker* w, storage::disk_memory memory, size_t size)
    : worker_(w), memory_(std::move(memory)), size_(size) {}
  block(block&& x) noexcept
    : worker_(std::exchange(x.worker_, nullptr)), memory_(std::move(x.memory_)),
      size_(x.size_) {}
  block& operator=(block&&) = delete;
  ~block();
  std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

private:
  worker* worker_ = nullptr;
  storage::disk_memory memory_;
  size_t size_ = 0;
};

// -- worker -------------------------------------------------------------------

class request_trace;
class session;

/// Lines about requests, a second one of each kind at most.
struct request_notes {
  rare_warnings failed;
  rare_warnings refused;
  rare_warnings slow;
};

class worker {
public:
  worker(size_t index, const limits& l);
  ~worker();

  size_t index() const { return index_; }
  const limits& lims() const { return limits_; }
  executor get_executor() { return io_.get_executor(); }
  asio::io_context& io() { return io_; }
  deadline_wheel& wheel() { return wheel_; }
  request_notes& notes() { return notes_; }
  /// Null: requests are not traced.
  request_trace* trace() const { return trace_; }
  void trace(request_trace* x) { trace_ = x; }
  /// The wheel's time [ns].
  int64_t rough_now_ns() const { return int64_t{wheel_.now()} * 1'000'000'000; }

  /// Runs until stopped; calls `each_second` once a second.
  void run(std::function<void()> each_second);

  /// One second has passed; run() calls it, tests may. On the worker's thread.
  void tick();

  /// Waits for a block while limits::blocks are out; who came first is served
  /// first. Whoever holds one must not wait for a second.
  task<block> lease();

  /// Half of the blocks are out: whoever waits for a peer with one in his hand,
  /// and can do without, should, lest those halves become a whole.
  bool blocks_short() const { return leased_ >= limits_.blocks / 2; }

  bool stopping() const { return stopping_; }
  /// Closes idle sessions now and the others after their request, or when
  /// limits::stop_seconds are over; then the loop ends. On the worker's thread.
  void stop();

private:
  friend class block;
  friend class session;
  task<> clock();
  void give_back(storage::disk_memory memory);
  bool done() const { return stopping_ && session_count_ == 0; }
  void end_if_done();

  /// A coroutine that waits for a block.
  struct block_waiter {
    timer turn; ///< cancelled when `memory` is there
    storage::disk_memory memory;
  };

  size_t index_;
  const limits& limits_;
  asio::io_context io_{1};
  timer second_;
  deadline_wheel wheel_;
  request_notes notes_;
  request_trace* trace_ = nullptr;
  std::vector<storage::disk_memory> free_blocks_;
  size_t leased_ = 0;
  std::deque<block_waiter*> block_waiters_; ///< oldest first
  std::function<void()> each_second_;
  session* sessions_ = nullptr; ///< intrusive list
  size_t session_count_ = 0;
  bool stopping_ = false;
  uint32_t stop_at_ = 0;
};

} // namespace ais::http
