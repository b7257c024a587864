// Seeded bugs: places where a test may switch a safeguard off, to show that the
// simulation notices. Only in builds with AIS_TESTING; elsewhere the macro is
// false and the compiler drops the branch.
#pragma once

#ifdef AIS_TESTING
#include <string>
#include <string_view>
namespace ais {
/// Switches one bug on, all others off; empty: none.
void select_mutant(std::string name);
bool mutant(std::string_view name) noexcept;
} // namespace ais
#define AIS_MUTANT(name) ::ais::mutant(name)
#else
#define AIS_MUTANT(name) false
#endif
