#include "http/s3/sigv4.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/when.hpp"
#include "storage/base/mac.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <charconv>

namespace ais::http::s3 {

namespace {

constexpr size_t max_signed_headers = 100;
constexpr size_t max_signing_keys = 1024; ///< that are remembered

/// Takes the next part of a list, without the separator behind it.
std::string_view take_part(std::string_view& list, char by) {
  auto end = std::min(list.find(by), list.size());
  auto out = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return out;
}

/// Calls `f` with each part; false if it does not want more.
template <class F>
bool each_part(std::string_view list, char by, F f) {
  for (;;) {
    auto end = list.find(by);
    if (!f(list.substr(0, end)))
      return false;
    if (end == std::string_view::npos)
      return true;
    list.remove_prefix(end + 1);
  }
}

/// Whether a list of names in lower case has one, of any case.
bool lists(std::string_view names, std::string_view name) {
  return !each_part(names, ';',
                    [&](std::string_view x) { return !same_name(x, name); });
}

std::string_view trim(std::string_view x) {
  while (!x.empty() && (x.front() == ' ' || x.front() == '\t'))
    x.remove_prefix(1);
  while (!x.empty() && (x.back() == ' ' || x.back() == '\t'))
    x.remove_suffix(1);
  return x;
}

/// Without surplus space inside and around.
void append_squeezed(std::string& out, std::string_view x) {
  x = trim(x);
  if (x.find("  ") == std::string_view::npos) {
    out.append(x);
    return;
  }
  char last = 0;
  for (char c : x) {
    if (c != ' ' || last != ' ')
      out += c;
    last = c;
  }
}

fault malformed(const claim& c, std::string why) {
  return {
    c.presigned ? auth_query_error : auth_header_malformed, std::move(why), {}};
}

/// Reads "<access key>/<date>/<region>/<service>/aws4_request".
checked read_credential(claim& c, std::string_view x) {
  // The access key may contain '/'.
  auto cut = x.size();
  for (int i = 0; i < 4; ++i) {
    cut = cut == 0 ? std::string_view::npos : x.rfind('/', cut - 1);
    if (cut == std::string_view::npos)
      return malformed(c, "the credential must be <access key>/<yyyymmdd>/"
                          "<region>/s3/aws4_request");
  }
  c.credential = x;
  c.access_key = x.substr(0, cut);
  c.scope = x.substr(cut + 1);
  auto rest = c.scope;
  auto date = take_part(rest, '/');
  take_part(rest, '/'); // any region
  if (c.access_key.empty() || date.size() != 8 || rest != "s3/aws4_request")
    return malformed(c, "the credential's scope \"" + std::string{c.scope}
                          + "\" must be <yyyymmdd>/<region>/s3/aws4_request");
  return std::monostate{};
}

checked read_signed_headers(claim& c, std::string_view x) {
  size_t count = 0;
  auto names = each_part(x, ';', [&](std::string_view name) {
    return !name.empty() && ++count <= max_signed_headers;
  });
  if (!names)
    return malformed(c, "SignedHeaders is not a list of header names");
  c.signed_headers = lower(x);
  if (!lists(c.signed_headers, "host"))
    return malformed(c, "the Host header must be signed");
  return std::monostate{};
}

outcome<std::optional<claim>> from_query(const signed_request& x) {
  claim c;
  c.presigned = true;
  for (auto name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
                    "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"})
    if (x.q.get(name).empty())
      return malformed(c, "query-string authentication needs the parameter "
                            + std::string{name});
  if (x.q.get("X-Amz-Algorithm") != sigv4_name)
    return malformed(c, "X-Amz-Algorithm must be AWS4-HMAC-SHA256");
  if (auto ok = read_credential(c, x.q.get("X-Amz-Credential")); !ok)
    return ok.why();
  if (auto ok = read_signed_headers(c, x.q.get("X-Amz-SignedHeaders")); !ok)
    return ok.why();
  c.time = x.q.get("X-Amz-Date");
  c.signature = x.q.get("X-Amz-Signature");
  auto expires = x.q.get("X-Amz-Expires");
  auto [end, ec] = std::from_chars(
    expires.data(), expires.data() + expires.size(), c.expires_seconds);
  if (ec != std::errc{} || end != expires.data() + expires.size()
      || c.expires_seconds > max_expires_seconds)
    return malformed(c, "X-Amz-Expires must be 1 to 604800 seconds");
  if (c.expires_seconds < 1)
    return fault{request_expired,
                 "the request has expired: X-Amz-Expires must be 1 to 604800"
                 " seconds",
                 {}};
  c.payload = x.req.find("x-amz-content-sha256");
  if (c.payload.empty())
    c.payload = x.q.get("X-Amz-Content-Sha256");
  if (c.payload.empty())
    c.payload = unsigned_payload;
  return std::optional{std::move(c)};
}

outcome<std::optional<claim>>
from_header(const signed_request& x, std::string_view header) {
  claim c;
  if (header.substr(0, sigv4_name.size()) != sigv4_name)
    return fault{invalid_request,
                 "this authorization mechanism is not supported: use"
                 " AWS4-HMAC-SHA256 (signature version 4)",
                 {}};
  header.remove_prefix(sigv4_name.size());
  std::string_view credential, names, signature;
  auto known = each_part(header, ',', [&](std::string_view part) {
    part = trim(part);
    auto eq = part.find('=');
    auto key = part.substr(0, eq);
    auto value
      = eq == std::string_view::npos ? std::string_view{} : part.substr(eq + 1);
    if (key == "Credential")
      credential = value;
    else if (key == "SignedHeaders")
      names = value;
    else if (key == "Signature")
      signature = value;
    else
      return false;
    return true;
  });
  if (!known || credential.empty() || names.empty() || signature.empty())
    return malformed(c, "the Authorization header must have Credential,"
                        " SignedHeaders and Signature");
  if (auto ok = read_credential(c, credential); !ok)
    return ok.why();
  if (auto ok = read_signed_headers(c, names); !ok)
    return ok.why();
  c.signature = signature;
  c.time = x.req.find("x-amz-date");
  c.payload = x.req.find("x-amz-content-sha256");
  if (c.payload.empty())
    return fault{invalid_request,
                 "the header x-amz-content-sha256 is missing: give the SHA-256"
                 " of the body, or UNSIGNED-PAYLOAD",
                 {}};
  return std::optional{std::move(c)};
}

std::string canonical_query(const query& q) {
  std::vector<std::pair<std::string, std::string>> all;
  for (auto& [k, v] : q.all())
    if (k != "X-Amz-Signature")
      all.emplace_back(percent_encode(k, ""), percent_encode(v, ""));
  std::sort(all.begin(), all.end());
  std::string out;
  for (auto& [k, v] : all) {
    if (!out.empty())
      out += '&';
    out.append(k).append("=").append(v);
  }
  return out;
}

/// What AWS wants to be signed where it is sent.
checked check_all_signed(const claim& c, const request& req) {
  for (auto& h : req.headers) {
    if (!same_name(h.name.substr(0, 6), "x-amz-")
        || (c.presigned && same_name(h.name, "x-amz-content-sha256")))
      continue;
    if (!lists(c.signed_headers, h.name))
      return fault{
        access_denied, "the header " + lower(h.name) + " was not signed", {}};
  }
  return std::monostate{};
}

checked check_time(const claim& c, int64_t now) {
  auto then = parse_amz_date(c.time);
  if (!then)
    return fault{access_denied,
                 "a signed request needs a valid X-Amz-Date: yyyymmddThhmmssZ",
                 {}};
  if (c.scope.substr(0, 8) != c.time.substr(0, 8))
    return malformed(c, "the credential's date is not that of X-Amz-Date");
  if (!c.presigned) {
    if (*then > now + max_skew_seconds || *then < now - max_skew_seconds)
      return fault{request_skewed,
                   "the client's clock and the server's differ by more than"
                   " 15 minutes: set the client's",
                   {}};
  } else if (*then > now + max_skew_seconds) {
    return fault{access_denied, "the request is not valid yet", {}};
  } else if (now > *then + c.expires_seconds) {
    return fault{request_expired, "the request has expired", {}};
  }
  return std::monostate{};
}

} // namespace

