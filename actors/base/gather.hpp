// Asks several actors the same thing and answers when all have: with success
// only if all succeeded, else with the first error.
#pragma once

#include "actors/base/type_ids.hpp"

#include <caf/error.hpp>

#include <chrono>
#include <memory>

namespace ais {

template <class Self, class Handles, class Message, class Promise>
void gather(Self* self, const Handles& to, std::chrono::seconds timeout,
            const Message& message, Promise answer) {
  struct progress {
    size_t left;
    caf::error first;
  };
  auto state = std::make_shared<progress>(progress{to.size(), {}});
  auto one_less = [state, answer]() mutable {
    if (--state->left > 0)
      return;
    if (state->first)
      answer.deliver(state->first);
    else
      answer.deliver(ack{});
  };
  if (to.empty()) {
    answer.deliver(ack{});
    return;
  }
  for (auto& x : to) {
    self->request(x, timeout, message)
      .then([one_less](ack) mutable { one_less(); },
            [one_less, state](caf::error& e) mutable {
              if (!state->first)
                state->first = std::move(e);
              one_less();
            });
  }
}

} // namespace ais
