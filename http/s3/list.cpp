#include "http/s3/list.hpp"

#include "http/s3/digest.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/when.hpp"
#include "http/tokens.hpp"
#include "storage/base/metrics.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

fault bad_argument(std::string why) {
  return {invalid_argument, std::move(why), {}};
}

} // namespace

std::string list_query::shown(std::string_view x) const {
  return url ? percent_encode(x) : std::string{x};
}

outcome<list_query> parse_list_query(const query& q, int version) {
  list_query out;
  out.prefix = q.get("prefix");
  out.delimiter = q.get("delimiter");
  // No key begins with what no key can contain.
  out.nothing = !check_prefix(out.prefix);
  if (q.get("allow-unordered") == "true" && !out.delimiter.empty())
    return bad_argument("a listing with a delimiter is in order: leave out"
                        " allow-unordered");
  if (auto text = q.find("max-keys"); text && !text->empty()) {
    auto n = whole_number(*text);
    if (!n || *n > INT32_MAX)
      return bad_argument("max-keys must be a number from 0 to 2147483647");
    out.count = std::min<size_t>(*n, max_keys);
  }
  if (auto text = q.find("encoding-type")) {
    if (*text != "url")
      return bad_argument("encoding-type must be url");
    out.url = true;
  }
  out.owner = version != 2 || q.get("fetch-owner") == "true";
  if (version == 1) {
    out.after = q.get("marker");
  } else if (version == 0) {
    out.after = q.get("key-marker");
  } else {
    out.after = q.get("start-after");
    if (auto token = q.find("continuation-token"); token && !token->empty()) {
      auto raw = from_base64(*token);
      auto split = raw ? raw->find('\n') : std::string::npos;
      if (split == std::string::npos)
        return bad_argument("the continuation token is not one of this"
                            " server");
      out.uuid = raw->substr(0, split);
      out.after = raw->substr(split + 1);
    }
  }
  return out;
}

std::string make_token(std::string_view uuid, std::string_view last) {
  return to_base64(std::string{uuid} + '\n' + std::string{last});
}

bool list_page::add(storage::walk_entry x) {
  auto& by = query_.delimiter;
  auto at
    = by.empty() ? std::string::npos : x.name.find(by, query_.prefix.size());
  if (at == std::string::npos) {
    if (size() == query_.count)
      return false;
    last_ = x.name;
    keys_.push_back(std::move(x));
    return true;
  }
  auto common = x.name.substr(0, at + by.size());
  if (common == query_.after || common == last_)
    return true; // shown already
  if (size() == query_.count)
    return false;
  last_ = common;
  prefixes_.push_back(std::move(common));
  return true;
}

std::string list_page::resume_at(const std::string& seen) const {
  auto& by = query_.delimiter;
  auto& prefix = query_.prefix;
  if (by.empty())
    return seen;
  auto at = seen.find(by, prefix.size());
  if (at == std::string::npos || seen.compare(0, prefix.size(), prefix) != 0)
    return seen;
  auto common = seen.substr(0, at + by.size());
  if (common != last_ && common != query_.after)
    return seen;
  return common + '\xff'; // behind all names, which are UTF-8
}

void add_query(xml_writer& xml, std::string_view bucket, const list_query& q) {
  xml.text("Name", bucket).text("Prefix", q.shown(q.prefix));
  if (!q.delimiter.empty())
    xml.text("Delimiter", q.shown(q.delimiter));
  xml.number("MaxKeys", q.count);
  if (q.url)
    xml.text("EncodingType", "url");
}

void add_attributes(xml_writer& xml, const storage::walk_entry& x) {
  xml.text("LastModified", format_xml_time(x.attrs.mtime_ns))
    .text("ETag", quoted(storage::etag_of(x.attrs)))
    .number("Size", x.attrs.size_bytes)
    .text("StorageClass", "STANDARD");
}

void add_prefixes(xml_writer& xml, const list_query& q, const list_page& page) {
  for (auto& x : page.prefixes())
    xml.open("CommonPrefixes").text("Prefix", q.shown(x)).close();
}

void count_listing(std::chrono::steady_clock::time_point start) {
  auto took = std::chrono::steady_clock::now() - start;
  count(stat::lst_n);
  count(stat::lst_ns_total, static_cast<uint64_t>(took.count()));
}

} // namespace ais::http::s3
