#include "http/s3/access.hpp"

#include "storage/base/json.hpp"
#include "storage/base/log.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace ais::http::s3 {

namespace {

/// Parsed policies that are remembered.
constexpr size_t max_policies = 256;

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
                + "\" must be none, read, write or admin (of a key: or own)");
}

expected<access_key> parse_key(const json::value& v) {
  auto* o = v.if_object();
  if (!o)
    return fail(errc::invalid_argument, "a key must be an object");
  access_key out;
  auto id = text_member(*o, "access_key");
  auto secret = text_member(*o, "secret_key");
  auto access = text_member(*o, "access");
  auto user = text_member(*o, "user");
  if (!id || !secret || !access || !user || id->empty() || secret->empty())
    return fail(errc::invalid_argument,
                "a key needs access_key and secret_key, not empty");
  out.owns = *access == "own";
  auto parsed = parse_level(out.owns ? "none" : *access, level::admin);
  if (!parsed)
    return parsed.error();
  out.id = std::move(*id);
  out.secret = std::move(*secret);
  out.user = user->empty() ? out.id : std::move(*user);
  out.access = *parsed;
  auto disabled = bool_member(*o, "disabled");
  if (!disabled)
    return disabled.error();
  out.disabled = *disabled;
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

bool access_key::administrates() const {
  return !disabled && access == level::admin && buckets.empty();
}

const access_key* access_rules::find(std::string_view id) const {
  for (auto& x : keys)
    if (x.id == id && !x.disabled)
      return &x;
  return nullptr;
}

bool access_rules::has_key(std::string_view id) const {
  return std::any_of(keys.begin(), keys.end(),
                     [&](auto& x) { return x.id == id; });
}

bool access_rules::has_user(std::string_view name) const {
  return std::any_of(keys.begin(), keys.end(),
                     [&](auto& x) { return x.user == name; });
}

// -- the decision
// -----------------------------------------------------------------

namespace {

bool of_policy(std::string_view action) {
  return action == "s3:GetBucketPolicy" || action == "s3:PutBucketPolicy"
         || action == "s3:DeleteBucketPolicy";
}

/// What the operator says in s3.json.
bool by_level(const caller& who, const wish& what, const bucket_rights* b) {
  if (who.access == level::admin)
    return true;
  // The owner decides who has less than all.
  return who.access >= what.needs && (!b || b->owner.empty());
}

bool owns(const caller& who, const bucket_rights& b) {
  return who.key && who.key->owns && !b.owner.empty()
         && who.key->user == b.owner;
}

} // namespace

ruling decide(const caller& who, const wish& what, std::string_view name,
              const bucket_rights* bucket, const policy_question& asked,
              const acl* object) {
  if (who.key && !name.empty() && !who.key->covers(name))
    return ruling::deny;
  auto may = by_level(who, what, bucket);
  if (!bucket) {
    // Of its own, or to be told that there is none.
    auto own = who.key && who.key->owns;
    return may || own ? ruling::allow : ruling::deny;
  }
  may = may || owns(who, *bucket);
  auto said = effect::none;
  if (bucket->has_policy && !(may && of_policy(what.action)))
    said = bucket->rules ? bucket->rules->evaluate(asked) : effect::deny;
  if (said == effect::deny)
    return ruling::deny;
  if (said == effect::unknown)
    return ruling::look;
  auto closed = said == effect::allow && bucket->guard.restrict_buckets
                && bucket->rules->is_public();
  if (may || (said == effect::allow && !closed))
    return ruling::allow;
  if (what.right == permission::none || !bucket->lists())
    return ruling::deny;
  if (what.of_object && !object)
    return ruling::look;
  auto& list = what.of_object ? *object : bucket->list;
  auto granted
    = grants(list, who.user(), what.right, !bucket->guard.ignore_acls);
  return granted ? ruling::allow : ruling::deny;
}

// -- keys
// -------------------------------------------------------------------------

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
      if (out->has_key(key->id))
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

policy_ptr
access_book::policy_of(const std::string& text, std::string_view bucket) {
  auto known = policies_.find(bucket);
  if (known != policies_.end() && known->second.first == text)
    return known->second.second;
  if (policies_.size() >= max_policies)
    policies_.clear();
  auto made = policy::parse(text, bucket);
  if (!made)
    log_error("S3: nobody is let in to bucket " + std::string{bucket}
              + " until its policy is mended: " + made.why().message);
  auto& out = policies_[std::string{bucket}];
  out = {text, made ? *made : nullptr};
  return out.second;
}

void access_book::refresh() {
  auto st = disk_.stat(path_);
  auto absent = !st && st.error() == errc::not_found;
  if (st ? (seen_ && *seen_ == st->stamp) : (absent && !seen_))
    return;
  load();
}

void access_book::follow(const std::string& cluster_keys) {
  if (cluster_keys == cluster_text_)
    return;
  cluster_text_ = cluster_keys;
  expected<access_rules_ptr> parsed{access_rules_ptr{}};
  if (!cluster_keys.empty())
    parsed = parse_access(cluster_keys);
  if (!parsed)
    log_error("S3: the keys of before stay in effect: the cluster's cannot be"
              " understood: "
              + message_of(parsed.error()));
  else
    cluster_ = std::move(*parsed);
  combine();
}

void access_book::combine() {
  if (!cluster_) {
    rules_ = file_;
    return;
  }
  auto out = std::make_shared<access_rules>();
  if (from_file_)
    *out = *file_;
  for (auto& x : cluster_->keys)
    if (!out->has_key(x.id))
      out->keys.push_back(x);
  rules_ = std::move(out);
}

void access_book::load() {
  auto st = disk_.stat(path_);
  seen_ = st ? std::optional{st->stamp} : std::nullopt;
  auto read = read_access(disk_, path_);
  if (read) {
    file_ = std::move(*read);
    from_file_ = true;
    return combine();
  }
  auto absent = read.error() == errc::not_found;
  if (absent || !from_file_) {
    auto rules = std::make_shared<access_rules>();
    rules->anonymous = absent && open_ ? level::admin : level::none;
    rules->verify = !(absent && open_);
    file_ = std::move(rules);
    from_file_ = false;
  }
  combine();
  if (!absent)
    log_error(
      std::string{"S3: "}
      + (from_file_ ? "the keys of before stay in effect" : "nobody is let in")
      + " until " + path_ + " is mended: " + message_of(read.error()));
}

} // namespace ais::http::s3
