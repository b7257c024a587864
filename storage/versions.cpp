#include "storage/versions.hpp"

#include "storage/base/crash.hpp"
#include "storage/base/home.hpp"
#include "storage/walk.hpp"

#include <algorithm>

namespace ais::storage {

namespace {

constexpr std::string_view null_digits = "000000000000000";
constexpr char mark_digit = 'd';
constexpr char object_digit = '0';
constexpr size_t time_chars = 16;

/// Later times are less.
std::string time_digits(int64_t ns) {
  return hex16(~static_cast<uint64_t>(ns));
}

std::string make_id(int64_t ns, std::string_view digits, bool mark) {
  return time_digits(ns).append(digits) + (mark ? mark_digit : object_digit);
}

/// All names of a directory that has nothing but versions of one object.
expected<std::vector<std::string>>
names_in(mountpath& mp, const bucket_ref& all, const std::string& prefix) {
  std::vector<std::string> out;
  auto dir
    = mp.plain_path(all, std::string_view{prefix}.substr(0, prefix.size() - 1));
  auto entries = mp.disk().list(dir);
  if (!entries && entries.error() != errc::not_found
      && entries.error() != errc::not_a_directory)
    return entries.error();
  if (entries)
    for (auto& x : *entries)
      out.push_back(prefix + x.name);
  return out;
}

/// The same where the file system cannot hold the names.
expected<std::vector<std::string>>
names_by_walk(mountpath& mp, const bucket_ref& all, const std::string& prefix) {
  std::vector<std::string> out;
  walk_options options;
  options.prefix = prefix;
  options.with_attrs = false;
  walker walk{{&mp}, all, std::move(options)};
  for (;;) {
    auto x = walk.next();
    if (!x)
      return x.error();
    if (!*x)
      return out;
    out.push_back(std::move((*x)->name));
  }
}

} // namespace

// -- ids
// --------------------------------------------------------------------------

std::string_view to_string(keeping x) {
  switch (x) {
    case keeping::enabled:
      return "Enabled";
    case keeping::suspended:
      return "Suspended";
    default:
      return "";
  }
}

keeping parse_keeping(std::string_view x) {
  if (x == to_string(keeping::enabled))
    return keeping::enabled;
  return x == to_string(keeping::suspended) ? keeping::suspended : keeping::off;
}

std::string make_version_id(int64_t now_ns, uint64_t random, bool mark) {
  auto digits = hex16(random | (uint64_t{1} << 63)); // not those of "null"
  return make_id(now_ns, std::string_view{digits}.substr(0, null_digits.size()),
                 mark);
}

std::string null_version_id(int64_t now_ns, bool mark) {
  return make_id(now_ns, null_digits, mark);
}

std::string version_id(const lom& x) {
  auto i = x.custom.find(version_key);
  return i != x.custom.end() ? i->second : null_version_id(x.mtime_ns, false);
}

bool is_null_version(std::string_view id) {
  return id.size() == version_id_chars
         && id.substr(time_chars, null_digits.size()) == null_digits;
}

bool is_mark(std::string_view id) {
  return id.size() == version_id_chars && id.back() == mark_digit;
}

std::string_view shown_version(std::string_view id) {
  return is_null_version(id) ? "null" : id;
}

// -- former versions
// --------------------------------------------------------------------

bucket_ref versions_of(const bucket_ref& b) {
  return {{provider::ais, versions_ns(), b.bck.name}, b.bid};
}

std::string version_name(const bucket_ref& b, std::string_view object,
                         std::string_view id) {
  return to_text({b.bid, object, id, home_digest(b.bck, object)});
}

expected<std::vector<kept_version>>
kept_versions(mountpath& mp, const bucket_ref& b, std::string_view object) {
  auto all = versions_of(b);
  auto prefix = former_prefix(b.bid, object);
  auto by_walk = mountpath::hashed(version_name(b, object, {}));
  auto names
    = by_walk ? names_by_walk(mp, all, prefix) : names_in(mp, all, prefix);
  if (!names)
    return names.error();
  std::vector<kept_version> out;
  for (auto& name : *names) {
    auto parsed = parse_former_name(name);
    if (!parsed)
      continue;
    auto attrs = mp.load(all, name);
    if (attrs)
      out.push_back({std::string{parsed->id}, name, std::move(*attrs)});
    else if (attrs.error() != errc::object_not_found)
      return attrs.error();
  }
  std::sort(out.begin(), out.end(),
            [](auto& x, auto& y) { return x.id < y.id; });
  return out;
}

expected<void>
keep_version(mountpath& mp, const bucket_ref& b, std::string_view object,
             const lom& now, durability d) {
  return mp.link(b, object, versions_of(b),
                 version_name(b, object, version_id(now)), d);
}

expected<void>
add_mark(mountpath& mp, const bucket_ref& b, std::string_view object,
         std::string_view id, const lom& like, durability d) {
  auto all = versions_of(b);
  auto writer = mp.begin(all, cksum_type::none, 0, false);
  if (!writer)
    return writer.error();
  if (auto ok = (*writer)->seal(); !ok)
    return ok;
  auto& attrs = (*writer)->attrs();
  attrs.bid = b.bid;
  attrs.generation = like.generation;
  attrs.volume = like.volume;
  attrs.atime_ns = attrs.mtime_ns = like.mtime_ns;
  if (!is_null_version(id))
    attrs.custom[version_key] = id;
  commit_item item{all, version_name(b, object, id), std::move(*writer), d,
                   true};
  auto done = mp.commit({&item, 1});
  return done[0] ? expected<void>{caf::unit} : done[0].error();
}

expected<void>
promote_version(mountpath& mp, const bucket_ref& b, std::string_view object,
                const kept_version& x, lom attrs, durability d) {
  auto all = versions_of(b);
  if (auto ok = mp.store_attrs(all, x.name, attrs, d); !ok)
    return ok;
  if (auto ok = mp.link(all, x.name, b, std::string{object}, d); !ok)
    return ok;
  AIS_CRASH_POINT("version.promoted");
  return drop_version(mp, b, x, d);
}

expected<void> drop_version(mountpath& mp, const bucket_ref& b,
                            const kept_version& x, durability d) {
  auto gone = mp.remove(versions_of(b), x.name, d);
  if (!gone && gone.error() != errc::object_not_found)
    return gone;
  return caf::unit;
}

} // namespace ais::storage
