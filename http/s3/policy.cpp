#include "http/s3/policy.hpp"

#include "http/request.hpp"
#include "http/s3/policy_facts.hpp"
#include "http/s3/when.hpp"
#include "storage/base/json.hpp"
#include "storage/base/words.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace ais::http::s3 {

namespace {

constexpr std::string_view arn = "arn:aws:s3:::";
/// All patterns of a policy with '?', together: they are compared byte by byte.
constexpr size_t max_question_bytes = 1024;

/// What AWS has actions for; others would never be asked for.
constexpr std::string_view known_actions[] = {
  "abortmultipartupload",
  "bypassgovernanceretention",
  "createbucket",
  "deletebucket",
  "deletebucketownershipcontrols",
  "deletebucketpolicy",
  "deletebucketwebsite",
  "deleteobject",
  "deleteobjecttagging",
  "deleteobjectversion",
  "deleteobjectversiontagging",
  "getaccelerateconfiguration",
  "getanalyticsconfiguration",
  "getbucketacl",
  "getbucketcors",
  "getbucketlocation",
  "getbucketlogging",
  "getbucketnotification",
  "getbucketobjectlockconfiguration",
  "getbucketownershipcontrols",
  "getbucketpolicy",
  "getbucketpolicystatus",
  "getbucketpublicaccessblock",
  "getbucketrequestpayment",
  "getbuckettagging",
  "getbucketversioning",
  "getbucketwebsite",
  "getencryptionconfiguration",
  "getinventoryconfiguration",
  "getlifecycleconfiguration",
  "getmetricsconfiguration",
  "getobject",
  "getobjectacl",
  "getobjectattributes",
  "getobjectlegalhold",
  "getobjectretention",
  "getobjecttagging",
  "getobjecttorrent",
  "getobjectversion",
  "getobjectversionacl",
  "getobjectversionattributes",
  "getobjectversiontagging",
  "getreplicationconfiguration",
  "listallmybuckets",
  "listbucket",
  "listbucketmultipartuploads",
  "listbucketversions",
  "listmultipartuploadparts",
  "putaccelerateconfiguration",
  "putanalyticsconfiguration",
  "putbucketacl",
  "putbucketcors",
  "putbucketlogging",
  "putbucketnotification",
  "putbucketobjectlockconfiguration",
  "putbucketownershipcontrols",
  "putbucketpolicy",
  "putbucketpublicaccessblock",
  "putbucketrequestpayment",
  "putbuckettagging",
  "putbucketversioning",
  "putbucketwebsite",
  "putencryptionconfiguration",
  "putinventoryconfiguration",
  "putlifecycleconfiguration",
  "putmetricsconfiguration",
  "putobject",
  "putobjectacl",
  "putobjectlegalhold",
  "putobjectretention",
  "putobjecttagging",
  "putobjectversionacl",
  "putobjectversiontagging",
  "putreplicationconfiguration",
  "restoreobject",
};

struct test_name {
  std::string_view name;
  policy::test what;
  bool negated;
};

constexpr test_name tests[] = {
  {"StringEquals", policy::test::string_equals, false},
  {"StringNotEquals", policy::test::string_equals, true},
  {"StringEqualsIgnoreCase", policy::test::string_equals_any_case, false},
  {"StringNotEqualsIgnoreCase", policy::test::string_equals_any_case, true},
  {"StringLike", policy::test::string_like, false},
  {"StringNotLike", policy::test::string_like, true},
  {"NumericEquals", policy::test::numeric_equals, false},
  {"NumericNotEquals", policy::test::numeric_equals, true},
  {"NumericLessThan", policy::test::numeric_less, false},
  {"NumericLessThanEquals", policy::test::numeric_less_equals, false},
  {"NumericGreaterThan", policy::test::numeric_greater, false},
  {"NumericGreaterThanEquals", policy::test::numeric_greater_equals, false},
  {"DateEquals", policy::test::date_equals, false},
  {"DateNotEquals", policy::test::date_equals, true},
  {"DateLessThan", policy::test::date_less, false},
  {"DateLessThanEquals", policy::test::date_less_equals, false},
  {"DateGreaterThan", policy::test::date_greater, false},
  {"DateGreaterThanEquals", policy::test::date_greater_equals, false},
  {"Bool", policy::test::boolean, false},
  {"IpAddress", policy::test::ip_address, false},
  {"NotIpAddress", policy::test::ip_address, true},
  {"Null", policy::test::absent, false},
};

fault malformed(std::string why) {
  return {malformed_policy, "the policy is refused: " + std::move(why), {}};
}

std::string shown(std::string_view x) {
  return '"' + std::string{x.substr(0, 100)} + '"';
}

// -- values
// ---------------------------------------------------------------------

std::optional<double> parse_number(std::string_view x) {
  double n = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), n);
  if (x.empty() || ec != std::errc{} || end != x.data() + x.size()
      || !std::isfinite(n))
    return {};
  return n;
}

