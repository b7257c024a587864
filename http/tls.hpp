// TLS 1.3 between nodes: both ends show a certificate, and take only those that
// the cluster's own authority has signed. Who has one is trusted; names in it
// are not compared.
#pragma once

#include "storage/base/errc.hpp"

#include <openssl/types.h>

#include <memory>
#include <string>

namespace ais::http {

/// PEM files.
struct tls_files {
  std::string cert; ///< ours, and those between it and the authority's
  std::string key;  ///< of ours, without a passphrase
  std::string ca;   ///< the authority's

  bool any() const { return !cert.empty() || !key.empty() || !ca.empty(); }
};

/// A certificate, its key, and whom to trust; read once.
using tls_context = std::shared_ptr<SSL_CTX>;
using tls_session = std::shared_ptr<SSL>;

/// @returns errc::invalid_argument with what is wrong with which file; that
/// includes a certificate of ours that the others would refuse.
expected<tls_context> load_tls(const tls_files& files);

/// A session over a connected socket that does not block.
expected<tls_session> begin_tls(const tls_context& x, int fd, bool accepted);

/// What the last operation of this thread failed for; forgets it. `done` is
/// what it returned.
std::string tls_failure(const tls_session& x, int done);

} // namespace ais::http
