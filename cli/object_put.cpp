// ais put: files, directories, stdin to objects. Source: cli.md 4.3.
#include "cli/context.hpp"
#include "cli/transfer.hpp"
#include "cli/uri.hpp"
#include "storage/base/name_template.hpp"
#include "storage/checksum.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fnmatch.h>
#include <map>
#include <unistd.h>

namespace ais::cli {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr size_t append_piece = 8 << 20;
constexpr size_t max_append_piece = 1 << 30;

struct upload {
  std::string path; ///< absolute
  std::string object;
  uint64_t size = 0;
};

std::string absolute(const std::string& path) {
  std::error_code ec;
  auto out = fs::absolute(path, ec).lexically_normal().string();
  return ec ? path : out;
}

/// ".tar" of "a/b.tar"; empty if there is none.
std::string extension_of(const std::string& path) {
  return fs::path{path}.extension().string();
}

class stdin_body : public http::body_source {
public:
  std::optional<uint64_t> size() const override { return {}; }
  expected<size_t> read(uint64_t offset, std::span<char> room) override {
    if (offset != read_)
      return fail(errc::io_error, "what came from stdin cannot be sent again");
    ssize_t n = 0;
    do
      n = ::read(STDIN_FILENO, room.data(), room.size());
    while (n < 0 && errno == EINTR);
    if (n < 0)
      return fail(errc::io_error, "cannot read stdin");
    read_ += static_cast<uint64_t>(n);
    return static_cast<size_t>(n);
  }
  uint64_t bytes() const { return read_; }

private:
  uint64_t read_ = 0;
};

// -- checksums ----------------------------------------------------------------

constexpr std::string_view checksum_flags[]
  = {"md5", "sha256", "sha512", "crc32c", "xxhash", "xxhash2"};

/// The checksum that was given, as headers.
http::header_list given_checksum(const arguments& a) {
  for (auto type : checksum_flags)
    if (a.has(type))
      return {{"Ais-Checksum-Type", std::string{type}},
              {"Ais-Checksum-Value", a.get(type)}};
  return {};
}

/// That of a file, of the bucket's type.
http::header_list
computed_checksum(const std::string& path, storage::cksum_type type) {
  if (type == storage::cksum_type::none)
    return {};
  file_body file{path};
  storage::hasher hash{type};
  std::string room(1 << 20, '\0');
  for (uint64_t at = 0;;) {
    auto n = must(file.read(at, room));
    if (n == 0)
      break;
    hash.update(std::as_bytes(std::span{room}.first(n)));
    at += n;
  }
  return {{"Ais-Checksum-Type", std::string{to_string(type)}},
          {"Ais-Checksum-Value", hash.finish().value}};
}

// -- one object ---------------------------------------------------------------

struct put_options {
  query_list query;
  http::header_list headers;
  std::optional<storage::cksum_type> compute;
  int tries = 3;
};

put_options options_of(context& x, const arguments& a, const bck& b) {
  put_options out;
  if (a.has("skip-vc"))
    out.query.emplace_back("skip_vc", "true");
  out.headers = given_checksum(a);
  out.tries = static_cast<int>(a.number("retries", 2)) + 1;
  if (a.has("compute-checksum")) {
    auto props = x.cluster().bucket_props(b);
    out.compute = must(
      storage::parse_cksum_type(text_at(object_at(props, "checksum"), "type")));
  }
  return out;
}

/// Sends it, again after broken connections and "too many requests".
void put_body(api& cluster, const bck& b, const std::string& object,
              http::body_source& body, const put_options& options) {
  http::client_request req;
  req.method = "PUT";
  req.url = cluster.object_url(b, object, options.query);
  req.headers = options.headers;
  req.source = &body;
  for (int tries = 1;; ++tries) {
    auto reply = cluster.client().send(req);
    auto again = reply ? reply->status == 429
                       : reply.error() == errc::io_error
                           || reply.error() == errc::timed_out
                           || reply.error() == errc::not_ready;
    if (again && tries < options.tries && body.size()) {
      std::this_thread::sleep_for(reply ? 1500ms : 200ms * tries);
      continue;
    }
    if (!reply)
      throw unreachable(cluster.endpoint(), reply.error());
    if (reply->status >= 400)
      throw refusal{http::api_error_of(*reply)};
    return;
  }
}

void put_file(api& cluster, const bck& b, const upload& u,
              const put_options& options, meter* shown) {
  try {
    auto mine = options;
    if (options.compute)
      mine.headers = computed_checksum(u.path, *options.compute);
    file_body body{u.path, shown};
    put_body(cluster, b, u.object, body, mine);
  } catch (const refusal& e) {
    auto missing = e.what_it_said().tcode == "ErrBckNotFound";
    throw failure(fmt::format(
      "failed to PUT {} => {}: {}{}", u.path, cname_of(b, u.object), e.what(),
      missing ? fmt::format("\n(Tip: 'ais create {}' makes it)", cname_of(b))
              : ""));
  } catch (const failure& e) {
    throw failure(fmt::format("failed to PUT {} => {}: {}", u.path,
                              cname_of(b, u.object), e.what()));
  }
}

// -- which files --------------------------------------------------------------

/// All files of a directory, sorted, as objects below `prefix`.
void add_directory(std::vector<upload>& out, const std::string& dir,
                   const std::string& pattern, const std::string& prefix,
                   bool recursive) {
  auto take = [&](const fs::directory_entry& entry) {
    std::error_code ec;
    if (entry.is_directory(ec))
      return;
    auto& path = entry.path();
    if (!entry.is_regular_file(ec)) {
      warn(fmt::format("skipping {}: not a regular file", path.string()));
      return;
    }
    if (!pattern.empty()
        && ::fnmatch(pattern.c_str(), path.filename().c_str(), FNM_PERIOD) != 0)
      return;
    auto size = entry.file_size(ec);
    out.push_back(
      {path.string(), prefix + path.lexically_relative(dir).string(), size});
  };
  auto first = out.size();
  std::error_code ec;
  auto failed = [&] {
    return failure(fmt::format("cannot read {}: {}", dir, ec.message()));
  };
  if (recursive) {
    fs::recursive_directory_iterator i{dir, ec};
    for (; !ec && i != fs::recursive_directory_iterator{}; i.increment(ec))
      take(*i);
  } else {
    fs::directory_iterator i{dir, ec};
    for (; !ec && i != fs::directory_iterator{}; i.increment(ec))
      take(*i);
  }
  if (ec)
    throw failed();
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
            [](auto& p, auto& q) { return p.object < q.object; });
}

