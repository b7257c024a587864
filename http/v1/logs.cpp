#include "http/v1/logs.hpp"

#include "http/v1/informant.hpp"
#include "storage/base/log.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace ais::http::v1 {

namespace {

constexpr size_t piece_bytes = 64 << 10;

/// The current log and what it was rotated to, youngest first.
std::vector<std::string> log_files(const std::string& current) {
  std::filesystem::path path{current};
  auto stem = path.parent_path() / path.stem();
  std::vector<std::string> out;
  for (size_t i = 0; i <= current_log_limits().rotated(); ++i) {
    auto file = i == 0 ? current
                       : stem.string() + '.' + std::to_string(i)
                           + path.extension().string();
    std::error_code ec;
    if (std::filesystem::is_regular_file(file, ec))
      out.push_back(std::move(file));
  }
  return out;
}

/// 'e' for a line about an error, 'w', 'i' or 'd'; 0 if the line goes on with
/// what the one before it says.
char severity_of_line(std::string_view line) {
  constexpr std::string_view letters = "EWID";
  if (line.size() > 1 && line[1] == ' '
      && letters.find(line[0]) != letters.npos)
    return static_cast<char>(line[0] - 'A' + 'a');
  constexpr std::string_view key = "\"level\":\"";
  auto at = line.starts_with('{') ? line.find(key) : line.npos;
  return at == line.npos || at + key.size() >= line.size()
           ? '\0'
           : line[at + key.size()];
}

/// What an archive calls the severity of its lines.
const char* name_of_severity(std::string_view x) {
  return !chooses_lines(x) ? "INFO" : x[0] == 'e' ? "ERROR" : "WARNING";
}

/// "aistarget.<host>.INFO.MMDD-HHMMSS.<pid>", by the time of last change.
std::string entry_name(const snode& node, std::string_view severity,
                       std::time_t changed, size_t age) {
  char host[256] = "localhost";
  ::gethostname(host, sizeof(host) - 1);
  std::tm at{};
  ::localtime_r(&changed, &at);
  char when[32];
  std::strftime(when, sizeof(when), "%m%d-%H%M%S", &at);
  auto role = node.role == node_role::target ? "aistarget." : "aisproxy.";
  auto name = std::string{role} + host + '.' + name_of_severity(severity) + '.'
              + when + '.' + std::to_string(::getpid());
  return age == 0 ? name : name + '.' + std::to_string(age);
}

/// Makes a tar.gz piece by piece: what it has produced is in `out`.
class log_archive {
public:
  log_archive() : archive_(archive_write_new()) {
    archive_write_add_filter_gzip(archive_);
    archive_write_set_format_pax_restricted(archive_);
    archive_write_set_bytes_in_last_block(archive_, 1);
    archive_write_open(archive_, this, nullptr, &log_archive::produced,
                       nullptr);
  }
  log_archive(const log_archive&) = delete;
  log_archive& operator=(const log_archive&) = delete;
  ~log_archive() { archive_write_free(archive_); }

  bool add(const std::string& name, uint64_t size, std::time_t changed) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<int64_t>(size));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, changed, 0);
    auto ok = archive_write_header(archive_, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return ok;
  }
  bool write(std::span<const char> x) {
    return archive_write_data(archive_, x.data(), x.size())
           == static_cast<la_ssize_t>(x.size());
  }
  bool finish() { return archive_write_close(archive_) == ARCHIVE_OK; }

  std::string out;

private:
  static la_ssize_t
  produced(archive*, void* self, const void* data, size_t size) {
    static_cast<log_archive*>(self)->out.append(static_cast<const char*>(data),
                                                size);
    return static_cast<la_ssize_t>(size);
  }

  archive* archive_;
};

/// Sends and forgets what the archive has produced.
task<bool> send_produced(exchange& x, log_archive& archive) {
  if (archive.out.empty())
    co_return true;
  auto sent = co_await x.send(archive.out);
  archive.out.clear();
  co_return sent;
}

/// One file as it is now: what is appended meanwhile is left out.
task<bool> send_file(exchange& x, log_archive& archive, const std::string& path,
                     const snode& node, std::string severity, size_t age) {
  std::error_code ec;
  auto size = std::filesystem::file_size(path, ec);
  std::ifstream in{path, std::ios::binary};
  if (ec || !in)
    co_return true; // rotated away
  auto changed
    = std::chrono::system_clock::to_time_t(std::chrono::file_clock::to_sys(
      std::filesystem::last_write_time(path, ec)));
  std::istringstream chosen;
  auto some = chooses_lines(severity);
  if (some) {
    auto lines = lines_of_log(in, severity);
    size = lines.size();
    chosen.str(std::move(lines));
  }
  auto& from = some ? static_cast<std::istream&>(chosen) : in;
  if (!archive.add(entry_name(node, severity, changed, age), size, changed))
    co_return false;
  std::string piece(piece_bytes, '\0');
  while (size > 0) {
    auto want = std::min<uint64_t>(size, piece.size());
    from.read(piece.data(), static_cast<std::streamsize>(want));
    auto n = static_cast<size_t>(from.gcount());
    if (n == 0)
      break; // shorter by now; the archive fills up with zeros
    if (!archive.write({piece.data(), n}))
      co_return false;
    size -= n;
    auto sent = co_await send_produced(x, archive);
    if (!sent)
      co_return false;
  }
  co_return true;
}

task<> archive_of(edge& e, call& c, snode node) {
  flush_log();
  auto files = log_files(e.shared().log_file);
  if (files.empty()) {
    auto why = fail(errc::not_found,
                    "this node writes its log to stderr: start it with"
                    " --log-file to read it here");
    co_return co_await e.reply_error(c.x, why);
  }
  header_list headers;
  headers.emplace_back("Content-Type", "application/x-gzip");
  auto open = co_await c.x.begin(200, headers, std::nullopt);
  if (!open)
    co_return;
  log_archive archive;
  for (size_t age = 0; age < files.size(); ++age) {
    auto sent = co_await send_file(c.x, archive, files[age], node,
                                   std::string{c.q.get("severity")}, age);
    if (!sent)
      co_return c.x.abort();
  }
  if (!archive.finish())
    co_return c.x.abort();
  auto sent = co_await send_produced(c.x, archive);
  if (sent)
    co_await c.x.end();
}

} // namespace

bool chooses_lines(std::string_view severity) {
  return severity.starts_with('e') || severity.starts_with('w');
}

std::string lines_of_log(std::istream& in, std::string_view severity) {
  std::string out;
  auto taken = false;
  for (std::string line; std::getline(in, line) && !in.eof();) {
    if (auto x = severity_of_line(line); x != '\0')
      taken = x == 'e' || (x == 'w' && severity.starts_with('w'));
    if (taken)
      out.append(line) += '\n';
  }
  return out;
}

task<> log_of(edge& e, call& c, snode node) {
  if (c.q.flag("all"))
    co_return co_await archive_of(e, c, node);
  auto text = log_text(e.shared(), c.q.get("offset"), c.q.get("severity"));
  if (!text)
    co_return co_await e.reply_error(c.x, text.error());
  co_await e.reply_text(c.x, std::move(*text));
}

} // namespace ais::http::v1
