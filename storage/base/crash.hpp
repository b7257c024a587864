// Crash points: places where a test may end the process as kill -9 would.
// `AIS_CRASH_AT=put.renamed` ends it there, `AIS_CRASH_AT=put.renamed:3` at the
// third passage. Only in builds with AIS_TESTING; elsewhere the macro is empty.
#pragma once

#ifdef AIS_TESTING
namespace ais {
/// Ends the process with SIGKILL when `point` is the chosen one.
void crash_point(const char* point) noexcept;
} // namespace ais
#define AIS_CRASH_POINT(name) ::ais::crash_point(name)
#else
#define AIS_CRASH_POINT(name) static_cast<void>(0)
#endif
