#include "http/s3/metadata.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/tags.hpp"
#include "http/s3/when.hpp"
#include "http/tokens.hpp"
#include "storage/base/units.hpp"
#include "storage/base/words.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

constexpr std::string_view user_prefix = "x-amz-meta-";

constexpr std::string_view content_headers[]
  = {"Cache-Control",    "Content-Disposition", "Content-Encoding",
     "Content-Language", "Content-Type",        "Expires"};

constexpr std::pair<std::string_view, std::string_view> overrides[]
  = {{"response-cache-control", "Cache-Control"},
     {"response-content-disposition", "Content-Disposition"},
     {"response-content-encoding", "Content-Encoding"},
     {"response-content-language", "Content-Language"},
     {"response-content-type", "Content-Type"},
     {"response-expires", "Expires"}};

/// Headers that ask for what is not there: better refused than ignored.
bool refused(std::string_view name) {
  for (std::string_view x :
       {"x-amz-server-side-encryption", "x-amz-object-lock-",
        "x-amz-website-redirect-location"})
    if (same_name(name.substr(0, x.size()), x))
      return true;
  return false;
}

/// Encryption is not there, but what contradicts itself is another fault.
checked check_encryption(const request& req) {
  auto find = [&](const char* name) {
    return req.find("x-amz-server-side-encryption" + std::string{name});
  };
  auto how = find("");
  auto key_id = find("-aws-kms-key-id");
  auto algorithm = find("-customer-algorithm");
  auto key = find("-customer-key");
  auto md5 = find("-customer-key-MD5");
  auto known = how.empty() || how == "AES256" || how == "aws:kms"
               || how == "aws:kms:dsse";
  auto of_client = !algorithm.empty() || !key.empty() || !md5.empty();
  auto complete = algorithm == "AES256" && !key.empty() && !md5.empty();
  if (!known || (!how.empty() && of_client)
      || (!key_id.empty() && (how.empty() || how == "AES256"))
      || (of_client && !complete))
    return fault{invalid_argument,
                 "the headers x-amz-server-side-encryption* contradict each"
                 " other, or are incomplete",
                 {}};
  auto raw = from_base64(key);
  if (of_client) {
    storage::hasher sum{storage::cksum_type::md5};
    auto bytes = raw.value_or("");
    sum.update(std::as_bytes(std::span{bytes.data(), bytes.size()}));
    auto digest = from_hex(sum.finish().value);
    if (!raw || raw->size() != 32 || !digest || to_base64(*digest) != md5)
      return fault{invalid_argument,
                   "the customer's key must have 32 bytes, and the MD5 that is"
                   " given",
                   {}};
  }
  return std::monostate{};
}

/// Without "aws-chunked", which is how the body came, not what it is.
std::string without_aws_chunked(std::string_view x) {
  std::string out;
  each_token(x, [&](std::string_view part) {
    if (part != "aws-chunked")
      out.append(out.empty() ? "" : ", ").append(part);
    return true;
  });
  return out;
}

bool is_content_header(std::string_view key) {
  return std::find(std::begin(content_headers), std::end(content_headers), key)
         != std::end(content_headers);
}

bool has(const std::vector<std::string>& tags, const std::string& etag) {
  return std::any_of(tags.begin(), tags.end(),
                     [&](auto& x) { return x == "*" || x == etag; });
}

} // namespace

outcome<storage::custom_map> read_metadata(const request& req) {
  if (auto ok = check_encryption(req); !ok)
    return ok.why();
  storage::custom_map out;
  size_t total = 0;
  for (auto& h : req.headers) {
    if (refused(h.name))
      return fault{not_implemented,
                   lower(h.name) + " is not available in this version",
                   {}};
    if (!same_name(h.name.substr(0, user_prefix.size()), user_prefix))
      continue;
    auto key = lower(h.name.substr(user_prefix.size()));
    if (key.empty())
      return fault{invalid_argument, "x-amz-meta- needs a name behind it", {}};
    auto& value = out[key];
    if (value.empty())
      total += key.size();
    else
      value += ',';
    value.append(h.value);
    total += h.value.size();
  }
  auto storage_class = req.find("x-amz-storage-class");
  if (!storage_class.empty() && storage_class != "STANDARD")
    return fault{invalid_storage_class, "there is only the class STANDARD", {}};
  if (total > max_user_metadata)
    return fault{metadata_too_large,
                 "user metadata may take 2048 bytes, names and values",
                 {}};
  if (auto header = req.find("x-amz-tagging"); !header.empty()) {
    auto tags = parse_tag_query(header, max_object_tags);
    if (!tags)
      return tags.why();
    out[tags_key] = to_query(*tags);
  }
  for (auto name : content_headers) {
    std::string value{req.find(name)};
    if (name == "Content-Encoding")
      value = without_aws_chunked(value);
    if (!value.empty())
      out[std::string{name}] = std::move(value);
  }
  return out;
}

