#include "http/s3/access.hpp"

#include "storage/base/json.hpp"
#include "storage/base/log.hpp"

#include <boost/json.hpp>

namespace ais::http::s3 {

namespace {

expected<level> parse_level(std::string_view x, level otherwise) {
  if (x.empty())
    return otherwise;
  if (x == "none")
    return level::none;
  if (x == "read")
    return level::read;
  if (x == "write")
    return level::write;
  if (x == "admin")
    return level::admin;
  return fail(errc::invalid_argument,
              "access \"" + std::string{x.substr(0, 40)}
                + "\" must be none, read, write or admin");
}

expected<access_key> parse_key(const json::value& v) {
  auto* o = v.if_object();
  if (!o)
    return fail(errc::invalid_argument, "a key must be an object");
  access_key out;
  auto id = text_member(*o, "access_key");
  auto secret = text_member(*o, "secret_key");
  auto access = text_member(*o, "access");
  if (!id || !secret || !access || id->empty() || secret->empty())
    return fail(errc::invalid_argument,
                "a key needs access_key and secret_key, not empty");
  auto parsed = parse_level(*access, level::admin);
  if (!parsed)
    return parsed.error();
  out.id = std::move(*id);
  out.secret = std::move(*secret);
  out.access = *parsed;
  if (auto* list = find_member(*o, "buckets")) {
    auto* a = list->if_array();
    if (!a || a->empty())
      return fail(errc::invalid_argument,
                  "\"buckets\" must be a list of names; leave it out for all");
    for (auto& x : *a) {
      auto* s = x.if_string();
      if (!s)
        return fail(errc::invalid_argument,
                    "\"buckets\" must be a list of names");
      out.buckets.emplace_back(s->data(), s->size());
    }
  }
  return out;
}

} // namespace

bool access_key::covers(std::string_view bucket) const {
  if (buckets.empty())
    return true;
  for (std::string_view x : buckets) {
    if (x == bucket)
      return true;
    if (!x.empty() && x.back() == '*'
        && bucket.substr(0, x.size() - 1) == x.substr(0, x.size() - 1))
      return true;
  }
  return false;
}

const access_key* access_rules::find(std::string_view id) const {
  for (auto& x : keys)
    if (x.id == id)
      return &x;
  return nullptr;
}

expected<access_rules_ptr> parse_access(std::string_view text) {
  auto v = parse_json(text);
  if (!v)
    return v.error();
  auto* o = v->if_object();
  if (!o)
    return fail(errc::invalid_argument, "it must be a JSON object");
  auto out = std::make_shared<access_rules>();
  auto anonymous = text_member(*o, "anonymous");
  if (!anonymous)
    return anonymous.error();
  auto parsed = parse_level(*anonymous, level::none);
  if (!parsed)
    return parsed.error();
  out->anonymous = *parsed;
  if (auto* keys = find_member(*o, "keys")) {
    auto* a = keys->if_array();
    if (!a)
      return fail(errc::invalid_argument, "\"keys\" must be a list");
    for (auto& x : *a) {
      auto key = parse_key(x);
      if (!key)
        return key.error();
      if (out->find(key->id))
        return fail(errc::invalid_argument,
                    "access key " + key->id + " is there twice");
      out->keys.push_back(std::move(*key));
    }
  }
  return access_rules_ptr{std::move(out)};
}

expected<access_rules_ptr>
read_access(storage::disk& d, const std::string& path) {
  auto raw = storage::read_file(d, path, max_access_file);
  if (!raw)
    return raw.error();
  return parse_access(
    {reinterpret_cast<const char*>(raw->data()), raw->size()});
}

access_book::access_book(storage::disk& d, std::string path, bool open)
  : disk_(d), path_(std::move(path)), open_(open) {
  load();
}

void access_book::refresh() {
  auto st = disk_.stat(path_);
  auto absent = !st && st.error() == errc::not_found;
  if (st ? (seen_ && *seen_ == st->stamp) : (absent && !seen_))
    return;
  load();
}

void access_book::load() {
  auto st = disk_.stat(path_);
  seen_ = st ? std::optional{st->stamp} : std::nullopt;
  auto read = read_access(disk_, path_);
  if (read) {
    rules_ = std::move(*read);
    from_file_ = true;
    return;
  }
  auto absent = read.error() == errc::not_found;
  if (absent || !from_file_) {
    auto rules = std::make_shared<access_rules>();
    rules->anonymous = absent && open_ ? level::admin : level::none;
    rules->verify = !(absent && open_);
    rules_ = std::move(rules);
    from_file_ = false;
  }
  if (!absent)
    log_error(
      std::string{"S3: "}
      + (from_file_ ? "the keys of before stay in effect" : "nobody is let in")
      + " until " + path_ + " is mended: " + message_of(read.error()));
}

} // namespace ais::http::s3
