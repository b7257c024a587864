// ais_sim: runs scenarios of the simulated cluster.
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"
#include "test/sim/mutants.hpp"
#include "test/sim/scenario.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ais;

namespace {

struct arguments {
  uint64_t seed = 0;
  uint64_t seeds = 0;
  uint64_t first = 1;
  std::string mutant;
  bool mutants = false;
  bool until_breach = false;
  bool twice = false;
};

int replay(uint64_t seed) {
  auto result = sim::run_scenario({seed, [](const std::string& line) {
                                     std::printf("%s\n", line.c_str());
                                   }});
  std::printf("trace hash %016llx, %.1f virtual s, %zu operations\n",
              static_cast<unsigned long long>(result.trace_hash),
              result.virtual_seconds, result.operations);
  if (result.breach)
    std::printf("BREACH: %s\n", result.breach->c_str());
  return result.breach ? 1 : 0;
}

int run_many(const arguments& args) {
  using clock = std::chrono::steady_clock;
  auto start = clock::now();
  std::map<std::string, size_t> faults;
  size_t failed = 0, operations = 0, copies = 0, messages = 0;
  double virtual_s = 0;
  uint64_t done = 0;
  for (auto seed = args.first; seed < args.first + args.seeds; ++seed) {
    auto result = sim::run_scenario({seed, {}});
    ++done;
    if (args.twice
        && sim::run_scenario({seed, {}}).trace_hash != result.trace_hash)
      result.breach = "two runs differ";
    operations += result.operations;
    copies += result.copies;
    messages += result.messages;
    virtual_s += result.virtual_seconds;
    for (auto& [kind, n] : result.faults)
      faults[kind] += n;
    if (!result.breach)
      continue;
    ++failed;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                result.breach->c_str());
    std::fflush(stdout);
    if (args.until_breach)
      break;
  }
  auto real_s = std::chrono::duration<double>(clock::now() - start).count();
  std::printf("%llu seeds, %zu failed, %.1f seeds/s, %.0fx virtual time,"
              " %zu operations (%zu copies and renames), %zu messages\n",
              static_cast<unsigned long long>(done), failed,
              static_cast<double>(done) / real_s, virtual_s / real_s,
              operations, copies, messages);
  for (auto& [kind, n] : faults)
    std::printf("  %-22s %zu\n", kind.c_str(), n);
  return failed > 0 ? 1 : 0;
}

// -- mutants ------------------------------------------------------------------

constexpr uint64_t mutant_seeds = 2000; ///< a bug must show within so many

/// What the process of one mutant tells, in memory that it shares.
struct mutant_run {
  uint64_t seeds = 0;
  bool caught = false;
  char why[80] = {};
};

/// In a process of its own, as a bug may end it; that counts as caught, too.
pid_t start_mutant(std::string_view name, uint64_t seeds, uint64_t first,
                   mutant_run& out) {
  auto pid = fork();
  if (pid != 0)
    return pid;
  std::fclose(stderr);
  select_mutant(std::string{name});
  while (!out.caught && out.seeds < seeds) {
    auto result = sim::run_scenario({first + out.seeds++, {}});
    if (!result.breach)
      continue;
    out.caught = true;
    std::snprintf(out.why, sizeof(out.why), "%s",
                  result.breach->substr(0, result.breach->find('\n')).c_str());
  }
  _exit(0);
}

/// Runs each mutant until it is caught; prints a table.
int run_mutants(uint64_t seeds, uint64_t first) {
  auto all = sim::all_mutants();
  auto bytes = all.size() * sizeof(mutant_run);
  auto* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return 2;
  auto* runs = static_cast<mutant_run*>(memory);
  std::map<pid_t, size_t> running;
  size_t next = 0, alive = 0;
  auto jobs = std::max(1u, std::thread::hardware_concurrency());
  std::printf("%-24s %-56s %6s  %s\n", "mutant", "the safeguard that is off",
              "seeds", "breach");
  while (next < all.size() || !running.empty()) {
    while (next < all.size() && running.size() < jobs) {
      auto pid = start_mutant(all[next].name, seeds, first, runs[next]);
      if (pid < 0)
        return 2;
      running[pid] = next++;
    }
    std::fflush(stdout);
    int status = 0;
    auto i = running.find(wait(&status));
    if (i == running.end())
      continue;
    auto& info = all[i->second];
    auto& run = runs[i->second];
    auto died = !WIFEXITED(status);
    alive += !died && !run.caught;
    std::printf("%-24.*s %-56.*s %6llu  %s\n",
                static_cast<int>(info.name.size()), info.name.data(),
                static_cast<int>(info.breaks.size()), info.breaks.data(),
                static_cast<unsigned long long>(run.seeds),
                died         ? "the process died"
                : run.caught ? run.why
                             : "SURVIVES");
    running.erase(i);
  }
  munmap(memory, bytes);
  std::printf("%zu mutants, %zu survive %llu seeds\n", all.size(), alive,
              static_cast<unsigned long long>(seeds));
  return alive > 0 ? 1 : 0;
}

bool known_mutant(const std::string& name) {
  auto all = sim::all_mutants();
  return name.empty() || std::any_of(all.begin(), all.end(), [&](auto& x) {
           return x.name == name;
         });
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"ais_sim: a whole cluster in one process, by seed"};
  arguments args;
  app.add_option("--seed", args.seed, "replay one seed, with its trace");
  app.add_option("--seeds", args.seeds, "run so many");
  app.add_option("--first", args.first, "beginning with this one")
    ->capture_default_str();
  app.add_option("--mutant", args.mutant, "switch a seeded bug on");
  app.add_flag("--mutants", args.mutants, "show that each seeded bug is found");
  app.add_flag("--until-breach", args.until_breach, "stop at the first breach");
  app.add_flag("--twice", args.twice, "run each seed twice, compare traces");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  open_log(args.seeds > 0 || args.mutants ? "/dev/null" : "/dev/stderr");
  if (!known_mutant(args.mutant)) {
    std::fprintf(stderr, "no mutant \"%s\": see test/sim/mutants.cpp\n",
                 args.mutant.c_str());
    return 2;
  }
  if (args.mutants)
    return run_mutants(args.seeds > 0 ? args.seeds : mutant_seeds, args.first);
  select_mutant(args.mutant);
  return args.seeds > 0 ? run_many(args) : replay(args.seed);
}