struct address_range {
  bool six = false;
  std::array<unsigned char, 16> bytes{};
  unsigned bits = 0; ///< of the prefix
};

std::optional<address_range> parse_address(std::string_view x) {
  address_range out;
  auto slash = x.find('/');
  std::string text{x.substr(0, slash)};
  out.six = text.find(':') != std::string::npos;
  if (text.size() > 64
      || inet_pton(out.six ? AF_INET6 : AF_INET, text.c_str(), out.bytes.data())
           != 1)
    return {};
  unsigned most = out.six ? 128 : 32;
  out.bits = most;
  if (slash != std::string_view::npos) {
    auto digits = x.substr(slash + 1);
    auto [end, ec]
      = std::from_chars(digits.data(), digits.data() + digits.size(), out.bits);
    if (digits.empty() || ec != std::errc{}
        || end != digits.data() + digits.size() || out.bits > most)
      return {};
  }
  // An IPv4 client of an IPv6 socket.
  constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  if (out.six && out.bits >= 96
      && std::memcmp(out.bytes.data(), mapped, sizeof(mapped)) == 0) {
    std::memmove(out.bytes.data(), out.bytes.data() + 12, 4);
    out.bits -= 96;
    out.six = false;
  }
  return out;
}

bool within(const address_range& x, const address_range& range) {
  if (x.six != range.six || x.bits < range.bits)
    return false;
  for (unsigned i = 0; i < range.bits; ++i) {
    auto bit = [&](const address_range& y) {
      return (y.bytes[i / 8] >> (7 - i % 8)) & 1;
    };
    if (bit(x) != bit(range))
      return false;
  }
  return true;
}

std::optional<double> parse_moment(std::string_view x) {
  if (auto seconds = parse_iso_time(x))
    return static_cast<double>(*seconds);
  return parse_number(x);
}

/// Whether a value of a policy can be compared so.
bool fits_test(policy::test t, std::string_view x) {
  using enum policy::test;
  switch (t) {
    case numeric_equals:
    case numeric_less:
    case numeric_less_equals:
    case numeric_greater:
    case numeric_greater_equals:
      return parse_number(x).has_value();
    case date_equals:
    case date_less:
    case date_less_equals:
    case date_greater:
    case date_greater_equals:
      return parse_moment(x).has_value();
    case boolean:
    case absent:
      return x == "true" || x == "false";
    case ip_address:
      return parse_address(x).has_value();
    default:
      return true;
  }
}

