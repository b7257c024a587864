#include "http/bridge.hpp"

#include <boost/asio/post.hpp>
#include <caf/actor_config.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/sec.hpp>

#include <mutex>
#include <vector>

namespace ais::http {

/// Responses on their way to the loop, and the coroutines that wait for them.
struct bridge::inbox : std::enable_shared_from_this<inbox> {
  using response = std::pair<uint64_t, caf::message>;

  explicit inbox(executor ex) : loop(ex) {}

  /// Any thread.
  void put(uint64_t id, caf::message&& m) {
    std::lock_guard guard{mutex};
    if (closed)
      return; // an answer that comes after its bridge has gone, and the loop
    auto wake = arrived.empty();
    arrived.emplace_back(id, std::move(m));
    if (wake)
      boost::asio::post(loop, [self = shared_from_this()] { self->deliver(); });
  }

  /// The loop's thread, as everything below.
  void deliver() {
    std::vector<response> batch;
    {
      std::lock_guard guard{mutex};
      batch.swap(arrived);
    }
    for (auto& [id, m] : batch)
      complete(id, std::move(m));
  }

  void complete(uint64_t id, caf::message&& m) {
    auto i = waiting.find(id);
    if (i == waiting.end())
      return; // timed out before
    auto op = std::move(i->second);
    waiting.erase(i);
    op->complete(std::move(m));
  }

  executor loop;
  std::mutex mutex;
  std::vector<response> arrived;
  bool closed = false; ///< the loop may be gone
  std::unordered_map<uint64_t, std::unique_ptr<detail::waiting>> waiting;
  uint64_t next_id = 0;
};

namespace {

/// The bridge as actors see it.
template <class Inbox>
class gateway : public caf::monitorable_actor {
public:
  gateway(caf::actor_config& cfg, std::shared_ptr<Inbox> in)
    : caf::monitorable_actor(cfg), inbox_(std::move(in)) {}

  const char* name() const override { return "http-bridge"; }

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    if (what->mid.is_response())
      inbox_->put(what->mid.request_id().integer_value(),
                  what->move_content_to_message());
  }

private:
  std::shared_ptr<Inbox> inbox_;
};

} // namespace

bridge::bridge(caf::actor_system& sys, executor ex)
  : inbox_(std::make_shared<inbox>(ex)) {
  caf::actor_config cfg;
  actor_ = caf::make_actor<gateway<inbox>, caf::strong_actor_ptr>(
    sys.next_actor_id(), sys.node(), &sys, cfg, inbox_);
}

bridge::~bridge() {
  {
    std::lock_guard guard{inbox_->mutex};
    inbox_->closed = true;
  }
  static_cast<caf::monitorable_actor*>(actor_->get())
    ->cleanup(caf::exit_reason::user_shutdown, nullptr);
}

caf::message_id bridge::enter(std::unique_ptr<detail::waiting> op,
                              std::chrono::seconds timeout) {
  op->deadline = std::chrono::steady_clock::now() + timeout;
  auto id = ++inbox_->next_id;
  inbox_->waiting.emplace(id, std::move(op));
  return caf::make_message_id(id).with_normal_priority();
}

caf::strong_actor_ptr bridge::self() const {
  return actor_;
}

void bridge::expire(std::chrono::steady_clock::time_point now) {
  std::vector<uint64_t> late;
  for (auto& [id, op] : inbox_->waiting)
    if (op->deadline <= now)
      late.push_back(id);
  for (auto id : late)
    inbox_->complete(
      id, caf::make_message(caf::make_error(caf::sec::request_timeout)));
}

void bridge::cancel_all() {
  std::vector<uint64_t> all;
  for (auto& [id, op] : inbox_->waiting)
    all.push_back(id);
  for (auto id : all)
    inbox_->complete(
      id, caf::make_message(fail(errc::not_ready, "the node is stopping")));
}

size_t bridge::pending() const {
  return inbox_->waiting.size();
}

} // namespace ais::http