checked check_region(const claim& c, std::string_view region) {
  auto rest = c.scope;
  take_part(rest, '/'); // the date
  auto given = take_part(rest, '/');
  if (region.empty() || given == region)
    return std::monostate{};
  return malformed(c, "the region '" + std::string{given.substr(0, 64)}
                        + "' is wrong; expecting '" + std::string{region}
                        + "'");
}

outcome<std::optional<claim>> parse_claim(const signed_request& x) {
  auto header = x.req.find_all("authorization");
  auto in_query = x.q.has("X-Amz-Algorithm") || x.q.has("X-Amz-Signature")
                  || x.q.has("X-Amz-Credential");
  if (header.size() + (in_query ? 1 : 0) > 1)
    return fault{invalid_argument,
                 "only one way to authenticate is allowed: one Authorization"
                 " header, or X-Amz-Algorithm in the query",
                 {}};
  if (in_query)
    return from_query(x);
  if (!header.empty())
    return from_header(x, header.front());
  return std::optional<claim>{};
}

mac_key signing_key(std::string_view secret, std::string_view scope) {
  mac_key key{"AWS4" + std::string{secret}};
  each_part(scope, '/', [&](std::string_view part) {
    auto next = key.sign(part);
    key = mac_key{std::span<const std::byte>{next}};
    return true;
  });
  return key;
}

