// Quantities as clients write them: durations, sizes, times.
// Source: api-control 6.3-6.5 (Go's time and cos packages).
#pragma once

#include "storage/base/errc.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ais {

/// "1h30m", "1.5s", "100ms", "-2m", "0": as Go parses durations.
expected<std::chrono::nanoseconds> parse_duration(std::string_view x);

/// Minimal units, without a trailing "0s" behind minutes: "1m30s", "2h0m",
/// "100ms", "0s".
std::string format_duration(std::chrono::nanoseconds x);

/// "64MiB", "64MB", "64m", "1048576": powers of 1024. [bytes]
expected<uint64_t> parse_size(std::string_view x);

/// The largest unit that keeps the value at least 1, rounded: "64MiB", "0B".
std::string format_size(uint64_t bytes);

/// "2026-11-21T01:45:43.274217986Z".
std::string format_rfc3339(int64_t unix_ns);

/// "Sat, 21 Nov 2026 01:45:43 GMT".
std::string format_http_date(int64_t unix_ns);

/// Formats UTC by one of the layouts that listings ask for, given in Go's
/// reference time: RFC 822 (the default), RFC 3339, RFC 1123, StampMicro;
/// others are formatted as RFC 3339.
std::string format_time(int64_t unix_ns, std::string_view go_layout);

} // namespace ais
