// ais get: objects to files, to a directory, to stdout. Source: cli.md 4.3.
#include "cli/context.hpp"
#include "cli/transfer.hpp"
#include "cli/uri.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;

/// "c" of "a/b/c".
std::string base_name(const std::string& x) {
  auto slash = x.rfind('/');
  return slash == x.npos ? x : x.substr(slash + 1);
}

/// Where an object goes: name by name, below `dir`. @throws failure for names
/// that would leave it.
std::string path_below(const std::string& dir, const std::string& object) {
  for (size_t at = 0; at <= object.size();) {
    auto end = std::min(object.find('/', at), object.size());
    auto part = object.substr(at, end - at);
    if (part == ".." || part == ".")
      throw failure(fmt::format("\"{}\" is no name for a file", object));
    at = end + 1;
  }
  return dir + '/' + object;
}

void make_parent(const std::string& path) {
  auto parent = fs::path{path}.parent_path();
  std::error_code ec;
  if (!parent.empty())
    fs::create_directories(parent, ec);
  if (ec)
    throw failure(
      fmt::format("cannot create {}: {}", parent.string(), ec.message()));
}

expected<void> to_stdout(std::span<const char> data) {
  while (!data.empty()) {
    auto n = ::write(STDOUT_FILENO, data.data(), data.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(errc::io_error, "cannot write to stdout");
    data = data.subspan(static_cast<size_t>(n));
  }
  return caf::unit;
}

fetch_options options_of(const context& x, const arguments& a) {
  fetch_options out;
  if (a.has("offset"))
    out.offset = must(x.units.parse_bytes(a.get("offset")));
  if (a.has("length")) {
    out.length = must(x.units.parse_bytes(a.get("length")));
    if (out.length == 0)
      throw misuse("--length must be at least 1");
  }
  out.verify = a.has("checksum");
  return out;
}

void check_cached(context& x, const uri& u) {
  http::client_request req;
  req.method = "HEAD";
  req.url = x.cluster().object_url(u.bucket, u.object,
                                   {{"presence", "2"}, {"props", "name,size"}});
  auto there = true;
  try {
    x.cluster().call(std::move(req));
  } catch (const refusal& e) {
    if (e.status() != 404 || e.what_it_said().tcode == "ErrBckNotFound")
      throw;
    there = false;
  }
  say(fmt::format("Cached: {}", there));
}

constexpr uint64_t default_part = 64 << 20;

/// Reads an object by several ranges at once. @returns bytes. @throws failure
/// when a part failed, or the object changed meanwhile.
uint64_t get_parts(context& x, const arguments& a, const uri& u, new_file& file,
                   meter& shown) {
  auto part = default_part;
  if (a.has("chunk-size"))
    part = must(x.units.parse_bytes(a.get("chunk-size")));
  if (part == 0)
    throw misuse("--chunk-size must be at least 1");
  http::client_request req;
  req.method = "HEAD";
  req.url = x.cluster().object_url(u.bucket, u.object,
                                   {{"props", "size,checksum,version"}});
  fetch_options common;
  uint64_t size = 0;
  try {
    auto reply = x.cluster().call(std::move(req));
    auto length = std::string{reply.find("Content-Length")};
    size = std::strtoull(length.c_str(), nullptr, 10);
    common.same_as = identity_of(reply.headers);
  } catch (const refusal& e) {
    throw object_failure(e, u.bucket, u.object);
  }
  if (!common.same_as->known())
    throw failure(fmt::format("{} has neither checksum nor version: parts of"
                              " it cannot be told from those of another; get"
                              " it without --mpd",
                              cname_of(u.bucket, u.object)));
  common.shown = &shown;
  shown.expect_bytes(size);
  auto parts = (size + part - 1) / part;
  auto failed = in_parallel(
    x.config, worker_count(a), parts, [&](api& cluster, uint64_t i) {
      auto options = common;
      auto at = options.offset = i * part;
      options.length = std::min(part, size - at);
      fetch_object(cluster, u.bucket, u.object, options, [&](auto data) {
        auto ok = file.write_at(at, data);
        at += data.size();
        return ok;
      });
    });
  if (failed > 0)
    throw failure(
      fmt::format("{} of {} failed", failed, counted(parts, "part")));
  return size;
}

void get_one(context& x, const arguments& a, const uri& u) {
  auto name = u.object;
  auto out = a.operands.size() > 1 ? a.operands[1] : base_name(name);
  auto options = options_of(x, a);
  if (out == "-") {
    fetch_object(x.cluster(), u.bucket, name, options, to_stdout);
    return;
  }
  if (out == "/dev/null") {
    auto n = fetch_object(x.cluster(), u.bucket, name, options,
                          [](auto) -> expected<void> { return caf::unit; });
    say(fmt::format("GET and discard {} from {} ({})", name, cname_of(u.bucket),
                    x.units.bytes(n)));
    return;
  }
  std::error_code ec;
  if (out.empty())
    throw misuse("the name of the file to write is empty");
  if (out.back() == '/' || fs::is_directory(out, ec))
    out = (out.back() == '/' ? out : out + '/') + base_name(name);
  if (fs::is_regular_file(out, ec)
      && !confirmed(fmt::format("overwrite existing \"{}\"", out),
                    a.has("yes")))
    return;
  make_parent(out);
  new_file file{out};
  meter shown{x, a, "Downloaded", 1, 0};
  options.shown = &shown;
  options.alone = true;
  uint64_t n = 0;
  if (a.has("mpd") && file.regular())
    n = get_parts(x, a, u, file, shown);
  else
    n = fetch_object(x.cluster(), u.bucket, name, options,
                     [&](auto data) { return file.write(data); });
  file.commit();
  shown.add_one();
  shown.finish();
  say(fmt::format("GET {} from {} as {} ({})", name, cname_of(u.bucket), out,
                  x.units.bytes(n)));
}

void get_many(context& x, const arguments& a, const uri& u,
              const selection& chosen) {
  auto& objects = chosen.objects;
  auto bucket = cname_of(u.bucket);
  if (objects.empty()) {
    say(fmt::format("No matching objects in {}.", bucket));
    return;
  }
  auto out = a.operands.size() > 1 ? a.operands[1] : ".";
  auto to_stdout_all = out == "-";
  auto discard = out == "/dev/null";
  while (out.size() > 1 && out.back() == '/')
    out.pop_back();
  uint64_t bytes = 0;
  for (auto& o : objects)
    bytes += o.size;
  auto size = chosen.listed
                ? fmt::format(" (total size {})", x.units.bytes(bytes))
                : "";
  auto options = options_of(x, a);
  if (to_stdout_all) { // one after the other, in their order
    for (auto& o : objects)
      fetch_object(x.cluster(), u.bucket, o.name, options, to_stdout);
    return;
  }
  auto what = counted(objects.size(), "object");
  std::vector<std::string> paths(objects.size());
  if (!discard) {
    uint64_t there = 0;
    for (size_t i = 0; i < objects.size(); ++i) {
      std::error_code ec;
      paths[i] = path_below(out, objects[i].name);
      there += fs::is_regular_file(paths[i], ec);
    }
    if (there > 0
        && !confirmed(fmt::format("overwrite {} in \"{}\"",
                                  counted(there, "existing file"), out),
                      a.has("yes")))
      return;
  }
  say(discard
        ? fmt::format("GET and discard {} from {}{}", what, bucket, size)
        : fmt::format("GET {} from {} to {}/{}", what, bucket, out, size));
  flush_output();
  meter shown{x, a, "Downloaded", objects.size(), bytes};
  options.shown = &shown;
  auto failed = in_parallel(
    x.config, worker_count(a), objects.size(), [&](api& cluster, uint64_t i) {
      auto& name = objects[i].name;
      try {
        if (discard) {
          fetch_object(cluster, u.bucket, name, options,
                       [](auto) -> expected<void> { return caf::unit; });
        } else {
          make_parent(paths[i]);
          new_file file{paths[i]};
          fetch_object(cluster, u.bucket, name, options,
                       [&](auto data) { return file.write(data); });
          file.commit();
        }
      } catch (const failure& e) {
        throw failure(fmt::format("failed to GET {}: {}",
                                  cname_of(u.bucket, name), e.what()));
      }
      shown.add_one();
    });
  shown.finish();
  if (failed > 0)
    throw failure(fmt::format("{} of {} failed", failed, what));
}

void get(context& x, const arguments& a) {
  auto& first = a.operands[0];
  if (a.operands.size() > 1 && first.find("://") == first.npos
      && a.operands[1].find("://") != first.npos)
    throw misuse(fmt::format("the object comes first: ais get {} {}",
                             a.operands[1], first));
  auto u = parse_objects(first);
  auto many = a.has("prefix") || a.has("list") || a.has("template");
  if (u.object.empty() && !many)
    throw misuse(fmt::format("\"{}\": missing object name (to get many, use"
                             " --prefix, --list or --template)",
                             a.operands[0]));
  if (many && a.has("mpd"))
    throw misuse("--mpd is for one object: many are read at once anyway");
  if (many && (a.has("offset") || a.has("length") || a.has("check-cached")))
    throw misuse("--offset, --length and --check-cached are for one object");
  if (a.has("check-cached"))
    return check_cached(x, u);
  auto chosen = select_objects(x, a, u);
  if (chosen.single)
    get_one(x, a, u);
  else
    get_many(x, a, u, chosen);
}

} // namespace