const mac_key& signing_keys::find(const claim& c, std::string_view secret) {
  auto i = keys_.find(c.credential);
  if (i != keys_.end() && i->second.secret == secret)
    return i->second.key;
  if (keys_.size() >= max_signing_keys)
    keys_.clear();
  made x{std::string{secret}, signing_key(secret, c.scope)};
  return keys_.insert_or_assign(std::string{c.credential}, std::move(x))
    .first->second.key;
}

std::string canonical_request(const claim& c, const signed_request& x) {
  std::string out;
  out.reserve(1024);
  out.append(x.req.method).append("\n");
  if (is_plain(x.path)) {
    out.append(x.path);
  } else {
    auto path = percent_decode(x.path);
    out.append(percent_encode(path ? *path : std::string{x.path}));
  }
  out.append("\n").append(canonical_query(x.q)).append("\n");
  each_part(c.signed_headers, ';', [&](std::string_view name) {
    out.append(name).append(":");
    bool first = true;
    for (auto& h : x.req.headers) {
      if (!same_name(h.name, name))
        continue;
      out.append(first ? "" : ",");
      append_squeezed(out, h.value);
      first = false;
    }
    out.append("\n");
    return true;
  });
  out.append("\n").append(c.signed_headers).append("\n").append(c.payload);
  return out;
}

std::string
signature_of(const claim& c, const signed_request& x, const mac_key& key) {
  std::string text;
  text.reserve(256);
  text.append(sigv4_name).append("\n").append(c.time).append("\n");
  text.append(c.scope).append("\n");
  text.append(to_hex(sha256_of(canonical_request(c, x))));
  return to_hex(key.sign(text));
}

checked check_claim(const claim& c, const signed_request& x, const mac_key& key,
                    int64_t now_seconds) {
  if (auto ok = check_time(c, now_seconds); !ok)
    return ok;
  if (!same_secret(signature_of(c, x, key), c.signature))
    return fault{signature_mismatch,
                 "the request's signature is not the one this server computes:"
                 " check the secret key and how the request was signed",
                 {}};
  return check_all_signed(c, x.req);
}

// -- forms
// ------------------------------------------------------------------------

namespace {

checked same_signature(std::string_view computed, std::string_view given) {
  if (same_secret(computed, given))
    return std::monostate{};
  return fault{signature_mismatch,
               "the form's signature is not the one this server computes:"
               " check the secret key and how the policy was signed",
               {}};
}

} // namespace

outcome<claim>
parse_form_claim(std::string_view algorithm, std::string_view credential,
                 std::string_view date, std::string_view signature) {
  claim c;
  c.presigned = true;
  if (algorithm != sigv4_name)
    return malformed(c, "x-amz-algorithm must be AWS4-HMAC-SHA256");
  if (auto ok = read_credential(c, credential); !ok)
    return ok.why();
  c.time = date;
  c.signature = signature;
  c.expires_seconds = max_expires_seconds;
  return c;
}

checked check_form_claim(const claim& c, std::string_view policy,
                         const mac_key& key, int64_t now_seconds) {
  if (auto ok = check_time(c, now_seconds); !ok)
    return ok;
  return same_signature(to_hex(key.sign(policy)), c.signature);
}

checked check_old_form(std::string_view policy, std::string_view secret,
                       std::string_view signature) {
  return same_signature(to_base64(hmac_sha1(secret, policy)), signature);
}

} // namespace ais::http::s3
