#include "http/v1/list_request.hpp"

#include "actors/target/lister.hpp"
#include "http/msgpack.hpp"
#include "http/tokens.hpp"
#include "storage/base/units.hpp"

#include <algorithm>

namespace ais::http::v1 {

namespace {

/// Bits of LsoMsg::flags; api-data 3.2.
enum list_flag : uint64_t {
  flag_arch_dir = 1 << 3,
  flag_name_only = 1 << 4,
  flag_name_size = 1 << 5,
  flag_not_cached = 1 << 9,
  flag_no_recursion = 1 << 11,
  flag_diff = 1 << 12,
  flag_no_dirs = 1 << 13,
  flag_inventory = 1 << 15,
  flag_cached = 1 << 0,
};

/// Bits of an entry's flags; api-data 3.4.
constexpr uint64_t entry_present = 64;
constexpr uint64_t entry_dir = 256;

list_props parse_props(std::string_view names, uint64_t flags) {
  list_props out;
  if (flags & flag_name_only || names == "name")
    return list_props{.size = false};
  if (flags & flag_name_size || names == "name,size")
    return out;
  if (names.empty()) {
    if (flags & flag_cached)
      out.checksum = out.atime = true;
    return out;
  }
  out.size = false;
  each_token(names, [&](std::string_view one) {
    out.size |= one == "size";
    out.version |= one == "version";
    out.checksum |= one == "checksum";
    out.atime |= one == "atime";
    out.copies |= one == "copies";
    out.custom |= one == "custom";
    out.location |= one == "location";
    return true;
  });
  return out;
}

bool any_attr(const list_props& x) {
  return x.size || x.version || x.checksum || x.atime || x.copies || x.custom;
}

std::string custom_text(const storage::custom_map& x) {
  std::string out;
  for (auto& [k, v] : x)
    if (!storage::internal(k))
      out.append(out.empty() ? "[" : " ").append(k).append(":").append(v);
  return out.empty() ? out : out + ']';
}

/// The fields of one entry in a form that both encodings write: empty texts and
/// zeros are left out.
struct entry_fields {
  std::string checksum, atime, version, custom;
  std::string_view location;
  uint64_t size = 0, copies = 0, flags = 0;

  entry_fields(const storage::walk_entry& x, const list_request& req,
               const std::vector<std::string>& where) {
    if (x.dir) {
      flags = entry_dir;
      return;
    }
    flags = entry_present;
    auto& p = req.props;
    if (p.size)
      size = x.attrs.size_bytes;
    if (p.checksum)
      checksum = x.attrs.cksum.value;
    if (p.atime && x.attrs.atime_ns > 0)
      atime = format_time(x.attrs.atime_ns, req.time_format);
    if (p.version)
      version = x.attrs.version;
    if (p.custom)
      custom = custom_text(x.attrs.custom);
    if (p.copies)
      copies = std::max<uint64_t>(x.attrs.copies, 1);
    if (auto i = static_cast<size_t>(x.mountpath);
        p.location && i < where.size())
      location = where[i];
  }

