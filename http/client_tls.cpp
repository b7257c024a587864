#include "http/client_tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

namespace ais::http {

namespace {

bool is_address(const std::string& host) {
  in6_addr room;
  return ::inet_pton(AF_INET, host.c_str(), &room) == 1
         || ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

std::string reason_of(unsigned long code) {
  auto* text = ERR_reason_error_string(code);
  return text ? text : "error " + std::to_string(code);
}

/// The hosts that the server's certificate is for.
std::string names_of(SSL* session) {
  auto* chain = SSL_get_peer_cert_chain(session);
  if (!chain || sk_X509_num(chain) == 0)
    return {};
  std::string out;
  auto add = [&out](const std::string& x) {
    out += (out.empty() ? "" : ", ") + x;
  };
  std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all{
    static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
      sk_X509_value(chain, 0), NID_subject_alt_name, nullptr, nullptr)),
    &GENERAL_NAMES_free};
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    auto* x = sk_GENERAL_NAME_value(all.get(), i);
    if (x->type == GEN_DNS) {
      auto* data = ASN1_STRING_get0_data(x->d.dNSName);
      add({reinterpret_cast<const char*>(data),
           static_cast<size_t>(ASN1_STRING_length(x->d.dNSName))});
    } else if (x->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN] = "";
      auto length = ASN1_STRING_length(x->d.iPAddress);
      if (length == 4 || length == 16)
        ::inet_ntop(length == 4 ? AF_INET : AF_INET6,
                    ASN1_STRING_get0_data(x->d.iPAddress), text, sizeof(text));
      add(text);
    }
  }
  return out;
}

/// Why the certificate of a server is not taken.
std::string distrust(const tls_end& end, const client_tls& x) {
  auto or_skip = x.skip_name.empty()
                   ? std::string{}
                   : ", or, to trust whoever answers, set " + x.skip_name;
  auto text = end.server + ": its certificate ";
  auto verdict = SSL_get_verify_result(end.session);
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return text + "has expired\nits owner has to renew it" + or_skip;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return text + "is not valid yet\ncorrect the clock of this machine"
             + or_skip;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      auto names = names_of(end.session);
      return text + "is for " + (names.empty() ? "others" : names)
             + "\nuse a name that it is for, or a certificate for this one"
             + or_skip;
    }
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return text + "is not signed by an authority that is known here ("
             + X509_verify_cert_error_string(verdict)
             + ")\nname its authority by " + x.names.ca + or_skip;
    default:
      return text + "is refused: " + X509_verify_cert_error_string(verdict);
  }
}

} // namespace

expected<std::shared_ptr<SSL_CTX>> load_client_tls(const client_tls& x) {
  if (x.files.cert.empty() != x.files.key.empty()) {
    auto given = x.files.key.empty();
    auto& has = given ? x.names.cert : x.names.key;
    auto& lacks = given ? x.names.key : x.names.cert;
    return fail(errc::invalid_argument,
                has + " is of no use without " + lacks + "\nset both, or none");
  }
  auto ctx = new_tls_context(x.files, x.names);
  if (!ctx)
    return ctx;
  SSL_CTX_set_min_proto_version(ctx->get(), TLS1_2_VERSION);
  if (x.files.ca.empty())
    SSL_CTX_set_default_verify_paths(ctx->get());
  SSL_CTX_set_verify(
    ctx->get(), x.skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  return ctx;
}

bool expect_host(SSL* session, const std::string& host) {
  if (is_address(host)) // has no place in SNI, RFC 6066, section 3
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str())
           == 1;
  return SSL_set_tlsext_host_name(session, host.c_str()) == 1
         && SSL_set1_host(session, host.c_str()) == 1;
}

error explain(const tls_end& end, const client_tls& x) {
  auto reason = ERR_GET_REASON(end.code);
  if (end.code != 0 && !x.skip_verify
      && SSL_get_verify_result(end.session) != X509_V_OK)
    return fail(errc::access_denied, distrust(end, x));
  if (end.code != 0
      && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST))
    return fail(errc::invalid_argument,
                end.server
                  + " does not speak TLS\nif it speaks plain HTTP, its address"
                    " begins with http://");
  // Only with TLS 1.2 that comes before the end of the handshake.
  auto alert = end.code == 0 || reason >= SSL_AD_REASON_OFFSET;
  if (end.asked && alert) {
    auto why = end.code == 0 ? std::string{} : " (" + reason_of(end.code) + ')';
    if (x.files.cert.empty())
      return fail(errc::access_denied,
                  end.server + " takes only clients with a certificate" + why
                    + "\nname one by " + x.names.cert + " and " + x.names.key);
    return fail(errc::access_denied,
                end.server + " does not take the certificate in " + x.files.cert
                  + why + "\nname one that it trusts by " + x.names.cert
                  + " and " + x.names.key);
  }
  return fail(errc::io_error, "TLS with " + end.server + " failed: "
                                + (end.code == 0 ? "the connection broke"
                                                 : reason_of(end.code)));
}

} // namespace ais::http
