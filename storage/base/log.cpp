#include "storage/base/log.hpp"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace ais {

namespace {

constexpr size_t max_log_bytes = 64 << 20;

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

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = std::make_shared<spdlog::logger>(
    "ais", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  return instance;
}

} // namespace

void log(log_level level, std::string_view line) {
  logger()->log(level_of(level),
                spdlog::string_view_t{line.data(), line.size()});
}

void open_log(const char* path, log_level least) {
  spdlog::sink_ptr sink;
  if (path && *path)
    sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
      path, max_log_bytes, max_rotated_logs);
  else
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_pattern("%L %Y-%m-%d %H:%M:%S.%f %v");
  auto next = std::make_shared<spdlog::logger>("ais", std::move(sink));
  next->set_level(level_of(least));
  next->flush_on(spdlog::level::info);
  logger() = std::move(next);
}

void rare_warnings::warn(int64_t now_ns, std::string_view line) {
  if (now_ns < next_ns_) {
    ++held_back_;
    return;
  }
  next_ns_ = now_ns + 1'000'000'000;
  std::string out{line};
  if (auto n = std::exchange(held_back_, 0))
    out += " (and " + std::to_string(n) + " before that)";
  log_warning(out);
}

void set_log_level(log_level least) {
  logger()->set_level(level_of(least));
}

void flush_log() {
  logger()->flush();
}

} // namespace ais
