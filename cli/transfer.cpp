#include "cli/transfer.hpp"

#include "cli/context.hpp"
#include "cli/uri.hpp"
#include "storage/base/name_template.hpp"
#include "storage/checksum.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

constexpr size_t default_workers = 10;
constexpr int fetch_tries = 5;
constexpr size_t bar_width = 40;

std::string why(int code) {
  return std::generic_category().message(code);
}

// -- names of unfinished files, for the case that a signal ends us ------------

/// Fixed memory: a signal handler reads it.
std::array<std::atomic<const char*>, 256> unfinished;

void remove_unfinished(int signal) {
  for (auto& slot : unfinished)
    if (auto* path = slot.load())
      ::unlink(path);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void remember(const char* path) {
  static std::once_flag once;
  std::call_once(once, [] {
    for (auto s : {SIGINT, SIGTERM, SIGHUP})
      std::signal(s, remove_unfinished);
  });
  for (auto& slot : unfinished) {
    const char* none = nullptr;
    if (slot.compare_exchange_strong(none, path))
      return;
  }
}

void forget(const char* path) {
  for (auto& slot : unfinished) {
    auto mine = path;
    if (slot.compare_exchange_strong(mine, nullptr))
      return;
  }
}

} // namespace

// -- workers ------------------------------------------------------------------

size_t worker_count(const arguments& a) {
  auto most = std::max(2 * std::thread::hardware_concurrency(), 1u);
  auto wanted = a.number("num-workers", default_workers);
  return std::clamp<size_t>(wanted, 1, most);
}

uint64_t in_parallel(const settings& config, size_t workers, uint64_t n,
                     const std::function<void(api&, uint64_t)>& work) {
  std::atomic<uint64_t> next = 0, failed = 0;
  std::mutex printing;
  auto loop = [&] {
    api cluster{config};
    for (auto i = next++; i < n; i = next++) {
      try {
        work(cluster, i);
      } catch (const std::exception& e) {
        ++failed;
        std::lock_guard guard{printing};
        report_error(e.what());
      }
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min<uint64_t>(workers, n); ++i)
    threads.emplace_back(loop);
  loop();
  for (auto& t : threads)
    t.join();
  return failed;
}

// -- progress -----------------------------------------------------------------

meter::meter(const context& x, const arguments& a, std::string verb,
             uint64_t count, uint64_t bytes)
  : units_(x.units), verb_(std::move(verb)), count_(count), bytes_(bytes),
    shown_(a.has("progress")), bars_(stdout_is_terminal()),
    period_(a.duration("refresh", bars_ ? 200ms : 5000ms)),
    start_(std::chrono::steady_clock::now()) {
  if (!shown_)
    return;
  thread_ = std::thread{[this] {
    std::unique_lock guard{mutex_};
    while (!wake_.wait_for(guard, period_, [this] { return stop_; }))
      draw(false);
  }};
}

meter::~meter() {
  finish();
}

void meter::finish() {
  if (!thread_.joinable())
    return;
  {
    std::lock_guard guard{mutex_};
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  draw(true);
}

void meter::set(const amounts& x) {
  std::lock_guard guard{mutex_};
  if (!std::exchange(set_, true))
    before_ = x;
  done_ = x.objects;
  count_ = x.of_objects;
  bytes_done_ = x.bytes;
  bytes_ = x.of_bytes;
}

void meter::draw(bool last) {
  auto elapsed = std::chrono::steady_clock::now() - start_;
  amounts now{done_, count_, bytes_done_, bytes_};
  auto text = describe(units_, before_, now, elapsed);
  auto when = last                ? "in " + units_.duration(elapsed)
              : text.left.empty() ? std::string{}
                                  : text.left + " left";
  auto sized = !text.bytes.empty(); // removing moves no bytes
  if (!bars_) {
    say(fmt::format("{} {} objects{}{} ({}{}{})", verb_, text.objects,
                    sized ? ", " : "", text.bytes, text.rate,
                    when.empty() ? "" : ", ", when));
    flush_output();
    return;
  }
  auto bar = [](uint64_t x, uint64_t y) {
    if (y == 0)
      return std::string{};
    auto share = std::min(1.0, static_cast<double>(x) / static_cast<double>(y));
    auto full = static_cast<size_t>(share * bar_width);
    return fmt::format(" [{}{}] {:3.0f}%", std::string(full, '='),
                       std::string(bar_width - full, '-'), share * 100);
  };
  if (drawn_ > 0)
    say_raw(fmt::format("\033[{}A", drawn_));
  drawn_ = std::max(drawn_, sized ? 2 : 1);
  auto tail = fmt::format(" {} {}", text.rate, when);
  say(fmt::format("\033[2K{:<18} {}{}{}", verb_ + " objects:", text.objects,
                  bar(now.objects, now.of_objects), sized ? "" : tail));
  if (drawn_ > 1)
    say(fmt::format("\033[2K{:<18} {}{}{}", "Total size:", text.bytes,
                    bar(now.bytes, now.of_bytes), sized ? tail : ""));
  flush_output();
}

progress_text describe(const quantities& units, const amounts& before,
                       const amounts& now, std::chrono::nanoseconds elapsed) {
  auto seconds
    = std::max(std::chrono::duration<double>(elapsed).count(), 0.001);
  auto speed = [&](uint64_t was, uint64_t is) {
    return is > was ? static_cast<double>(is - was) / seconds : 0.0;
  };
  auto bytes = speed(before.bytes, now.bytes);
  auto objects = speed(before.objects, now.objects);
  auto sized = now.bytes > 0 || now.of_bytes > 0;
  progress_text out;
  out.objects = with_commas(now.objects);
  if (now.of_objects > 0)
    out.objects += '/' + with_commas(now.of_objects);
  if (sized)
    out.bytes = units.bytes(now.bytes);
  if (now.of_bytes > 0)
    out.bytes += " of " + units.bytes(now.of_bytes);
  out.rate = sized ? units.rate(bytes) : fmt::format("{:.0f}/s", objects);
  // By bytes where all are known, for objects are of different sizes.
  auto by_bytes = now.of_bytes > 0;
  auto is = by_bytes ? now.bytes : now.objects;
  auto of = by_bytes ? now.of_bytes : now.of_objects;
  auto per_second = by_bytes ? bytes : objects;
  if (of > 0 && (is >= of || per_second > 0))
    out.left = units.duration(std::chrono::seconds{
      is >= of
        ? 0
        : static_cast<int64_t>(static_cast<double>(of - is) / per_second)});
  return out;
}

// -- files --------------------------------------------------------------------

new_file::new_file(std::string path) : path_(std::move(path)) {
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0) {
    if (S_ISDIR(there.st_mode))
      throw failure(fmt::format("{} is a directory", path_));
    plain_ = !S_ISREG(there.st_mode);
  }
  if (plain_) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    auto slash = path_.rfind('/');
    auto dir = slash == path_.npos ? "." : path_.substr(0, slash + 1);
    // Without a name: gone with us.
    fd_ = ::open(dir.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
      static std::atomic<uint64_t> serial = 0;
      aside_ = fmt::format("{}.{}.{}.part", path_, ::getpid(), ++serial);
      fd_
        = ::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ >= 0)
        remember(aside_.c_str());
    }
  }
  if (fd_ < 0)
    throw failure(fmt::format("cannot write {}: {}", path_, why(errno)));
}

