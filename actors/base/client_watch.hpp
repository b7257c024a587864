// Whether clients ask this process for anything: jobs look now and then, and
// give way.
#pragma once

#include "actors/base/environment.hpp"

namespace ais {

/// Belongs to one actor.
class client_watch {
public:
  /// As of when it was looked at last, at most every look_every_ns.
  bool clients_ask(const environment& env) {
    auto now = env.steady_ns();
    auto passed = now - looked_ns_;
    if (!env.served || passed < look_every_ns)
      return asking_;
    auto served = env.served();
    asking_ = static_cast<int64_t>(served - served_) > passed / pause_ns;
    served_ = served;
    looked_ns_ = now;
    return asking_;
  }

private:
  static constexpr int64_t look_every_ns = 50'000'000;
  static constexpr int64_t pause_ns = 20'000'000; ///< they ask oftener

  int64_t looked_ns_ = 0;
  uint64_t served_ = 0; ///< until then
  bool asking_ = false;
};

} // namespace ais