/// Whether what a request has fits a value of a policy.
bool compare(policy::test t, std::string_view has, std::string_view wanted) {
  using enum policy::test;
  auto order = [&](auto parse, auto test) {
    auto a = parse(has);
    auto b = parse(wanted);
    return a && b && test(*a, *b);
  };
  switch (t) {
    case string_equals:
      return has == wanted;
    case string_equals_any_case:
      return lower(has) == lower(wanted);
    case string_like:
      return wildcard_match(wanted, has);
    case boolean:
      return lower(has) == wanted;
    case numeric_equals:
      return order(parse_number, std::equal_to<>{});
    case numeric_less:
      return order(parse_number, std::less<>{});
    case numeric_less_equals:
      return order(parse_number, std::less_equal<>{});
    case numeric_greater:
      return order(parse_number, std::greater<>{});
    case numeric_greater_equals:
      return order(parse_number, std::greater_equal<>{});
    case date_equals:
      return order(parse_moment, std::equal_to<>{});
    case date_less:
      return order(parse_moment, std::less<>{});
    case date_less_equals:
      return order(parse_moment, std::less_equal<>{});
    case date_greater:
      return order(parse_moment, std::greater<>{});
    case date_greater_equals:
      return order(parse_moment, std::greater_equal<>{});
    case ip_address:
      return order(parse_address, within);
    case absent:
      return false; // not compared
  }
  return false;
}

enum class answer : uint8_t { no, yes, unknown };

answer holds(const policy::condition& x, const policy_question& q) {
  auto has = q.find(x.key);
  if (!has.known)
    return answer::unknown;
  auto to_answer = [](bool y) {
    return y ? answer::yes : answer::no;
  };
  if (x.what == policy::test::absent) {
    auto wanted = has.value ? "false" : "true";
    return to_answer(std::find(x.values.begin(), x.values.end(), wanted)
                     != x.values.end());
  }
  if (!has.value)
    return to_answer(x.negated || x.if_exists);
  auto any = std::any_of(x.values.begin(), x.values.end(), [&](auto& value) {
    return compare(x.what, *has.value, value);
  });
  return to_answer(any != x.negated);
}

// -- reading
// --------------------------------------------------------------------

/// A string, or a list of them.
outcome<std::vector<std::string>>
read_texts(const json::value& v, std::string_view what) {
  std::vector<std::string> out;
  auto take = [&](const json::value& x) {
    std::string text;
    if (auto* s = x.if_string())
      text.assign(s->data(), s->size());
    else if (x.is_bool() || x.is_int64() || x.is_uint64() || x.is_double())
      text = to_text(x);
    else
      return false;
    out.push_back(std::move(text));
    return true;
  };
  auto good = false;
  if (auto* a = v.if_array())
    good = !a->empty() && std::all_of(a->begin(), a->end(), take);
  else
    good = take(v);
  for (auto& x : out)
    if (x.find("${") != std::string::npos)
      return malformed("variables are not available: " + shown(x));
  if (!good)
    return malformed(std::string{what} + " must be a text, or a list of texts");
  return out;
}

/// "AK1", "arn:aws:iam::...:user/AK1": the user's name. The root of an account
/// is the user of that name: each is an account of his own here.
outcome<std::string> read_principal(std::string_view x) {
  constexpr std::string_view iam = "arn:aws:iam:";
  constexpr std::string_view root = ":root";
  if (x.substr(0, iam.size()) == iam) {
    auto whole
      = x.size() > root.size() && x.substr(x.size() - root.size()) == root;
    if (!whole && x.find(":user/") == std::string_view::npos)
      return malformed("Principal " + shown(x)
                       + " must be a user: arn:aws:iam::<account>:user/<name>,"
                         " or arn:aws:iam::<name>:root");
    if (whole)
      x.remove_suffix(root.size());
    x = x.substr(x.rfind(whole ? ':' : '/') + 1);
  }
  if (x.empty() || x.find('*') != std::string_view::npos
      || x.substr(0, 4) == "arn:")
    return malformed("Principal " + shown(x)
                     + " must be \"*\", a user or an access key");
  return std::string{x};
}

