// POST of an object by a browser's form. Who uploads is told by the form
// itself: it brings a policy that somebody with a key has signed. The fields
// are read first, then put back, so that the owner of the key, if it is another
// node, gets the same body and judges it by itself.
#include "http/s3/form.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/permit.hpp"
#include "http/s3/post_policy.hpp"
#include "http/s3/tags.hpp"
#include "http/s3/upload.hpp"
#include "http/s3/xml.hpp"

namespace ais::http::s3 {

namespace {

constexpr size_t piece_bytes = 16 << 10;
constexpr std::string_view filename_variable = "${filename}";

/// The file's content on its way into the object.
class form_filter : public body_filter {
public:
  form_filter(form_file file, upload& to, uint64_t min, uint64_t max)
    : file_(std::move(file)), to_(to), min_(min), max_(max) {}

  expected<std::span<std::byte>> pass(std::span<std::byte> raw) override {
    auto content = file_.pass(raw);
    size_ += content.size();
    if (size_ > max_)
      return refuse(
        {entity_too_large,
         "the form's policy wants at most " + std::to_string(max_) + " bytes",
         {}});
    return to_.pass(content);
  }

  expected<void> finish(write_options& options) override {
    if (auto ok = file_.finish(); !ok)
      return refuse(ok.why());
    if (size_ < min_)
      return refuse(
        {entity_too_small,
         "the form's policy wants at least " + std::to_string(min_) + " bytes",
         {}});
    return to_.finish(options);
  }

  /// Why a call failed, if it was for the client's fault.
  std::optional<fault> why() const { return why_ ? why_ : to_.why(); }

private:
  error refuse(fault x) {
    auto out = fail(errc::invalid_argument, x.message);
    why_ = std::move(x);
    return out;
  }

  form_file file_;
  upload& to_;
  uint64_t min_, max_;
  uint64_t size_ = 0;
  std::optional<fault> why_;
};

/// Reads what comes before the file, and puts it back.
task<outcome<form_head>> read_form(context& c, const std::string& boundary) {
  std::string data;
  std::array<std::byte, piece_bytes> piece;
  for (;;) {
    auto n = co_await c.x.read_body(piece);
    if (!n)
      co_return fault_of(n.error());
    data.append(reinterpret_cast<const char*>(piece.data()), *n);
    auto head = parse_form_head(data, boundary);
    if (!head)
      co_return head.why();
    if (*head) {
      c.x.unread(std::move(data));
      co_return std::move(**head);
    }
    if (*n == 0)
      co_return fault{
        incomplete_body, "the form ends before its field \"file\"", {}};
    if (data.size() > max_form_bytes)
      co_return fault{max_pre_data_exceeded,
                      "what comes before the file has more than 65536 bytes",
                      {}};
  }
}

/// The key to store the file under.
outcome<std::string> key_of(const form_head& form) {
  std::string key{form.get("key")};
  for (size_t at = 0; (at = key.find(filename_variable, at)) != key.npos;
       at += form.filename.size())
    key.replace(at, filename_variable.size(), form.filename);
  if (key.empty())
    return fault{invalid_argument, "the form needs a field \"key\"", {}};
  return key;
}

/// Finds out who signed the form's policy, if anybody.
checked authenticate(context& c, const form_head& form) {
  c.who = {nullptr, c.rules->anonymous};
  if (!c.rules->verify)
    return std::monostate{};
  auto policy = form.get("policy");
  auto old = form.get("awsaccesskeyid");
  auto signature = form.get(old.empty() ? "x-amz-signature" : "signature");
  if (policy.empty() && signature.empty() && old.empty())
    return std::monostate{};
  if (policy.empty() || signature.empty())
    return fault{
      invalid_argument, "a form that is signed needs policy and signature", {}};
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  claim claimed;
  claimed.access_key = old;
  if (old.empty()) {
    auto parsed = parse_form_claim(form.get("x-amz-algorithm"),
                                   form.get("x-amz-credential"),
                                   form.get("x-amz-date"), signature);
    if (!parsed)
      return parsed.why();
    claimed = std::move(*parsed);
    if (auto here = check_region(claimed, c.e.shared().s3_region); !here)
      return here.why();
  }
  auto* key = c.rules->find(claimed.access_key);
  if (!key)
    return fault{invalid_access_key,
                 "the access key \""
                   + std::string{claimed.access_key.substr(0, 128)}
                   + "\" does not exist on this node",
                 {}};
  auto ok = old.empty() ? check_form_claim(
              claimed, policy, signing_key(key->secret, claimed.scope), now)
                        : check_old_form(policy, key->secret, signature);
  if (ok)
    c.who = {key, key->access};
  return ok;
}

/// The form's policy, if it has one and keeps to it.
outcome<post_policy> policy_of(const context& c, const form_head& form) {
  if (!form.has("policy"))
    return post_policy{};
  auto text = from_base64(form.get("policy"));
  if (!text)
    return fault{
      invalid_policy_document, "the form's policy must be JSON in base64", {}};
  auto out = post_policy::parse(*text);
  if (!out)
    return out;
  auto now = c.e.env().wall_ns() / 1'000'000'000;
  if (auto ok = out->check(form, c.bucket, c.key, now); !ok)
    return ok.why();
  return out;
}

/// The fields as headers of a PUT would say them.
class form_request {
public:
  form_request(const request& from, const form_head& form) {
    out_.method = from.method;
    out_.target = from.target;
    out_.peer = from.peer;
    out_.chunked = true; // the length of the file is not known
    for (std::string_view name :
         {"origin", "referer", "user-agent", "x-amz-expected-bucket-owner"})
      if (auto value = from.find(name); !value.empty())
        out_.headers.push_back({name, value});
    for (auto& [name, value] : form.fields)
      if (goes(name))
        out_.headers.push_back({name, value});
    if (auto list = form.get("acl"); !list.empty())
      out_.headers.push_back({"x-amz-acl", list});
  }

