// From a coroutine of an I/O thread to an actor and back:
//
//   expected<lom_ptr> r = co_await bridge.ask(shard, 30s, head_object{key});
//   auto all = co_await bridge.ask_many(std::move(questions), 10s);
//
// One bridge per I/O thread. It is known to actors as a passive actor (no
// mailbox, never scheduled): the answering actor's thread puts the response
// into the bridge's inbox and wakes the loop if the inbox was empty, so that
// answers that come together cost one wake-up. Requests are registered and
// completed on the loop's thread only. Time-outs are kept in one-second steps.
//
// Limits: max_pending requests at once; beyond, ask() fails at once with
// errc::too_many_requests. A late answer after its time-out is dropped.
#pragma once

#include "storage/base/errc.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/response_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

namespace ais::http {

namespace detail {

/// The one output type of asking Handle with Ts...
template <class Handle, class... Ts>
struct answer_of {
  using outputs = caf::response_type_t<
    typename Handle::signatures,
    typename caf::detail::implicit_conversions<std::decay_t<Ts>>::type...>;
  static_assert(caf::detail::tl_size<outputs>::value == 1);
  using type = caf::detail::tl_head_t<outputs>;
};

/// Reads the response message of a request that answers with one T.
template <class T>
expected<T> decode(caf::message&& m) {
  if (m.match_elements<caf::error>())
    return std::move(m.get_mutable_as<caf::error>(0));
  if (m.match_elements<T>())
    return std::move(m.get_mutable_as<T>(0));
  return caf::make_error(caf::sec::unexpected_response);
}

/// Without what only CAF understands of an error.
template <class T>
expected<T> plain(expected<T>&& x) {
  if (!x)
    return fail(code_of(x.error()), message_of(x.error()));
  return std::move(x);
}

/// A coroutine that waits for a response.
struct waiting {
  virtual ~waiting() = default;
  /// Resumes it with the response; called once, on the loop's thread.
  virtual void complete(caf::message&& response) = 0;
  std::chrono::steady_clock::time_point deadline;
};

/// What a coroutine that asked many has so far.
template <class T, class Handler>
struct gathered {
  std::vector<expected<T>> answers;
  size_t missing;
  Handler next;
};

} // namespace detail

/// A message and the actor to ask; null: not to be reached.
template <class Handle, class Message>
struct question {
  Handle to;
  Message what;
};

class bridge {
public:
  using executor = boost::asio::io_context::executor_type;
  static constexpr size_t max_pending = 65'536; ///< requests

  bridge(caf::actor_system& sys, executor ex);
  /// Every request must have been completed (see cancel_all) and the loop's
  /// thread must have ended.
  ~bridge();
  bridge(const bridge&) = delete;
  bridge& operator=(const bridge&) = delete;

  /// Asks `to` and waits for its answer. Fails with the actor's error,
  /// errc::timed_out, errc::not_ready (it is gone) or too_many_requests.
  template <class Handle, class... Ts>
  auto ask(Handle to, std::chrono::seconds timeout, Ts... xs)
    -> boost::asio::awaitable<
      expected<typename detail::answer_of<Handle, Ts...>::type>, executor> {
    using result = typename detail::answer_of<Handle, Ts...>::type;
    if (!to)
      co_return fail(errc::not_ready, "the node is starting or stopping");
    if (pending() >= max_pending)
      co_return fail(errc::too_many_requests, "too many requests at once");
    auto response = co_await boost::asio::async_initiate<
      const boost::asio::use_awaitable_t<executor>, void(expected<result>)>(
      [&](auto handler) {
        using handler_type = decltype(handler);
        struct op final : detail::waiting {
          explicit op(handler_type&& h) : next(std::move(h)) {}
          void complete(caf::message&& m) override {
            std::move(next)(detail::decode<result>(std::move(m)));
          }
          handler_type next;
        };
        auto id = enter(std::make_unique<op>(std::move(handler)), timeout);
        caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
          caf::make_mailbox_element(self(), id, {}, std::move(xs)...), nullptr);
      },
      boost::asio::use_awaitable_t<executor>{});
    co_return detail::plain(std::move(response));
  }

  /// Asks all at once and waits until all have answered, or their time is up:
  /// the answers, in the order of the questions, each as that of ask().
  template <class Handle, class Message>
  auto ask_many(std::vector<question<Handle, Message>> all,
                std::chrono::seconds timeout)
    -> boost::asio::awaitable<
      std::vector<expected<typename detail::answer_of<Handle, Message>::type>>,
      executor> {
    using result = typename detail::answer_of<Handle, Message>::type;
    using results = std::vector<expected<result>>;
    auto full = pending() + all.size() > max_pending;
    results early;
    size_t asked = 0;
    for (auto& x : all) {
      asked += x.to && !full;
      early.emplace_back(
        full ? fail(errc::too_many_requests, "too many requests at once")
             : fail(errc::not_ready, "the node does not answer"));
    }
    if (asked == 0)
      co_return early;
    auto answers = co_await boost::asio::async_initiate<
      const boost::asio::use_awaitable_t<executor>, void(results)>(
      [&](auto handler) {
        using gathered = detail::gathered<result, decltype(handler)>;
        struct op final : detail::waiting {
          op(std::shared_ptr<gathered> x, size_t i)
            : to(std::move(x)), index(i) {}
          void complete(caf::message&& m) override {
            to->answers[index] = detail::decode<result>(std::move(m));
            if (--to->missing == 0)
              std::move(to->next)(std::move(to->answers));
          }
          std::shared_ptr<gathered> to;
          size_t index;
        };
        auto state = std::make_shared<gathered>(
          gathered{std::move(early), asked, std::move(handler)});
        for (size_t i = 0; i < all.size(); ++i) {
          if (!all[i].to)
            continue;
          auto id = enter(std::make_unique<op>(state, i), timeout);
          caf::actor_cast<caf::abstract_actor*>(all[i].to)->enqueue(
            caf::make_mailbox_element(self(), id, {}, std::move(all[i].what)),
            nullptr);
        }
      },
      boost::asio::use_awaitable_t<executor>{});
    for (auto& x : answers)
      x = detail::plain(std::move(x));
    co_return answers;
  }

  /// Sends without waiting.
  template <class Handle, class... Ts>
  void tell(const Handle& to, Ts&&... xs) {
    if (to)
      caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                  std::forward<Ts>(xs)...),
        nullptr);
  }

  /// Fails the requests whose time is up; the loop calls it once a second.
  void expire(std::chrono::steady_clock::time_point now);

  /// Fails all requests; on the loop's thread.
  void cancel_all();

  /// Requests without an answer so far.
  size_t pending() const;

private:
  struct inbox;
  caf::message_id
  enter(std::unique_ptr<detail::waiting> op, std::chrono::seconds timeout);
  caf::strong_actor_ptr self() const;

  std::shared_ptr<inbox> inbox_;
  caf::strong_actor_ptr actor_;
};

} // namespace ais::http