checked read_principals(const json::value& v, policy::statement& out) {
  auto* s = v.if_string();
  if (s && *s == "*") {
    out.everybody = true;
    return std::monostate{};
  }
  auto* o = v.if_object();
  if (!o || o->empty())
    return malformed("Principal must be \"*\" or {\"AWS\": ...}");
  for (auto& [kind, list] : *o) {
    if (kind != "AWS" && kind != "CanonicalUser")
      return malformed("Principal of kind " + shown(kind)
                       + " is not available: use \"AWS\"");
    auto names = read_texts(list, "Principal");
    if (!names)
      return names.why();
    for (auto& x : *names) {
      if (x == "*") {
        out.everybody = true;
        continue;
      }
      auto user = read_principal(x);
      if (!user)
        return user.why();
      out.principals.push_back(std::move(*user));
    }
  }
  return std::monostate{};
}

checked read_actions(const json::value& v, policy::statement& out) {
  auto list = read_texts(v, "Action");
  if (!list)
    return list.why();
  for (auto& x : *list) {
    auto name = lower(x);
    auto known = name == "*";
    if (name.substr(0, 3) == "s3:")
      known = std::any_of(
        std::begin(known_actions), std::end(known_actions),
        [&](auto y) { return wildcard_match(name.substr(3), y); });
    if (!known)
      return malformed("there is no action " + shown(x));
    out.actions.push_back(std::move(name));
  }
  return std::monostate{};
}

checked read_resources(const json::value& v, std::string_view bucket,
                       policy::statement& out) {
  auto list = read_texts(v, "Resource");
  if (!list)
    return list.why();
  for (auto& x : *list) {
    auto name = std::string_view{x};
    if (name == "*")
      name = "*";
    else if (name.substr(0, arn.size()) == arn)
      name.remove_prefix(arn.size());
    else
      return malformed("Resource " + shown(x) + " must be arn:aws:s3:::"
                       + std::string{bucket} + ", or that and /<keys>");
    if (!wildcard_match(name.substr(0, name.find('/')), bucket))
      return malformed("Resource " + shown(x) + " is not of the bucket "
                       + shown(bucket));
    out.resources.emplace_back(name);
  }
  return std::monostate{};
}

outcome<policy::condition> read_test(std::string_view name) {
  constexpr std::string_view suffix = "IfExists";
  policy::condition out;
  auto plain = name;
  if (plain.size() > suffix.size()
      && plain.substr(plain.size() - suffix.size()) == suffix) {
    out.if_exists = true;
    plain.remove_suffix(suffix.size());
  }
  for (auto& x : tests)
    if (x.name == plain && (x.what != policy::test::absent || !out.if_exists)) {
      out.what = x.what;
      out.negated = x.negated;
      return out;
    }
  return malformed("the condition operator " + shown(name)
                   + " is not available");
}

checked read_conditions(const json::value& v, policy::statement& out) {
  auto* o = v.if_object();
  if (!o)
    return malformed("Condition must be an object");
  for (auto& [op, keys] : *o) {
    auto made = read_test(op);
    if (!made)
      return made.why();
    auto* list = keys.if_object();
    if (!list || list->empty())
      return malformed("Condition " + shown(op)
                       + " must be an object of keys and values");
    for (auto& [key, values] : *list) {
      if (!known_condition_key(key))
        return malformed("the condition key " + shown(key)
                         + " is not available");
      auto texts = read_texts(values, "Condition " + shown(key));
      if (!texts)
        return texts.why();
      auto& next = out.conditions.emplace_back(*made);
      next.key = key;
      for (auto& x : *texts)
        if (!fits_test(next.what, x))
          return malformed(shown(x) + " is no value for " + std::string{op});
      next.values = std::move(*texts);
    }
  }
  return std::monostate{};
}

