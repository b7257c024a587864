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

/// Nobody could be asked.
class no_answer : public failure {
public:
  /// Says both. @param tip  what mends it; may be empty.
  no_answer(std::string why, std::string tip)
    : failure(tip.empty() ? why : why + "\n(Tip: " + tip + ')'),
      why_(std::move(why)), tip_(std::move(tip)) {}
  const std::string& why() const { return why_; }
  const std::string& tip() const { return tip_; }

private:
  std::string why_;
  std::string tip_;
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
