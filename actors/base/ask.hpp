// A request to another actor, answered by one of two functions.
#pragma once

#include "storage/base/errc.hpp"

#include <chrono>
#include <utility>

namespace ais {

/// Asks `to`; calls `then` with the answer, a `Result`, or `no` with an error
/// that has one of our codes: those of CAF itself (the timeout, an actor that
/// is down) mean nothing to whoever asked.
template <class Result, class Self, class Handle, class Message, class F,
          class G>
void ask(Self* self, const Handle& to, caf::timespan timeout, Message&& what,
         F then, G no) {
  self->request(to, timeout, std::forward<Message>(what))
    .then([then = std::move(then)](Result& x) mutable { then(x); },
          [no = std::move(no)](caf::error& e) mutable {
            no(fail(code_of(e), message_of(e)));
          });
}

} // namespace ais