checked read_member(std::string_view name, const json::value& v,
                    std::string_view bucket, policy::statement& out) {
  if (name == "Sid")
    return v.is_string() ? checked{std::monostate{}}
                         : malformed("Sid must be a text");
  if (name == "Effect") {
    auto* s = v.if_string();
    if (!s || (*s != "Allow" && *s != "Deny"))
      return malformed("Effect must be Allow or Deny");
    out.allows = *s == "Allow";
    return std::monostate{};
  }
  if (name == "Principal")
    return read_principals(v, out);
  if (name == "NotPrincipal")
    return malformed("NotPrincipal is not available: name those you mean by"
                     " Principal");
  if (name == "Action" || name == "NotAction") {
    out.other_actions = name == "NotAction";
    return read_actions(v, out);
  }
  if (name == "Resource" || name == "NotResource") {
    out.other_resources = name == "NotResource";
    return read_resources(v, bucket, out);
  }
  if (name == "Condition")
    return read_conditions(v, out);
  return malformed("a statement has no element " + shown(name));
}

outcome<policy::statement>
read_statement(const json::value& v, std::string_view bucket) {
  auto* o = v.if_object();
  if (!o)
    return malformed("a Statement must be an object");
  policy::statement out;
  for (auto& [name, value] : *o)
    if (auto ok = read_member(name, value, bucket, out); !ok)
      return ok.why();
  auto one_of = [&](auto x, auto y) {
    return o->contains(x) != o->contains(y);
  };
  if (!o->contains("Effect") || !o->contains("Principal")
      || !one_of("Action", "NotAction") || !one_of("Resource", "NotResource"))
    return malformed("a Statement needs Effect, Principal, one of Action and"
                     " NotAction, one of Resource and NotResource");
  return out;
}

size_t question_bytes(const std::vector<std::string>& patterns) {
  size_t out = 0;
  for (auto& x : patterns)
    if (x.find('?') != std::string::npos)
      out += x.size();
  return out;
}

checked check_header(const json::object& x) {
  for (auto& [name, value] : x)
    if (name != "Version" && name != "Id" && name != "Statement")
      return malformed("there is no element " + shown(name));
    else if (name == "Version"
             && (!value.is_string()
                 || (value.as_string() != "2012-10-17"
                     && value.as_string() != "2008-10-17")))
      return malformed("Version must be \"2012-10-17\"");
    else if (name == "Id" && !value.is_string())
      return malformed("Id must be a text");
  return std::monostate{};
}

bool any_matches(const std::vector<std::string>& patterns,
                 std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](auto& x) { return wildcard_match(x, text); });
}

bool concerns(const policy::statement& x, const policy_question& q,
              std::string_view action) {
  auto named = [&](auto& y) {
    return !q.user.empty() && (y == q.user || y == q.access_key);
  };
  if (!x.everybody
      && std::none_of(x.principals.begin(), x.principals.end(), named))
    return false;
  return any_matches(x.actions, action) != x.other_actions
         && any_matches(x.resources, q.resource) != x.other_resources;
}

/// Where a piece without '*' begins in `text`, from `at` on.
size_t find_piece(std::string_view text, size_t at, std::string_view piece) {
  if (piece.empty())
    return at;
  if (piece.find('?') == std::string_view::npos) {
    auto* hit = ::memmem(text.data() + at, text.size() - at, piece.data(),
                         piece.size());
    return hit
             ? static_cast<size_t>(static_cast<const char*>(hit) - text.data())
             : std::string_view::npos;
  }
  for (; at + piece.size() <= text.size(); ++at)
    if (std::equal(piece.begin(), piece.end(), text.begin() + long(at),
                   [](char p, char c) { return p == '?' || p == c; }))
      return at;
  return std::string_view::npos;
}

