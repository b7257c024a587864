#include "http/worker.hpp"

#include "http/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace ais::http {

// -- deadlines ----------------------------------------------------------------

void deadline_wheel::entry::unlink() {
  if (!before)
    return;
  before->behind = behind;
  behind->before = before;
  before = behind = nullptr;
}

deadline_wheel::deadline_wheel() {
  for (auto& head : heads_)
    head.before = head.behind = &head;
}

deadline_wheel::~deadline_wheel() {
  for (auto& head : heads_) {
    while (head.behind != &head)
      head.behind->unlink();
    head.before = head.behind = nullptr;
  }
}

void deadline_wheel::arm(entry& e, uint32_t at) {
  at = std::clamp(at, now_ + 1, now_ + buckets - 1);
  auto& head = heads_[at % buckets];
  if (head.before == &e)
    return; // usual: moved within the same second
  e.unlink();
  e.before = head.before;
  e.behind = &head;
  head.before->behind = &e;
  head.before = &e;
}

void deadline_wheel::tick() {
  auto& head = heads_[++now_ % buckets];
  while (head.behind != &head) {
    auto& e = *head.behind;
    e.unlink();
    e.expired = true; // cancel() is lost while nothing waits
    boost::system::error_code ec;
    e.socket->cancel(ec);
  }
}

// -- blocks -------------------------------------------------------------------

block::~block() {
  if (worker_)
    worker_->give_back(std::move(memory_));
}

task<block> worker::lease() {
  if (leased_ >= limits_.blocks) {
    block_waiter self{timer{get_executor()}, nullptr};
    self.turn.expires_at(timer::time_point::max());
    block_waiters_.push_back(&self);
    co_await self.turn.async_wait(asio::as_tuple(use_task));
    co_return block{this, std::move(self.memory), limits_.block_bytes};
  }
  ++leased_;
  if (free_blocks_.empty())
    co_return block{this, storage::make_disk_memory(limits_.block_bytes),
                    limits_.block_bytes};
  auto memory = std::move(free_blocks_.back());
  free_blocks_.pop_back();
  co_return block{this, std::move(memory), limits_.block_bytes};
}

void worker::give_back(storage::disk_memory memory) {
  constexpr size_t kept = 16;
  if (!block_waiters_.empty()) {
    // Handed over, so that nobody who comes now can snatch it.
    auto* next = block_waiters_.front();
    block_waiters_.pop_front();
    next->memory = std::move(memory);
    next->turn.cancel();
    return;
  }
  --leased_;
  if (free_blocks_.size() < kept)
    free_blocks_.push_back(std::move(memory));
}

// -- worker -------------------------------------------------------------------

worker::worker(size_t index, const limits& l)
  : index_(index), limits_(l), second_(io_) {}

worker::~worker() = default;

void worker::run(std::function<void()> each_second) {
  each_second_ = std::move(each_second);
  asio::co_spawn(io_, clock(), asio::detached);
  io_.run();
}

/// The loop's last work: ends when the worker has stopped. Looks before each
/// wait, since a cancel() between two waits is lost.
task<> worker::clock() {
  while (!done()) {
    second_.expires_after(std::chrono::seconds{1});
    auto [ec] = co_await second_.async_wait(asio::as_tuple(use_task));
    if (!ec)
      tick();
  }
}

void worker::tick() {
  wheel_.tick();
  each_second_();
  if (stopping_ && wheel_.now() >= stop_at_)
    for (auto* s = sessions_; s; s = s->behind_)
      s->cut();
}

void worker::stop() {
  if (std::exchange(stopping_, true))
    return;
  stop_at_ = wheel_.now() + limits_.stop_seconds;
  for (auto* s = sessions_; s; s = s->behind_)
    if (s->idle())
      s->cut();
  end_if_done();
}

void worker::end_if_done() {
  if (done())
    second_.cancel();
}

} // namespace ais::http
