#include "cli/props.hpp"

#include "cli/api.hpp"
#include "cli/failure.hpp"
#include "storage/base/units.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <sstream>

namespace ais::cli {

namespace {

const json::value* value_at(const json::object& x, std::string_view path) {
  auto dot = path.find('.');
  auto* v = x.if_contains(path.substr(0, dot));
  if (!v || dot == path.npos)
    return v;
  auto* inner = v->if_object();
  return inner ? value_at(*inner, path.substr(dot + 1)) : nullptr;
}

bool whole_number(std::string_view x, uint64_t& out) {
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), out);
  return ec == std::errc{} && end == x.data() + x.size() && !x.empty();
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  std::string part;
  for (char c : text) {
    if (c != ',' && c != ' ' && c != '|') {
      part += c;
    } else if (!part.empty()) {
      out.push_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty())
    out.push_back(std::move(part));
  return out;
}

bool same_word(std::string_view a, std::string_view b) {
  auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

property_list parse_properties(const std::vector<std::string>& words) {
  property_list out;
  if (words.size() == 1 && !words[0].empty() && words[0].front() == '{') {
    auto parsed = parse_json(words[0]);
    auto* o = parsed ? parsed->if_object() : nullptr;
    if (!o)
      throw failure(fmt::format("malformed JSON properties: {}",
                                parsed ? "expecting an object"
                                       : message_of(parsed.error())));
    return flattened(*o);
  }
  for (size_t i = 0; i < words.size(); ++i) {
    auto eq = words[i].find('=');
    if (eq != std::string::npos) {
      out.emplace_back(words[i].substr(0, eq), words[i].substr(eq + 1));
    } else if (i + 1 < words.size()) {
      out.emplace_back(words[i], words[i + 1]);
      ++i;
    } else {
      throw failure(fmt::format("property \"{}\" has no value: write {}=VALUE",
                                words[i], words[i]));
    }
    if (out.back().first.empty())
      throw failure(fmt::format("\"{}\": missing property name", words[i]));
  }
  return out;
}

std::vector<std::string> split_words(std::string_view text) {
  auto first = text.find_first_not_of(' ');
  if (first != text.npos && text[first] == '{')
    return {std::string{text}};
  std::istringstream in{std::string{text}};
  std::vector<std::string> out;
  for (std::string w; in >> w;)
    out.push_back(w);
  return out;
}

json::value typed_value(const json::object& like, const std::string& key,
                        const std::string& value) {
  if (key == "access")
    return json::value(std::to_string(parse_access(value)));
  if (key == "features")
    return json::value(std::to_string(parse_features(value)));
  auto* there = value_at(like, key);
  if (there && there->is_string())
    return json::value(value);
  if (same_word(value, "true") || same_word(value, "false"))
    return same_word(value, "true");
  auto boolean = there && there->is_bool();
  for (auto yes : {"yes", "on", "y", "1"})
    if (boolean && same_word(value, yes))
      return true;
  for (auto no : {"no", "off", "n", "0"})
    if (boolean && same_word(value, no))
      return false;
  int64_t number = 0;
  auto [end, ec]
    = std::from_chars(value.data(), value.data() + value.size(), number);
  if (ec == std::errc{} && end == value.data() + value.size() && !value.empty())
    return number;
  return json::value(value);
}

// -- permissions and features -------------------------------------------------

const std::vector<std::string_view>& permission_names() {
  static const std::vector<std::string_view> all{
    "GET",           "HEAD-OBJECT",  "PUT",           "APPEND",
    "DELETE-OBJECT", "MOVE-OBJECT",  "PROMOTE",       "UPDATE-OBJECT",
    "HEAD-BUCKET",   "LIST-OBJECTS", "PATCH",         "SET-BUCKET-ACL",
    "LIST-BUCKETS",  "SHOW-CLUSTER", "CREATE-BUCKET", "DESTROY-BUCKET",
    "MOVE-BUCKET",   "ADMIN"};
  return all;
}

uint64_t parse_access(std::string_view text) {
  uint64_t number = 0;
  if (whole_number(text, number))
    return number;
  auto bit = [](std::string_view name) {
    auto& all = permission_names();
    for (size_t i = 0; i < all.size(); ++i)
      if (same_word(all[i], name))
        return uint64_t{1} << i;
    throw failure(fmt::format("invalid permission \"{}\": expecting some of {},"
                              " or one of ro, rw, su",
                              name, fmt::join(all, ",")));
  };
  auto ro = bit("GET") | bit("HEAD-OBJECT") | bit("HEAD-BUCKET")
            | bit("LIST-OBJECTS");
  auto rw = ro | bit("PUT") | bit("APPEND") | bit("DELETE-OBJECT")
            | bit("MOVE-OBJECT");
  uint64_t out = 0;
  for (auto& word : split(text)) {
    if (same_word(word, "ro"))
      out |= ro;
    else if (same_word(word, "rw"))
      out |= rw;
    else if (same_word(word, "su") || same_word(word, "all"))
      out = UINT64_MAX;
    else
      out |= bit(word);
  }
  return out;
}

std::string access_text(uint64_t bits) {
  auto& all = permission_names();
  auto every = (uint64_t{1} << all.size()) - 1;
  if ((bits & every) == every)
    return "all";
  std::string out;
  for (size_t i = 0; i < all.size(); ++i)
    if (bits >> i & 1)
      out += (out.empty() ? "" : ",") + std::string{all[i]};
  return out.empty() ? "none" : out;
}

const std::vector<feature>& feature_names() {
  static const std::vector<feature> all{
    {"Enforce-IntraCluster-Access", false},
    {"Skip-Loading-VersionChecksum-MD", true},
    {"Do-not-Auto-Detect-FileShare", false},
    {"S3-API-via-Root", false},
    {"Fsync-PUT", true},
    {"LZ4-Block-1MB", false},
    {"LZ4-Frame-Checksum", false},
    {"Do-not-Allow-Passing-FQN-to-ETL", false},
    {"Ignore-LimitedCoexistence-Conflicts", false},
    {"S3-Presigned-Request", true},
    {"Do-not-Optimize-Listing-Virtual-Dirs", false},
    {"Disable-Cold-GET", true},
    {"Streaming-Cold-GET", true},
    {"S3-Reverse-Proxy", false},
    {"S3-Use-Path-Style", true},
    {"Do-not-Delete-When-Rebalancing", false},
    {"Do-not-Set-Control-Plane-ToS", false},
    {"Trust-Crypto-Safe-Checksums", false},
    {"S3-ListObjectVersions", true},
    {"Enable-Detailed-Prom-Metrics", false},
    {"Force-Container-CPU-Mem", false},
    {"Resume-Interrupted-MPU", true},
    {"Keep-Unknown-FQN", false},
    {"Load-Balance-GET", false},
    {"Count-Object-NotFound-Stats", true},
    {"Enable-Go-Runtime-Metrics", false},
    {"Dload-Allow-Private-Egress", false},
    {"S3-Redirect-Rebuild", false},
  };
  return all;
}

uint64_t parse_features(std::string_view text) {
  uint64_t number = 0;
  if (whole_number(text, number))
    return number;
  auto& all = feature_names();
  uint64_t out = 0;
  for (auto& word : split(text)) {
    if (same_word(word, "none"))
      continue;
    auto found = std::find_if(all.begin(), all.end(),
                              [&](auto& f) { return same_word(f.name, word); });
    if (found == all.end())
      throw failure(
        fmt::format("unknown feature \"{}\" (see 'ais config cluster"
                    " features')",
                    word));
    out |= uint64_t{1} << (found - all.begin());
  }
  return out;
}

std::string features_text(uint64_t bits) {
  auto& all = feature_names();
  std::string out;
  for (size_t i = 0; i < all.size(); ++i)
    if (bits >> i & 1)
      out += (out.empty() ? "" : ",") + std::string{all[i].name};
  return out.empty() ? "none" : out;
}

// -- showing ------------------------------------------------------------------

std::string shown_value(std::string_view key, const std::string& value) {
  uint64_t number = 0;
  if (whole_number(value, number)) {
    if (key == "access")
      return access_text(number);
    if (key == "features")
      return features_text(number);
    if (key == "created")
      return format_rfc3339(static_cast<int64_t>(number)).substr(0, 19) + 'Z';
  }
  return value.empty() ? "-" : value;
}

table property_table(const json::object& props, std::string_view prefix,
                     const json::object& usual) {
  std::map<std::string, std::string> defaults;
  for (auto& [k, v] : flattened(usual))
    defaults[k] = v;
  table out{{"PROPERTY", "VALUE"}};
  for (auto& [k, v] : flattened(props)) {
    if (k.substr(0, prefix.size()) != prefix)
      continue;
    auto i = defaults.find(k);
    auto differs = i != defaults.end() && i->second != v;
    out.add({k, {shown_value(k, v), differs ? colour::cyan : colour::none}});
  }
  return out;
}

} // namespace ais::cli
