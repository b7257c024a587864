// How a command ends early: by an exception, caught once in run(). Commands are
// plain sequences of steps; nothing else runs in their thread.
#pragma once

#include "http/client.hpp"
#include "storage/base/errc.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace ais::cli {

/// The command failed; the text is for the person who typed it.
class failure : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The command was called in a wrong way: its usage is shown, too.
class misuse : public failure {
public:
  using failure::failure;
};

/// The cluster refused.
class refusal : public failure {
public:
  explicit refusal(http::api_error e);
  const http::api_error& what_it_said() const { return error_; }
  int status() const { return error_.status; }

private:
  http::api_error error_;
};

/// Everything was reported already: only the exit code is left to set.
class silent_failure : public failure {
public:
  silent_failure() : failure("") {}
};

/// The value, or a failure with the error's text.
template <class T>
T must(expected<T> x) {
  if (!x)
    throw failure(message_of(x.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(*x);
}

} // namespace ais::cli
