// The three networks of a node: public (clients), intra-control (messages
// between nodes), intra-data (object bytes between nodes). On which addresses
// it listens, and which ones it tells others. Source: api-control 0.
//
// What is told must lead to this node from wherever the question can come from:
// a wildcard becomes the address of the interface that leads outside, and a
// node that can be reached from other machines never calls itself 127.0.0.1.
#pragma once

#include "actors/meta/smap.hpp"
#include "storage/base/errc.hpp"

namespace ais::http {

/// As given on the command line.
struct network_options {
  std::string host = "127.0.0.1"; ///< IP address to listen on
  uint16_t port = 8080;
  std::string advertise;     ///< name or IP address; empty: from the host
  std::string control_host;  ///< empty: as the public one
  uint16_t control_port = 0; ///< 0: port + 1000
  std::string data_host;     ///< empty: as the public one
  uint16_t data_port = 0;    ///< 0: port + 2000
  /// A node of its own: the other two networks are not in use, and shown as
  /// the public one.
  bool alone = false;
};

struct network {
  net_info listen;
  net_info shown; ///< to others
};

struct networks {
  network pub;
  network control;
  network data;
};

/// By which addresses other machines reach this one; empty where unknown.
struct outward {
  std::string v4;
  std::string v6;
};

/// Chooses the addresses; pure.
/// @returns errc::invalid_argument with what to change.
expected<networks>
choose_networks(const network_options& given, const outward& out);

/// Asks the kernel for them; sends nothing.
outward find_outward();

} // namespace ais::http
