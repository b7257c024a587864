// What each key of the cluster's configuration means, for the reference in
// docker/settings.md. Source: AIStore docs/configuration.md, api-control 7.4.
#pragma once

#include <string_view>

namespace ais::http {

/// One sentence about a key of config_schema(); empty for what is none.
std::string_view config_meaning(std::string_view path);

} // namespace ais::http
