// How nodes reach each other: CAF's broker (BASP) over connections of our own
// making, plain or with TLS. What actors/ knows of it are the connector and the
// gate's address.
#pragma once

#include "actors/cluster/peers.hpp"
#include "http/tls.hpp"

#include <caf/actor_system_config.hpp>

#include <memory>

namespace ais::http {

/// Loads the middleman into a configuration and sets its time limits.
void load_middleman(caf::actor_system_config& cfg);

/// This node's end of all connections to others.
class intra {
public:
  /// `tls`: none for plain TCP. Without a middleman loaded nobody is reached.
  intra(caf::actor_system& sys, tls_context tls);
  ~intra();
  intra(const intra&) = delete;
  intra& operator=(const intra&) = delete;

  connector_actor connector() const { return connector_; }

  /// Makes the gate reachable at `at`.
  /// @returns errc::busy (the port is taken), io_error.
  expected<void> publish(const net_info& at, const caf::strong_actor_ptr& gate);

  /// Nobody comes in any more; the connector ends.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
  connector_actor connector_;
};

} // namespace ais::http
