// ais_sim: runs scenarios of the simulated cluster.
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"
#include "test/sim/scenario.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <cstdio>

using namespace ais;

namespace {

struct arguments {
  uint64_t seed = 0;
  uint64_t seeds = 0;
  uint64_t first = 1;
  std::string mutant;
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
  size_t failed = 0, operations = 0, messages = 0;
  double virtual_s = 0;
  uint64_t done = 0;
  for (auto seed = args.first; seed < args.first + args.seeds; ++seed) {
    auto result = sim::run_scenario({seed, {}});
    ++done;
    if (args.twice
        && sim::run_scenario({seed, {}}).trace_hash != result.trace_hash)
      result.breach = "two runs differ";
    operations += result.operations;
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
              " %zu operations, %zu messages\n",
              static_cast<unsigned long long>(done), failed,
              static_cast<double>(done) / real_s, virtual_s / real_s,
              operations, messages);
  for (auto& [kind, n] : faults)
    std::printf("  %-22s %zu\n", kind.c_str(), n);
  return failed > 0 ? 1 : 0;
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
  app.add_flag("--until-breach", args.until_breach, "stop at the first breach");
  app.add_flag("--twice", args.twice, "run each seed twice, compare traces");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  // A replay shows what the nodes log, too (on stderr).
  open_log(args.seeds > 0 ? "/dev/null" : "", log_level::info);
  select_mutant(args.mutant);
  return args.seeds > 0 ? run_many(args) : replay(args.seed);
}