void add_file(std::vector<upload>& out, const std::string& path,
              const std::string& object) {
  std::error_code ec;
  auto status = fs::status(path, ec);
  if (!fs::exists(status))
    throw failure(fmt::format("\"{}\" does not exist", path));
  if (fs::is_directory(status))
    throw failure(fmt::format("\"{}\" is a directory", path));
  out.push_back({path, object, fs::file_size(path, ec)});
}

std::string with_slash(std::string x) {
  if (!x.empty() && x.back() != '/')
    x += '/';
  return x;
}

struct plan {
  std::vector<upload> files;
  std::string how; ///< "one directory, recursively"; empty for files
};

/// Turns sources and destination into a list of uploads.
plan plan_of(const arguments& a, const uri& to) {
  plan out;
  std::vector<std::string> sources{a.operands.begin(), a.operands.end() - 1};
  auto recursive = a.has("recursive");
  auto prefix = to.object;
  if (a.has("list") || a.has("template")) {
    if (sources.size() > 1)
      throw misuse("--list and --template take one directory");
    auto dir = with_slash(sources.empty() ? "." : sources[0]);
    std::vector<std::string> names = a.list("list");
    if (a.has("template")) {
      auto t = must(name_template::parse(a.get("template")));
      for (uint64_t i = 0; i < t.size(); ++i)
        names.push_back(t.at(i));
    }
    for (auto& name : names)
      add_file(out.files, absolute(dir + name), prefix + name);
    return out;
  }
  if (sources.empty())
    throw misuse("missing \"FILE|DIR\" argument");
  auto many = sources.size() > 1;
  for (auto& source : sources) {
    std::error_code ec;
    auto path = absolute(source);
    auto base = fs::path{path}.filename().string();
    if (fs::is_directory(path, ec)) {
      while (path.size() > 1 && path.back() == '/')
        path.pop_back();
      base = fs::path{path}.filename().string();
      auto below = prefix + (a.has("include-src-dir") ? base + '/' : "");
      add_directory(out.files, path, "", below, recursive);
      out.how = fmt::format("{}, {}recursive{}",
                            many ? "directories" : "one directory",
                            recursive ? "" : "non-", recursive ? "ly" : "");
      continue;
    }
    if (fs::exists(path, ec)) {
      auto exact = !many && !prefix.empty() && prefix.back() != '/';
      add_file(out.files, path, exact ? prefix : prefix + base);
      continue;
    }
    // Patterns and ranges that the shell left to us.
    if (base.find_first_of("*?[") != base.npos) {
      auto dir = fs::path{path}.parent_path().string();
      add_directory(out.files, dir, base, prefix, recursive);
      out.how = fmt::format("matching \"{}\", {}recursive{}", base,
                            recursive ? "" : "non-", recursive ? "ly" : "");
      continue;
    }
    auto t = must(name_template::parse(path));
    if (!t.ranged())
      throw failure(fmt::format("\"{}\" does not exist", source));
    for (uint64_t i = 0; i < t.size(); ++i)
      add_file(out.files, t.at(i),
               prefix + fs::path{t.at(i)}.filename().string());
  }
  return out;
}