  template <class Text, class Number>
  void visit(Text text, Number number) const {
    text("cs", "checksum", checksum);
    text("a", "atime", atime);
    text("v", "version", version);
    text("t", "location", location);
    text("m", "custom-md", custom);
    number("s", "size", size);
    number("c", "copies", copies);
    number("f", "flags", flags);
  }
};

} // namespace

expected<list_request> parse_list_request(const json::value& v) {
  list_request out;
  static const json::object none;
  auto* o = v.if_object();
  if (!o) {
    // A true value other than an object asks for the defaults, as null does.
    if (v.is_array() || v.is_string() || v.is_number())
      return fail(errc::invalid_argument, "\"value\" must be an object");
    o = &none;
  }
  auto uuid = text_member(*o, "uuid");
  auto token = text_member(*o, "continuation_token");
  auto props = text_member(*o, "props");
  auto prefix = text_member(*o, "prefix");
  auto start_after = text_member(*o, "start_after");
  auto time_format = text_member(*o, "time_format");
  for (auto* x : {&uuid, &token, &props, &prefix, &start_after, &time_format})
    if (!*x)
      return x->error();
  auto flags = unsigned_member(*o, "flags", 0);
  auto page_size = integer_member(*o, "pagesize", 0);
  if (!flags)
    return flags.error();
  if (!page_size)
    return page_size.error();
  if (*page_size < 0)
    return fail(errc::invalid_argument, "\"pagesize\" must not be negative");
  if (*flags & (flag_inventory | flag_diff))
    return fail(errc::invalid_argument,
                "these list flags need a bucket with a remote backend");
  if ((*flags & flag_cached) && (*flags & flag_not_cached))
    return fail(errc::invalid_argument,
                "list flags \"cached\" and \"not cached\" exclude each other");
  if (!prefix->empty() && prefix->back() == '*')
    prefix->pop_back();
  if (auto ok = check_prefix(*prefix); !ok)
    return ok.error();
  auto id_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (uuid->size() > 64 || !std::all_of(uuid->begin(), uuid->end(), id_char))
    return fail(errc::invalid_argument, "\"uuid\" is not one of a listing");
  out.uuid = std::move(*uuid);
  out.token = std::move(*token);
  out.time_format = std::move(*time_format);
  out.options.prefix = std::move(*prefix);
  out.options.start_after = std::move(*start_after);
  out.options.non_recursive = *flags & flag_no_recursion;
  out.options.no_dirs = *flags & flag_no_dirs;
  out.props = parse_props(*props, *flags);
  out.options.with_attrs = any_attr(out.props);
  out.page_size = *page_size == 0
                    ? max_page_size
                    : std::min(static_cast<size_t>(*page_size), max_page_size);
  out.nothing = *flags & flag_not_cached;
  return out;
}

std::string to_msgpack(const list_reply& page, const list_request& req,
                       const std::vector<std::string>& where) {
  std::string out;
  out.reserve(64 + page.entries.size() * 48);
  msgpack_writer w{out};
  w.map(4);
  w.text("UUID");
  w.text(page.uuid);
  w.text("ContinuationToken");
  w.text(page.token);
  w.text("Flags");
  w.number(0);
  w.text("Entries");
  w.array(page.entries.size());
  for (auto& x : page.entries) {
    entry_fields fields{x, req, where};
    size_t n = 1;
    fields.visit([&](auto, auto, std::string_view v) { n += !v.empty(); },
                 [&](auto, auto, uint64_t v) { n += v != 0; });
    w.map(n);
    w.text("n");
    w.text(x.name);
    fields.visit(
      [&](auto key, auto, std::string_view v) {
        if (v.empty())
          return;
        w.text(key);
        w.text(v);
      },
      [&](auto key, auto, uint64_t v) {
        if (v == 0)
          return;
        w.text(key);
        w.number(v);
      });
  }
  return out;
}

std::string to_json_text(const list_reply& page, const list_request& req,
                         const std::vector<std::string>& where) {
  json::array entries;
  for (auto& x : page.entries) {
    json::object entry{{"name", x.name}};
    entry_fields fields{x, req, where};
    fields.visit(
      [&](auto, auto key, std::string_view v) {
        if (!v.empty())
          entry[key] = v;
      },
      [&](auto, std::string_view key, uint64_t v) {
        if (v == 0)
          return;
        if (key == "size")
          entry[key] = std::to_string(v);
        else
          entry[key] = v;
      });
    entries.push_back(std::move(entry));
  }
  return to_text(json::object{{"uuid", page.uuid},
                              {"continuation_token", page.token},
                              {"entries", std::move(entries)},
                              {"flags", 0}})
         + '\n';
}

} // namespace ais::http::v1
