#include "storage/base/log.hpp"

#include "storage/base/json.hpp"
#include "storage/base/names.hpp"
#include "storage/base/units.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace ais {

namespace {

spdlog::level::level_enum level_of(log_level x) {
  switch (x) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(log_level x) {
  switch (x) {
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "info";
}

/// Where lines go, which may change while threads write.
class outlet : public spdlog::sinks::base_sink<std::mutex> {
public:
  outlet() { use(make({}, {})); }

  /// @throws spdlog::spdlog_ex when the file cannot be opened.
  static spdlog::sink_ptr
  make(const std::string& path, const log_limits& limits) {
    spdlog::sink_ptr out;
    if (path.empty())
      out = std::make_shared<spdlog::sinks::stderr_sink_st>();
    else
      out = std::make_shared<spdlog::sinks::rotating_file_sink_st>(
        path, limits.file_bytes, limits.rotated());
    out->set_pattern("%v");
    return out;
  }
  void use(spdlog::sink_ptr next) {
    std::lock_guard guard{mutex_};
    if (now_)
      now_->flush();
    now_ = std::move(next);
  }

private:
  void sink_it_(const spdlog::details::log_msg& x) override { now_->log(x); }
  void flush_() override { now_->flush(); }

  spdlog::sink_ptr now_;
};

struct log_state {
  std::shared_ptr<outlet> out = std::make_shared<outlet>();
  spdlog::logger logger{"ais", out};
  std::atomic<log_format> format{log_format::text};
  std::mutex mutex; ///< for what is below
  std::string path;
  log_limits limits;
  log_level wanted = log_level::info;
  std::optional<log_level> held;

  log_state() { logger.flush_on(spdlog::level::info); }
};

log_state& state() {
  static auto* it = new log_state; // threads log until the very end
  return *it;
}

int64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// "2026-11-21 21:04:05.123456", or in UTC with 'T' and 'Z'.
std::string time_text(int64_t unix_ns, bool utc) {
  auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  if (utc)
    ::gmtime_r(&seconds, &parts);
  else
    ::localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), utc ? "%FT%T" : "%F %T", &parts);
  char all[48];
  std::snprintf(all, sizeof(all), "%s.%06d%s", text,
                static_cast<int>(unix_ns % 1'000'000'000 / 1000),
                utc ? "Z" : "");
  return all;
}

std::string as_json(log_level level, int64_t unix_ns, std::string_view line,
                    log_fields more) {
  json::object out{
    {"ts", time_text(unix_ns, true)},
    {"level", name_of(level)},
    {"msg", valid_utf8(line) ? std::string{line} : one_line(line)}};
  for (auto& x : more) {
    if (x.number)
      out[x.name] = std::strtoll(x.value.c_str(), nullptr, 10);
    else
      out[x.name] = valid_utf8(x.value) ? x.value : one_line(x.value);
  }
  return to_text(out);
}

/// Under the state's mutex.
expected<void> open_at(log_state& s, const std::string& path) {
  try {
    s.out->use(outlet::make(path, s.limits));
  } catch (const spdlog::spdlog_ex& e) {
    return fail(errc::io_error, "cannot write the log to " + path
                                  + ": check that its directory exists and"
                                    " who may write there ("
                                  + e.what() + ')');
  }
  s.path = path;
  return caf::unit;
}

void apply_level(log_state& s) {
  s.logger.set_level(level_of(s.held.value_or(s.wanted)));
}

} // namespace

std::string one_line(std::string_view x) {
  auto utf8 = valid_utf8(x);
  std::string out{x};
  for (auto& c : out)
    if (auto u = static_cast<unsigned char>(c);
        u < 0x20 || u == 0x7f || (!utf8 && u > 0x7f))
      c = '?';
  return out;
}

std::string log_line(log_format format, log_level level, int64_t unix_ns,
                     std::string_view line, log_fields more) {
  if (format == log_format::json)
    return as_json(level, unix_ns, line, more);
  std::string out;
  out += static_cast<char>(name_of(level)[0] - 'a' + 'A');
  out += ' ';
  out += time_text(unix_ns, false) + ' ' + one_line(line);
  for (auto& x : more)
    out.append(" ").append(x.name).append("=").append(one_line(x.value));
  return out;
}

void log(log_level level, std::string_view line, log_fields more) {
  auto& s = state();
  if (!s.logger.should_log(level_of(level)))
    return;
  auto text = log_line(s.format.load(), level, now_ns(), line, more);
  s.logger.log(level_of(level), spdlog::string_view_t{text});
}

size_t log_limits::rotated() const {
  auto files = total_bytes / std::max<uint64_t>(file_bytes, 1);
  return std::clamp<uint64_t>(files, 2, max_rotated_logs + 1) - 1;
}

expected<void> open_log(const std::string& path) {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  return open_at(s, path);
}

expected<void> reopen_log() {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  return open_at(s, s.path);
}

void set_log_limits(const log_limits& x) {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  if (std::exchange(s.limits, x) == x || s.path.empty())
    return;
  static_cast<void>(open_at(s, s.path)); // else it grows as it did
  for (auto i = x.rotated() + 1; i <= max_rotated_logs; ++i)
    std::remove(
      spdlog::sinks::rotating_file_sink_st::calc_filename(s.path, i).c_str());
}

log_limits current_log_limits() {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  return s.limits;
}

void set_log_format(log_format x) {
  state().format = x;
}

void set_log_level(log_level least) {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  s.wanted = least;
  apply_level(s);
}

void hold_log_level(std::optional<log_level> least) {
  auto& s = state();
  std::lock_guard guard{s.mutex};
  s.held = least;
  apply_level(s);
}

void rare_warnings::warn(int64_t now_ns, std::string_view line,
                         log_fields more) {
  if (now_ns < next_ns_) {
    ++held_back_;
    return;
  }
  next_ns_ = now_ns + 1'000'000'000;
  std::string out{line};
  if (auto n = std::exchange(held_back_, 0))
    out += " (and " + std::to_string(n) + " before that)";
  log_warning(out, more);
}

void flush_log() {
  state().logger.flush();
}

} // namespace ais