// -- many ---------------------------------------------------------------------

void say_totals(const context& x, const std::vector<upload>& files) {
  std::map<std::string, std::pair<uint64_t, uint64_t>> by_extension;
  uint64_t total = 0;
  for (auto& f : files) {
    auto& entry = by_extension[extension_of(f.path)];
    ++entry.first;
    entry.second += f.size;
    total += f.size;
  }
  say("Files to upload:");
  table out{{"EXTENSION", "COUNT", "SIZE"}};
  for (auto& [extension, sums] : by_extension)
    out.add({extension.empty() ? "-" : extension, with_commas(sums.first),
             x.units.bytes(sums.second)});
  out.add({"TOTAL", with_commas(files.size()), x.units.bytes(total)});
  out.print(true);
}

/// Rather than one failure for each of many files.
void check_bucket(context& x, const bck& b) {
  try {
    x.cluster().bucket_props(b);
  } catch (const refusal&) {
    // It is there; whether it may be written is seen later.
  }
}

void put_many(context& x, const arguments& a, const uri& to, const plan& p) {
  auto target
    = cname_of(to.bucket) + (to.object.empty() ? "" : '/' + to.object);
  if (p.files.empty()) {
    say(a.has("recursive") || p.how.empty()
          ? "No files to upload."
          : "No files to upload (with those of subdirectories: -r).");
    return;
  }
  check_bucket(x, to.bucket);
  if (!to.object.empty() && to.object.back() != '/')
    note(
      fmt::format("names begin with \"{}\" as it is, e.g. \"{}\": end it with"
                  " '/' for a directory",
                  to.object, p.files[0].object));
  uint64_t bytes = 0;
  for (auto& f : p.files)
    bytes += f.size;
  auto what = fmt::format("PUT {}{} => {}", counted(p.files.size(), "file"),
                          p.how.empty() ? "" : " (" + p.how + ')', target);
  if (p.files.size() > 1 && !a.has("yes")) {
    say_totals(x, p.files);
    if (!confirmed(what + '?', false))
      return;
  }
  auto options = options_of(x, a, to.bucket);
  meter shown{x, a, "Uploaded", p.files.size(), bytes};
  auto failed = in_parallel(
    x.config, worker_count(a), p.files.size(), [&](api& cluster, uint64_t i) {
      put_file(cluster, to.bucket, p.files[i], options, &shown);
      shown.add_one();
    });
  shown.finish();
  if (failed > 0)
    throw failure(
      fmt::format("{} of {} failed", failed, counted(p.files.size(), "file")));
  say(what);
}

void show_plan(const uri& to, const plan& p) {
  say(painted("[DRY RUN] with no modifications to the cluster", colour::cyan));
  for (auto& f : p.files)
    say(fmt::format("PUT {} -> {}", f.path, cname_of(to.bucket, f.object)));
}

// -- appending ----------------------------------------------------------------