new_file::~new_file() {
  if (fd_ >= 0)
    ::close(fd_);
  if (!aside_.empty()) {
    ::unlink(aside_.c_str());
    forget(aside_.c_str());
  }
}

expected<void> new_file::write(std::span<const char> data) {
  auto ok = write_at(at_, data);
  at_ += data.size();
  return ok;
}

expected<void> new_file::write_at(uint64_t offset, std::span<const char> data) {
  while (!data.empty()) {
    auto place = static_cast<off_t>(offset);
    auto n = plain_ ? ::write(fd_, data.data(), data.size())
                    : ::pwrite(fd_, data.data(), data.size(), place);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(errno == ENOSPC ? errc::no_space : errc::io_error,
                  fmt::format("cannot write {}: {}", path_, why(errno)));
    data = data.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return caf::unit;
}

void new_file::commit() {
  if (plain_)
    return;
  auto failed = [&](const char* what) {
    return failure(fmt::format("cannot {} {}: {}", what, path_, why(errno)));
  };
  if (aside_.empty()) {
    auto self = fmt::format("/proc/self/fd/{}", fd_);
    auto link = [&](const std::string& to) {
      return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, to.c_str(),
                      AT_SYMLINK_FOLLOW)
             == 0;
    };
    if (link(path_))
      return;
    if (errno != EEXIST)
      throw failed("create");
    auto other = fmt::format("{}.{}.{}.part", path_, ::getpid(), fd_);
    if (!link(other))
      throw failed("create");
    aside_ = other;
    remember(aside_.c_str());
  }
  if (::rename(aside_.c_str(), path_.c_str()) != 0)
    throw failed("replace");
  forget(aside_.c_str());
  aside_.clear();
}

file_body::file_body(const std::string& path, meter* shown)
  : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
    shown_(shown) {
  struct stat x {};
  if (fd_ < 0 || ::fstat(fd_, &x) != 0)
    throw failure(fmt::format("cannot read {}: {}", path, why(errno)));
  if (S_ISDIR(x.st_mode))
    throw failure(fmt::format("{} is a directory", path));
  size_ = static_cast<uint64_t>(x.st_size);
}

file_body::~file_body() {
  if (fd_ >= 0)
    ::close(fd_);
}

