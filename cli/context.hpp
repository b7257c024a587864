// What a command works with: settings, the cluster, how to print.
#pragma once

#include "cli/api.hpp"
#include "cli/command.hpp"
#include "cli/flags.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"

#include <memory>

namespace ais::cli {

class context {
public:
  settings config;
  place at; ///< the command that runs
  quantities units;

  /// The cluster; connects when it is asked first.
  api& cluster() {
    if (!api_)
      api_ = std::make_unique<api>(config);
    return *api_;
  }

private:
  std::unique_ptr<api> api_;
};

inline bool headers(const arguments& a) {
  return !a.has("no-headers");
}

/// Runs the command line: args[0] is the first word behind "ais".
/// @returns the exit code.
int run(const std::vector<std::string>& args);

// -- groups of commands, one file each ----------------------------------------

command bucket_commands();
command bucket_copy();
command bucket_move();
command bucket_ls();
command bucket_props_show(const char* name);
command bucket_summary();
command bucket_validate();
command object_commands();
command object_get();
command object_put();
command object_show(const char* name);
command object_concat();
command cluster_commands();
command show_cluster(const char* name);
command dashboard();
command config_commands();
command config_show(const char* name);
command job_commands();
command show_jobs(const char* name);
command show_rebalance(const char* name);
command start_rebalance(const char* name);
command stop_rebalance();
command start_resilver(const char* name);
command start_cleanup(const char* name);
command start_mirror(const char* name);
command storage_commands();
command storage_disk(const char* name);
command show_storage();
command storage_capacity();
command performance_commands();
command log_commands();
command log_show(const char* name);
command log_download();
command advanced_commands();
command s3_commands();
command alias_commands();
command search_command();
command completion_command();
command doctor_command();
command quickstart_command();
command top_command();
command trace_command();

/// A command that is not there yet; `form` says how it will be called.
inline command later(const char* name, std::string form) {
  command c;
  c.name = name;
  c.later = std::move(form);
  return c;
}

} // namespace ais::cli