  /// The field "tagging" is XML. @returns as parse_tagging().
  checked add_tags(const form_head& form) {
    if (!form.has("tagging"))
      return std::monostate{};
    auto parsed = parse_tagging(form.get("tagging"), max_object_tags);
    if (!parsed)
      return parsed.why();
    tags_ = to_query(*parsed);
    if (!tags_.empty())
      out_.headers.push_back({"x-amz-tagging", tags_});
    return std::monostate{};
  }

  const request& get() const { return out_; }

private:
  static bool goes(std::string_view name) {
    for (std::string_view x :
         {"cache-control", "content-disposition", "content-encoding",
          "content-language", "content-type", "content-md5", "expires"})
      if (name == x)
        return true;
    for (std::string_view x :
         {"x-amz-meta-", "x-amz-storage-class", "x-amz-checksum-",
          "x-amz-grant-", "x-amz-server-side-encryption", "x-amz-object-lock-",
          "x-amz-website-redirect-location"})
      if (name.substr(0, x.size()) == x)
        return true;
    return false;
  }

  request out_;
  std::string tags_;
};

/// What the form wants to be told.
task<> reply_stored(context& c, const form_head& form, const storage::lom& x) {
  auto etag = quoted(etag_of(x));
  auto location = '/' + percent_encode(c.bucket) + '/' + percent_encode(c.key);
  header_list headers;
  headers.emplace_back("ETag", etag);
  auto to = std::string{form.get("success_action_redirect")};
  if (to.empty())
    to = form.get("redirect");
  auto absolute = to.substr(0, 7) == "http://" || to.substr(0, 8) == "https://";
  if (absolute && to.find_first_of("\r\n") == to.npos) {
    to += to.find('?') == to.npos ? '?' : '&';
    to += "bucket=" + percent_encode(c.bucket, "") + "&key="
          + percent_encode(c.key, "") + "&etag=" + percent_encode(etag, "");
    headers.emplace_back("Location", std::move(to));
    co_return co_await reply_empty(c, 303, std::move(headers));
  }
  headers.emplace_back("Location", location);
  auto status = form.get("success_action_status");
  if (status == "200")
    co_return co_await reply_empty(c, 200, std::move(headers));
  if (status != "201")
    co_return co_await reply_empty(c, 204, std::move(headers));
  xml_writer xml{"PostResponse"};
  xml.text("Location", location)
    .text("Bucket", c.bucket)
    .text("Key", c.key)
    .text("ETag", etag);
  co_await reply_xml(c, xml.finish(), std::move(headers), 201);
}

/// Stores the file. `c` has the fields as headers.
task<outcome<lom_ptr>>
store_file(context& c, const form_head& form, const std::string& boundary,
           const post_policy& policy) {
  auto at = co_await object_for(c, access::put);
  if (!at)
    co_return at.why();
  auto metadata = metadata_of(c);
  auto body = upload::make(c.req, {}, {});
  if (!metadata || !body)
    co_return metadata ? body.why() : metadata.why();
  write_options options;
  options.custom = std::move(*metadata);
  form_file file{boundary, form.size};
  form_filter filter{std::move(file), **body, policy.min_bytes(),
                     policy.max_bytes()};
  auto stored = co_await put_body(c.e, c.x, *at, options, 0, &filter);
  if (stored)
    co_return *stored;
  if (filter.why())
    co_return *filter.why();
  if (stored.error() == errc::too_large)
    co_return fault{metadata_too_large, message_of(stored.error()), {}};
  co_return fault_of(stored.error());
}

} // namespace

bool is_form(const context& c) {
  constexpr std::string_view type = "multipart/form-data";
  return c.req.method == "POST" && !c.bucket.empty() && c.key.empty()
         && c.q.all().empty()
         && same_name(c.req.find("content-type").substr(0, type.size()), type);
}

task<> post_object(context& c) {
  op_stats stats{stat::put_n, stat::put_ns_total, stat::err_put_n};
  auto boundary = form_boundary(c.req.find("content-type"));
  if (!boundary)
    co_return co_await reply_fault(c, boundary.why());
  auto client = client_address(c);
  if (!client)
    co_return co_await reply_fault(c, client.why());
  c.client = std::move(*client);
  auto form = co_await read_form(c, *boundary);
  if (!form)
    co_return co_await reply_fault(c, form.why());
  auto key = key_of(*form);
  if (!key)
    co_return co_await reply_fault(c, key.why());
  c.key = std::move(*key);
  auto known = authenticate(c, *form);
  if (!known)
    co_return co_await reply_fault(c, known.why());
  auto policy = policy_of(c, *form);
  if (!policy)
    co_return co_await reply_fault(c, policy.why());
  form_request fields{c.req, *form};
  auto tagged = fields.add_tags(*form);
  if (!tagged)
    co_return co_await reply_fault(c, tagged.why());
  context put{c.e, c.x, fields.get(), c.q, c.id};
  put.bucket = c.bucket;
  put.key = c.key;
  put.rules = c.rules;
  put.who = c.who;
  put.client = c.client;
  put.what = &to_put;
  if (judge_request(put) != ruling::allow) {
    auto why = refusal(put);
    co_return co_await reply_fault(put, std::move(why));
  }
  auto b = find_bucket(c.e, c.bucket);
  auto to = b ? c.e.other_owner((*b)->ref.bck, c.key) : std::optional<snode>{};
  if (to)
    co_return co_await hand_over(c, std::move(*to));
  auto stored = co_await store_file(put, *form, *boundary, *policy);
  if (!stored) {
    stats.bad();
    co_return co_await reply_fault(put, stored.why());
  }
  stats.ok();
  count(stat::put_size, (*stored)->size_bytes);
  co_await reply_stored(put, *form, **stored);
}

} // namespace ais::http::s3
