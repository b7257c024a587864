// TLS as clients speak it: whom they trust, what they show, and why it failed.
#pragma once

#include "http/tls.hpp"

namespace ais::http {

/// Whom a client trusts, and who it is.
struct client_tls {
  /// The authority: empty for those that the system knows. Certificate and key:
  /// shown to servers that ask for one; both or none.
  tls_files files;
  /// What a person sets: part of errors and of what mends them.
  tls_names names{"the certificate", "the key", "the authority's certificate"};
  bool skip_verify = false; ///< takes any certificate of a server
  /// What a person sets for that; empty: is not offered.
  std::string skip_name;
};

/// For TLS 1.2 and later.
/// @returns errc::invalid_argument with what is wrong with which file.
expected<std::shared_ptr<SSL_CTX>> load_client_tls(const client_tls& x);

/// Makes a session check that the certificate is one for `host`, a name or an
/// address, and tell the server whom it is to be.
bool expect_host(SSL* session, const std::string& host);

/// How a session ended.
struct tls_end {
  SSL* session = nullptr;
  std::string server;     ///< host:port
  unsigned long code = 0; ///< OpenSSL's error; 0: the connection broke
  bool asked = false;     ///< the server wanted a certificate of ours
};

/// What went wrong; if something mends it, a second line says what.
/// @returns errc::access_denied if one does not trust the other,
/// invalid_argument if the server does not speak TLS, else io_error.
error explain(const tls_end& end, const client_tls& x);

} // namespace ais::http
