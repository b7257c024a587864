#include "storage/base/names.hpp"

#include <algorithm>
#include <array>

namespace ais {

namespace {

struct provider_names {
  provider value;
  std::string_view name;
  std::string_view scheme;
};

constexpr std::array<provider_names, 5> providers{{
  {provider::ais, "ais", "ais"},
  {provider::aws, "aws", "s3"},
  {provider::azure, "azure", "az"},
  {provider::gcp, "gcp", "gs"},
  {provider::oci, "oci", "oc"},
}};

bool plain_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/// Checks the alphabet that buckets and namespaces share.
expected<void>
check_plain(std::string_view what, std::string_view x, size_t limit) {
  auto refuse = [&](std::string_view why) {
    return fail(errc::invalid_name, std::string{what} + " name \""
                                      + std::string{x.substr(0, 80)}
                                      + "\" is not valid: " + std::string{why});
  };
  if (x.size() > limit)
    return refuse("it has more than " + std::to_string(limit) + " characters");
  if (!std::all_of(x.begin(), x.end(), plain_char))
    return refuse("allowed are letters, digits, '-', '_' and '.'");
  if (x.find("..") != std::string_view::npos)
    return refuse("it must not contain \"..\"");
  return caf::unit;
}

/// Calls `f` for each '/'-separated component until it returns false.
template <class F>
bool each_component(std::string_view x, F f) {
  for (;;) {
    auto slash = x.find('/');
    if (!f(x.substr(0, slash)))
      return false;
    if (slash == std::string_view::npos)
      return true;
    x.remove_prefix(slash + 1);
  }
}

error bad_object_name(std::string_view x, std::string_view why) {
  std::string shown;
  for (char c : x.substr(0, 80))
    shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return fail(errc::invalid_name, "object name \"" + shown
                                    + "\" is not valid: " + std::string{why});
}

/// What object names and prefixes have in common.
expected<void> check_path(std::string_view x) {
  if (x.size() > max_object_name)
    return bad_object_name(x, "it is longer than "
                                + std::to_string(max_object_name) + " bytes");
  if (x.find_first_of(std::string_view{"\0\r\n", 3}) != std::string_view::npos)
    return bad_object_name(x, "it contains NUL or a line break");
  if (!valid_utf8(x))
    return bad_object_name(x, "it is not UTF-8");
  if (x.substr(0, 2) == "~/")
    return bad_object_name(x, "it must not begin with \"~/\"");
  if (!each_component(x, [](auto c) { return c != "." && c != ".."; }))
    return bad_object_name(x, "\".\" and \"..\" are not allowed between '/'");
  return caf::unit;
}

} // namespace

std::string_view to_string(provider x) {
  return providers[static_cast<size_t>(x)].name;
}

std::string_view scheme_of(provider x) {
  return providers[static_cast<size_t>(x)].scheme;
}

expected<provider> parse_provider(std::string_view x) {
  if (x.empty())
    return provider::ais;
  for (auto& p : providers)
    if (x == p.name || x == p.scheme)
      return p.value;
  return fail(errc::invalid_provider,
              "unknown provider \"" + std::string{x.substr(0, 40)}
                + "\": use ais, aws (s3), azure (az), gcp (gs) or oci (oc)");
}

std::string uname_of(const ns& x) {
  return '@' + x.uuid + '#' + x.name;
}

expected<ns> parse_ns(std::string_view x) {
  ns result;
  if (x.empty())
    return result;
  auto hash = x.find('#');
  auto uuid = x.substr(0, hash);
  if (!uuid.empty()) {
    if (uuid.front() != '@')
      return fail(errc::invalid_name, "namespace \"" + std::string{x}
                                        + "\" is not valid: use @uuid#name");
    result.uuid = uuid.substr(1);
  }
  if (hash != std::string_view::npos)
    result.name = x.substr(hash + 1);
  if (auto ok = check_ns(result); !ok)
    return ok.error();
  return result;
}

std::string uname_of(const bck& b, std::string_view object) {
  auto head = to_string(b.provider);
  std::string out;
  out.reserve(head.size() + b.ns.uuid.size() + b.ns.name.size() + b.name.size()
              + object.size() + 5);
  out.append(head).append("/@").append(b.ns.uuid).append("#");
  out.append(b.ns.name).append("/").append(b.name).append("/").append(object);
  return out;
}

expected<std::pair<bck, std::string>> parse_uname(std::string_view x) {
  auto bad = [&] {
    return fail(errc::invalid_argument,
                "\"" + std::string{x.substr(0, 200)}
                  + "\" is not of the form provider/@uuid#ns/bucket/[object]");
  };
  std::pair<bck, std::string> out;
  auto slash = x.find('/');
  if (slash == std::string_view::npos || slash == 0)
    return bad();
  auto p = parse_provider(x.substr(0, slash));
  if (!p)
    return p.error();
  out.first.provider = *p;
  x.remove_prefix(slash + 1);
  slash = x.find('/');
  if (slash == std::string_view::npos || x.front() != '@')
    return bad();
  auto n = parse_ns(x.substr(0, slash));
  if (!n)
    return n.error();
  out.first.ns = std::move(*n);
  x.remove_prefix(slash + 1);
  slash = x.find('/');
  out.first.name = x.substr(0, slash);
  if (auto ok = check_bucket_name(out.first.name); !ok)
    return ok.error();
  if (slash != std::string_view::npos)
    out.second = x.substr(slash + 1);
  return out;
}

std::string cname_of(const bck& b, std::string_view object) {
  std::string out{scheme_of(b.provider)};
  out += "://";
  if (!b.ns.global())
    out += uname_of(b.ns) + '/';
  out += b.name;
  if (!object.empty())
    out.append("/").append(object);
  return out;
}

expected<void> check_bucket_name(std::string_view x, bool system) {
  if (x.empty())
    return fail(errc::invalid_name, "bucket name is empty");
  if (auto ok = check_plain("bucket", x, max_bucket_name); !ok)
    return ok;
  if (x.front() == '.' && (!system || x.size() == 1))
    return fail(errc::invalid_name,
                "bucket name \"" + std::string{x}
                  + "\" is not valid: a leading '.' is for system buckets");
  return caf::unit;
}

expected<void> check_ns(const ns& x) {
  if (auto ok = check_plain("namespace", x.uuid, max_namespace_uuid); !ok)
    return ok;
  return check_plain("namespace", x.name, max_namespace_name);
}

expected<void> check_object_name(std::string_view x) {
  if (x.empty())
    return bad_object_name(x, "it is empty");
  if (x.back() == '/')
    return bad_object_name(x, "it must not end in '/'");
  return check_path(x);
}

expected<void> check_prefix(std::string_view x) {
  return check_path(x);
}

bool valid_utf8(std::string_view x) {
  auto at = [&](size_t i) {
    return static_cast<unsigned char>(x[i]);
  };
  for (size_t i = 0; i < x.size();) {
    unsigned c = at(i);
    if (c < 0x80) {
      ++i;
      continue;
    }
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || i + more >= x.size())
      return false;
    for (size_t k = 1; k <= more; ++k)
      if ((at(i + k) & 0xc0) != 0x80)
        return false;
    unsigned second = at(i + 1);
    if ((c == 0xe0 && second < 0xa0)     // overlong
        || (c == 0xed && second > 0x9f)  // surrogate
        || (c == 0xf0 && second < 0x90)  // overlong
        || (c == 0xf4 && second > 0x8f)) // above U+10FFFF
      return false;
    i += more + 1;
  }
  return true;
}

} // namespace ais