/// Appends a body to an object (new or not), piece by piece.
uint64_t append_body(api& cluster, const bck& b, const std::string& object,
                     http::body_source& body, std::string& handle,
                     size_t piece_bytes = append_piece) {
  std::string piece(piece_bytes, '\0');
  uint64_t sent = 0;
  for (;;) {
    size_t filled = 0;
    while (filled < piece.size()) {
      auto n = must(body.read(sent + filled, std::span{piece}.subspan(filled)));
      if (n == 0)
        break;
      filled += n;
    }
    if (filled == 0)
      return sent;
    http::client_request req;
    req.method = "PUT";
    req.url = cluster.object_url(
      b, object, {{"append_type", "append"}, {"append_handle", handle}});
    req.body = piece.substr(0, filled);
    auto reply = cluster.call(std::move(req));
    handle = reply.find("Ais-Append-Handle");
    sent += filled;
  }
}

void flush_append(api& cluster, const bck& b, const std::string& object,
                  const std::string& handle) {
  if (handle.empty())
    return;
  http::client_request req;
  req.method = "PUT";
  req.url = cluster.object_url(
    b, object, {{"append_type", "flush"}, {"append_handle", handle}});
  cluster.call(std::move(req));
}

void append(context& x, const arguments& a, const uri& to) {
  if (to.object.empty() || a.operands.size() != 2)
    throw misuse("--append takes one source and BUCKET/OBJECT");
  auto piece = append_piece;
  if (a.has("chunk-size"))
    piece = must(x.units.parse_bytes(a.get("chunk-size")));
  if (piece == 0 || piece > max_append_piece)
    throw misuse("--chunk-size must be 1 to 1GiB");
  std::string handle;
  std::unique_ptr<http::body_source> body;
  if (a.operands[0] == "-")
    body = std::make_unique<stdin_body>();
  else
    body = std::make_unique<file_body>(a.operands[0]);
  auto n = append_body(x.cluster(), to.bucket, to.object, *body, handle, piece);
  flush_append(x.cluster(), to.bucket, to.object, handle);
  say(fmt::format("APPEND {} => {}", x.units.bytes(n),
                  cname_of(to.bucket, to.object)));
}

// -- put, concat --------------------------------------------------------------

/// Where to: the last operand. @throws misuse if that is no bucket, with what
/// may have been meant.
uri destination_of(const arguments& a) {
  auto& last = a.operands.back();
  auto bucket = [](auto& text) {
    return text.find("://") != text.npos;
  };
  std::error_code ec;
  if (!bucket(last) && a.operands.size() > 1 && bucket(a.operands[0]))
    throw misuse(
      fmt::format("the bucket comes last: ais put {} {}", last, a.operands[0]));
  if (!bucket(last) && (a.operands.size() == 1 || fs::exists(last, ec)))
    throw misuse(fmt::format("missing \"BUCKET\" argument (for example: ais put"
                             " {} ais://BUCKET)",
                             last));
  return parse_bucket(last);
}

void put(context& x, const arguments& a) {
  auto to = destination_of(a);
  if (a.has("append"))
    return append(x, a, to);
  if (a.operands.size() == 2 && a.operands[0] == "-") {
    if (to.object.empty() || to.object.back() == '/')
      throw misuse(fmt::format("\"{}\": missing object name (what comes from"
                               " stdin has none)",
                               a.operands[1]));
    stdin_body body;
    auto options = options_of(x, a, to.bucket);
    try {
      put_body(x.cluster(), to.bucket, to.object, body, options);
    } catch (const failure& e) {
      throw failure(fmt::format("failed to PUT stdin => {}: {}",
                                cname_of(to.bucket, to.object), e.what()));
    }
    say(fmt::format("PUT stdin => {} ({})", cname_of(to.bucket, to.object),
                    x.units.bytes(body.bytes())));
    return;
  }
  auto p = plan_of(a, to);
  if (a.has("dry-run"))
    return show_plan(to, p);
  auto lone = p.files.size() == 1 && p.how.empty();
  if (!lone && !given_checksum(a).empty())
    throw misuse("the value of a checksum is for one file (for many, use"
                 " --compute-checksum)");
  if (!lone)
    return put_many(x, a, to, p);
  auto& f = p.files[0];
  auto options = options_of(x, a, to.bucket);
  meter shown{x, a, "Uploaded", 1, f.size};
  put_file(x.cluster(), to.bucket, f, options, &shown);
  shown.add_one();
  shown.finish();
  say(fmt::format("PUT \"{}\" => {}\n", f.path, cname_of(to.bucket, f.object)));
}

