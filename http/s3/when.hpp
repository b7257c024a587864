// Times as HTTP and AWS write them. Source: RFC 9110 section 5.6.7; AWS
// Signature Version 4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ais::http::s3 {

/// "Sat, 21 Nov 2026 01:45:43 GMT". [Unix time, s]
std::optional<int64_t> parse_http_date(std::string_view x);
/// "20261121T014543Z". [Unix time, s]
std::optional<int64_t> parse_amz_date(std::string_view x);
/// "2026-11-21T01:45:43Z", with or without a fraction, or the date alone.
/// [Unix time, s]
std::optional<int64_t> parse_iso_time(std::string_view x);
/// "2026-11-21T01:45:43.000Z": as in the XML of replies.
std::string format_xml_time(int64_t unix_ns);

} // namespace ais::http::s3
