// Redirects as they are signed: "&pid=<node>&utm=<when>[&u=<proof>]" behind the
// request's own target. The proof is an HMAC-SHA256 under the cluster's secret
// over method, path, query, pid and utm, decoded: clients may spell a URL anew.
// What it protects: with auth.intra_cluster.request_auth on, nobody reaches an
// object at a target but by the word of a proxy (which asks for permission),
// for that request, and for a minute. Source: api-data 0.7, api-control 0.3.
#pragma once

#include "http/url.hpp"

#include <string>
#include <string_view>

namespace ais::http {

/// Redirects of one request that may follow each other. Two nodes whose maps
/// differ send a client to and fro: the second time, each first waits for its
/// next map.
inline constexpr size_t max_redirects = 8;

/// How many nodes have redirected (or relayed) this request so far.
size_t redirects_of(const query& q);

/// The target of a request that `pid` sends elsewhere. Signed if there is a
/// secret. `target` in origin form, as the client sent it; `path` and `q` are
/// its decoded parts.
std::string sent_on(std::string_view method, std::string_view target,
                    std::string_view path, const query& q, std::string_view pid,
                    int64_t now_ns, std::string_view secret);

/// Whether a request was sent on by somebody who knows the secret, at most
/// `window_ns` ago (or in the future: clocks differ).
/// @returns errc::access_denied, with the reason.
expected<void>
check_sent_on(std::string_view method, std::string_view path, const query& q,
              int64_t now_ns, int64_t window_ns, std::string_view secret);

} // namespace ais::http
