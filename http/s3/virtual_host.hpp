// Buckets named by the host of a URL: http://<bucket>.<domain>/<key>. Source:
// Amazon S3 User Guide, "Virtual hosting of general purpose buckets".
#pragma once

#include "storage/base/errc.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

/// A domain as it is configured, in lower case. @returns invalid_argument for
/// what is no domain name, or has a port.
expected<std::string> parse_domain(std::string_view x);

/// The bucket that a Host header names, below the longest of the domains that
/// fits; none for any other host, and for the domain itself.
std::optional<std::string>
bucket_of_host(std::string_view host, const std::vector<std::string>& domains);

} // namespace ais::http::s3
