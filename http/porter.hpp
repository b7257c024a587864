// The PORTER listens on the control port: it lets in who begins as a node of
// this cluster does (with TLS: who has a certificate of ours) and hands the
// connection on; everybody else is logged and turned away. Nothing a stranger
// sends, or does not send, reaches CAF.
//
// **Concurrency**: a thread of its own; stop() from any other.
// **Limits**: max_strangers at once, the oldest makes room for a new one; each
// has greeting_time. max_links with those inside.
#pragma once

#include "actors/meta/smap.hpp"
#include "http/link.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <thread>
#include <vector>

namespace ais::http {

inline constexpr size_t max_strangers = 64;
inline constexpr size_t max_links = 4096;
inline constexpr std::chrono::seconds greeting_time{3};
/// Between two equal complaints in the log.
inline constexpr std::chrono::seconds complaint_pause{10};

class porter {
public:
  using let_in = std::function<void(wire)>;

  /// `tls`: none, or what is needed to speak it.
  porter(tls_context tls, let_in f);
  ~porter();
  porter(const porter&) = delete;
  porter& operator=(const porter&) = delete;

  /// @returns errc::busy (the port is taken), io_error.
  expected<void> start(const net_info& at);
  /// Lets go of the port and of those who still greet.
  void stop();

private:
  using clock = std::chrono::steady_clock;
  struct stranger {
    wire w;
    std::string who;
    clock::time_point since;
    short wants; ///< what poll() is to wait for
  };

  void run();
  void accept_all();
  /// True once it is let in or turned away.
  bool greet(stranger& x, short events);
  bool greet_plain(stranger& x, bool ended);
  bool greet_tls(stranger& x);
  bool turn_away(const stranger& x, const std::string& why);

  tls_context tls_;
  let_in let_in_;
  wire listening_;
  wire wake_[2]; ///< a pipe
  std::vector<stranger> strangers_;
  std::map<std::string, clock::time_point> complained_;
  std::thread thread_;
};

} // namespace ais::http