void concat(context& x, const arguments& a) {
  auto to = parse_object(a.operands.back());
  std::vector<upload> files;
  for (size_t i = 0; i + 1 < a.operands.size(); ++i) {
    auto path = absolute(a.operands[i]);
    std::error_code ec;
    if (fs::is_directory(path, ec))
      add_directory(files, path, "", "", a.has("recursive"));
    else
      add_file(files, path, "");
  }
  uint64_t bytes = 0;
  for (auto& f : files)
    bytes += f.size;
  meter shown{x, a, "Appended", files.size(), bytes};
  std::string handle;
  for (auto& f : files) {
    file_body body{f.path, &shown};
    append_body(x.cluster(), to.bucket, to.object, body, handle);
    shown.add_one();
  }
  flush_append(x.cluster(), to.bucket, to.object, handle);
  shown.finish();
  say(fmt::format("Created {} out of {} ({})", cname_of(to.bucket, to.object),
                  counted(files.size(), "file"), x.units.bytes(bytes)));
}

} // namespace

command object_put() {
  using namespace flags;
  command c;
  c.name = "put";
  c.summary = "write files, directories or stdin as objects";
  c.usage = "[-|FILE|DIR[/PATTERN]...] BUCKET[/NAME_or_PREFIX]";
  c.run = put;
  c.operands = {operand::file, operand::bucket};
  c.refreshes_itself = true;
  c.flags
    = {recursive,
       {"include-src-dir", "", value_kind::nothing, "",
        "names begin with the name of the directory"},
       {"list", "", value_kind::text, "A,B,...",
        "files of the directory, separated by commas"},
       {"template", "", value_kind::text, "TEMPLATE",
        "files of the directory by ranges, e.g. \"shard-{000..999}.tar\""},
       workers,
       {"compute-checksum", "", value_kind::nothing, "",
        "compute the checksum here and let the cluster compare it"},
       {"md5", "", value_kind::text, "HEX", "the file's checksum, if known"},
       {"sha256", "", value_kind::text, "HEX", "the same, SHA-256"},
       {"sha512", "", value_kind::text, "HEX", "the same, SHA-512"},
       {"crc32c", "", value_kind::text, "HEX", "the same, CRC-32C"},
       {"xxhash", "", value_kind::text, "HEX", "the same, XXH64"},
       {"xxhash2", "", value_kind::text, "HEX", "the same, as buckets have it"},
       {"retries", "", value_kind::number, "N",
        "how often to try again after a broken connection [2]"},
       {"skip-vc", "", value_kind::nothing, "",
        "do not look at the version and checksum of what is replaced"},
       {"append", "", value_kind::nothing, "", "add to the end of an object"},
       cont_on_err,
       dry_run,
       progress,
       {"refresh", "", value_kind::duration, "DURATION",
        "with --progress: how often to show it"},
       {"chunk-size", "", value_kind::size, "SIZE",
        "with --append: bytes in each request [8MiB]; what is not appended is"
        " one request"},
       yes};
  c.exclusive = {{"list", "template", "append"},
                 {"compute-checksum", "md5", "sha256", "sha512", "crc32c",
                  "xxhash", "xxhash2"}};
  c.examples = {"ais put x.jpg ais://b",
                "ais put x.jpg ais://b/dir/y.jpg",
                "ais put ./data ais://b/train/ -r --progress",
                "ais put './data/*.tar' ais://b --yes",
                "ais put ./data ais://b --template 'shard-{000..099}.tar'",
                "tar c . | ais put - ais://b/all.tar"};
  return c;
}

command object_concat() {
  using namespace flags;
  command c;
  c.name = "concat";
  c.summary = "append files, one after the other, to an object";
  c.usage = "FILE|DIR... BUCKET/OBJECT";
  c.run = concat;
  c.operands = {operand::file, operand::object};
  c.refreshes_itself = true;
  c.flags = {recursive,
             progress,
             {"refresh", "", value_kind::duration, "DURATION",
              "with --progress: how often to show it"}};
  c.examples = {"ais object concat part1 part2 ais://b/whole"};
  return c;
}

} // namespace ais::cli