command object_get() {
  using namespace flags;
  command c;
  c.name = "get";
  c.summary = "read objects into files, a directory or stdout";
  c.usage = "BUCKET[/OBJECT_or_TEMPLATE] [OUT_FILE|OUT_DIR|-]";
  c.run = get;
  c.operands = {operand::object, operand::file};
  c.refreshes_itself = true;
  c.flags
    = {{"offset", "", value_kind::size, "SIZE", "read from there on"},
       {"length", "", value_kind::size, "SIZE", "read that many bytes"},
       {"checksum", "", value_kind::nothing, "",
        "compare what comes with the object's checksum"},
       {"check-cached", "", value_kind::nothing, "",
        "only say whether it is in the cluster"},
       {"mpd", "", value_kind::nothing, "",
        "read one object by several ranges at once, into a file"},
       {"chunk-size", "", value_kind::size, "SIZE",
        "with --mpd: of each range [64MiB]"},
       {"cached", "", value_kind::nothing, "",
        "of many, only those in the cluster; of ais buckets, that is all"},
       ignored_latest,
       prefix,
       list,
       name_template,
       limit,
       workers,
       non_recursive,
       progress,
       {"refresh", "", value_kind::duration, "DURATION",
        "with --progress: how often to show it"},
       yes};
  c.exclusive = {{"prefix", "list", "template"},
                 {"mpd", "offset"},
                 {"mpd", "length"},
                 {"mpd", "checksum"}};
  c.examples = {"ais get ais://b/x.jpg",
                "ais get ais://b/x.jpg /tmp/y.jpg",
                "ais get ais://b/x.jpg - | file -",
                "ais get ais://b --prefix train/ ./data --progress",
                "ais get 'ais://b/shard-{000..099}.tar' /data/",
                "ais get ais://b/big --offset 1GiB --length 1MiB part"};
  return c;
}

} // namespace ais::cli
