// What systemd wants to know of a service: a datagram to the socket that
// $NOTIFY_SOCKET names. Source: sd_notify(3).
#pragma once

#include <string_view>

namespace ais::http {

/// Tells the service manager, if there is one: "READY=1", "STOPPING=1", ...;
/// several assignments are lines. Losing one is no error of ours.
void notify_service_manager(std::string_view assignments);

/// "RELOADING=1" with the time it needs; "READY=1" ends it.
void notify_reloading();

} // namespace ais::http
