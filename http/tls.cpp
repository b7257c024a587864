#include "http/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

namespace ais::http {

namespace {

/// The oldest error of this thread, in words; forgets all.
std::string first_error() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0)
    return "no reason given";
  if (ERR_SYSTEM_ERROR(code))
    return std::strerror(ERR_GET_REASON(code));
  auto* why = ERR_reason_error_string(code);
  return why ? why : "error " + std::to_string(code);
}

error bad(const std::string& name, const std::string& file,
          const std::string& why) {
  return fail(errc::invalid_argument, name + ' ' + file + ": " + why);
}

/// Never asks at a terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

/// Looks at our certificate as the others will, in either role.
expected<void> check_own(SSL_CTX* ctx, const tls_files& files) {
  for (auto purpose : {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SSL_SERVER}) {
    std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check{
      X509_STORE_CTX_new(), &X509_STORE_CTX_free};
    STACK_OF(X509)* between = nullptr;
    SSL_CTX_get0_chain_certs(ctx, &between);
    if (!check
        || X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(ctx),
                               SSL_CTX_get0_certificate(ctx), between)
             != 1)
      return bad("--tls-cert", files.cert, first_error());
    X509_STORE_CTX_set_purpose(check.get(), purpose);
    if (X509_verify_cert(check.get()) == 1)
      continue;
    auto why = X509_STORE_CTX_get_error(check.get());
    ERR_clear_error();
    return bad("--tls-cert", files.cert,
               std::string{"other nodes would refuse it: "}
                 + X509_verify_cert_error_string(why) + " (by --tls-ca "
                 + files.ca + ')');
  }
  return caf::unit;
}

} // namespace

expected<std::shared_ptr<SSL_CTX>>
new_tls_context(const tls_files& files, const tls_names& names) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> ctx{SSL_CTX_new(TLS_method()), &SSL_CTX_free};
  if (!ctx)
    return fail(errc::io_error, "OpenSSL does not start: " + first_error());
  auto* x = ctx.get();
  SSL_CTX_set_default_passwd_cb(x, no_passphrase);
  auto given = [](const std::string& file) {
    return file.empty() ? nullptr : file.c_str();
  };
  if (auto* ca = given(files.ca);
      ca && SSL_CTX_load_verify_locations(x, ca, nullptr) != 1)
    return bad(names.ca, files.ca, first_error());
  if (auto* cert = given(files.cert);
      cert && SSL_CTX_use_certificate_chain_file(x, cert) != 1)
    return bad(names.cert, files.cert, first_error());
  if (auto* key = given(files.key)) {
    if (SSL_CTX_use_PrivateKey_file(x, key, SSL_FILETYPE_PEM) != 1)
      return bad(names.key, files.key,
                 first_error() + " (it must have no passphrase)");
    if (SSL_CTX_check_private_key(x) != 1)
      return bad(names.key, files.key,
                 "it does not belong to " + names.cert + ' ' + files.cert);
  }
  ERR_clear_error();
  return ctx;
}

expected<tls_context> load_tls(const tls_files& files) {
  if (files.cert.empty() || files.key.empty() || files.ca.empty())
    return fail(errc::invalid_argument,
                "TLS between nodes needs all of --tls-cert, --tls-key and"
                " --tls-ca");
  auto ctx = new_tls_context(files, {});
  if (!ctx)
    return ctx.error();
  auto* x = ctx->get();
  SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION);
  SSL_CTX_set_verify(x, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  // Each connection proves itself anew.
  SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(x, 0);
  SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE
                        | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                        | SSL_MODE_RELEASE_BUFFERS);
  if (auto ok = check_own(x, files); !ok)
    return ok.error();
  return std::make_shared<tls_identity>(std::move(*ctx));
}

expected<tls_session> begin_tls(const tls_context& x, int fd, bool accepted) {
  ERR_clear_error();
  tls_session out{SSL_new(x->now().get()), &SSL_free};
  if (!out || SSL_set_fd(out.get(), fd) != 1)
    return fail(errc::io_error, "cannot begin TLS: " + first_error());
  if (accepted)
    SSL_set_accept_state(out.get());
  else
    SSL_set_connect_state(out.get());
  return out;
}

std::string tls_failure(const tls_session& x, int done) {
  auto number = errno;
  auto kind = SSL_get_error(x.get(), done);
  auto code = ERR_peek_error();
  // SSL_R_UNEXPECTED_EOF_WHILE_READING: OpenSSL 3 calls a broken connection so.
  if (kind == SSL_ERROR_ZERO_RETURN
      || (kind == SSL_ERROR_SYSCALL && number == 0)
      || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return "it ended the connection";
  }
  if (kind == SSL_ERROR_SYSCALL && code == 0)
    return std::strerror(number);
  auto verdict = SSL_get_verify_result(x.get());
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED
      && verdict != X509_V_OK) {
    ERR_clear_error();
    return std::string{"its certificate is refused: "}
           + X509_verify_cert_error_string(verdict);
  }
  return first_error();
}

} // namespace ais::http
