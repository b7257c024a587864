// Asks several actors the same thing and goes on when all have answered: with
// success only if all succeeded, else with the first error.
#pragma once

#include "actors/base/ask.hpp"
#include "actors/base/type_ids.hpp"

#include <memory>

namespace ais {

/// Calls `then` with the first error, or with none, as `ask` words it.
template <class Self, class Handles, class Message, class F>
void gather(Self* self, const Handles& to, caf::timespan timeout,
            const Message& message, F then) {
  struct progress {
    size_t left;
    F then;
    error first;
  };
  auto state = std::make_shared<progress>(
    progress{std::size(to) + 1, std::move(then), {}});
  auto one_less = [state] {
    if (--state->left == 0)
      state->then(std::as_const(state->first));
  };
  for (auto& x : to)
    ask<ack>(
      self, x, timeout, message, [one_less](ack) { one_less(); },
      [one_less, state](const error& e) {
        if (!state->first)
          state->first = e;
        one_less();
      });
  one_less();
}

/// What gather() is given to answer a request with the outcome.
template <class Promise>
auto into(Promise answer) {
  return [answer](const error& e) mutable {
    if (e)
      answer.deliver(e);
    else
      answer.deliver(ack{});
  };
}

} // namespace ais