bool same_piece(std::string_view text, std::string_view piece) {
  return text.size() == piece.size() && find_piece(text, 0, piece) == 0;
}

} // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  auto star = pattern.find('*');
  if (star == std::string_view::npos)
    return same_piece(text, pattern);
  // The beginning and the end are fixed, pieces between stars come leftmost.
  auto last = pattern.rfind('*');
  auto head = pattern.substr(0, star);
  auto tail = pattern.substr(last + 1);
  if (text.size() < head.size() + tail.size()
      || !same_piece(text.substr(0, head.size()), head)
      || !same_piece(text.substr(text.size() - tail.size()), tail))
    return false;
  text = text.substr(head.size(), text.size() - head.size() - tail.size());
  auto middle = last > star ? pattern.substr(star + 1, last - star - 1)
                            : std::string_view{};
  size_t at = 0;
  while (!middle.empty()) {
    auto end = middle.find('*');
    auto piece = middle.substr(0, end);
    at = find_piece(text, at, piece);
    if (at == std::string_view::npos)
      return false;
    at += piece.size();
    middle = end == std::string_view::npos ? std::string_view{}
                                           : middle.substr(end + 1);
  }
  return true;
}

outcome<std::shared_ptr<const policy>>
policy::parse(std::string_view text, std::string_view bucket) {
  if (text.size() > max_policy_bytes)
    return malformed("it has more than " + std::to_string(max_policy_bytes)
                     + " bytes");
  auto v = parse_json(text, max_policy_depth);
  if (!v)
    return malformed("it is no JSON: " + message_of(v.error()));
  auto* o = v->if_object();
  auto* list = o ? o->if_contains("Statement") : nullptr;
  if (!list)
    return malformed("it must be an object with a Statement");
  if (auto ok = check_header(*o); !ok)
    return ok.why();
  auto out = std::make_shared<policy>();
  json::array one;
  if (!list->is_array())
    one.push_back(*list);
  size_t questions = 0;
  for (auto& x : list->is_array() ? list->as_array() : one) {
    auto made = read_statement(x, bucket);
    if (!made)
      return made.why();
    questions
      += question_bytes(made->actions) + question_bytes(made->resources);
    for (auto& c : made->conditions)
      questions += question_bytes(c.values);
    out->statements_.push_back(std::move(*made));
  }
  if (out->statements_.empty())
    return malformed("it needs a Statement");
  if (questions > max_question_bytes)
    return malformed("its patterns with '?' have more than "
                     + std::to_string(max_question_bytes)
                     + " bytes: use '*' instead");
  return std::shared_ptr<const policy>{std::move(out)};
}

effect policy::evaluate(const policy_question& q) const {
  auto out = effect::none;
  auto action = lower(q.action);
  for (auto& x : statements_) {
    if (!concerns(x, q, action))
      continue;
    auto fits = answer::yes;
    for (auto& c : x.conditions) {
      auto one = holds(c, q);
      if (one == answer::no || (one == answer::unknown && fits == answer::yes))
        fits = one;
      if (fits == answer::no)
        break;
    }
    if (fits == answer::yes && !x.allows)
      return effect::deny;
    if (fits == answer::unknown)
      out = effect::unknown;
    else if (fits == answer::yes && out == effect::none)
      out = effect::allow;
  }
  return out;
}

bool policy::is_public() const {
  // Conditions that tell who asks, or from where, as AWS has them.
  auto narrows = [](const condition& c) {
    constexpr std::string_view keys[]
      = {"aws:sourceip", "aws:username", "aws:userid"};
    auto key = lower(c.key);
    auto fixed = std::none_of(c.values.begin(), c.values.end(), [](auto& x) {
      return x.find_first_of("*?") != std::string::npos
             || x.substr(x.find('/') + 1) == "0";
    });
    return fixed && !c.negated && !c.if_exists
           && std::find(std::begin(keys), std::end(keys), key)
                != std::end(keys);
  };
  return std::any_of(statements_.begin(), statements_.end(), [&](auto& x) {
    return x.allows && x.everybody
           && std::none_of(x.conditions.begin(), x.conditions.end(), narrows);
  });
}

} // namespace ais::http::s3
