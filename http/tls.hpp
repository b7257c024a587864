// Certificates as files, and TLS 1.3 between nodes: both ends show a
// certificate, and take only those that the cluster's own authority has signed.
// Who has one is trusted; names in it are not compared.
#pragma once

#include "storage/base/errc.hpp"

#include <openssl/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace ais::http {

/// PEM files.
struct tls_files {
  std::string cert; ///< ours, and those between it and the authority's
  std::string key;  ///< of ours, without a passphrase
  std::string ca;   ///< the authority's

  bool any() const { return !cert.empty() || !key.empty() || !ca.empty(); }
};

/// What a person calls these files; for errors.
struct tls_names {
  std::string cert = "--tls-cert";
  std::string key = "--tls-key";
  std::string ca = "--tls-ca";
};

/// A context with those of the files that are named.
/// @returns errc::invalid_argument with what is wrong with which file.
expected<std::shared_ptr<SSL_CTX>>
new_tls_context(const tls_files& files, const tls_names& names);

/// A certificate, its key, and whom to trust; replaced while it is in use: what
/// begins afterwards takes the new one. Any thread.
class tls_identity {
public:
  explicit tls_identity(std::shared_ptr<SSL_CTX> x) : now_(std::move(x)) {}

  std::shared_ptr<SSL_CTX> now() const {
    std::lock_guard guard{mutex_};
    return now_;
  }
  void replace(std::shared_ptr<SSL_CTX> next) {
    std::lock_guard guard{mutex_};
    now_ = std::move(next);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> now_;
};
using tls_context = std::shared_ptr<tls_identity>;
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