std::string quoted(std::string_view etag) {
  return '"' + std::string{etag} + '"';
}

void add_checksums(header_list& out, const storage::lom& x) {
  auto kind = std::string_view{};
  for (auto a : algorithms)
    if (auto i = x.custom.find(std::string{metadata_key(a)});
        i != x.custom.end()) {
      out.emplace_back(header_of(a), i->second);
      kind = checksum_kind(i->second);
    }
  if (!kind.empty())
    out.emplace_back("x-amz-checksum-type", kind);
}

std::string_view checksum_kind(std::string_view value) {
  return value.find('-') == std::string_view::npos ? "FULL_OBJECT"
                                                   : "COMPOSITE";
}

void add_metadata(header_list& out, const storage::lom& x, bool checksums) {
  out.emplace_back("Accept-Ranges", "bytes");
  out.emplace_back("Last-Modified", format_http_date(x.mtime_ns));
  out.emplace_back("ETag", quoted(etag_of(x)));
  if (x.custom.count("Content-Type") == 0)
    out.emplace_back("Content-Type", "binary/octet-stream");
  for (auto& [key, value] : x.custom) {
    if (storage::of_content(key) || storage::internal(key))
      continue;
    if (is_content_header(key))
      out.emplace_back(key, value);
    else
      out.emplace_back(std::string{user_prefix} + lower(key), value);
  }
  if (auto tags = x.custom.find(tags_key); tags != x.custom.end())
    out.emplace_back(
      "x-amz-tagging-count",
      std::to_string(
        1 + std::count(tags->second.begin(), tags->second.end(), '&')));
  if (checksums)
    add_checksums(out, x);
}

checked read_conditions(std::string_view size, std::string_view mtime,
                        std::optional<uint64_t>& if_size,
                        std::optional<int64_t>& if_mtime_s) {
  if_size = whole_number(size);
  if_mtime_s = parse_http_date(mtime);
  if (!if_mtime_s)
    if_mtime_s = parse_iso_time(mtime);
  if ((!size.empty() && !if_size) || (!mtime.empty() && !if_mtime_s))
    return fault{invalid_argument,
                 "a condition on the size must be a number, one on the last"
                 " change a date",
                 {}};
  return std::monostate{};
}

void override_headers(header_list& out, const query& q) {
  for (auto& [param, name] : overrides) {
    auto value = q.find(param);
    if (!value)
      continue;
    auto i = std::find_if(out.begin(), out.end(),
                          [&, &n = name](auto& x) { return x.first == n; });
    if (i != out.end())
      i->second = *value;
    else
      out.emplace_back(name, *value);
  }
}

std::vector<std::string> parse_tags(std::string_view header) {
  std::vector<std::string> out;
  each_token(header, [&](std::string_view part) {
    if (part.substr(0, 2) == "W/")
      part.remove_prefix(2);
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"')
      part = part.substr(1, part.size() - 2);
    if (!part.empty())
      out.emplace_back(part);
    return true;
  });
  return out;
}

checked
check_read(const request& req, const storage::lom& x, std::string_view prefix) {
  auto find = [&](std::string_view name) {
    return req.find(std::string{prefix} + std::string{name});
  };
  auto etag = etag_of(x);
  auto changed = x.mtime_ns / 1'000'000'000;
  fault failed{precondition_failed,
               "the object is not what the request's conditions want",
               {}};
  fault same{not_modified, "the object is what the client has", {}};
  if (!prefix.empty())
    same = failed;
  if (auto match = find("if-match"); !match.empty()) {
    if (!has(parse_tags(match), etag))
      return failed;
  } else if (auto since = parse_http_date(find("if-unmodified-since"));
             since && changed > *since) {
    return failed;
  }
  if (auto none = find("if-none-match"); !none.empty()) {
    if (has(parse_tags(none), etag))
      return same;
  } else if (auto since = parse_http_date(find("if-modified-since"));
             since && changed <= *since) {
    return same;
  }
  return std::monostate{};
}

} // namespace ais::http::s3