expected<size_t> file_body::read(uint64_t offset, std::span<char> room) {
  for (;;) {
    auto n = ::pread(fd_, room.data(), room.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(errc::io_error,
                  fmt::format("cannot read {}: {}", path_, why(errno)));
    auto end = offset + static_cast<uint64_t>(n);
    // What is sent again counts once.
    if (shown_ && end > reported_) {
      shown_->add_bytes(end - reported_);
      reported_ = end;
    }
    return static_cast<size_t>(n);
  }
}

// -- objects ------------------------------------------------------------------

failure
object_failure(const refusal& e, const bck& b, const std::string& object) {
  auto& said = e.what_it_said();
  if (e.status() == 404 && said.tcode != "ErrBckNotFound")
    return failure(
      fmt::format("object \"{}\" not found in {}", object, cname_of(b)));
  return e;
}

identity identity_of(const http::header_list& h) {
  return {std::string{http::find_header(h, "Ais-Checksum-Value")},
          std::string{http::find_header(h, "Ais-Version")}};
}

uint64_t
fetch_object(api& cluster, const bck& b, const std::string& object,
             const fetch_options& options,
             const std::function<expected<void>(std::span<const char>)>& sink) {
  uint64_t got = 0;
  auto first = options.same_as;
  auto seen = false;
  std::optional<storage::hasher> hash;
  std::string wanted;
  auto ranged = options.offset > 0 || options.length > 0;
  for (int tries = 1;; ++tries) {
    auto changed = false;
    http::client_request req;
    req.url = cluster.object_url(b, object);
    auto from = options.offset + got;
    if (from > 0 || options.length > 0)
      req.headers.emplace_back(
        "Range", options.length > 0 ? fmt::format(
                   "bytes={}-{}", from, options.offset + options.length - 1)
                                    : fmt::format("bytes={}-", from));
    req.on_head = [&](int status, const http::header_list& h) {
      auto now = identity_of(h);
      changed = (first && *first != now) || (got > 0 && status != 206);
      if (std::exchange(seen, true))
        return;
      first = now;
      if (options.alone && options.shown) {
        std::string length{http::find_header(h, "Content-Length")};
        options.shown->expect_bytes(std::strtoull(length.c_str(), nullptr, 10));
      }
      auto type
        = storage::parse_cksum_type(http::find_header(h, "Ais-Checksum-Type"));
      if (options.verify && !ranged && type && !now.checksum.empty()) {
        hash.emplace(*type);
        wanted = now.checksum;
      }
    };
    req.sink = [&](std::span<const char> x) -> expected<void> {
      if (changed)
        return fail(errc::conflict,
                    cname_of(b, object)
                      + " changed while it was read: get it again");
      got += x.size();
      if (options.shown)
        options.shown->add_bytes(x.size());
      if (hash)
        hash->update(std::as_bytes(x));
      return sink(x);
    };
    auto reply = cluster.client().send(req);
    if (reply && reply->status >= 400)
      throw object_failure(refusal{http::api_error_of(*reply)}, b, object);
    if (reply)
      break;
    auto broke
      = reply.error() == errc::io_error || reply.error() == errc::timed_out;
    if (!broke || tries == fetch_tries)
      throw unreachable(cluster.endpoint(), reply.error());
    std::this_thread::sleep_for(100ms * tries);
  }
  if (options.verify && !ranged && !hash)
    note(
      fmt::format("{} has no checksum to compare with", cname_of(b, object)));
  if (hash && hash->finish().value != wanted)
    throw failure(fmt::format("{}: the checksum of what came differs from the"
                              " object's: get it again",
                              cname_of(b, object)));
  return got;
}

selection select_objects(context& x, const arguments& a, const uri& u) {
  selection out;
  auto named = [&](const std::string& name) {
    listed_object o;
    o.name = name;
    out.objects.push_back(std::move(o));
  };
  if (a.has("list")) {
    for (auto& name : a.list("list"))
      named(u.object + name);
    return out;
  }
  auto text = a.has("template") ? u.object + a.get("template") : u.object;
  auto whole = a.get("template") == "*" || (a.has("template") && text.empty());
  if (!whole && !a.has("prefix") && !a.has("all") && !text.empty()) {
    auto names = must(name_template::parse(text));
    if (names.ranged()) {
      for (uint64_t i = 0; i < names.size(); ++i)
        named(names.at(i));
      return out;
    }
    if (text.back() != '/' && text.back() != '*' && !a.has("template")) {
      named(text);
      out.single = true;
      return out;
    }
  }
  list_query q;
  q.props = "name,size";
  q.prefix = a.has("prefix") ? u.object + a.get("prefix") : whole ? "" : text;
  if (!q.prefix.empty() && q.prefix.back() == '*')
    q.prefix.pop_back();
  q.limit = a.number("limit", 0);
  q.flags = 32 | (a.has("non-recursive") ? 2048 | 8192 : 0)
            | (a.has("cached") ? 1 : 0);
  try {
    x.cluster().list(u.bucket, q, [&](auto page) {
      for (auto& o : page)
        if (!o.directory())
          out.objects.push_back(std::move(o));
      return true;
    });
  } catch (const refusal& e) {
    if (e.status() == 404)
      throw x.cluster().no_such_bucket(u.bucket);
    throw;
  }
  out.listed = true;
  return out;
}

} // namespace ais::cli
